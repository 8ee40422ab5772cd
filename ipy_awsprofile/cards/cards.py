"""One function for each kind of card, which returns its content as a `Card`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ipy_awsprofile.cards.rendering import Card
from ipy_awsprofile.cards.styles import Tone
from ipy_awsprofile.text import chain_line, number_of, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.config.files import SharedFiles
    from ipy_awsprofile.errors import AwsProfileError
    from ipy_awsprofile.kernel.leftovers import Leftover
    from ipy_awsprofile.sessions.session import Identity

_MINUTE = 60

#: The expiry of temporary credentials if their source doesn't report it.
UNKNOWN = "unknown"

#: The badges of expired credentials, and of a session that renews expired credentials itself.
EXPIRED, RENEWS = "expired", "renews at the next call"

#: The note on a role's cached credentials, which weren't checked with STS.
CACHED = "The credentials come from the AWS CLI's cache and weren't checked with AWS."

MAY_IGNORE = "isn't AWS, and may ignore the session policy"
#: The value of a row that a server other than AWS didn't report.
NOT_TOLD = "unknown: the server doesn't report it"


def identity_card(
    identity: Identity,
    *,
    variable: str,
    about: Iterable[tuple[str, str]] = (),
    protected: bool = False,
    alias: str | None = None,
    problem: str = "",
    leftovers: Iterable[Leftover] = (),
    renews: bool = True,
    now: datetime | None = None,
) -> Card:
    """Return a card of the active identity.

    ``variable`` is the variable that contains the session, or empty. ``about`` contains more rows
    about the session: see `session_rows`. ``protected`` is True if the profile is protected,
    ``alias`` is the account's name, and ``problem`` says why the credentials couldn't be renewed,
    and what to do. ``renews`` is True if a new session doesn't need an MFA code from the user. The
    remaining time is counted from ``now``.
    """
    account = identity.account or NOT_TOLD
    account = f"{account} ({alias})" if alias else account
    rows = [("account", account), ("ARN", identity.arn or NOT_TOLD)]
    rows.append(("region", identity.region or "none"))
    rows += about
    if identity.may_ignore_policy:
        rows.append(("server", MAY_IGNORE))
    if identity.expiry:
        how = "" if problem else f", renews {'by itself' if renews else 'with an MFA code'}"
        rows.append(("expires", f"{identity.expiry:%Y-%m-%d %H:%M:%S} UTC{how}"))
    elif identity.temporary:
        rows.append(("expires", UNKNOWN))
    if variable:
        rows.append(("variable", variable))
    notes = (*filter(None, (problem,)), *map(leftover_note, leftovers))
    left = time_left(identity.expiry, now, temporary=identity.temporary)
    has_ended = left == EXPIRED and (bool(problem) or not renews)
    return Card(
        title=chain_line(identity.chain),
        badge=left if has_ended or left != EXPIRED else RENEWS,
        since=f"(as of {now or datetime.now(UTC):%H:%M} UTC)" if left.endswith("left") else "",
        rows=tuple(rows),
        notes=notes,
        tone=Tone.ERROR if protected or has_ended else Tone.WARNING if notes else Tone.GOOD,
        mark="protected" if protected else "",
        cached=CACHED if identity.cached and identity.expiry else "",
    )


def identity_line_card(says: str, account: str = "", *, is_protected: bool = False) -> Card:
    """Return a one-line card that says which identity is active, or which one was used."""
    return Card(
        says,
        badge=f"account {account}" if account else "",
        tone=Tone.ERROR if is_protected else Tone.GOOD if account else Tone.QUIET,
        mark="protected" if is_protected else "",
    )


def leftover_note(leftover: Leftover) -> str:
    """Return a sentence about an object that doesn't use the new identity after a switch."""
    return f"`{leftover.name}` {leftover.says}."


def no_identity_card(credentials: str) -> Card:
    """Return a card for a notebook without a switch. ``credentials`` describes what boto3 uses."""
    return Card(
        title="No profile is active",
        notes=(f"boto3 uses {credentials}. Run `%aws_profile NAME` to switch.",),
    )


def no_profiles_card(files: SharedFiles, then: str) -> Card:
    """Return a card for files without profiles, with the paths of the files and what to run.

    ``then`` is what to do afterwards.
    """
    return Card(
        "There are no AWS profiles yet",
        rows=(("config", _found(files.config)), ("credentials", _found(files.credentials))),
        notes=(
            f"Run `aws configure sso` or `aws configure` in a terminal, then {then}.",
            "To try it without an AWS account, run `ipy-awsprofile lab` in a terminal.",
        ),
    )


def _found(file: Path) -> str:
    name = one_line(file)
    return f"{name} has no profiles" if os.path.exists(file) else f"{name} doesn't exist"


def off_card(*, undone: bool) -> Card:
    """Return a card that says that the switch was undone, or that there was nothing to undo."""
    if undone:
        return Card(
            "The switch is undone", notes=("Everything is as it was before the first switch.",)
        )
    return Card("No profile is active", notes=("There is no switch to undo.",))


def error_card(error: AwsProfileError) -> Card:
    """Return a card for an error, with its message and what to do next."""
    notes = (error.hint,) if error.hint else ()
    return Card(title=str(error), notes=notes, tone=Tone.ERROR)


def mfa_card(device: str, profile: str = "", refused: str = "") -> Card:
    """Return a card with the MFA device of the next code prompt, and the profile that needs it.

    ``refused`` is the problem with the previous code.
    """
    rows = [("profile", profile)] if profile else []
    rows.append(("device", device))
    if refused:
        again = "Each code works once: enter the next one."
        return Card("Another MFA code is needed", notes=(refused, again), rows=tuple(rows))
    return Card("An MFA code is needed", rows=tuple(rows))


def warning_card(text: str) -> Card:
    """Return a card with a one-line warning."""
    return Card(text, tone=Tone.WARNING)


def console_card(profile: str, service: str) -> Card:
    """Return a card that says that the browser opens the console."""
    what = f"`{service}` in the AWS console" if service else "the AWS console"
    return Card(f"The browser opens {what} as {profile}", tone=Tone.GOOD)


def time_left(
    expiry: datetime | None, now: datetime | None = None, *, temporary: bool = False
) -> str:
    """Return in words how long credentials are valid, to the nearest minute.

    Without ``expiry``, the result for ``temporary`` credentials is that the expiry isn't known.
    Other credentials don't expire.
    """
    if expiry is None:
        return f"expires: {UNKNOWN}" if temporary else "no expiry"
    left = (expiry - (now or datetime.now(UTC))).total_seconds()
    if left <= 0:
        return EXPIRED
    if left < _MINUTE:
        return "less than a minute left"
    hours, minutes = divmod(round(left / _MINUTE), 60)  # 59.9 minutes are 1 hour
    return " ".join(filter(None, [_counted(hours, "hour"), _counted(minutes, "minute"), "left"]))


def _counted(number: int, unit: str) -> str:
    return number_of(number, unit) if number else ""


def signed_out_card(
    names: Sequence[str], problems: Sequence[str], *, inactive: Sequence[str], active: str
) -> Card:
    """Return a card that lists the ended sign-ins and the profiles that they deactivated."""
    title = f"Signed out of {', '.join(names)}" if names else "You aren't signed in"
    notes = [*problems, *(f"{profile} is no longer active." for profile in inactive)]
    if inactive:
        notes[-1] += f" {active} is active." if active else " No profile is active."
    if names:
        notes.append(
            "Sessions that programs already have, and roles assumed with them, stay valid until "
            "they expire."
        )
    tone = Tone.WARNING if problems else Tone.GOOD if names else Tone.QUIET
    return Card(title, notes=tuple(notes), tone=tone)


def sign_in_card(profile: str, url: str, code: str | None, left: timedelta | None = None) -> Card:
    """Return a card with the sign-in page's address, and the code that the page must show.

    If the code is empty, the page is open in a browser on this machine. If it is None, the page
    will show a code for the user to enter. ``left`` is the time until the attempt expires.
    """
    seconds = max(int(left.total_seconds()), 0) if left is not None else None
    return Card(
        title=f"Sign in for {profile}",
        badge="" if seconds is None else f"waiting, {seconds // 60}:{seconds % 60:02} left",
        rows=(("code", code),) if code else (),
        notes=(f"{_how_to_sign_in(code)} Interrupt the cell to stop waiting.",),
        tone=Tone.WARNING,
        link=url,
    )


def _how_to_sign_in(code: str | None) -> str:
    if code is None:
        return (
            "Open the page in any browser, sign in, and enter the code that it shows. If another "
            "program has already signed in, press Enter."
        )
    if code:
        return "Allow the sign-in if the page shows this code."
    return "Allow the sign-in in the browser that opens."


def sign_in_ended_card(profile: str, *, done: bool) -> Card:
    """Return the card that replaces a sign-in card after the wait."""
    if done:
        return Card(f"Signed in for {profile}", tone=Tone.GOOD)
    return Card(f"The sign-in for {profile} wasn't completed")
