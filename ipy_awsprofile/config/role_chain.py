"""The role chain of a profile: from it to the profile whose credentials start the chain.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ipy_awsprofile.config.config import Config, read_config
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
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.errors import InvalidProfile, InvalidSource, SourceLoop

#: botocore calls itself for each profile of a chain, which Python limits.
_LONGEST = 50


def role_chain(name: str, config: Config | None = None) -> tuple[Profile, ...]:
    """Return a profile, its source profile, and so on to the one whose credentials start the chain.

    ``(RoleBeta, UserAlpha)`` means that RoleBeta is assumed with the credentials of UserAlpha. The
    chain of a profile that needs no other has length one. Raises ProfileNotFound, ConfigFileError,
    and InvalidSource or SourceLoop for a chain that botocore refuses as well.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    """
    chain, problem = follow_chain(name, config or read_config())
    if problem:
        raise problem
    return chain


def follow_chain(name: str, config: Config) -> tuple[tuple[Profile, ...], InvalidProfile | None]:
    """Return the role chain as far as it is valid, and the error about its last profile, if any.

    Raises ProfileNotFound.
    """
    chain = [find_profile(name, config)]
    try:
        _follow(chain, profiles_by_name(config), config)
    except InvalidProfile as problem:
        return tuple(chain), problem
    return tuple(chain), None


def _follow(chain: list[Profile], profiles: Mapping[str, Profile], config: Config) -> None:
    """Append the source profile of the chain's last profile, and so on."""
    while (source := _next_source(chain, config)) is not None:
        if source not in profiles:
            raise InvalidSource(
                f"The source_profile `{source}` of the profile `{chain[-1].name}` doesn't exist.",
                did_you_mean(source, profiles) or _edit_hint(chain[-1]),
            )
        if len(chain) == _LONGEST:
            raise InvalidSource(
                f"The role chain of `{chain[0].name}` has more than {_LONGEST} profiles.",
                f"Use a source_profile that is nearer to the role. {_edit_hint(chain[0])}",
            )
        chain.append(profiles[source])
    last = chain[-1]
    is_source = len(chain) > 1 or last.kind is ProfileKind.ASSUME_ROLE
    if is_source and start_kind(chain, config) is ProfileKind.INCOMPLETE:
        raise InvalidSource(
            f"The source profile `{last.name}` has no credentials.", _edit_hint(last)
        )


def _edit_hint(profile: Profile) -> str:
    return f"See {profile.file}, line {profile.line}."


def _next_source(chain: list[Profile], config: Config) -> str | None:
    """Return the name of the source profile of the chain's last profile, if it uses one."""
    last = chain[-1]
    settings = config.profiles[last.name]
    if "role_arn" not in settings or "web_identity_token_file" in settings:
        return None
    has_keys = _has_keys(settings)
    if len(chain) > 1 and has_keys:
        return None  # as a source, a profile's own keys take precedence over its role
    _check_one_source(last, settings)
    source = last.source_profile
    if source == last.name and has_keys:
        return None  # a profile can assume its role with its own keys
    if source is not None and source in (profile.name for profile in chain):
        loop = " ← ".join([*(profile.name for profile in chain), source])
        raise SourceLoop(f"The source profiles form a loop: {loop}.", _edit_hint(last))
    return source


def start_kind(chain: Sequence[Profile], config: Config) -> ProfileKind:
    """Return the kind of the credentials that start a complete chain.

    It can differ from the last profile's kind: a profile can assume its role with its own keys.
    """
    last, settings = chain[-1], config.profiles[chain[-1].name]
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
            f"Add a source_profile whose credentials can assume the role. {_edit_hint(profile)}",
        )
    if profile.credential_source not in (None, *CREDENTIAL_SOURCES):
        raise InvalidSource(
            f"The credential_source `{profile.credential_source}` of the profile "
            f"`{profile.name}` doesn't exist.",
            f"Use one of {', '.join(CREDENTIAL_SOURCES)}. {_edit_hint(profile)}",
        )
