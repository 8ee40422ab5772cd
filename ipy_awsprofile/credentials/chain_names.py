"""The role chain, as errors name its profiles."""

from __future__ import annotations

from dataclasses import dataclass

from ipy_awsprofile.config.default_chain import typed

_UNNAMED = "this session"


@dataclass(frozen=True, slots=True)
class ChainNames:
    """Names of the profiles of a role chain, beginning with the one that was asked for.

    It is empty for a session that this package hasn't opened.
    """

    names: tuple[str, ...]

    @property
    def asked_for(self) -> str:
        """The profile that was asked for."""
        return self.names[0] if self.names else _UNNAMED

    @property
    def typed(self) -> str:
        """The profile that was asked for, as it is typed after ``%aws_profile``."""
        return typed(self.names) if self.names else "NAME"

    @property
    def start(self) -> str:
        """The profile whose credentials start the chain."""
        return self.names[-1] if self.names else _UNNAMED

    def signer(self, operation: str) -> str:
        """Return the profile whose credentials sign a call; for AssumeRole, the next one."""
        return self.names[1] if operation == "AssumeRole" and self.names[1:] else self.asked_for

    @property
    def explain_hint(self) -> str:
        """A sentence that names the command to see the settings; empty without a profile."""
        if not self.names:
            return ""
        return f"`%aws_profile --explain {self.typed}` shows where each setting comes from."
