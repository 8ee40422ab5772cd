"""Read the shared config and credentials files and the environment."""
