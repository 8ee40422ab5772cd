"""Random tests: a few rounds in `make test`, as many as there is time for in `make attack`."""
