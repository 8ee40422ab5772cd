"""Extensions of botocore: credential providers, caches, renewal, prompts, and errors."""
