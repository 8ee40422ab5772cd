"""The one error for what a policy may say on AWS and the embedded AWS does not evaluate."""


class UnsupportedPolicyError(ValueError):
    """A policy uses an element that is not evaluated here; it is refused, never ignored."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the embedded AWS does not evaluate this in a policy: {what}")
