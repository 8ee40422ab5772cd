"""The shared files and the environment, as they are read."""
