"""Define the package's version in a file that hatchling can read without importing the package."""

__version__ = "0.1.0"
