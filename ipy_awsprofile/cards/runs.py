"""The card of a run over many profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ipy_awsprofile.cards.card import Card, Tone
from ipy_awsprofile.text import number_of

#: The maximum number of errors in a summary. The DataFrame has all of them.
_MOST_ERRORS = 5


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
    if errors or not_run:
        shown.append(f"To retry the rest, {retry}. It returns all results.")
    tone = Tone.WARNING if good else Tone.ERROR
    return Card(f"{good} of {size} succeeded", notes=shown, tone=tone)


def reasons(errors: Sequence[Mapping[str, str | None]]) -> list[str]:
    """Return the most frequent errors of many profiles, one line each, with their profiles.

    Messages that differ only in the profile's name or account, or in the second when botocore named
    the role's session, are counted as the same error.
    """
    groups: dict[str, list[Mapping[str, str | None]]] = {}
    for row in errors:
        profile = str(row["profile"])
        account = row.get("account")
        text = f"{row['error']}: {row['message']}".replace(f"`{profile}`", "`…`")
        if profile.startswith("arn:"):  # a role's, which AWS's message has, too
            text = text.replace(profile, "…")
        elif account:
            text = text.replace(account, "…")
        text = re.sub(r"botocore-session-\d+", "…", text)
        groups.setdefault(text, []).append(row)
    by_size = sorted(groups, key=lambda text: len(groups[text]), reverse=True)
    lines = []
    more = len(errors)
    for text in by_size[:_MOST_ERRORS]:
        first, *others = groups[text]
        more -= len(groups[text])
        if others:
            unit = "profile"
            if "region" in first:
                unit = "call"
            lines.append(f"{number_of(len(others) + 1, unit)}: {text}")
        else:
            lines.append(f"{profile_and_region(first, '`')}: {first['error']}: {first['message']}")
    if more:
        lines.append(f"… and {more} more.")
    return lines


def profile_and_region(row: Mapping[str, str | None], mark: str = "") -> str:
    """Return an error's profile, with its Region if the run has Regions."""
    text = f"{mark}{row.get('account_name') or row['profile']}{mark}"
    if row.get("region"):
        text += f" in {row['region']}"
    return text
