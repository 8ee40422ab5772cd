"""Random tests, which run a few rounds in `make test`, and for a given time in `make attack`."""
