"""Prepare the config file's text with the profiles that ``--save`` and ``--share`` write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ipy_awsprofile.audit import require_allowed
from ipy_awsprofile.config.files import Section
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.config.saved import SHARED_BLOCK, ConfigFile, block_of_roles, profiles_in_block
from ipy_awsprofile.config.shared import SHARED_PROFILES, process_of, python_of
from ipy_awsprofile.config.sign_ins import SignIn, sign_in_settings
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.sessions.assigned_roles import AssignedRole, find_target, profiles_by_role

if TYPE_CHECKING:
    from ipy_awsprofile.credentials.person import Person


def text_with_role(file: ConfigFile, request: SwitchRequest, person: Person, name: str) -> str:
    """Return the config file's text with an additional profile for the role of a request.

    This function doesn't write the file. Raise InvalidOption if the name already exists, if the
    request is for an existing profile, or if a profile can't contain the request's options or
    source. Raise NotAllowed if the organization's policy forbids saving, or another subclass of
    AwsProfileError if the role can't be resolved.
    """
    require_allowed("save", "`--save`")
    if name in SHARED_PROFILES:
        raise InvalidOption(
            f"`--share` needs the name `{name}` for its own profile.", "Choose another name."
        )
    target = find_target(request, person)
    if target.name in target.config.profiles:
        raise InvalidOption(
            f"`{target.name}` is already a profile.",
            "To save a role without a profile, use `--save` with `--account` or `--role-arn`.",
        )
    # A duration is a setting only for a role.
    parameters = target.parameters.get(target.profile.role_arn or "")
    if any((parameters, target.scope, target.mfa)):
        raise InvalidOption(
            "A profile in the config file can't contain --read-only, --policy, --mfa, tags or a "
            "source identity. Only a profile that assumes a role can contain a --duration.",
            "Save the profile without these options, and add the options when you switch.",
        )
    sources = set(target.names[1:])
    if target.request.default or sources - target.config.profiles.keys():
        raise InvalidOption(
            "A role can be saved as a profile only if its source is also a profile.",
            "Save the source first, or leave out `--save` to switch without saving the role.",
        )
    settings = dict(target.profile.settings)
    if target.region:
        settings["region"] = target.region
    return file.with_profile(name, settings)


def text_with_roles(
    file: ConfigFile, sign_in: SignIn, roles: Iterable[AssignedRole], pattern: str
) -> str:
    """Return the config file's text with a sign-in's block replaced by profiles for ``roles``.

    This function doesn't write the file. Roles that already have a profile outside the block are
    skipped. Raise InvalidOption if ``pattern`` contains an unknown name in braces, if a profile's
    name already exists, or if not all SDKs can read the name.
    """
    require_allowed("save", "`--save`")
    block = block_of_roles(sign_in.name)
    others = file.without_block(block)
    existing = profiles_by_role(sign_in, others)
    settings = sign_in_settings(sign_in, others)
    names = {"default", *others.profiles}
    profiles: dict[str, Section] = {}
    for role in roles:
        account = role.account
        if (account.id, role.role) in existing:
            continue
        values = {
            "account_name": account.name,
            "account_id": account.id,
            "role": role.role,
            "sso": sign_in.name,
        }
        name = _name_by(pattern, values)
        if name in names:
            raise InvalidOption(
                f"`{role.name}` can't be saved as `{name}`, because another profile has this name.",
                "Use a pattern with more details of the role, such as `{account_id}-{role}`.",
            )
        names.add(name)
        profiles[name] = {
            **settings,
            "sso_account_id": account.id,
            "sso_role_name": role.role,
        }
    return file.with_block(block, profiles)


def text_with_shared(file: ConfigFile, region: str | None = None) -> str:
    """Return the config file's text with the profiles through which a notebook shares its identity.

    This function doesn't write the file. If the file already contains both profiles, and the Python
    interpreter in their commands exists, the text is returned unchanged. Raise InvalidOption if a
    different profile already has one of these names.
    """
    require_allowed("share", "`--share`")
    own = profiles_in_block(file.text, SHARED_BLOCK)
    is_complete = True
    profiles: dict[str, dict[str, str]] = {}
    for name in SHARED_PROFILES:
        python = python_of(file.config.profiles.get(name, {})) or ""
        is_complete &= Path(python).is_file()
        profiles[name] = {"credential_process": process_of(name)}
        if region:
            profiles[name]["region"] = region
    if is_complete:
        return file.text
    for name in SHARED_PROFILES:
        if name in file.config.profiles and name not in own:
            raise InvalidOption(
                f"The config file already has a different profile `{name}`, but `--share` needs "
                "this name.",
                "Rename that profile.",
            )
    return file.with_block(SHARED_BLOCK, profiles)


def _name_by(pattern: str, values: Mapping[str, str]) -> str:
    """Create the name of a new profile by replacing each name in the pattern's braces with a value.

    Raise InvalidOption if the pattern contains a name in braces that ``values`` doesn't have.
    """
    name = pattern
    for placeholder, value in values.items():
        name = name.replace(f"{{{placeholder}}}", _word(value))
    unknown = re.search(r"{.*?}", name)
    if unknown:
        raise InvalidOption(
            f"`{pattern}` contains the unknown name `{unknown[0]}`.",
            f"Use only the names {', '.join(f'`{{{name}}}`' for name in values)}.",
        )
    return name


def _word(text: str) -> str:
    """Return a string without the characters that require quotation marks in a profile's name."""
    return re.sub(r"[^\w.+=,@-]+", "-", text)
