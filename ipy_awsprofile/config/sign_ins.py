"""The sign-ins to IAM Identity Center in the config file, and their roles without a profile.

A sign-in is an [sso-session] section, or the start URL of profiles without an [sso-session]. The
latter has the name of the first such profile.

A role without a profile has a name such as ``corp:123456789012/Admin``, which you can use like a
profile's name: a sign-in, an account ID and a permission set.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ipy_awsprofile.config.files import Config, Section
from ipy_awsprofile.config.profiles import Profile, did_you_mean, find_profile
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import AssignedName, assigned_name, may_name_account

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
        return str(self.section.get("sso_start_url") or "")

    @property
    def session(self) -> str:
        """The name of the [sso-session], or an empty text without one."""
        return self.settings.get("sso_session", "")

    def is_of(self, settings: Section) -> bool:
        """Return whether a profile with these settings uses this sign-in."""
        session = settings.get("sso_session") or ""
        if session or self.session:
            return bool(session == self.session)
        return all(settings.get(name) == value for name, value in self.settings.items())


@lru_cache(maxsize=8)
def sign_ins(config: Config) -> Mapping[str, SignIn]:
    """Return all sign-ins, by name."""
    found = {
        name: SignIn(name, section, {"sso_session": name})
        for name, section in config.sso_sessions.items()
    }
    addresses = set()
    for name, section in config.profiles.items():
        url, region = section.get("sso_start_url"), section.get("sso_region")
        if not url or not region or "sso_session" in section or (url, region) in addresses:
            continue
        addresses.add((url, region))
        found.setdefault(name, SignIn(name, section, {"sso_start_url": url, "sso_region": region}))
    return found


def find_sign_in(name: str | None, config: Config) -> SignIn:
    """Return the sign-in with this name or of this profile; without a name, the only one.

    If there is an [sso-session], the others don't count. Raises InvalidOption.
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
    section = config.profiles.get(name)
    of_profile = (one for one in known.values() if section is not None and one.is_of(section))
    if found := known.get(name) or next(of_profile, None):
        return found
    raise InvalidOption(
        f"There is no [sso-session {name}], and no profile `{name}` that has one.",
        did_you_mean(name, known) or _EXAMPLE,
    )


def sign_in_of_pattern(pattern: str, config: Config) -> str | None:
    """Return the sign-in at the start of a pattern such as ``corp:1000*/Admin``, or None."""
    name, colon, _ = pattern.partition(":")
    return name if colon and name in sign_ins(config) else None


def find_profile_or_role(name: str, config: Config) -> Profile:
    """Return a profile or a role of IAM Identity Center. Raises ProfileNotFound, InvalidOption."""
    parts = assigned_name(name) if name not in config.profiles else None
    if parts is None:
        return find_profile(name, config)
    role = {"sso_account_id": parts.account, "sso_role_name": parts.role}
    return Profile(name, {**sign_in_settings(find_sign_in(parts.sign_in, config), config), **role})


@lru_cache(maxsize=8)
def sign_in_settings(sign_in: SignIn, config: Config) -> Mapping[str, Any]:
    """Return a sign-in's settings, and the client settings that all its profiles share."""
    common: dict[str, Any] | None = None
    for section in filter(sign_in.is_of, config.profiles.values()):
        if common is None:
            common = client_settings(section)
        else:
            common = {name: value for name, value in common.items() if section.get(name) == value}
    return {**(common or {}), **sign_in.settings}


def named_by_account(name: str, config: Config) -> AssignedName | None:
    """Return the parts of a role's name with an account name, such as ``corp:team-dev/Admin``.

    Return None for a profile's name, and for a name with an account ID or without a sign-in.
    """
    if not may_name_account(name) or name in config.profiles:
        return None
    sign_in = sign_in_of_pattern(name, config)
    account, _, role = name.partition(":")[2].rpartition("/")
    return AssignedName(sign_in, account, role) if sign_in else None
