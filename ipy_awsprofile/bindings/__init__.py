"""What follows a switch: one context manager per file, which restores everything at its end."""
