"""STS: what each of its actions answers, and the checks before it."""
