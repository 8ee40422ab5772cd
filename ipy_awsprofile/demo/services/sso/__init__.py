"""IAM Identity Center: its users and their roles, its sign-in, and both over HTTP."""
