"""The profile names of a role chain for use in error messages."""

from __future__ import annotations

from dataclasses import dataclass

from ipy_awsprofile.config.default_chain import typed

_UNNAMED = "this session"


@dataclass(frozen=True, slots=True)
class ChainNames:
    """The names of the profiles in a role chain, starting with the requested profile.

    ``names`` is empty for a session that this package didn't open.
    """

    names: tuple[str, ...]

    @property
    def asked_for(self) -> str:
        """The requested profile."""
        return self.names[0] if self.names else _UNNAMED

    def typed(self, options: str = "") -> str:
        """Return the requested profile and options, as the user types them after the magic."""
        return typed(self.names, options) if self.names else f"NAME {options}".strip()

    @property
    def start(self) -> str:
        """The profile that provides the first credentials of the chain."""
        return self.names[-1] if self.names else _UNNAMED

    def signer(self, operation: str) -> str:
        """Return the profile that signs a call: for AssumeRole the second one, else the first."""
        return self.names[1] if operation == "AssumeRole" and self.names[1:] else self.asked_for

    @property
    def explain_hint(self) -> str:
        """A hint to run ``%aws_profile --explain``; empty without a profile."""
        if not self.names:
            return ""
        return f"`%aws_profile --explain {self.typed()}` shows where each setting comes from."
