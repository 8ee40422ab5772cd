"""Show an identity in the kernel, check who signs, and lend sessions to child processes."""
