"""The card of an explanation: the role chain, what is wrong, and the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.cards.card import Card, Table, Tone
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from ipy_awsprofile.explain.explain import Explanation


def explanation_card(shown: Explanation) -> Card:
    """Return a card that shows how a profile resolves."""
    notes = [f"! {warning}" for warning in shown.warnings]
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
        notes=(*notes, *shown.notes),
        tone=tone,
        table=Table((), rows),
    )
