"""Record the kernel's AWS calls, and create draft policies from them."""
