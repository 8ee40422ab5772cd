"""Cards for recorded calls and draft policies."""

from __future__ import annotations

from ipy_awsprofile.cards.rendering import Card, CodeCard
from ipy_awsprofile.cards.styles import Tone
from ipy_awsprofile.text import number_of


def calls_card(count: int, *, is_on: bool, dropped: int = 0) -> Card:
    """Return a card that shows whether calls are being recorded, and how many there are."""
    notes = ("`%aws_calls` returns them as a DataFrame.",) if count else ()
    if dropped:
        notes = (
            *notes,
            f"It doesn't include {number_of(dropped, 'older call')}: only the newest are kept.",
        )
    return Card(
        "Recording AWS calls" if is_on else "Not recording AWS calls",
        badge=number_of(count, "call"),
        notes=notes,
        tone=Tone.GOOD if is_on else Tone.QUIET,
    )


def policy_card(who: str, policy: str, notes: tuple[str, ...], file: str = "") -> CodeCard:
    """Return a card for an identity's draft policy, with its JSON or the file that contains it."""
    if file:
        return CodeCard(f"Wrote the draft policy for {who} to `{file}`", "", notes)
    return CodeCard(f"Draft policy for {who}", policy, notes)
