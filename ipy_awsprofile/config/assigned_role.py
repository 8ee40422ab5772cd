"""Roles of IAM Identity Center that no profile names, such as ``corp:123456789012/Admin``.

The name has a sign-in (see `sign_ins`), an account ID and a permission set's name, and can be used
wherever a profile's name can, unless a profile has that name. botocore resolves it as a profile
with ``sso_session`` or ``sso_start_url``, ``sso_account_id`` and ``sso_role_name``.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.settings import About, settings_about
from ipy_awsprofile.config.shared_files import (
    Section,
    Sections,
    SharedFiles,
    Value,
    read_shared_files,
)
from ipy_awsprofile.config.sign_ins import SignIn, find_sign_in
from ipy_awsprofile.config.snapshot import instead
from ipy_awsprofile.text import assigned_name, redacted_urls

#: Settings that a role takes from the profiles of its sign-in, if all of them agree.
_IN_COMMON = ("region", *settings_about(About.CLIENTS, About.MACHINE))


def settings_in_common(sign_in: SignIn, files: SharedFiles) -> Mapping[str, Value]:
    """Return the Region, and the settings about clients, that all profiles of a sign-in have."""
    return _in_common(sign_in, read_shared_files(files))


@lru_cache(maxsize=8)
def _in_common(sign_in: SignIn, sections: Sections) -> Mapping[str, Value]:
    common: dict[str, Value] | None = None
    for section in sections.profiles.values():
        if not sign_in.is_of(section):
            continue
        if common is None:
            common = {name: section[name] for name in _IN_COMMON if name in section}
        else:
            common = {name: value for name, value in common.items() if section.get(name) == value}
    return common or {}


def assigned_role(name: str, files: SharedFiles) -> tuple[Profile, dict[str, Value]] | None:
    """Return the role with such a name as a profile and its settings.

    None if the name has another form, or if it is a profile of the files. Raises InvalidOption if
    there is no such sign-in, and ConfigFileError.
    """
    parts = assigned_name(name)
    if parts is None or name in read_shared_files(files).profiles:
        return None
    sign_in = find_sign_in(parts.sign_in, files)
    settings = _settings(sign_in, files)
    settings |= {"sso_account_id": parts.account, "sso_role_name": parts.role}
    return _record(name, sign_in, settings), settings


def as_if_in_files(name: str, files: SharedFiles) -> None:
    """Let the role be a profile of the files for what else the `read_once` function reads.

    Its settings are where its sign-in is. Any other name changes nothing. Raises what
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


def sign_in_alone(sign_in: SignIn, files: SharedFiles) -> tuple[Profile, dict[str, Value]]:
    """Return a profile without a role, with which a person can sign in and list roles."""
    settings = _settings(sign_in, files)
    name = f"sso-session {sign_in.session}" if sign_in.session else sign_in.name
    return _record(name, sign_in, settings), settings


def _settings(sign_in: SignIn, files: SharedFiles) -> dict[str, Value]:
    return {**settings_in_common(sign_in, files), **sign_in.settings}


def _record(name: str, sign_in: SignIn, settings: Mapping[str, Value]) -> Profile:
    texts = {name: value for name, value in settings.items() if isinstance(value, str)}
    return Profile(
        name=name,
        kind=ProfileKind.SSO,
        sso_role_name=texts.get("sso_role_name"),
        account=texts.get("sso_account_id"),
        region=texts.get("region"),
        endpoint=redacted_urls(texts.get("endpoint_url", "")) or None,
        file=sign_in.section.file,
        line=sign_in.section.line,
    )


def role_name(sign_in: str, account: str, role: str) -> str:
    """Return the name of a role, from the name of its sign-in."""
    return f"{sign_in}:{account}/{role}"


def is_account_id(text: str) -> bool:
    """Return whether a text is the ID of an account, and not its name."""
    return bool(re.fullmatch(r"[0-9]{12}", text))
