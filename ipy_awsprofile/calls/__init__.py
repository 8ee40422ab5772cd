"""The kernel's AWS calls: recorded, and turned into draft policies."""
