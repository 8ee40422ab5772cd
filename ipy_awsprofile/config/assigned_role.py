"""Roles of IAM Identity Center that no profile names, such as ``corp:123456789012/Admin``.

The name has an [sso-session], an account ID and a permission set's name, and can be used wherever a
profile's name can, unless a profile has that name. botocore resolves it as a profile with
``sso_session``, ``sso_account_id`` and ``sso_role_name``.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from ipy_awsprofile.config.profiles import Profile, ProfileKind, did_you_mean
from ipy_awsprofile.config.settings import About, settings_about
from ipy_awsprofile.config.shared_files import (
    Section,
    Sections,
    SharedFiles,
    Value,
    read_shared_files,
)
from ipy_awsprofile.config.snapshot import instead
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import assigned_name, without_user

#: Settings that a role takes from the profiles of its sign-in, if all of them agree.
_IN_COMMON = ("region", *settings_about(About.CLIENTS, About.MACHINE))

_EXAMPLE = (
    "Write a section `[sso-session NAME]` with sso_start_url and sso_region in the config file, "
    "or run `!aws configure sso-session`."
)


def find_sso_session(name: str | None, files: SharedFiles) -> str:
    """Return the name of an [sso-session]; ``name`` can also be a profile that has one.

    Without a name, it is the only one of the files. Raises InvalidOption and ConfigFileError.
    """
    sections = read_shared_files(files)
    known = sections.sso_sessions
    if name is None:
        if len(known) == 1:
            return next(iter(known))
        if not known:
            raise InvalidOption("The config file has no [sso-session].", _EXAMPLE)
        names = ", ".join(f"`{one}`" for one in known)
        raise InvalidOption(
            f"The config file has several sign-ins: {names}.", "Add `--sso NAME` to choose one."
        )
    section = sections.profiles.get(name)
    of_profile = section.text("sso_session") if section else None
    for candidate in (name, of_profile):
        if candidate in known:
            return candidate
    raise InvalidOption(
        f"There is no [sso-session {name}], and no profile `{name}` that has one.",
        did_you_mean(name, known) or _EXAMPLE,
    )


def settings_in_common(sso_session: str, files: SharedFiles) -> Mapping[str, Value]:
    """Return the Region, and the settings about clients, that all profiles of a sign-in have."""
    return _in_common(sso_session, read_shared_files(files))


@lru_cache(maxsize=8)
def _in_common(sso_session: str, sections: Sections) -> Mapping[str, Value]:
    common: dict[str, Value] | None = None
    for section in sections.profiles.values():
        if section.get("sso_session") != sso_session:
            continue
        if common is None:
            common = {name: section[name] for name in _IN_COMMON if name in section}
        else:
            common = {name: value for name, value in common.items() if section.get(name) == value}
    return common or {}


def assigned_role(name: str, files: SharedFiles) -> tuple[Profile, dict[str, Value]] | None:
    """Return the role with such a name as a profile and its settings.

    None if the name has another form, or if it is a profile of the files. Raises InvalidOption if
    there is no such [sso-session], and ConfigFileError.
    """
    parts = assigned_name(name)
    if parts is None or name in read_shared_files(files).profiles:
        return None
    session = find_sso_session(parts.sso_session, files)
    settings = _settings(session, files)
    settings |= {"sso_account_id": parts.account, "sso_role_name": parts.role}
    return _record(name, session, settings, files), settings


def as_if_in_files(name: str, files: SharedFiles) -> None:
    """Let the role be a profile of the files for what else the `read_once` function reads.

    Its settings are where its [sso-session] is. Any other name changes nothing. Raises what
    `assigned_role` raises.
    """
    role = assigned_role(name, files)
    if role is None:
        return
    profile, settings = role
    section = Section(profile.file, profile.line)
    section.update(settings)
    section.lines = dict.fromkeys(settings, profile.line)
    sections = read_shared_files(files)
    instead(files, replace(sections, profiles={**sections.profiles, name: section}))


def sign_in_alone(sso_session: str, files: SharedFiles) -> tuple[Profile, dict[str, Value]]:
    """Return a profile without a role, with which a person can sign in and list roles."""
    settings = _settings(sso_session, files)
    return _record(f"sso-session {sso_session}", sso_session, settings, files), settings


def _settings(sso_session: str, files: SharedFiles) -> dict[str, Value]:
    return {**settings_in_common(sso_session, files), "sso_session": sso_session}


def _record(
    name: str, sso_session: str, settings: Mapping[str, Value], files: SharedFiles
) -> Profile:
    section = read_shared_files(files).sso_sessions[sso_session]
    texts = {name: value for name, value in settings.items() if isinstance(value, str)}
    return Profile(
        name=name,
        kind=ProfileKind.SSO,
        sso_role_name=texts.get("sso_role_name"),
        account=texts.get("sso_account_id"),
        region=texts.get("region"),
        endpoint=without_user(texts.get("endpoint_url", "")) or None,
        file=section.file,
        line=section.line,
    )


def role_name(sso_session: str, account: str, role: str) -> str:
    """Return the name of a role."""
    return f"{sso_session}:{account}/{role}"


def is_account_id(text: str) -> bool:
    """Return whether a text is the ID of an account, and not its name."""
    return bool(re.fullmatch(r"[0-9]{12}", text))
