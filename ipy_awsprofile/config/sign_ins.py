"""The sign-ins to IAM Identity Center in the config file.

A sign-in is an [sso-session] section, or the start URL of profiles without an [sso-session]. The
latter has the name of the first such profile.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from ipy_awsprofile.config.config import Config, read_config
from ipy_awsprofile.config.missing_sections import header_advice
from ipy_awsprofile.config.profiles import did_you_mean
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.text import assigned_name

_EXAMPLE = (
    "Write a section `[sso-session NAME]` with sso_start_url and sso_region in the config file, "
    "or run `!aws configure sso-session`."
)


@dataclass(frozen=True, slots=True, eq=False)
class SignIn:
    """A sign-in: its name, its section, and the settings of profiles that use it."""

    name: str
    section: Section
    settings: Mapping[str, str]

    @property
    def start_url(self) -> str:
        """The address for signing in, or an empty text if it is missing."""
        return self.section.text("sso_start_url") or ""

    @property
    def session(self) -> str:
        """The name of the [sso-session], or an empty text without one."""
        return self.settings.get("sso_session", "")

    def is_of(self, profile: Section) -> bool:
        """Return whether a profile uses this sign-in."""
        session = profile.text("sso_session") or ""
        if session or self.session:
            return session == self.session
        return all(profile.get(name) == value for name, value in self.settings.items())


@lru_cache(maxsize=8)
def sign_ins(config: Config) -> Mapping[str, SignIn]:
    """Return all sign-ins, by name."""
    found = {
        name: SignIn(name, section, {"sso_session": name})
        for name, section in config.sso_sessions.items()
    }
    addresses = set()
    for name, section in config.profiles.items():
        url, region = section.text("sso_start_url"), section.text("sso_region")
        if not url or not region or "sso_session" in section or (url, region) in addresses:
            continue
        addresses.add((url, region))
        found.setdefault(name, SignIn(name, section, {"sso_start_url": url, "sso_region": region}))
    return found


def find_sign_in(name: str | None, config: Config) -> SignIn:
    """Return the sign-in with this name, or the sign-in of the profile with this name.

    Without a name, return the only [sso-session] or, without an [sso-session], the only sign-in.
    Raises InvalidOption.
    """
    known = sign_ins(config)
    if name is None:
        named = [one for one in known.values() if one.session] or list(known.values())
        if len(named) == 1:
            return named[0]
        if not named:
            raise InvalidOption("The config file has no [sso-session].", _EXAMPLE)
        names = ", ".join(f"`{one.name}`" for one in named)
        raise InvalidOption(
            f"The config file has several sign-ins: {names}.", "Add `--sso NAME` to choose one."
        )
    if name in known:
        return known[name]
    section = config.profiles.get(name)
    of_profile = (one for one in known.values() if section is not None and one.is_of(section))
    if (found := next(of_profile, None)) is not None:
        return found
    raise InvalidOption(
        f"There is no [sso-session {name}], and no profile `{name}` that has one.",
        header_advice("sso-session", name, config) or did_you_mean(name, known) or _EXAMPLE,
    )


def sign_in_of_pattern(pattern: str, config: Config) -> str | None:
    """Return the sign-in at the start of a pattern such as ``corp:1000*/Admin``, or None."""
    name, colon, _ = pattern.partition(":")
    return name if colon and name in sign_ins(config) else None


def command_without_session(source: str) -> str | None:
    """Return the AWS CLI's sign-in command for a role if its sign-in isn't an [sso-session].

    Return None for any other name, because its profile or [sso-session] determines the command.
    """
    role = assigned_name(source)
    with suppress(AwsProfileError):
        if role and not find_sign_in(role.sign_in, read_config()).session:
            return f"aws sso login --profile {shlex.quote(role.sign_in)}"
    return None


def login_command(profile: str) -> str:
    """Return the AWS CLI's command that signs in to a profile with a login_session.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
    """
    return f"aws login --profile {shlex.quote(profile)}"
