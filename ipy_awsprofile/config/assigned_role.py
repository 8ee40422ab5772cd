"""Roles of IAM Identity Center without a profile, such as ``corp:123456789012/Admin``.

The name consists of a sign-in (see `sign_ins`), an account ID and a permission set's name. You can
use it wherever you can use a profile's name, unless a profile has the same name. botocore resolves
it as a profile with ``sso_session`` or ``sso_start_url``, ``sso_account_id`` and ``sso_role_name``.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.settings import About, settings_about
from ipy_awsprofile.config.shared_files import Section, Value
from ipy_awsprofile.config.sign_ins import SignIn, find_sign_in, sign_in_of_pattern
from ipy_awsprofile.text import AssignedName, assigned_name, may_name_account

#: Settings that a role inherits from its sign-in's profiles if all of them have the same value.
_IN_COMMON = ("region", *settings_about(About.CLIENTS, About.MACHINE))


@lru_cache(maxsize=8)
def settings_in_common(sign_in: SignIn, config: Config) -> Mapping[str, Value]:
    """Return the Region and the client settings that all profiles of a sign-in have in common."""
    common: dict[str, Value] | None = None
    for section in config.profiles.values():
        if not sign_in.is_of(section):
            continue
        if common is None:
            common = {name: section[name] for name in _IN_COMMON if name in section}
        else:
            common = {name: value for name, value in common.items() if section.get(name) == value}
    return common or {}


def assigned_role(name: str, config: Config) -> Section | None:
    """Return the settings of the named role in the form of a profile's settings.

    Return None if the name has another form, or if the files have a profile with this name. Raises
    InvalidOption if the sign-in doesn't exist.
    """
    parts = assigned_name(name)
    if parts is None or name in config.profiles:
        return None
    section = sign_in_section(find_sign_in(parts.sign_in, config), config)
    section |= {"sso_account_id": parts.account, "sso_role_name": parts.role}
    section.lines = dict.fromkeys(section, section.line)
    return section


def named_by_account(name: str, config: Config) -> AssignedName | None:
    """Return the parts of a role's name with an account name, such as ``corp:team-dev/Admin``.

    Return None if the files have a profile with this name, if the name contains an account ID, or
    if it doesn't begin with a sign-in.
    """
    if not may_name_account(name) or name in config.profiles:
        return None
    sign_in = sign_in_of_pattern(name, config)
    account, _, role = name.partition(":")[2].rpartition("/")
    return AssignedName(sign_in, account, role) if sign_in else None


def sign_in_section(sign_in: SignIn, config: Config) -> Section:
    """Return the settings of a profile without a role, for signing in."""
    section = Section(sign_in.section.file, sign_in.section.line)
    section |= {**settings_in_common(sign_in, config), **sign_in.settings}
    return section


def role_name(sign_in: str, account: str, role: str) -> str:
    """Return the full name of a role of a sign-in."""
    return f"{sign_in}:{account}/{role}"


def is_account_id(text: str) -> bool:
    """Return whether a text is an account ID rather than an account name."""
    return bool(re.fullmatch(r"[0-9]{12}", text))
