"""Switch the kernel to another identity. This folder has the only state of the package."""
