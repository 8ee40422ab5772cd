"""Show an identity in the kernel, check signatures, and serve credentials to child processes."""
