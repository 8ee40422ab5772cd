"""IAM Identity Center: its users, their roles, its sign-in, and its HTTP endpoints."""
