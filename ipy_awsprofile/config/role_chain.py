"""From a profile to the one whose credentials start its chain of roles.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ipy_awsprofile.config.profiles import (
    CREDENTIAL_SOURCES,
    KEY_PAIR,
    Profile,
    ProfileKind,
    did_you_mean,
    find_profile,
    kind_without_role,
    profiles_by_name,
)
from ipy_awsprofile.config.shared_files import Section, Sections, SharedFiles, read_shared_files
from ipy_awsprofile.errors import InvalidProfile, InvalidSource, SourceLoop


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
    profiles, sections = profiles_by_name(files), read_shared_files(files)
    chain = [find_profile(name, files=files)]
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
    return kind_without_role(settings)


def _has_keys(section: Section) -> bool:
    return not section.keys().isdisjoint(KEY_PAIR)


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
