"""Show how a profile resolves as a card: a diagram of the role chain, problems, and settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipy_awsprofile.cards import styles, terminal
from ipy_awsprofile.cards.html import Html, tag, with_breaks, with_code
from ipy_awsprofile.cards.rendering import card_frame, heading
from ipy_awsprofile.cards.styles import Tone
from ipy_awsprofile.text import visible

if TYPE_CHECKING:
    from ipy_awsprofile.explain.explain import ExplainedStep, Explanation, Problem, Setting


@dataclass(frozen=True, slots=True, repr=False)
class ExplanationCard:
    """An `Explanation` as text and as HTML."""

    explanation: Explanation

    @property
    def badge(self) -> str:
        """The result in a few words. Problems that aren't fatal are called warnings."""
        number = len(self.explanation.problems)
        if not number:
            return "no problems found"
        what = "warning" if self.explanation.works else "problem"
        return f"{number} {what}{'' if number == 1 else 's'}"

    def __str__(self) -> str:
        shown = self.explanation
        lines = [f"{_named(shown.name)}  ({self.badge})"]
        lines += [f"  {shown.chosen}"] if shown.chosen else []
        lines += ["  " + " ← ".join(map(_in_words, reversed(shown.steps)))]
        for step in reversed(shown.steps):
            lines += _step_lines(step)
        lines += [f"  {note}" for note in shown.notes]
        return visible("\n".join(lines))

    __repr__ = __str__

    def _repr_pretty_(self, printer: terminal.Printer, _cycle: bool) -> None:
        terminal.show(printer, str(self), _tone(self.explanation.problems, Tone.GOOD))

    def _repr_html_(self) -> str:
        shown = self.explanation
        return card_frame(
            heading(_named(shown.name), self.badge),
            tag("div", _SMALL, with_code(shown.chosen)) if shown.chosen else "",
            _diagram(shown.steps[::-1]),
            *map(_problem, sorted(shown.problems, key=lambda one: not one.fatal)),
            _table(shown.steps[::-1]),
            *(tag("div", styles.NOTE, with_code(note)) for note in shown.notes),
            tone=_tone(shown.problems, Tone.GOOD),
        )


def explanation_card(explanation: Explanation) -> ExplanationCard:
    """Return a card that shows how a profile resolves."""
    return ExplanationCard(explanation)


def _named(name: str) -> str:
    return name or "(no name)"


def _in_words(step: ExplainedStep) -> str:
    """Return a step as text, such as ``UserAlpha (static keys, credentials:3)``."""
    about = ", ".join(filter(None, (_does(step), step.where)))
    return f"{_named(step.name)} ({about})"


def _does(step: ExplainedStep) -> str:
    return f"{step.kind}: {step.detail}" if step.detail else step.kind


def _step_lines(step: ExplainedStep) -> Iterator[str]:
    if not (step.settings or step.facts or step.problems):
        return
    yield f"  {_named(step.name)}"
    columns = [[each.name for each in step.settings], [each.value for each in step.settings]]
    columns.append([each.where for each in step.settings])
    widths = [max(map(len, column), default=0) for column in columns]
    for name, value, where, setting in zip(*columns, step.settings, strict=True):
        row = f"{name:<{widths[0]}}  {value:<{widths[1]}}  {where:<{widths[2]}}  {setting.note}"
        yield f"    {row}".rstrip()
    yield from (f"    {fact}" for fact in step.facts)
    for problem in step.problems:
        yield f"    {'✗' if problem.fatal else '!'} {problem.says}"
        yield f"      {problem.fix}"


def _tone(problems: tuple[Problem, ...], otherwise: Tone) -> Tone:
    if any(problem.fatal for problem in problems):
        return Tone.ERROR
    return Tone.WARNING if problems else otherwise


def _diagram(steps: tuple[ExplainedStep, ...]) -> Html:
    arrow = tag("span", _ARROW, "←")
    parts = [part for step in steps for part in (arrow, _box(step))]
    return tag("div", _CHAIN, *parts[1:])


def _box(step: ExplainedStep) -> Html:
    """Return the box of a step of the chain: its name, kind, detail and location."""
    styled = (
        ("font-weight:600", _named(step.name)),
        (styles.MUTED, step.kind),
        (styles.MUTED, step.detail),
        (_PLACE, step.where),
    )
    lines = (tag("div", style, text) for style, text in styled if text)
    return tag("div", f"{_BOX};{_tone(step.problems, Tone.QUIET).edge('border', 1)}", *lines)


def _problem(problem: Problem) -> Html:
    tone = Tone.ERROR if problem.fatal else Tone.WARNING
    return tag(
        "div",
        f"{_PROBLEM};{tone.edge('border-left', 3)}",
        with_code(problem.says),
        " ",
        tag("span", styles.MUTED, with_code(problem.fix)),
    )


def _table(steps: tuple[ExplainedStep, ...]) -> str:
    bodies = [_rows(step) for step in steps if step.settings or step.facts]
    if not bodies:
        return ""
    return tag("div", "overflow-x:auto", tag("table", _TABLE, *bodies))


def _rows(step: ExplainedStep) -> Html:
    """Return the rows of a step of the chain: its name, its settings, and its facts.

    Each step has its own table body, because JupyterLab's stripes start again in each table body.
    """
    facts = (tag("tr", "", tag("td", _WIDE, with_code(fact), colspan=4)) for fact in step.facts)
    name = tag("tr", "", tag("th", _GROUP, _named(step.name), colspan=4))
    return tag("tbody", "", name, *map(_row, step.settings), *facts)


def _row(setting: Setting) -> Html:
    """Return the row of a setting. If it isn't used, strike it out and say why."""
    out = f";{styles.MUTED};text-decoration:line-through" if setting.note else ""
    return tag(
        "tr",
        "",
        tag("td", f"{_CODED}{out}", setting.name),
        tag("td", f"{_CODED}{out};{_wrapping(setting.value)}", with_breaks(setting.value)),
        tag("td", f"{_CODED};{styles.MUTED}", setting.where),
        tag("td", f"{_CELL};{styles.MUTED}", with_code(setting.note)),
    )


def _wrapping(value: str) -> str:
    """Return CSS that wraps a value. Only a value with very long parts can break anywhere.

    With ``anywhere``, the column ignores the width of words, and would break an ARN within a word
    although other columns are empty.
    """
    is_long = any(len(part) > _LONGEST_PART for part in re.split("[:/ ]", value))
    return f"white-space:normal{';overflow-wrap:anywhere' if is_long else ''}"


#: In characters. A role's name has at most 64.
_LONGEST_PART = 64

_ARROW = f"{styles.MUTED};align-self:center;font-size:16px"
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
