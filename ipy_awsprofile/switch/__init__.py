"""Switch the kernel to another identity.

The modules in this folder hold the state of a notebook.
"""
