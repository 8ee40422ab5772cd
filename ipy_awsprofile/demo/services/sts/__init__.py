"""STS: the responses to its actions, and the checks before them."""
