"""Save a role without a profile as a profile, for ``--save`` and the picker's button.

Functions import botocore and the modules that read files, because loading the extension must not
import them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import InvalidOption, ProtectedProfile
from ipy_awsprofile.switch.protection import known_account_name
from ipy_awsprofile.text import arguments, assigned_name

if TYPE_CHECKING:
    from ipy_awsprofile.config.config import Config
    from ipy_awsprofile.config.new_profiles import NewProfile
    from ipy_awsprofile.config.shared_files import Value
    from ipy_awsprofile.credentials.person import Person
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole
    from ipy_awsprofile.switch.switcher import Switcher

#: The names that a pattern for new profiles can contain in braces.
PLACEHOLDERS = ("account_name", "account_id", "role", "sso")


def save_role(
    switcher: Switcher, request: SwitchRequest, name: str, *, person: Person | None = None
) -> SwitchRequest:
    """Append the role of a request to the config file, and return a request for the new profile.

    The role's session is opened first, so that only a working profile is written; ``person``
    handles its prompts. Raises InvalidOption if the name exists or if the request isn't for a role
    without a profile, and other subclasses of `AwsProfileError`; then nothing has changed.
    """
    from ipy_awsprofile.config.new_profiles import NewProfile, append_profiles, require_new
    from ipy_awsprofile.config.target import target_of

    if switcher.protection.is_protected(name) and not request.confirmed:
        raise ProtectedProfile(name)
    request = switcher.protection.resolve_name(request, person or switcher.person)
    options: dict[str, object] = {
        "--read-only": request.read_only,
        "--mfa": request.mfa,
        "--policy": request.policy,
        "--tag": request.tags,
        "--transitive-tag": request.transitive_tags,
        "--source-identity": request.source_identity,
    }
    given = [name for name, value in options.items() if value]
    target = target_of(request) if not given else None
    if target is None or target.scope:  # a duration is a setting only for a role
        option = given[0] if given else "--duration"
        raise InvalidOption(
            f"A profile in the config file can't contain {option}.",
            f"Save it without {option}, and add {option} when you switch.",
        )
    sources = [name for name in target.chain[1:] if name not in target.config.profiles]
    if sources and assigned_name(sources[0]):
        raise InvalidOption(
            f"`{sources[0]}` can't be a source_profile, because other tools don't know it.",
            f"Run `%aws_profile {arguments(sources[0], '--save NAME')}` first, and use that name.",
        )
    if request.default or sources:
        raise InvalidOption(
            "The default credentials can't be saved as a profile.",
            "Switch with `--default`, or with `--role-arn ARN` alone.",
        )
    if target.name in target.config.profiles:
        raise InvalidOption(
            f"`{request.name}` is already a profile.",
            "--save is for roles without a profile: use it with `--account` or `--role-arn`.",
        )
    settings = dict(target.settings)
    if target.region:
        settings["region"] = target.region
    new = NewProfile(name, settings)
    require_new([name], target.config.profiles)
    switcher.prepare(request, person=person)
    append_profiles([new], target.config.paths)
    return replace(
        SwitchRequest(profile=name),
        variable=request.variable,
        expect_account=request.expect_account,
        only_session=request.only_session,
        confirmed=request.confirmed,
    )


def profile_of_role(role: AssignedRole, pattern: str, config: Config) -> NewProfile:
    """Return the profile to save for a role, with a name from the pattern, and with the mark.

    Raises InvalidOption for a pattern that has no or unknown names in braces, and for a role that
    would become the profile ``default``.
    """
    from ipy_awsprofile.config.assigned_role import assigned_role
    from ipy_awsprofile.config.new_profiles import NewProfile
    from ipy_awsprofile.config.saved_profiles import mark_of

    texts = (role.account.name, role.account.id, role.role, role.sso_session)
    values = dict(zip(PLACEHOLDERS, texts, strict=True))
    unknown = set(re.findall(r"{(.*?)}", pattern)) - values.keys()
    if unknown or "{" not in pattern:
        raise InvalidOption(
            f"`{pattern}` isn't a pattern for the names of profiles.",
            f"Use some of {', '.join(f'`{{{name}}}`' for name in PLACEHOLDERS)}.",
        )
    name = name_by(pattern, values)
    if name == "default":
        raise InvalidOption(
            f"The role `{role.role}` of the account {role.account.id} would become the profile "
            "`default`, which every AWS tool uses when no profile is named.",
            "Use a pattern with more of the role, such as `{account_name}-{role}`.",
        )
    settings: Mapping[str, Value] = assigned_role(role.name, config) or {}
    return NewProfile(name, settings, mark_of(role.sso_session, settings))


def suggested_name(request: SwitchRequest) -> str:
    """Return a profile name for the role of a request; empty if it isn't a role without a profile.

    This doesn't call AWS. Raises ConfigFileError.
    """
    from ipy_awsprofile.config.arn import Arn
    from ipy_awsprofile.config.profiles import profiles_by_name

    arn = Arn.parse(request.role_arn or "")
    if arn and arn.role:
        return name_by("{account_id}-{role}", {"account_id": arn.account, "role": arn.role})
    parts = assigned_name(request.profile or "")
    if parts is None or request.profile in profiles_by_name():
        return ""
    account = known_account_name(parts.account) or parts.account
    return name_by("{account_name}-{role}", {"account_name": account, "role": parts.role})


def name_by(pattern: str, values: Mapping[str, str]) -> str:
    """Return the name of a new profile by replacing the names in braces in the pattern."""
    return re.sub(r"{(.*?)}", lambda found: _word(values[found[1]]), pattern)


def _word(text: str) -> str:
    """Return a text as a part of a name that doesn't need quotes."""
    return re.sub(r"[^\w.+=,@-]+", "-", text)
