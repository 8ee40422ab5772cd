"""Roles without a profile are kept as profiles: ``--save``."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import cards
from ipy_awsprofile.cards.rendering import Table
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.switch.naming import with_name

if TYPE_CHECKING:
    from ipy_awsprofile.config.new_profiles import NewProfile
    from ipy_awsprofile.config.shared_files import SharedFiles
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole
    from ipy_awsprofile.switch.switcher import Switcher


def saved(switcher: Switcher, request: SwitchRequest, name: str) -> SwitchRequest:
    """Append the role of a request to the config file, and return a request for the new profile.

    The role's session is opened before, so that only a profile that works is written. Raises
    InvalidOption for a name that exists and for what isn't a role without a profile, and other
    children of `AwsProfileError`; then nothing has changed.
    """
    from ipy_awsprofile.config.new_profiles import NewProfile, append_profiles, require_new
    from ipy_awsprofile.config.target import target_of

    request = with_name(request, switcher.person, switcher.protected)
    options = {
        "--read-only": request.read_only,
        "--mfa": request.mfa,
        "--policy": request.policy,
        "--tag": request.tags,
        "--transitive-tag": request.transitive_tags,
        "--source-identity": request.source_identity,
    }
    if given := [name for name, value in options.items() if value]:
        raise InvalidOption(
            f"A profile of the AWS CLI can't say {given[0]}.",
            f"Save it without {given[0]}, and switch with it.",
        )
    target = target_of(request)
    settings = dict(target.settings)
    if not settings.keys() & {"sso_role_name", "role_arn"}:
        raise InvalidOption(
            f"`{request.name}` is a profile already.",
            "--save is for roles without a profile: of `--account`, or of `--role-arn`.",
        )
    if target.region:
        settings["region"] = target.region
    new = NewProfile(name, settings)
    require_new([new], target.files)
    switcher.prepare(request)
    append_profiles([new], target.files)
    return replace(
        SwitchRequest(profile=name),
        variable=request.variable,
        expect_account=request.expect_account,
        only_session=request.only_session,
        confirmed=request.confirmed,
    )


def saved_roles(roles: list[AssignedRole], pattern: str, *, confirmed: bool) -> Table:
    """Return a table of the roles that aren't profiles, with new names; write them if confirmed.

    Raises InvalidOption for names that exist or that several roles would have, ConfigFileError.
    """
    from ipy_awsprofile.config.new_profiles import append_profiles, require_new
    from ipy_awsprofile.config.shared_files import SharedFiles

    files = SharedFiles.from_environment()
    missing = [role for role in roles if role.profile is None]
    new = [_new_profile(role, pattern, files) for role in missing]
    require_new(new, files)
    rows = [
        (profile.name, role.account.id, role.role)
        for profile, role in zip(new, missing, strict=True)
    ]
    kept = len(roles) - len(missing)
    others = f"; {kept} are profiles already" if kept else ""
    if not confirmed:
        title = f"{len(new)} new profiles would be written to `{files.config}`{others}. "
        return cards.new_profile_table(rows, f"{title}Add `--yes` to write them.")
    if new:
        append_profiles(new, files)
    title = f"{len(new)} new profiles are in `{files.config}`{others}."
    return cards.new_profile_table(rows, title)


_PLACEHOLDERS = ("account_name", "account_id", "role", "sso")


def _new_profile(role: AssignedRole, pattern: str, files: SharedFiles) -> NewProfile:
    from ipy_awsprofile.config.assigned_role import assigned_role
    from ipy_awsprofile.config.new_profiles import NewProfile

    values = dict(
        zip(
            _PLACEHOLDERS,
            (role.account.name, role.account.id, role.role, role.sso_session),
            strict=True,
        )
    )
    unknown = set(re.findall(r"{(.*?)}", pattern)) - values.keys()
    if unknown or "{" not in pattern:
        raise InvalidOption(
            f"`{pattern}` isn't a pattern for the names of profiles.",
            f"Use some of {', '.join(f'`{{{name}}}`' for name in _PLACEHOLDERS)}.",
        )
    name = re.sub(r"{(.*?)}", lambda found: _word(values[found[1]]), pattern)
    found = assigned_role(role.name, files)
    return NewProfile(name, found[1] if found else {})


def _word(text: str) -> str:
    """Return a text as a part of a name that needs no quotes."""
    return re.sub(r"[^\w.+=,@-]+", "-", text)
