"""The profile names of a role chain for use in error messages."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import dataclass

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.sign_ins import find_sign_in
from ipy_awsprofile.config.target import NOT_PROFILES
from ipy_awsprofile.errors import AwsProfileError, SignInRequired
from ipy_awsprofile.text import arguments, assigned_name, quoted

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
        name, *sources = self.names or ("NAME",)
        if name in NOT_PROFILES:
            return f"--default {options}".strip()
        if not name.startswith("arn:"):
            return arguments(name, options)
        has_source = sources and sources[0] not in NOT_PROFILES
        source = f"--source-profile {quoted(sources[0])}" if has_source else ""
        return " ".join(filter(None, ("--role-arn", name, source, options)))

    @property
    def start(self) -> str:
        """The profile that provides the first credentials of the chain."""
        return self.names[-1] if self.names else _UNNAMED

    def sign_in_required(
        self, problem: str = "is missing or has expired", *, is_login: bool = False
    ) -> SignInRequired:
        """Return the exception for the sign-in at the start of the chain.

        ``is_login`` is whether it is a sign-in of ``aws login``, instead of IAM Identity Center.
        """
        source, role = self.start, assigned_name(self.start)
        session = role.sign_in if role else source.removeprefix("sso-session ")
        again = self.typed("--login")
        if self.asked_for == f"sso-session {session}":
            again = f"--sso {quoted(session)} --login"
        is_session = False
        if role or session != source:
            with suppress(AwsProfileError):
                is_session = bool(find_sign_in(session, read_config()).session)
        name = f"{'--sso-session' if is_session else '--profile'} {shlex.quote(session)}"
        return SignInRequired(
            f"The sign-in of `{source}` {problem}.",
            f"Run `%aws_profile {again}` interactively, or "
            f"`aws {'login' if is_login else 'sso login'} {name}` in a terminal.",
        )

    def signer(self, operation: str) -> str:
        """Return the profile that signs a call: for AssumeRole the second one, else the first."""
        return self.names[1] if operation == "AssumeRole" and self.names[1:] else self.asked_for

    @property
    def explain_hint(self) -> str:
        """A hint to run ``%aws_profile --explain``; empty without a profile."""
        if not self.names:
            return ""
        return f"`%aws_profile --explain {self.typed()}` shows where each setting comes from."
