"""The kernel moves to another identity: the only state of the package."""
