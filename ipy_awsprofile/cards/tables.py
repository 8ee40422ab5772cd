"""The cards with a table of profiles, of roles or of settings, and the card of saved profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ipy_awsprofile.cards.card import MOST_ROWS, Card, Table, Tone
from ipy_awsprofile.config.request import SessionRequest, arguments
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from datetime import datetime

    from ipy_awsprofile.config.profiles import Profile
    from ipy_awsprofile.config.saved import ConfigFile
    from ipy_awsprofile.explain.explain import Explanation
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole


def profile_table(profiles: Sequence[Profile], pattern: str | None = None) -> Card:
    """Return a card with a row for each profile."""
    rows = []
    for profile in profiles:
        mfa = ""
        if profile.mfa_serial:
            mfa = "yes"
        values = (profile.account, profile.role, profile.source, profile.region, mfa)
        rows.append((profile.name, str(profile.kind), *(value or "" for value in values)))
    columns = ("profile", "kind", "account", "role", "source", "region", "MFA")
    title = _title(number_of(len(rows), "profile"), pattern, len(rows), "%aws_profiles")
    notes = []
    for profile in profiles:
        is_only = pattern and len(profiles) == 1
        if is_only or profile == pattern:
            line = arguments(SessionRequest(profile))
            notes.append(f"To switch to it, run `%aws_profile {line}`.")
    return Card(title, notes=notes, table=Table(columns, rows))


def role_table(
    roles: Sequence[AssignedRole], pattern: str | None = None, listed_at: datetime | None = None
) -> Card:
    """Return a card with a row for each role of a sign-in to IAM Identity Center.

    ``listed_at`` (UTC) is when the roles were listed, or None for a new list. The column
    ``profile`` is empty for a role without a profile.
    """
    rows = [
        (role.account.name, role.account.id, role.role, role.account.domain, role.profile or "")
        for role in roles
    ]
    columns = ("account name", "account", "role", "e-mail domain", "profile")
    accounts = len({role.account for role in roles})
    count = f"{number_of(len(rows), 'role')} in {number_of(accounts, 'account')}"
    title = _title(count, pattern, len(rows), "%aws_profiles --sso")
    if listed_at:
        title += f" (listed at {listed_at:%Y-%m-%d %H:%M} UTC; `--refresh` lists them again)"
    return Card(title, table=Table(columns, rows))


def _title(title: str, pattern: str | None, number: int, magic: str) -> str:
    if pattern:
        title += f" for “{pattern}”"
    if number > MOST_ROWS:
        title += f"; the first {MOST_ROWS} are shown. Run `{magic} PATTERN` to list fewer."
    return title


def saved_card(
    file: ConfigFile,
    lines: Sequence[str],
    *,
    is_written: bool,
    others: int = 0,
    active: str | None = None,
    how: str = "Add `--yes`",
) -> Card:
    """Return a card of the lines that saving profiles adds to the config file (``+``) or removes.

    ``how`` says how to confirm them. ``others`` is the number of roles that aren't saved because
    they have a profile already. ``active`` is the active profile if it is removed.
    """
    config = file.config.paths.config
    title = f"The saved profiles in `{config}` are up to date. There is nothing to write."
    if lines:
        marks = {"+": "to add", "-": "to remove"}
        if is_written:
            marks = {"+": "added", "-": "removed"}
        counts = []
        for mark, word in marks.items():
            number = sum(line.startswith(f"{mark}[profile ") for line in lines)
            if number:
                counts.append(f"{number} {word}")
        title = f"Profiles in `{config}`: {', '.join(counts) or 'only settings change'}."
    if others:
        title += f" Not counted: {number_of(others, 'role')} with a profile."
    if lines and not is_written:
        title += f" {how} to write the changes."
    notes = []
    if len(lines) > MOST_ROWS:
        notes.append(f"The first {MOST_ROWS} of {len(lines)} lines are shown.")
    if active:
        notes.append(
            f"The active profile `{active}` is removed. The notebook's session stays valid until "
            "you switch."
        )
    return Card(title, notes=notes, code="\n".join(lines[:MOST_ROWS]))


def explanation_card(shown: Explanation) -> Card:
    """Return a card that shows how a profile resolves."""
    notes = []
    for warning in shown.warnings:
        notes.append(f"! {warning}")
    badge = "no problems found"
    tone = Tone.GOOD
    if shown.warnings:
        badge = number_of(len(shown.warnings), "warning")
        tone = Tone.WARNING
    if shown.error:
        badge = "a switch fails"
        tone = Tone.ERROR
        # The user has already followed the hint's advice to run `--explain`.
        hint = shown.error.hint.partition("`%aws_profile --explain ")[0]
        notes.insert(0, f"✗ {shown.error} {hint}".strip())
    sections: dict[str, list[tuple[str, ...]]] = {}
    for section, *setting in shown.settings:
        sections.setdefault(section, []).append(tuple(setting))
    rows: list[tuple[str, ...]] = []
    for name in dict.fromkeys((*sections, *shown.chain)):
        heading = name
        if name in shown.chain:
            heading += f" ({shown.chain[name]})"
        rows += [(heading,), *sections.get(name, [])]
    return Card(
        title=" ← ".join(shown.chain) or shown.name or "(no name)",
        badge=badge,
        notes=[*notes, *shown.notes],
        tone=tone,
        table=Table((), rows),
    )
