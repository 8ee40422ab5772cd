"""Switch the kernel to another identity. This folder holds the state of a notebook."""
