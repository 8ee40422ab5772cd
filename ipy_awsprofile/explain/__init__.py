"""Explain how a profile resolves to credentials, using local files, the environment and caches."""
