"""How a profile resolves, as a card: the chain as a diagram, its problems, and where all stands.

Every text that comes from a file or a variable is escaped: a fresh output isn't sanitized.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import styles
from ipy_awsprofile.cards.styles import Tone, coded
from ipy_awsprofile.text import visible

if TYPE_CHECKING:
    from ipy_awsprofile.explain.explain import Explanation, Hop, Problem, Setting


@dataclass(frozen=True, slots=True, repr=False)
class ExplanationCard:
    """The face of an `Explanation`."""

    explanation: Explanation

    @property
    def badge(self) -> str:
        """What comes of it, in a few words."""
        number = len(self.explanation.problems)
        if not number:
            return "nothing in the way"
        counted = f"{number} problem{'' if number == 1 else 's'}"
        return f"{counted}, none in the way" if self.explanation.works else counted

    def __str__(self) -> str:
        told = self.explanation
        lines = [f"{_named(told.name)}  ({self.badge})"]
        lines += [f"  {told.chosen}"] if told.chosen else []
        lines += ["  " + " → ".join(map(_in_words, told.hops))]
        for hop in told.hops:
            lines += _hop_lines(hop)
        lines += [f"  {note}" for note in told.notes]
        return visible("\n".join(lines))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        told = self.explanation
        badge = f'<span style="{styles.BADGE}">{escape(self.badge)}</span>'
        title = f'<div style="{styles.TITLE}">{escape(_named(told.name))}{badge}</div>'
        chosen = f'<div style="{_SMALL}">{coded(told.chosen)}</div>' if told.chosen else ""
        diagram = f'<div style="{_CHAIN}">{_ARROW.join(map(_box, told.hops))}</div>'
        problems = "".join(map(_problem, sorted(told.problems, key=lambda one: not one.fatal)))
        notes = "".join(f'<div style="{styles.NOTE}">{coded(note)}</div>' for note in told.notes)
        edge = f"{styles.CARD};border-left:4px solid {_tone(told.problems, Tone.GOOD).css}"
        return visible(
            f'<div class="ipy-awsprofile-card" style="{edge}">'
            f"{title}{chosen}{diagram}{problems}{_table(told)}{notes}</div>"
        )


def explanation_card(explanation: Explanation) -> ExplanationCard:
    """Show how a profile resolves."""
    return ExplanationCard(explanation)


def _named(name: str) -> str:
    return name or "(no name)"


def _in_words(hop: Hop) -> str:
    """``UserAlpha (static keys, credentials:3)``."""
    about = ", ".join(filter(None, (_does(hop), hop.where)))
    return f"{_named(hop.name)} ({about})"


def _does(hop: Hop) -> str:
    return f"{hop.kind}: {hop.detail}" if hop.detail else hop.kind


def _hop_lines(hop: Hop) -> Iterator[str]:
    if not (hop.settings or hop.facts or hop.problems):
        return
    yield f"  {_named(hop.name)}"
    columns = [[each.name for each in hop.settings], [each.value for each in hop.settings]]
    columns.append([each.where for each in hop.settings])
    widths = [max(map(len, column), default=0) for column in columns]
    for name, value, where, setting in zip(*columns, hop.settings, strict=True):
        row = f"{name:<{widths[0]}}  {value:<{widths[1]}}  {where:<{widths[2]}}  {setting.note}"
        yield f"    {row}".rstrip()
    yield from (f"    {fact}" for fact in hop.facts)
    for problem in hop.problems:
        yield f"    {'✗' if problem.fatal else '!'} {problem.says}"
        yield f"      {problem.fix}"


def _tone(problems: tuple[Problem, ...], otherwise: Tone) -> Tone:
    if any(problem.fatal for problem in problems):
        return Tone.ERROR
    return Tone.WARNING if problems else otherwise


def _box(hop: Hop) -> str:
    """Draw a hop: its name, what it does, and where it stands."""
    colour = _tone(hop.problems, Tone.QUIET).css
    lines = [
        f'<div style="font-weight:600">{escape(_named(hop.name))}</div>',
        *(f'<div style="{styles.MUTED}">{escape(line)}</div>' for line in (hop.kind, hop.detail)),
        f'<div style="{_PLACE}">{escape(hop.where)}</div>',
    ]
    shown = [line for line in lines if "></div>" not in line]
    return f'<div style="{_BOX};border:1px solid {colour}">{"".join(shown)}</div>'


def _problem(problem: Problem) -> str:
    tone = Tone.ERROR if problem.fatal else Tone.WARNING
    return (
        f'<div style="{_PROBLEM};border-left:3px solid {tone.css}">{coded(problem.says)} '
        f'<span style="{styles.MUTED}">{coded(problem.fix)}</span></div>'
    )


def _table(told: Explanation) -> str:
    rows = "".join(_rows(hop) for hop in told.hops)
    if not rows:
        return ""
    return f'<div style="overflow-x:auto"><table style="{_TABLE}">{rows}</table></div>'


def _rows(hop: Hop) -> str:
    """Fill the table with a hop: its name, its settings, and what was found beside them.

    It has a body of its own, in which JupyterLab's stripes begin anew.
    """
    if not hop.settings and not hop.facts:
        return ""
    heads = f'<tr><th colspan="4" style="{_GROUP}">{escape(_named(hop.name))}</th></tr>'
    facts = "".join(
        f'<tr><td colspan="4" style="{_WIDE}">{coded(fact)}</td></tr>' for fact in hop.facts
    )
    return f"<tbody>{heads}{''.join(map(_row, hop.settings))}{facts}</tbody>"


def _row(setting: Setting) -> str:
    """Show a setting; one that doesn't count is struck out and says why."""
    out = f";{styles.MUTED};text-decoration:line-through" if setting.note else ""
    return (
        f'<tr><td style="{_CODED}{out}">{escape(setting.name)}</td>'
        f'<td style="{_CODED}{out};white-space:normal;overflow-wrap:anywhere">'
        f"{escape(setting.value)}</td>"
        f'<td style="{_CODED};{styles.MUTED}">{escape(setting.where)}</td>'
        f'<td style="{_CELL};{styles.MUTED}">{coded(setting.note)}</td></tr>'
    )


_ARROW = f'<span style="{styles.MUTED};align-self:center;font-size:16px">→</span>'
_CHAIN = "display:flex;flex-wrap:wrap;align-items:stretch;gap:8px;margin:8px 0"
_BOX = (
    f"padding:4px 10px;border-radius:4px;background:{styles.SHADE};font-size:12px;"
    "line-height:1.45;overflow-wrap:anywhere"
)
_PLACE = f"font-family:{styles.MONO};font-size:11px;color:{styles.SOFT}"
_SMALL = f"{styles.MUTED};font-size:12px;overflow-wrap:anywhere"
_PROBLEM = "margin-top:4px;padding:1px 0 1px 8px;overflow-wrap:anywhere"
_TABLE = f"{styles.TABLE};margin-top:6px"
_BASE = "padding:1px 16px 1px 0;text-align:left;vertical-align:top;background:transparent"
_CELL = f"{_BASE};white-space:normal"
_CODED = f"{_BASE};font-family:{styles.MONO};white-space:nowrap"
_GROUP = f"{_BASE};padding-top:6px;font-weight:600;border-bottom:1px solid {styles.BORDER}"
_WIDE = f"{_CELL};{styles.MUTED}"
