"""What is typed: the magics, Tab, and what a person at a cell is asked."""
