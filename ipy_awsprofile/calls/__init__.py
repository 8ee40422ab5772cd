"""What this kernel did: its calls to AWS, and what they need."""
