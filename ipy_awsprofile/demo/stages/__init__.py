"""What the embedded AWS contains for the demo and the tutorials: accounts, roles and profiles."""
