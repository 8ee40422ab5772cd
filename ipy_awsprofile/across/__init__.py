"""Call one function for many profiles."""
