"""The card of an explanation: the role chain, what a switch does, and the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.cards.rendering import Card, Setting
from ipy_awsprofile.cards.styles import Tone
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from ipy_awsprofile.explain.explain import Explanation


def explanation_card(shown: Explanation) -> Card:
    """Return a card that shows how a profile resolves."""
    notes = [f"! {warning}" for warning in shown.warnings]
    badge, tone = "no problems found", Tone.GOOD
    if shown.warnings:
        badge, tone = number_of(len(shown.warnings), "warning"), Tone.WARNING
    if error := shown.error:
        badge, tone = "a switch fails", Tone.ERROR
        hint = error.hint.partition("`%aws_profile --explain ")[0]  # its advice is followed here
        notes.insert(0, f"✗ {error} {hint}".strip())
    if shown.calls:
        notes.append(f"A switch uses: {' → '.join(shown.calls)}")
    names = dict.fromkeys((*(row.section for row in shown.rows), *shown.chain))
    sections = (
        (
            f"{name} ({shown.chain[name]})" if name in shown.chain else name,
            tuple(Setting(*row[1:]) for row in shown.rows if row.section == name),
        )
        for name in names
    )
    return Card(
        title=" ← ".join(shown.chain) or shown.name or "(no name)",
        badge=badge,
        notes=(*notes, *shown.notes),
        tone=tone,
        sections=tuple(sections),
    )
