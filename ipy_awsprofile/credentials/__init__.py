"""botocore's credentials: providers, caches, renewal, prompts, and foreign errors."""
