"""Switch the kernel to another identity. This folder has a notebook's state."""
