"""Roles of IAM Identity Center that no profile names, such as ``corp:123456789012/Admin``.

The name has a sign-in (see `sign_ins`), an account ID and a permission set's name, and can be used
wherever a profile's name can, unless a profile has that name. botocore resolves it as a profile
with ``sso_session`` or ``sso_start_url``, ``sso_account_id`` and ``sso_role_name``.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.settings import About, settings_about
from ipy_awsprofile.config.shared_files import Section, Value
from ipy_awsprofile.config.sign_ins import SignIn, find_sign_in
from ipy_awsprofile.text import assigned_name, redacted_urls

#: Settings that a role takes from the profiles of its sign-in, if all of them agree.
_IN_COMMON = ("region", *settings_about(About.CLIENTS, About.MACHINE))


@lru_cache(maxsize=8)
def settings_in_common(sign_in: SignIn, config: Config) -> Mapping[str, Value]:
    """Return the Region, and the settings about clients, that all profiles of a sign-in have."""
    common: dict[str, Value] | None = None
    for section in config.profiles.values():
        if not sign_in.is_of(section):
            continue
        if common is None:
            common = {name: section[name] for name in _IN_COMMON if name in section}
        else:
            common = {name: value for name, value in common.items() if section.get(name) == value}
    return common or {}


def assigned_role(name: str, config: Config) -> tuple[Profile, dict[str, Value]] | None:
    """Return the role with such a name as a profile and its settings.

    None if the name has another form, or if it is a profile of the files. Raises InvalidOption if
    there is no such sign-in.
    """
    parts = assigned_name(name)
    if parts is None or name in config.profiles:
        return None
    sign_in = find_sign_in(parts.sign_in, config)
    settings = _settings(sign_in, config)
    settings |= {"sso_account_id": parts.account, "sso_role_name": parts.role}
    return _record(name, sign_in, settings), settings


def with_assigned_role(name: str, config: Config) -> Config:
    """Return the files with the role as a profile, where its sign-in is.

    With any other name, they are returned as they are. Raises what `assigned_role` raises.
    """
    role = assigned_role(name, config)
    if role is None:
        return config
    profile, settings = role
    section = Section(profile.file, profile.line)
    section.update(settings)
    section.lines = dict.fromkeys(settings, profile.line)
    return config.with_profile(name, section)


def sign_in_alone(sign_in: SignIn, config: Config) -> tuple[Profile, dict[str, Value]]:
    """Return a profile without a role, with which a person can sign in and list roles."""
    settings = _settings(sign_in, config)
    name = f"sso-session {sign_in.session}" if sign_in.session else sign_in.name
    return _record(name, sign_in, settings), settings


def _settings(sign_in: SignIn, config: Config) -> dict[str, Value]:
    return {**settings_in_common(sign_in, config), **sign_in.settings}


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
