"""What follows a switch: one context manager a file. Entering binds, leaving puts back."""
