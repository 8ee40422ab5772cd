"""Set an identity for libraries, check signatures, and serve credentials to child processes."""
