"""Define the magics, Tab completion, and the prompts that a running cell shows."""
