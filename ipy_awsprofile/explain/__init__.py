"""How a profile resolves, from the files, the environment and the caches of this machine."""
