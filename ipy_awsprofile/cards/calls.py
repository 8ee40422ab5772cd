"""Cards for recorded calls and draft policies."""

from __future__ import annotations

from dataclasses import dataclass

from ipy_awsprofile.cards import styles, terminal
from ipy_awsprofile.cards.html import tag, with_code
from ipy_awsprofile.cards.rendering import Card, card_frame, heading
from ipy_awsprofile.cards.styles import Tone
from ipy_awsprofile.text import number_of, visible


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


@dataclass(frozen=True, slots=True)
class PolicyCard:
    """A draft policy: a title, the policy as JSON or an empty text, and notes."""

    title: str
    text: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return visible("\n".join(filter(None, [self.title, self.text, *self.notes])))

    __repr__ = __str__

    def _repr_pretty_(self, printer: terminal.Printer, _cycle: bool) -> None:
        terminal.show(printer, str(self))

    def _repr_html_(self) -> str:
        return card_frame(
            heading(with_code(self.title)),
            tag("pre", styles.PRE, self.text) if self.text else "",
            *(tag("div", styles.NOTE, with_code(note)) for note in self.notes),
        )


def policy_card(who: str, policy: str, notes: tuple[str, ...], file: str = "") -> PolicyCard:
    """Return a card for an identity's draft policy, with its JSON or the file that contains it."""
    if file:
        return PolicyCard(f"Wrote the draft policy for {who} to `{file}`", "", notes)
    return PolicyCard(f"Draft policy for {who}", policy, notes)
