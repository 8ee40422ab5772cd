"""All roles of a sign-in are kept as profiles: ``%aws_profiles --sso --save``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import tables
from ipy_awsprofile.cards.rendering import Table
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.switch.saving import PLACEHOLDERS, name_by

if TYPE_CHECKING:
    from ipy_awsprofile.config.new_profiles import NewProfile
    from ipy_awsprofile.config.shared_files import SharedFiles
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole


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
        return tables.new_profile_table(rows, f"{title}Add `--yes` to write them.")
    if new:
        append_profiles(new, files)
    title = f"{len(new)} new profiles are in `{files.config}`{others}."
    return tables.new_profile_table(rows, title)


def _new_profile(role: AssignedRole, pattern: str, files: SharedFiles) -> NewProfile:
    from ipy_awsprofile.config.assigned_role import assigned_role
    from ipy_awsprofile.config.new_profiles import NewProfile

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
    found = assigned_role(role.name, files)
    return NewProfile(name, found[1] if found else {})
