"""What is typed: the magics, Tab completion, and the questions at a running cell."""
