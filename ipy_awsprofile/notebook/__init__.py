"""Everything you type: magics, Tab completion, and prompts at a running cell."""
