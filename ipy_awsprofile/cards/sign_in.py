"""The cards of a sign-in that waits for a person."""

from __future__ import annotations

from datetime import timedelta

from ipy_awsprofile.cards.rendering import Card
from ipy_awsprofile.cards.styles import Tone


def sign_in_card(profile: str, url: str, code: str | None, left: timedelta | None = None) -> Card:
    """Return a card with the page to sign in at, and the code that the page has to show.

    With an empty code, the page is open in the browser of this machine; if it is None, the page is
    going to show a code that the person enters. ``left`` is the time until the attempt expires.
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
        return "Open the page in any browser, sign in, and enter the code that it shows."
    if code:
        return "Allow the sign-in if the page shows this code."
    return "Allow the sign-in in the browser that opens."


def sign_in_ended_card(profile: str, *, done: bool) -> Card:
    """Return the card that replaces a sign-in card when the wait has ended."""
    if done:
        return Card(f"Signed in for {profile}", tone=Tone.GOOD)
    return Card(f"The sign-in for {profile} wasn't completed")
