"""The profiles of the shared config and credentials files, as frozen records.

This module only reads: it doesn't run commands, use the network or write files, and its records
don't contain keys, secrets or tokens. It reads the same profiles and settings as botocore
(``botocore.configloader`` and ``Session.full_config``). Each record also has its file and line.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.config import Config, read_config
from ipy_awsprofile.config.missing_sections import file_advice, header_advice
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.errors import InvalidOption, ProfileNotFound
from ipy_awsprofile.text import redacted_urls


class ProfileKind(StrEnum):
    """The source of a profile's credentials, in the terms of AWS's settings reference."""

    STATIC_KEYS = "static keys"
    ASSUME_ROLE = "assume role"
    CREDENTIAL_SOURCE = "credential source"
    WEB_IDENTITY = "web identity"
    SSO = "SSO"
    LOGIN_SESSION = "login session"
    CREDENTIAL_PROCESS = "credential process"
    AMBIENT = "default credentials"
    INCOMPLETE = "incomplete"

    @property
    def in_words(self) -> str:
        """The kind as a phrase, as in "It uses static keys"."""
        match self:
            case ProfileKind.STATIC_KEYS | ProfileKind.SSO | ProfileKind.AMBIENT:
                return self.value
            case ProfileKind.ASSUME_ROLE:
                return "a role"
            case ProfileKind.INCOMPLETE:
                return "incomplete settings"
            case _:
                return f"a {self.value}"


#: The kinds of profiles that call AssumeRole.
ASSUMES = {ProfileKind.ASSUME_ROLE, ProfileKind.CREDENTIAL_SOURCE}

#: The two settings of an access key.
KEY_PAIR = ("aws_access_key_id", "aws_secret_access_key")

#: The settings of a session token. If a profile has both, botocore uses the first.
SESSION_TOKENS = ("aws_security_token", "aws_session_token")

#: The values of credential_source, which are case-sensitive.
CREDENTIAL_SOURCES = ("Environment", "Ec2InstanceMetadata", "EcsContainer")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile(str):
    """A profile of the shared files. As a string, it is the profile's name.

    You can use it wherever you can use a name: ``open_session(profile)``, ``f"{profile}"``,
    ``profile.endswith("-prod")``, as a key of a dict, as the value of ``AWS_PROFILE``.

    Empty settings are None. ``account`` is the 12-digit account ID in the role's ARN,
    ``sso_account_id`` or ``aws_account_id``; ``duration`` is in seconds. ``file`` and ``line``
    (from 1) are where its section begins, in the config file if the profile is in both files.

    https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
    """

    name: str
    kind: ProfileKind
    role_arn: str | None = None
    sso_role_name: str | None = None
    account: str | None = None
    source_profile: str | None = None
    credential_source: str | None = None
    region: str | None = None
    mfa_serial: str | None = None
    duration: int | None = None
    endpoint: str | None = None
    file: Path
    line: int

    def __new__(cls, value: str = "", /, *, name: str = "", **_: Any) -> Self:
        """Return the name as a string. Copying and unpickling pass the name as ``value``."""
        return str.__new__(cls, name or value)  # `super()` fails in a dataclass with slots

    @property
    def role(self) -> str | None:
        """The role's name: its ARN after ``role/``, including the path, or ``sso_role_name``."""
        arn = Arn.parse(self.role_arn or "")
        return (arn.role or None) if arn else self.sso_role_name

    @property
    def source(self) -> str | None:
        """The source profile's name or the credential source, if this is a role profile."""
        return self.source_profile or self.credential_source


def list_profiles(pattern: str | None = None) -> list[Profile]:
    """Return the profiles of the shared files, in the order of the files.

    ``pattern`` selects the profiles with each of its words in the name, account, role, Region or
    source (ignoring case). A word with ``*``, ``?`` or ``[`` must match the whole name. Raises
    ConfigFileError, and InvalidOption for a pattern that isn't a string.
    """
    return matching(profiles_by_name().values(), pattern)


def find_profile(name: str, config: Config | None = None) -> Profile:
    """Return the profile with this exact name. Raises ProfileNotFound and ConfigFileError."""
    config = config or read_config()
    find_section(name, config)
    return profiles_by_name(config)[name]


def find_section(name: str, config: Config) -> Section:
    """Return the settings of the profile with this exact name. Raises ProfileNotFound."""
    if name in config.profiles:
        return config.profiles[name]
    if advice := header_advice("profile", name, config):
        raise ProfileNotFound(name, advice=advice)
    raise ProfileNotFound(name, _nearest(name, config.profiles), file_advice(name, config))


def matching(profiles: Iterable[Profile], pattern: str | None) -> list[Profile]:
    """Return the profiles that match every word of the pattern. See `list_profiles`."""
    words = pattern_words(pattern)
    return [profile for profile in profiles if not words or _matches(profile, words)]


def pattern_words(pattern: str | None) -> list[str]:
    """Return the words of a pattern, in lower case. Raises InvalidOption if it isn't a string."""
    if not isinstance(pattern, str | None):
        raise InvalidOption(
            f"A pattern is a string, not a value of type {type(pattern).__name__}.",
            "Pass words to search for, such as `'prod'`.",
        )
    return (pattern or "").casefold().split()


def _matches(profile: Profile, words: Iterable[str]) -> bool:
    fields = (profile.name, profile.account, profile.role, profile.region, profile.source)
    return matches(words, fields)


def matches(words: Iterable[str], fields: Iterable[str | None]) -> bool:
    """Return whether each word (in lower case) is in one of the fields.

    A word with wildcards must match the first field, the name, as a whole.
    """
    folded = [field.casefold() for field in fields if field]
    return all(
        fnmatch.fnmatchcase(folded[0], word)
        if any(wildcard in word for wildcard in "*?[")
        else any(word in field for field in folded)
        for word in words
    )


def _nearest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    by_folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)
    return tuple(by_folded[folded] for folded in close)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question that suggests similar names, or an empty text if there aren't any."""
    near = " or ".join(f"`{known}`" for known in _nearest(name, names))
    return f"Did you mean {near}?" if near else ""


def profiles_by_name(config: Config | None = None) -> Mapping[str, Profile]:
    """Return all profiles by name. Raises ConfigFileError."""
    return _records(config or read_config())


@lru_cache(maxsize=2)
def _records(config: Config) -> Mapping[str, Profile]:
    """Return the records, created once each time the files are read."""
    return {name: profile_of(name, section) for name, section in config.profiles.items()}


def profile_of(name: str, section: Section) -> Profile:
    """Return a record of a profile with these settings."""
    role_arn = section.first_line("role_arn")
    return Profile(
        name=name,
        kind=_kind(section),
        role_arn=role_arn,
        sso_role_name=None if role_arn else section.first_line("sso_role_name"),
        account=_account(section, role_arn),
        source_profile=section.first_line("source_profile"),
        credential_source=section.first_line("credential_source"),
        region=section.first_line("region"),
        mfa_serial=section.first_line("mfa_serial"),
        duration=_whole_number(section.first_line("duration_seconds")),
        endpoint=redacted_urls(section.first_line("endpoint_url") or "") or None,
        file=section.file,
        line=section.line,
    )


def _kind(section: Section) -> ProfileKind:
    """Return the kind of the provider that resolves the profile in botocore's chain."""
    if "role_arn" in section and "web_identity_token_file" not in section:
        has_source = "source_profile" in section
        if has_source != ("credential_source" in section):
            return ProfileKind.ASSUME_ROLE if has_source else ProfileKind.CREDENTIAL_SOURCE
        return ProfileKind.INCOMPLETE
    return kind_without_role(section)


def kind_without_role(section: Section) -> ProfileKind:
    """Return the kind of a profile without regard to its role, in botocore's order.

    botocore looks for keys in the credentials file first, and in the config file last.
    """
    if section.text("web_identity_token_file"):
        complete = "role_arn" in section
        return ProfileKind.WEB_IDENTITY if complete else ProfileKind.INCOMPLETE
    if not section.keys().isdisjoint(_SSO):
        return ProfileKind.SSO if section.keys() >= _SSO else ProfileKind.INCOMPLETE
    for kind, file, names in (
        (ProfileKind.STATIC_KEYS, section.in_credentials, KEY_PAIR),
        (ProfileKind.LOGIN_SESSION, section.keys(), ("login_session",)),
        (ProfileKind.CREDENTIAL_PROCESS, section.keys(), ("credential_process",)),
        (ProfileKind.STATIC_KEYS, section.in_config, KEY_PAIR),
    ):
        if names[0] in file:
            return kind if all(name in file for name in names) else ProfileKind.INCOMPLETE
    return ProfileKind.INCOMPLETE


def has_session_token(section: Section) -> bool:
    """Return whether the profile's keys are temporary, with a session token in the same file."""
    file = section.in_credentials if KEY_PAIR[0] in section.in_credentials else section.in_config
    return any(name in file and section.text(name) for name in SESSION_TOKENS)


_SSO = frozenset({"sso_account_id", "sso_role_name"})


def _account(section: Section, role_arn: str | None) -> str | None:
    arn = Arn.parse(role_arn or "")
    in_arn = arn.account if arn else ""
    return in_arn or section.first_line("sso_account_id") or section.first_line("aws_account_id")


def _whole_number(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:  # botocore ignores invalid numbers, too
        return None
