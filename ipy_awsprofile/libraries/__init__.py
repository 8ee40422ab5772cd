"""Arguments for libraries with a client of their own, one file a library."""
