"""One function over many profiles."""
