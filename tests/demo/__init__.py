"""Contract tests of the embedded AWS."""
