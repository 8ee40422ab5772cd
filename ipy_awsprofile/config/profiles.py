"""What the shared config and credentials files say, as frozen records.

Reading is all that happens here: nothing is run, no network is touched, no file is written, and
no key, secret or token gets into a record. Which profiles exist and what they say follows
botocore's own reading of the files (``botocore.configloader`` and ``Session.full_config``);
beyond that, each record knows the file and line that it stands on.

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

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.shared_files import Section, Sections, SharedFiles, read_shared_files
from ipy_awsprofile.errors import ProfileNotFound
from ipy_awsprofile.text import without_user


class ProfileKind(StrEnum):
    """Where a profile's credentials come from, in the words of the AWS SDK reference."""

    STATIC_KEYS = "static keys"
    ASSUME_ROLE = "assume role"
    CREDENTIAL_SOURCE = "credential source"
    WEB_IDENTITY = "web identity"
    SSO = "SSO"
    LOGIN_SESSION = "login session"
    CREDENTIAL_PROCESS = "credential process"
    INCOMPLETE = "incomplete"


#: The two settings of long-term keys.
KEY_PAIR = ("aws_access_key_id", "aws_secret_access_key")

#: What credential_source can name, in exactly these letters.
CREDENTIAL_SOURCES = ("Environment", "Ec2InstanceMetadata", "EcsContainer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One profile as the shared files describe it.

    Empty settings are None. ``account`` is the 12-digit account that the files name (in the role's
    ARN, ``sso_account_id`` or ``aws_account_id``), ``duration`` is in seconds, ``file`` and
    ``line`` (from 1) are where its section begins; the config file goes before the credentials
    file.

    https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
    """

    name: str
    kind: ProfileKind
    role_arn: str | None = None
    account: str | None = None
    source_profile: str | None = None
    credential_source: str | None = None
    region: str | None = None
    mfa_serial: str | None = None
    duration: int | None = None
    endpoint: str | None = None
    file: Path
    line: int

    @property
    def role(self) -> str | None:
        """Name of the role with its path, as in the ARN after ``role/``."""
        arn = Arn.parse(self.role_arn or "")
        return (arn.role or None) if arn else None

    @property
    def source(self) -> str | None:
        """What a role's first credentials come from: a profile's name or a credential source."""
        return self.source_profile or self.credential_source


def list_profiles(pattern: str | None = None, *, files: SharedFiles | None = None) -> list[Profile]:
    """List the profiles of the shared files, in the order in which they stand there.

    ``pattern`` keeps those whose name, account, role, region or source contains each of its words
    (in any case); a word with ``*``, ``?`` or ``[`` must match the whole name. Raises
    ConfigFileError.
    """
    profiles = list(profiles_by_name(files).values())
    return matching(profiles, pattern) if pattern else profiles


def find_profile(name: str, *, files: SharedFiles | None = None) -> Profile:
    """Return the profile of exactly this name. Raises ProfileNotFound and ConfigFileError."""
    profiles = profiles_by_name(files)
    try:
        return profiles[name]
    except KeyError:
        raise ProfileNotFound(name, _nearest(name, profiles)) from None


def profile_with_key(access_key_id: str, *, files: SharedFiles | None = None) -> str | None:
    """Name the profile that has this long-term access key, if any. Raises ConfigFileError."""
    sections = read_shared_files(files or SharedFiles.from_environment())
    for name, section in sections.profiles.items():
        if section.get("aws_access_key_id") == access_key_id:
            return name
    return None


def matching(profiles: Iterable[Profile], pattern: str) -> list[Profile]:
    """Keep the profiles that fit every word of the pattern; see `list_profiles`."""
    words = pattern.casefold().split()
    return [profile for profile in profiles if all(_fits(profile, word) for word in words)]


def _fits(profile: Profile, word: str) -> bool:
    if any(wildcard in word for wildcard in "*?["):
        return fnmatch.fnmatchcase(profile.name.casefold(), word)
    fields = (profile.name, profile.account, profile.role, profile.region, profile.source)
    return any(word in field.casefold() for field in fields if field)


def _nearest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    by_folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)
    return tuple(by_folded[folded] for folded in close)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Ask for the names that look like a misspelt one; empty if none does."""
    near = " or ".join(f"`{known}`" for known in _nearest(name, names))
    return f"Did you mean {near}?" if near else ""


def profiles_by_name(files: SharedFiles | None = None) -> Mapping[str, Profile]:
    """Return the profiles by their names. Raises ConfigFileError."""
    return _records(read_shared_files(files or SharedFiles.from_environment()))


@lru_cache(maxsize=4)
def _records(sections: Sections) -> Mapping[str, Profile]:
    """Make the records once for each reading of the files."""
    return {name: _record(name, section) for name, section in sections.profiles.items()}


def _record(name: str, section: Section) -> Profile:
    role_arn = section.text("role_arn")
    return Profile(
        name=name,
        kind=_kind(section),
        role_arn=role_arn,
        account=_account(section, role_arn),
        source_profile=section.text("source_profile"),
        credential_source=section.text("credential_source"),
        region=section.text("region"),
        mfa_serial=section.text("mfa_serial"),
        duration=_whole_number(section.text("duration_seconds")),
        endpoint=without_user(section.text("endpoint_url") or "") or None,
        file=section.file,
        line=section.line,
    )


def _kind(section: Section) -> ProfileKind:
    """Say which provider of botocore's chain takes the profile."""
    if "role_arn" in section and "web_identity_token_file" not in section:
        has_source = "source_profile" in section
        if has_source != ("credential_source" in section):
            return ProfileKind.ASSUME_ROLE if has_source else ProfileKind.CREDENTIAL_SOURCE
        return ProfileKind.INCOMPLETE
    return kind_without_role(section)


def kind_without_role(section: Section) -> ProfileKind:
    """Say which provider takes a profile that is used without its role; botocore's order.

    Keys are looked for in the credentials file before, and in the config file after all else.
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


_SSO = frozenset({"sso_account_id", "sso_role_name"})


def _account(section: Section, role_arn: str | None) -> str | None:
    arn = Arn.parse(role_arn or "")
    in_arn = arn.account if arn else ""
    return in_arn or section.text("sso_account_id") or section.text("aws_account_id")


def _whole_number(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:  # botocore passes over it, too
        return None
