"""Let libraries in the kernel use an identity, check signatures, and serve child processes."""
