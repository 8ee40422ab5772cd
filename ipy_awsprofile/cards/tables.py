"""Tables of profiles and roles, and the card of saved profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipy_awsprofile.cards.rendering import CodeCard, Table
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ipy_awsprofile.config.profiles import Profile
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole

#: The maximum number of rows in a table, and of lines on a card.
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


def saved_card(
    config: Path,
    lines: Sequence[str],
    *,
    is_written: bool,
    others: int = 0,
    active: str | None = None,
) -> CodeCard:
    """Return a card of the lines that saving roles adds to the config file (``+``) or removes.

    ``others`` is the number of roles that aren't saved because they have a profile already.
    ``active`` is the active profile if it is removed.
    """
    words = ("added", "removed") if is_written else ("to add", "to remove")
    numbers = Counter(line[0] for line in lines if line[1:].startswith("[profile "))
    counts = [
        f"{numbers[mark]} {word}" for mark, word in zip("+-", words, strict=True) if numbers[mark]
    ]
    title = f"Profiles in `{config}`: {', '.join(counts) or 'only settings change'}."
    if not lines:
        title = f"The saved profiles in `{config}` are up to date. There is nothing to write."
    if others:
        have = "role already has a profile" if others == 1 else "roles already have profiles"
        title += f" {others} {have}."
    if lines and not is_written:
        title += " Add `--yes` to write the changes."
    notes = []
    if len(lines) > MOST_ROWS:
        notes.append(f"The first {MOST_ROWS} of {len(lines)} lines are shown.")
    if active:
        notes.append(
            f"The active profile `{active}` is removed. The notebook's session stays valid until "
            "you switch."
        )
    return CodeCard(title, "\n".join(lines[:MOST_ROWS]), tuple(notes))


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
