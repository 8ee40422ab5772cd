"""Random tests, which `make attack` runs for a given time, each night in CI."""
