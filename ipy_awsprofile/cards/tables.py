"""Tables of profiles and roles."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipy_awsprofile.cards.rendering import Table
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from datetime import datetime

    from ipy_awsprofile.config.profiles import Profile
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole
    from ipy_awsprofile.switch.syncing import SyncPlan

#: The changes to saved profiles, in the order of the table's title.
ACTIONS = ("remove", "rename", "keep", "add")

#: The maximum number of rows in a table.
MOST_ROWS = 200


def profile_table(profiles: Sequence[Profile], pattern: str | None = None) -> Table:
    """Return a table with a row for each profile."""
    fits = f" for “{pattern}”" if pattern else ""
    title = f"{number_of(len(profiles), 'profile')}{fits}"
    if len(profiles) > MOST_ROWS:
        title += f"; the first {MOST_ROWS} are shown. Run `%aws_profiles PATTERN` to list fewer."
    columns = ("profile", "kind", "account", "role", "source", "region", "MFA")
    return Table(title, columns, tuple(map(_profile_row, profiles[:MOST_ROWS])))


def role_table(
    roles: Sequence[AssignedRole], pattern: str | None = None, listed_at: datetime | None = None
) -> Table:
    """Return a table with a row for each role of a sign-in to IAM Identity Center.

    ``listed_at`` (UTC) is when the roles were listed, or None for a new list. The column
    ``profile`` is empty for a role without a profile.
    """
    fits = f" for “{pattern}”" if pattern else ""
    accounts = len({role.account for role in roles})
    title = f"{number_of(len(roles), 'role')} in {number_of(accounts, 'account')}{fits}"
    if listed_at:
        title += f" (listed at {listed_at:%Y-%m-%d %H:%M} UTC; `--refresh` lists them again)"
    if len(roles) > MOST_ROWS:
        title += f"; the first {MOST_ROWS} are shown. Run `%aws_profiles --sso PATTERN` to list "
        title += "fewer."
    columns = ("account name", "account", "role", "e-mail domain", "profile")
    rows = (
        (one.account.name, one.account.id, one.role, one.account.domain, one.profile or "")
        for one in roles[:MOST_ROWS]
    )
    return Table(title, columns, tuple(rows))


def new_profile_table(rows: Sequence[tuple[str, str, str]], title: str) -> Table:
    """Return a table of new profiles, with the name, account ID and role of each profile."""
    return Table(title, ("profile", "account", "role"), tuple(rows[:MOST_ROWS]))


def sync_table(plan: SyncPlan, *, is_written: bool) -> Table:
    """Return a table of the changes to saved profiles, with the command to write or undo them."""
    counted: Counter[str] = Counter(change.action for change in plan.changes)
    counts = ", ".join(f"{counted[action]} to {action}" for action in ACTIONS if counted[action])
    config, backup = str(plan.files.config), str(plan.backup)
    if is_written and not plan.is_empty:
        copy = "copy" if os.name == "nt" else "cp"
        undo = f"!{copy} {shlex.quote(backup)} {shlex.quote(config)}"
        title = f"Written to `{config}`: {counts}. To undo it, run `{undo}`."
    elif plan.is_empty:
        kept = f" ({counts})" if counts else ""
        title = (
            f"The saved profiles of {plan.sign_in} are up to date{kept}. There is nothing to write."
        )
    else:
        title = f"In `{config}`: {counts}. Add `--yes` to write it."
    if len(plan.changes) > MOST_ROWS:
        title += f" The first {MOST_ROWS} are shown."
    columns = ("change", "profile", "new name", "account", "role", "note")
    rows = (
        (one.action, one.name, one.new_name, one.account, one.role, one.note)
        for one in plan.changes[:MOST_ROWS]
    )
    return Table(title, columns, tuple(rows))


def _profile_row(profile: Profile) -> tuple[str, ...]:
    return (
        profile.name,
        str(profile.kind),
        profile.account or "",
        profile.role or "",
        profile.source or "",
        profile.region or "",
        "yes" if profile.mfa_serial else "",
    )
