"""The error for a policy element that AWS evaluates and the embedded AWS doesn't."""


class UnsupportedPolicyError(ValueError):
    """A policy has an element that isn't evaluated here; it is refused, never ignored."""

    def __init__(self, element: str) -> None:
        super().__init__(f"The embedded AWS doesn't evaluate this part of a policy: {element}.")
