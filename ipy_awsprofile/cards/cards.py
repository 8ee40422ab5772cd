"""The cards: one function for each, which returns what it shows as a `Card` or a `Table`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ipy_awsprofile.cards.rendering import Card, Table
from ipy_awsprofile.cards.styles import Tone

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.leftovers import Leftover
    from ipy_awsprofile.config.profiles import Profile
    from ipy_awsprofile.errors import AwsProfileError
    from ipy_awsprofile.sessions.identity import Identity

#: Rows that a table shows; whoever has more profiles narrows them with a pattern.
MOST_ROWS = 200

#: Errors that a summary tells; the frame has them all.
MOST_ERRORS = 5

READ_ONLY = "read-only, by the session policy ReadOnlyAccess"


def identity_card(
    identity: Identity,
    *,
    variable: str,
    read_only: bool = False,
    leftovers: Iterable[Leftover] = (),
    now: datetime | None = None,
) -> Card:
    """Show who the notebook works as, in which variable (if one holds it), and for how long."""
    rows = [("account", identity.account), ("ARN", identity.arn)]
    rows.append(("region", identity.region or "none"))
    if read_only:
        rows.append(("access", READ_ONLY))
    if identity.expiry:
        rows.append(("expires", f"{identity.expiry:%Y-%m-%d %H:%M:%S} UTC, renews by itself"))
    if variable:
        rows.append(("variable", variable))
    left = tuple(leftovers)
    return Card(
        title=" ← ".join(identity.chain),
        badge=time_left(identity.expiry, now),
        rows=tuple(rows),
        notes=tuple(leftover_note(one) for one in left),
        tone=Tone.GOOD if all(one.quiet for one in left) else Tone.WARNING,
    )


def leftover_note(leftover: Leftover) -> str:
    """Name what didn't follow the switch."""
    return f"`{leftover.name}` {leftover.says}."


def no_identity_card(goes_by: str) -> Card:
    """Say that no switch is in force, and what boto3 goes by instead."""
    return Card(
        title="No profile is active",
        notes=(f"boto3 goes by {goes_by}. `%aws_profile NAME` switches.",),
    )


def off_card(*, undone: bool) -> Card:
    """Say that the switch is undone, or that there was none."""
    if undone:
        return Card(
            "The switch is undone", notes=("Everything is as it was before the first one.",)
        )
    return Card("No profile is active", notes=("There is no switch to undo.",))


def error_card(error: AwsProfileError) -> Card:
    """Show what happened and what to do next."""
    notes = (error.hint,) if error.hint else ()
    return Card(title=str(error), notes=notes, tone=Tone.ERROR)


def mfa_card(device: str) -> Card:
    """Name the device whose code is going to be asked for."""
    return Card("An MFA code is needed", rows=(("device", device),))


def sign_in_card(profile: str, url: str, code: str, left: timedelta | None = None) -> Card:
    """Show where a person has to sign in, and the code that has to be seen there."""
    seconds = max(int(left.total_seconds()), 0) if left is not None else None
    return Card(
        title=f"Sign in for {profile}",
        badge="" if seconds is None else f"waiting, {seconds // 60}:{seconds % 60:02} left",
        rows=(("code", code),),
        notes=("Allow it if the page shows the same code. Interrupting the cell ends the wait.",),
        tone=Tone.WARNING,
        link=url,
    )


def sign_in_ended_card(profile: str, *, done: bool) -> Card:
    """Say how the wait for a sign-in has ended."""
    if done:
        return Card(f"Signed in for {profile}", tone=Tone.GOOD)
    return Card(f"The sign-in for {profile} wasn't completed")


def across_card(profiles: int, errors: Sequence[Mapping[str, str]], missing: int) -> Card:
    """Sum up what went wrong across profiles; ``missing`` were never done: it was interrupted."""
    good = profiles - len(errors) - missing
    notes = [f"`{one['profile']}`: {one['error']}: {one['message']}" for one in errors]
    shown = notes[:MOST_ERRORS]
    if notes[MOST_ERRORS:]:
        shown.append(f"… and {len(notes) - MOST_ERRORS} more.")
    if errors:
        shown.append('All of them, with what to do: `result.attrs["errors"]`.')
    if missing:
        shown.append(f"Interrupted: {missing} of {_counted(profiles, 'profile')} weren't done.")
    title = f"{good} of {_counted(profiles, 'profile')} answered"
    return Card(title, notes=tuple(shown), tone=Tone.WARNING if good else Tone.ERROR)


def profile_table(profiles: Sequence[Profile], pattern: str | None = None) -> Table:
    """Show profiles, one a row."""
    fits = f" for “{pattern}”" if pattern else ""
    title = f"{len(profiles)} profile{'' if len(profiles) == 1 else 's'}{fits}"
    if len(profiles) > MOST_ROWS:
        title += f"; the first {MOST_ROWS} are shown. `%aws_profiles PATTERN` narrows them."
    columns = ("profile", "kind", "account", "role", "source", "region", "MFA")
    return Table(title, columns, tuple(map(_profile_row, profiles[:MOST_ROWS])))


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


def time_left(expiry: datetime | None, now: datetime | None = None) -> str:
    """Say in words how long credentials are good for, rounded down to minutes."""
    if expiry is None:
        return "no expiry"
    left = expiry - (now or datetime.now(UTC))
    if left <= timedelta(0):
        return "expired"
    hours, minutes = divmod(int(left.total_seconds()) // 60, 60)
    words = [_counted(hours, "hour"), _counted(minutes, "minute")]
    return (" ".join(filter(None, words)) or "less than a minute") + " left"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}" if number else ""
