"""Create cards with lists of profiles, roles, settings, saved changes and errors."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ipy_awsprofile import errors as package_errors
from ipy_awsprofile.cards.card import MOST_ROWS, Card, Table, Tone
from ipy_awsprofile.config.request import Form, SessionRequest, arguments
from ipy_awsprofile.errors import ProtectedProfile
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from datetime import datetime

    from ipy_awsprofile.config.profiles import Profile
    from ipy_awsprofile.config.saved import ConfigFile
    from ipy_awsprofile.explain.explain import Explanation
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole


def profile_table(
    profiles: Sequence[Profile], pattern: str | None = None, advice: str = ""
) -> Card:
    """Return a card with a row for each profile.

    ``pattern`` is the pattern that selected the profiles, and ``advice`` is a note or an empty
    string.
    """
    rows = []
    for profile in profiles:
        mfa = ""
        if profile.mfa_serial:
            mfa = "yes"
        values = (profile.account, profile.role, profile.source, profile.region, mfa)
        rows.append((profile.name, str(profile.kind), *(value or "" for value in values)))
    columns = ("profile", "kind", "account", "role", "source", "region", "MFA")
    title = _title(number_of(len(rows), "profile"), pattern, len(rows), "%aws_profiles")
    notes = list(filter(None, [advice]))
    for profile in profiles:
        if profile == pattern:
            line = arguments(SessionRequest(profile))
            notes.append(f"To switch to this profile, run `%aws_profile {line}`.")
    return Card(title, notes=notes, table=Table(columns, rows))


def role_table(
    roles: Sequence[AssignedRole], pattern: str | None = None, listed_at: datetime | None = None
) -> Card:
    """Return a card with a row for each role that is assigned to the signed-in user.

    ``pattern`` is the pattern that selected the roles. ``listed_at`` is the time (UTC) when the
    roles were listed, or None for a new list. The ``profile`` column is empty for roles without a
    profile in the config files.
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
    file: ConfigFile, lines: Sequence[str], *, is_written: bool, others: int = 0
) -> Card:
    """Return a card with the lines that are added to the config file (``+``) or removed (``-``).

    ``is_written`` is false if the changes haven't been written yet. ``others`` is the number of
    roles that aren't saved because they already have another profile.
    """
    config = file.config.paths.config
    title = f"The saved profiles in `{config}` are up to date. There is nothing to write."
    if lines:
        added = sum(line.startswith("+[") for line in lines)
        removed = sum(line.startswith("-[") for line in lines)
        title = f"Profiles in `{config}`: {added} added, {removed} removed."
        if not is_written:
            counts = f"{added} to add, {removed} to remove"
            title = f"Profiles in `{config}`: {counts}. Add `--yes` to write the changes."
    if others == 1:
        title += " 1 role already has another profile."
    elif others:
        title += f" {others} roles already have other profiles."
    return Card(title, code="\n".join(lines))


def not_shared_card(file: ConfigFile, lines: Sequence[str]) -> Card:
    """Return a card with the lines to add to the config file before an identity can be shared."""
    return Card(
        "This identity isn't shared yet",
        code="\n".join(lines),
        notes=(
            f"To make this change to `{file.config.paths.config}` and share the identity, run "
            "`%aws_profile --share --yes`.",
        ),
        tone=Tone.WARNING,
    )


def explanation_card(shown: Explanation) -> Card:
    """Return a card that shows how a profile resolves to credentials."""
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
    rows: list[tuple[str, ...]] = []
    sections = [setting.section for setting in shown.settings]
    for name in dict.fromkeys((*sections, *shown.chain)):
        heading = name
        if name in shown.chain:
            heading += f" ({shown.chain[name]})"
        rows.append((heading,))
        for row in shown.settings:
            if row.section == name:
                rows.append((row.setting, row.value, row.location, row.note))
    return Card(
        title=" ← ".join(shown.chain) or shown.name or "(no name)",
        badge=badge,
        notes=[*notes, *shown.notes],
        tone=tone,
        table=Table((), rows),
    )


#: Matches numbers that can be different for each profile, such as account IDs.
_NUMBERS = re.compile(r"\d{10,}")

#: The maximum number of errors in a summary. The DataFrame contains all errors.
_MOST_ERRORS = 5


def across_card(
    good: int,
    size: str,
    errors: Sequence[Mapping[str, str | None]],
    *,
    not_run: int = 0,
    frame: str = "",
    form: Form = Form.FUNCTION_FOR_MANY,
) -> Card:
    """Return a card about errors or an interrupt in code that runs for many profiles.

    ``good`` is the number of calls that returned a result. ``size`` is the total number of calls,
    in words. ``not_run`` is the number of calls that weren't completed before an interrupt.
    ``errors`` contains the rows of the DataFrame's ``attrs["errors"]``. ``frame`` is the name of
    the variable that contains the DataFrame, or an empty string. ``form`` is the form of the
    request, such as a cell magic.
    """
    attribute = 'the DataFrame\'s `attrs["errors"]`'
    retry = f"call `retry()` on {attribute}"
    if frame:
        attribute = f'`{frame}.attrs["errors"]`'
        variable = "result" if frame == "_" else frame
        retry = f'run `{variable} = {frame}.attrs["errors"].retry()`'
    shown = reasons(errors)
    if errors:
        shown.append(f"For all errors and how to fix them, see {attribute}.")
    if not_run:
        shown.append(f"Interrupted: {not_run} of {size} weren't completed.")
    protected = [row for row in errors if row["error"] == ProtectedProfile.__name__]
    if protected:
        shown.append(
            "To include protected profiles, run the cell again with `--yes`, or pass "
            "`confirmed=True` in Python."
        )
    if len(errors) > len(protected) or not_run:
        shown.append(f"To retry the rest and get all results, {retry}.")
    if any(map(_is_of_users_code, errors)):
        shown.append(_TO_CORRECT[form])
    tone = Tone.WARNING if good else Tone.ERROR
    return Card(f"{good} of {size} succeeded", notes=shown, tone=tone)


#: How to correct code that failed. A retry has the code of the first run.
_TO_CORRECT = {
    Form.CELL_FOR_MANY: (
        "If you correct the code of the cell, run the cell again instead, because `retry()` runs "
        "the code from before."
    ),
    Form.FUNCTION_FOR_MANY: (
        "If you correct the function, call `across_profiles` again instead, because `retry()` "
        "calls the function from before."
    ),
}


def _is_of_users_code(row: Mapping[str, str | None]) -> bool:
    """Return whether only other code can prevent an error, as far as the error's type tells.

    AWS's and botocore's errors are errors of this package.
    """
    kind = vars(package_errors).get(row["error"] or "")
    if not (isinstance(kind, type) and issubclass(kind, package_errors.AwsProfileError)):
        return True
    return issubclass(kind, package_errors.NotForOneProfile)


def reasons(errors: Sequence[Mapping[str, str | None]]) -> list[str]:
    """Return a line for each of the most frequent errors, with the number of affected profiles.

    Messages that differ only in the profile's name or in numbers, such as account IDs, count as the
    same error.
    """
    groups: dict[str, list[Mapping[str, str | None]]] = defaultdict(list)
    for row in errors:
        groups[_NUMBERS.sub("…", _without_name(row))].append(row)
    lines = []
    for text, rows in sorted(groups.items(), key=lambda group: -len(group[1])):
        first = rows[0]
        unit = "profile"
        if "region" in first:
            unit = "call"
        if len(set(map(_without_name, rows))) == 1:  # the numbers are the same for all
            line = f"{number_of(len(rows), unit)}: {_without_name(first)}"
        else:
            line = f"{number_of(len(rows), unit)}: {text}"
        if len(rows) == 1:
            line = f"{profile_and_region(first, '`')}: {first['error']}: {first['message']}"
        lines.append(line)
    more = len(lines) - _MOST_ERRORS
    if more > 0:
        lines[_MOST_ERRORS:] = [f"… and {more} more."]
    return lines


def _without_name(row: Mapping[str, str | None]) -> str:
    """Return an error's type and message, with ``…`` in place of the profile's name."""
    name = re.escape(str(row["profile"]))
    return re.sub(rf"(?<=`){name}(?=`)", "…", f"{row['error']}: {row['message']}")


def profile_and_region(row: Mapping[str, str | None], mark: str = "") -> str:
    """Return the account or profile in which an error occurred, followed by the Region if known.

    ``mark`` is a string to put before and after the name, such as a backtick.
    """
    text = f"{mark}{row.get('account_name') or row['profile']}{mark}"
    if row.get("region"):
        text += f" in {row['region']}"
    return text
