"""Explain how a profile resolves, using this machine's files, environment and caches."""
