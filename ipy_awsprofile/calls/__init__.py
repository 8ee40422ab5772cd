"""Record the AWS calls that the kernel makes, and draft IAM policies from the recorded calls."""
