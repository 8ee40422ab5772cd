"""The card of a run over many profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ipy_awsprofile.cards.card import Card, Tone
from ipy_awsprofile.text import number_of

#: The maximum number of errors in a summary. The DataFrame has all of them.
MOST_ERRORS = 5


def across_card(
    good: int,
    size: str,
    errors: Sequence[Mapping[str, str | None]],
    *,
    not_run: int = 0,
    frame: str = "",
) -> Card:
    """Return a summary of a run over profiles that had errors or was interrupted.

    ``good`` is the number of calls with a result, ``size`` describes the number of all calls, and
    ``not_run`` is the number of calls that an interrupt left out. The errors are rows of
    ``attrs["errors"]`` of the DataFrame. ``frame`` is the notebook's name for it, if known.
    """
    shown = reasons(errors)
    if errors:
        place = f'`{frame}.attrs["errors"]`' if frame else 'the DataFrame\'s `attrs["errors"]`'
        shown.append(f"For all errors and how to fix them, see {place}.")
    if not_run:
        shown.append(f"Interrupted: {not_run} of {size} weren't completed.")
    if errors or not_run:
        variable = "result" if frame == "_" else frame
        retry = f'run `{variable} = {frame}.attrs["errors"].retry()`'
        if not frame:
            retry = 'call `retry()` on the DataFrame\'s `attrs["errors"]`'
        shown.append(f"To retry the rest, {retry}. It returns all results.")
    tone = Tone.WARNING if good else Tone.ERROR
    return Card(f"{good} of {size} succeeded", notes=tuple(shown), tone=tone)


def reasons(errors: Sequence[Mapping[str, str | None]]) -> list[str]:
    """Return the most frequent errors of many profiles, one line each, with their profiles.

    Messages that differ only in the profile's name or account, or in the second when botocore named
    the role's session, are counted as the same error.
    """
    groups: dict[str, list[Mapping[str, str | None]]] = {}
    for one in errors:
        profile = str(one["profile"])
        text = f"{one['error']}: {one['message']}".replace(f"`{profile}`", "`…`")
        if profile.startswith("arn:"):  # a role's, which AWS's message has, too
            text = text.replace(profile, "…")
        elif account := one.get("account"):
            text = text.replace(account, "…")
        text = re.sub(r"botocore-session-\d+", "…", text)
        groups.setdefault(text, []).append(one)
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))
    lines = []
    for text, group in largest[:MOST_ERRORS]:
        first, *others = group
        unit = "call" if "region" in first else "profile"
        lines.append(
            f"{number_of(len(group), unit)}: {text}"
            if others
            else f"{profile_and_region(first, '`')}: {first['error']}: {first['message']}"
        )
    if rest := sum(len(group) for _, group in largest[MOST_ERRORS:]):
        lines.append(f"… and {rest} more.")
    return lines


def profile_and_region(row: Mapping[str, str | None], mark: str = "") -> str:
    """Return an error's profile, with its Region if the run has Regions."""
    profile = f"{mark}{row.get('account_name') or row['profile']}{mark}"
    return f"{profile} in {row['region']}" if row.get("region") else profile
