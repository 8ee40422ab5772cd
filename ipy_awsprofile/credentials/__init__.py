"""The seams of botocore's credentials, and what comes through them."""
