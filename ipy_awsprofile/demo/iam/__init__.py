"""Who signs a request, and whether IAM's policies allow it."""
