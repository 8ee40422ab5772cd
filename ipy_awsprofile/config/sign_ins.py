"""The IAM Identity Center sign-ins in the config file, and roles that don't have a profile.

A sign-in is an [sso-session] section, or the start URL of profiles that don't name an
[sso-session]. A sign-in without an [sso-session] is named after the first profile that uses its
start URL.

A role without a profile has a name such as ``corp:123456789012/Admin``, which consists of a
sign-in, an account ID and a permission set. You can use a role's name like a profile's name.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
https://docs.aws.amazon.com/singlesignon/latest/userguide/multi-region-workforce-access.html
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from pathlib import Path
from typing import Any

from ipy_awsprofile.config.files import Config, Section
from ipy_awsprofile.config.names import AssignedName, RoleName
from ipy_awsprofile.config.private import read_file
from ipy_awsprofile.config.profiles import Profile, find_profile, profiles_with_role
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.errors import InvalidOption, ProfileNotFound
from ipy_awsprofile.text import did_you_mean, listed, quoted

#: How to write a sign-in.
EXAMPLE = (
    "Write a section `[sso-session NAME]` with sso_start_url and sso_region in the config file, "
    "or run `!aws configure sso-session`."
)

#: Where to sign in.
PORTAL = (
    "Set sso_start_url to the address of your AWS access portal, such as "
    "https://example.awsapps.com/start, and sso_region to the portal's Region."
)


def portal_advice(section: Section) -> str:
    """Return advice on how to write the address and the Region of a sign-in."""
    if not section.get("sso_start_url"):
        return PORTAL
    return (
        f"{PORTAL} If sso_start_url is your company's own address, open it in a browser to find "
        "the portal's address."
    )


def advice_for_session(name: str, config: Config) -> str:
    """Return a sentence that says how to write a missing [sso-session] section."""
    header = wrong_header_of(name, config)
    if header:
        # Other profiles can use the name in the header, even if its case is different.
        start = header.lower().rindex(name.lower())
        own_name = header[start : start + len(name)]
        return f"Write [sso-session {shlex.quote(own_name)}] instead of [{header}]."
    own_name = name.strip("[] ").removeprefix("sso-session ")  # if the value is a header
    return did_you_mean(own_name, config.sso_sessions) or EXAMPLE


def wrong_header_of(name: str, config: Config) -> str | None:
    """Return the misspelled header of a missing [sso-session] section, or None."""
    pattern = rf"\W*sso\W?sessions?\W+{re.escape(name)}\W*"
    for header in config.other_headers:
        is_meant = re.fullmatch(pattern, header.replace("_", "-"), re.IGNORECASE)
        if is_meant and not _is_sign_in(header):
            return header
    return None


def _is_sign_in(header: str) -> bool:
    """Return whether botocore reads a section with this header as an [sso-session] section."""
    with suppress(ValueError):
        _, *names = shlex.split(header)
        return header.startswith("sso-session") and len(names) == 1
    return False


def value_in(file: Path, name: str) -> Any:
    """Return a value from a cache file, or None if the value or the file can't be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return json.loads(read_file(file))[name]
    return None


@dataclass(frozen=True, slots=True, eq=False)
class SignIn:
    """A sign-in with its name, its section, and the settings by which profiles refer to it."""

    name: str
    section: Section
    settings: Mapping[str, str]

    @property
    def start_url(self) -> str:
        """The address for signing in, or an empty string if the address is missing."""
        return str(self.section.get("sso_start_url") or "")

    @property
    def region(self) -> str:
        """The Region of the sign-in, or an empty string if the Region is missing."""
        return str(self.section.get("sso_region") or "")

    @property
    def has_address(self) -> bool:
        """Whether the settings contain both the start URL and the Region for signing in."""
        return bool(self.start_url and self.region)

    @property
    def scopes(self) -> list[str]:
        """The OAuth scopes that the sign-in requests."""
        scopes = str(self.section.get("sso_registration_scopes") or "sso:account:access")
        return [scope.strip() for scope in scopes.split(",")]

    @property
    def session(self) -> str:
        """The name of the [sso-session] section, or an empty string if no such section exists."""
        return self.settings.get("sso_session", "")

    @property
    def token_file(self) -> Path:
        """The file in which the AWS CLI stores the sign-in's token."""
        key = (self.session or self.start_url).encode()
        return sso_cache() / f"{sha1(key, usedforsecurity=False).hexdigest()}.json"

    def is_of(self, settings: Section) -> bool:
        """Return whether a profile with these settings uses this sign-in."""
        session = settings.get("sso_session") or ""
        if session or self.session:
            return bool(session == self.session)
        return all(settings.get(name) == value for name, value in self.settings.items())


#: Returns the ID of an account of a sign-in by its name. Raises a subclass of AwsProfileError.
FindAccount = Callable[[SignIn, str], str]


def sso_cache() -> Path:
    """Return the folder in the home folder that contains the tokens of all sign-ins."""
    return Path("~/.aws/sso/cache").expanduser()


@lru_cache(maxsize=8)
def sign_ins(config: Config) -> Mapping[str, SignIn]:
    """Return a dict of all sign-ins by name."""
    by_name = {
        name: SignIn(name, section, {"sso_session": name})
        for name, section in config.sso_sessions.items()
    }
    addresses: list[Mapping[str, str]] = []
    for name, section in config.profiles.items():
        address = {key: section.get(key, "") for key in ("sso_start_url", "sso_region")}
        if "sso_session" in section or address in addresses:
            continue
        if all(address.values()):
            addresses.append(address)
            by_name.setdefault(name, SignIn(name, section, address))
    return by_name


def find_sign_in(name: str | None, config: Config) -> SignIn:
    """Return the sign-in with this name, or the sign-in of the profile with this name.

    If ``name`` is None, return the only [sso-session] or, if the file doesn't contain an
    [sso-session], the only sign-in of a profile. Raise InvalidOption if there isn't exactly one
    matching sign-in.
    """
    by_name = sign_ins(config)
    if name is None:
        return _only_sign_in(by_name.values())
    sign_in = by_name.get(name) or sign_in_of(config.profiles.get(name, {}), config)
    if sign_in:
        return sign_in
    advice = did_you_mean(name, by_name)
    if by_name and not advice:
        advice = f"Use the name of a sign-in in the config file: {listed(by_name)}."
    raise InvalidOption(
        f"There is no [sso-session {name}], and no profile `{name}` with a sign-in.",
        advice or EXAMPLE,
    )


def _only_sign_in(choices: Collection[SignIn]) -> SignIn:
    """Return the only sign-in in ``choices``.

    Raise InvalidOption if there isn't exactly one sign-in.
    """
    choices = [sign_in for sign_in in choices if sign_in.session] or choices
    if not choices:
        raise InvalidOption("The config file doesn't contain an [sso-session] section.", EXAMPLE)
    first, *others = choices
    if others:
        names = listed(sign_in.name for sign_in in choices)
        raise InvalidOption(
            f"The config file has several sign-ins: {names}.",
            "Add `--sso NAME` to choose a sign-in.",
        )
    return first


def sign_in_of(settings: Section, config: Config) -> SignIn | None:
    """Return the sign-in that a profile with these settings uses, or None."""
    return next((sign_in for sign_in in sign_ins(config).values() if sign_in.is_of(settings)), None)


def sign_in_of_pattern(pattern: str, config: Config) -> str | None:
    """Return the sign-in that a pattern such as ``corp:1000*/Admin`` begins with, or None."""
    name, colon, _ = pattern.partition(":")
    return name if colon and name in sign_ins(config) else None


def role_named(name: str, config: Config) -> AssignedName | None:
    """Return the parts of a name for an IAM Identity Center role, or None for any other name.

    A role's name can contain the account's name instead of its ID only after the name of a sign-in,
    as in ``corp:team-dev/Admin``.
    """
    if name in config.profiles:
        return None
    return AssignedName.parse(name) or AssignedName.parse(name, sign_in_of_pattern(name, config))


def names_of_role(named: RoleName, config: Config) -> list[str]:
    """Return the name of the only profile with a role, or else the role's names in each sign-in.

    Only a role in IAM Identity Center can have a name without a profile. The result can contain
    names of sign-ins that don't have the role.
    """
    profiles = profiles_with_role(named, config)
    if len(profiles) == 1:
        return [profiles[0].name]
    if named.is_assigned is False:
        return []
    names = [str(AssignedName(name, named.account, named.role)) for name in sign_ins(config)]
    return [name for name in names if role_named(name, config)]


def find_profile_or_role(
    name: str, config: Config, find_account: FindAccount | None = None
) -> Profile:
    """Return the profile or the IAM Identity Center role that has this name.

    Raise a subclass of AwsProfileError if the name can't be resolved.
    """
    role = role_named(name, config)
    if role is None:
        sign_in = sign_in_of_pattern(name, config)
        if sign_in and name not in config.profiles:
            raise ProfileNotFound(name, _advice_for_role(sign_in))
        return find_profile(name, config)
    return profile_of_role(role, config, find_account)


def _advice_for_role(sign_in: str) -> str:
    """Return advice on how to write the name of a sign-in's role."""
    return (
        f"A role's name has the form {quoted(sign_in)}:ACCOUNT/ROLE. `%aws_profiles --sso "
        f"{quoted(sign_in)}` lists the roles."
    )


def profile_of_role(
    role: AssignedName, config: Config, find_account: FindAccount | None
) -> Profile:
    """Return a profile that represents an IAM Identity Center role.

    Raise InvalidOption if the role's sign-in doesn't exist. ``find_account`` returns the ID of an
    account with a given name, and can raise other errors. If ``find_account`` is None, the
    account's name remains in the profile, which is sufficient for signing in.
    """
    sign_in = find_sign_in(role.sign_in, config)
    if find_account and not role.has_id:
        role = role._replace(account=find_account(sign_in, role.account))
    own = {"sso_account_id": role.account, "sso_role_name": role.role}
    return Profile(str(role), {**sign_in_settings(sign_in, config), **own})


@lru_cache(maxsize=8)
def sign_in_settings(sign_in: SignIn, config: Config) -> Section:
    """Return a sign-in's settings, and the client settings that all of its profiles share."""
    sections = map(client_settings, filter(sign_in.is_of, config.profiles.values()))
    common = next(sections, {})
    for section in sections:
        common = {name: value for name, value in common.items() if section.get(name) == value}
    return {**common, **sign_in.settings}
