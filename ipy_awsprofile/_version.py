"""The package's version, in a separate file that hatchling reads without importing the package."""

__version__ = "0.1.0"
