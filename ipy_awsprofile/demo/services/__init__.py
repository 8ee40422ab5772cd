"""The services of the embedded AWS."""
