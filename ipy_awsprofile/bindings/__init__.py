"""Bindings: context managers that make one part of the kernel use a profile, then restore it."""
