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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from ipy_awsprofile.errors import InvalidProfile, InvalidSource, ProfileNotFound, SourceLoop
from ipy_awsprofile.foreign_text import without_user
from ipy_awsprofile.shared_files import Section, Sections, SharedFiles, read_shared_files


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
        return self.role_arn.partition(":role/")[2] or None if self.role_arn else None

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
    profiles = list(_profiles(files).values())
    return matching(profiles, pattern) if pattern else profiles


def find_profile(name: str, *, files: SharedFiles | None = None) -> Profile:
    """Return the profile of exactly this name. Raises ProfileNotFound and ConfigFileError."""
    return _named(_profiles(files), name)


def role_chain(name: str, *, files: SharedFiles | None = None) -> tuple[Profile, ...]:
    """Follow a profile's source profiles to the one whose credentials start the chain.

    ``(RoleBeta, UserAlpha)`` means that RoleBeta is assumed with the credentials of UserAlpha. A
    profile that needs no other is a chain of one. Raises InvalidSource, SourceLoop and
    ProfileNotFound where botocore refuses the profile too, and in its words.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    """
    chain, problem = follow_chain(name, files=files)
    if problem:
        raise problem
    return chain


def follow_chain(
    name: str, *, files: SharedFiles | None = None
) -> tuple[tuple[Profile, ...], InvalidProfile | None]:
    """Follow source profiles as `role_chain` does, as far as they lead, and say why no further.

    The error is about the last profile of the chain. Raises ProfileNotFound and ConfigFileError.
    """
    files = files or SharedFiles.from_environment()
    profiles, sections = _profiles(files), read_shared_files(files)
    chain = [_named(profiles, name)]
    try:
        _follow(chain, profiles, sections)
    except InvalidProfile as problem:
        return tuple(chain), problem
    return tuple(chain), None


def _follow(chain: list[Profile], profiles: Mapping[str, Profile], sections: Sections) -> None:
    """Add to the chain the profile that its last one takes its credentials from, and so on."""
    while (source := _next_source(chain, sections)) is not None:
        if source not in profiles:
            raise InvalidSource(
                f"The source_profile `{source}` that the profile `{chain[-1].name}` names "
                "doesn't exist.",
                did_you_mean(source, profiles) or _edit_hint(chain[-1]),
            )
        chain.append(profiles[source])
    last = chain[-1]
    is_source = len(chain) > 1 or last.kind is ProfileKind.ASSUME_ROLE
    if is_source and start_kind(chain, sections) is ProfileKind.INCOMPLETE:
        raise InvalidSource(
            f"The source profile `{last.name}` has no credentials.", _edit_hint(last)
        )


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


def _named(profiles: Mapping[str, Profile], name: str) -> Profile:
    try:
        return profiles[name]
    except KeyError:
        raise ProfileNotFound(name, _nearest(name, profiles)) from None


def _nearest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    by_folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)
    return tuple(by_folded[folded] for folded in close)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Ask for the names that look like a misspelt one; empty if none does."""
    near = " or ".join(f"`{known}`" for known in _nearest(name, names))
    return f"Did you mean {near}?" if near else ""


def _edit_hint(profile: Profile) -> str:
    return f"See {profile.file}, line {profile.line}."


def _next_source(chain: list[Profile], sections: Sections) -> str | None:
    """Name the profile that the chain's last one takes its credentials from, if any."""
    last = chain[-1]
    settings = sections.profiles[last.name]
    if "role_arn" not in settings or "web_identity_token_file" in settings:
        return None
    has_keys = _has_keys(settings)
    if len(chain) > 1 and has_keys:
        return None  # as a source, a profile's own keys go before its role
    _check_one_source(last, settings)
    source = last.source_profile
    if source == last.name and has_keys:
        return None  # a profile may assume its role with its own keys
    if source is not None and source in (profile.name for profile in chain):
        loop = " ← ".join([*(profile.name for profile in chain), source])
        raise SourceLoop(f"The source profiles go round in a loop: {loop}.", _edit_hint(last))
    return source


def start_kind(chain: Sequence[Profile], sections: Sections) -> ProfileKind:
    """Say where the credentials come from with which a complete chain starts.

    That isn't always its last profile's own kind: a profile can assume its role with its own keys.
    """
    last, settings = chain[-1], sections.profiles[chain[-1].name]
    as_source = len(chain) > 1 and _has_keys(settings)
    if last.kind is ProfileKind.CREDENTIAL_SOURCE and not as_source:
        return last.kind
    return _own_kind(settings)


def _has_keys(section: Section) -> bool:
    return not section.keys().isdisjoint(_KEYS)


def _check_one_source(profile: Profile, settings: Section) -> None:
    if "source_profile" in settings and "credential_source" in settings:
        raise InvalidSource(
            f"The profile `{profile.name}` contains both source_profile and credential_source.",
            f"Keep one of the two. {_edit_hint(profile)}",
        )
    if not profile.source:
        raise InvalidSource(
            f"The role profile `{profile.name}` has neither source_profile nor credential_source.",
            f"Add a source_profile whose credentials may assume the role. {_edit_hint(profile)}",
        )
    if profile.credential_source not in (None, *CREDENTIAL_SOURCES):
        raise InvalidSource(
            f"The credential_source `{profile.credential_source}` of the profile "
            f"`{profile.name}` doesn't exist.",
            f"There are {', '.join(CREDENTIAL_SOURCES)}. {_edit_hint(profile)}",
        )


def _profiles(files: SharedFiles | None) -> Mapping[str, Profile]:
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
    return _own_kind(section)


def _own_kind(section: Section) -> ProfileKind:
    """Say which provider takes a profile that is used without its role; botocore's order.

    Keys are looked for in the credentials file before, and in the config file after all else.
    """
    if section.text("web_identity_token_file"):
        complete = "role_arn" in section
        return ProfileKind.WEB_IDENTITY if complete else ProfileKind.INCOMPLETE
    if not section.keys().isdisjoint(_SSO):
        return ProfileKind.SSO if section.keys() >= _SSO else ProfileKind.INCOMPLETE
    for kind, file, names in (
        (ProfileKind.STATIC_KEYS, section.in_credentials, _KEYS),
        (ProfileKind.LOGIN_SESSION, section.keys(), ("login_session",)),
        (ProfileKind.CREDENTIAL_PROCESS, section.keys(), ("credential_process",)),
        (ProfileKind.STATIC_KEYS, section.in_config, _KEYS),
    ):
        if names[0] in file:
            return kind if all(name in file for name in names) else ProfileKind.INCOMPLETE
    return ProfileKind.INCOMPLETE


_SSO = frozenset({"sso_account_id", "sso_role_name"})
_KEYS = ("aws_access_key_id", "aws_secret_access_key")


def _account(section: Section, role_arn: str | None) -> str | None:
    for candidate in (
        role_arn.split(":")[4] if role_arn and role_arn.count(":") >= 5 else None,  # noqa: PLR2004
        section.text("sso_account_id"),
        section.text("aws_account_id"),
    ):
        if candidate:
            return candidate
    return None


def _whole_number(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:  # botocore passes over it, too
        return None
