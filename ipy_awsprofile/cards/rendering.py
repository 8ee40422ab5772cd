"""`Card`, `Table` and `CodeCard`, which display as text in a terminal and as HTML in a notebook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ipy_awsprofile.cards import styles, terminal
from ipy_awsprofile.cards.html import Html, joined, tag, with_breaks, with_code
from ipy_awsprofile.cards.styles import Tone
from ipy_awsprofile.text import LONGEST, LONGEST_CELL, one_line, shortened, visible


class Setting(NamedTuple):
    """A setting, its value, and its place. With a reason why it isn't used, it is struck out."""

    name: str
    value: str
    place: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A title with a badge, rows of labels and values, notes, and settings by section.

    A note about a problem begins with ``✗``, and a warning with ``!``.
    ``mark`` is a warning beside the title. ``cached`` is the tooltip of the mark `cached`, or empty
    to leave out the mark. ``link`` is the address of a sign-in page: a button in HTML, a row in
    text. ``since`` says when the badge was accurate. Only HTML includes it, because a notebook
    displays the card again when it is reopened.
    """

    title: str
    badge: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    tone: Tone = Tone.QUIET
    mark: str = ""
    cached: str = ""
    link: str = ""
    since: str = ""
    sections: tuple[tuple[str, tuple[Setting, ...]], ...] = ()

    def __str__(self) -> str:
        rows = (("open", self.link), *self.rows) if self.link else self.rows
        width = max((len(label) for label, _ in rows), default=0)
        cached = "cached" if self.cached else ""
        beside = ", ".join(filter(None, (self.mark, self.badge, cached)))
        lines = [f"{self.title}  ({beside})" if beside else self.title]
        lines += [f"  {label:<{width}}  {one_line(value)}" for label, value in rows]
        lines += [f"  {note}" for note in self.notes]
        every = [setting for _, settings in self.sections for setting in settings]
        widths = [max(map(len, column)) for column in zip(*every, strict=True)]
        for section, settings in self.sections:
            lines.append(f"  {section}")
            for setting in settings:
                cells = (f"{cell:<{width}}" for cell, width in zip(setting, widths, strict=True))
                lines.append(f"    {'  '.join(cells)}".rstrip())
        return visible("\n".join(shortened(line, LONGEST) for line in lines))

    __repr__ = __str__

    def _repr_pretty_(self, printer: terminal.Printer, _cycle: bool) -> None:
        terminal.show(printer, str(self), self.tone)

    def _repr_html_(self) -> str:
        rows = (
            tag(
                "tr",
                styles.ROW,
                tag("th", styles.LABEL, label, scope="row", align="left"),
                tag("td", styles.VALUE, value),
            )
            for label, value in self.rows
        )
        return card_frame(
            heading(
                with_code(self.title), f"{self.badge} {self.since}".strip(), self.mark, self.cached
            ),
            tag("table", styles.ROWS, tag("tbody", "", *rows)) if self.rows else "",
            self._button(),
            *map(_note, self.notes),
            tag("div", styles.SCROLLER, tag("table", styles.TABLE, *map(_section, self.sections)))
            if self.sections
            else "",
            tone=self.tone,
        )

    def _button(self) -> str:
        if not re.match("https?://", self.link):  # for example, javascript:
            return ""
        return tag(
            "a",
            styles.BUTTON,
            "Open the sign-in page",
            href=self.link,
            target="_blank",
            rel="noopener noreferrer",
        )


def _note(note: str) -> Html:
    tone = terminal.MARKS.get(note[:1])
    edge = f"{styles.PROBLEM};{tone.edge('border-left', 3)}" if tone else styles.NOTE
    return tag("div", edge, with_code(note))


def _section(section: tuple[str, tuple[Setting, ...]]) -> Html:
    """Return a table body with a section's settings."""
    name, _, about = section[0].partition(" (")
    described = tag("span", styles.BESIDE_NAME, f"({about}" if about else "")
    head = tag("tr", styles.ROW, tag("th", styles.SECTION, name, " ", described, colspan=3))
    return tag("tbody", "", head, *map(_setting, section[1]))


def _setting(setting: Setting) -> Html:
    out = f";{styles.MUTED};text-decoration:line-through" if setting.reason else ""
    place = tag("span", f"{styles.FIXED};margin-right:8px;white-space:nowrap", setting.place)
    return tag(
        "tr",
        styles.ROW,
        tag("td", f"{styles.SETTING};{styles.FIXED};white-space:nowrap{out}", setting.name),
        tag(
            "td", f"{styles.SETTING};{styles.FIXED};{styles.LONG}{out}", with_breaks(setting.value)
        ),
        tag("td", f"{styles.SETTING};{styles.MUTED}", place, " ", with_code(setting.reason)),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A title, and rows with a value for each column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        if not self.rows:
            return self.title
        lines = [self.columns, *self._short_rows()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = (
            "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
        return visible("\n".join([self.title, *rows]))

    __repr__ = __str__

    def _repr_pretty_(self, printer: terminal.Printer, _cycle: bool) -> None:
        terminal.show(printer, str(self), has_head=bool(self.rows))

    def _repr_html_(self) -> str:
        head = (tag("th", styles.HEAD, column) for column in self.columns)
        body = (
            tag("tr", "", *(tag("td", styles.CELL, cell) for cell in row))
            for row in self._short_rows()
        )
        table = tag(
            "table",
            styles.TABLE,
            tag("thead", "", tag("tr", "", *head)),
            tag("tbody", "", *body),
        )
        return card_frame(
            heading(with_code(self.title)),
            tag("div", styles.SCROLLER, table) if self.rows else "",
        )

    def _short_rows(self) -> list[tuple[str, ...]]:
        return [tuple(one_line(cell, LONGEST_CELL) for cell in row) for row in self.rows]


@dataclass(frozen=True, slots=True)
class CodeCard:
    """A title, several lines such as a policy's JSON or an empty text, and notes."""

    title: str
    text: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return visible("\n".join(filter(None, [self.title, self.text, *self.notes])))

    __repr__ = __str__

    def _repr_pretty_(self, printer: terminal.Printer, _cycle: bool) -> None:
        terminal.show(printer, str(self))

    def _repr_html_(self) -> str:
        lines = self.text.splitlines(keepends=True)
        return card_frame(
            heading(with_code(self.title)),
            tag("pre", styles.PRE, *map(joined, lines)) if lines else "",
            *(tag("div", styles.NOTE, with_code(note)) for note in self.notes),
        )


def card_frame(*children: str, tone: Tone | None = None) -> Html:
    """Return a card's frame around its parts, with an edge in the tone's colour."""
    edge = f";{tone.edge('border-left', 4)}" if tone else ""
    return tag("div", styles.CARD + edge, *children, class_="ipy-awsprofile-card")


def heading(title: str, badge: str = "", mark: str = "", cached: str = "") -> Html:
    """Return a card's first line: the title, followed by the marks and the badge, if any.

    Spaces separate them on pages that don't display styles.
    """
    parts: list[str] = [tag("b", styles.TITLE, title)]
    if mark:
        parts += [" ", tag("span", styles.MARK, mark)]
    if badge:
        parts += [" ", tag("span", styles.BADGE, badge, class_="ipy-awsprofile-badge")]
    if cached:
        parts += [" ", tag("span", styles.BADGE, "cached", title=cached)]
    return tag("div", styles.HEADING, *parts)
