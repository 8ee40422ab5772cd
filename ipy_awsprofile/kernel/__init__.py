"""Show an identity in the kernel, check signatures, and lend sessions to child processes."""
