"""Display a `Card` or a `Table` as text in a terminal and as HTML in a notebook.

Only this module writes HTML. Notebooks don't sanitize new outputs, so `_escaped` escapes every
string, including names from files and servers. Styles are inline because front ends remove style
sheets from untrusted notebooks. Text keeps the page's text color so that the text is legible in
every theme.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from html import escape

from ipy_awsprofile.text import LONGEST, one_line, printable, shortened, visible

#: The maximum number of rows in a table, and the maximum length of a value. Most messages of errors
#: fit into a value.
MOST_ROWS = 200
_LONGEST_CELL = 600


class Tone(Enum):
    """The color of a card's edge: a plain color and the CSS variables of JupyterLab and VS Code.

    The plain color is used if the page doesn't define the CSS variables or if JupyterLab's
    sanitizer has removed the variables.

    https://jupyterlab.readthedocs.io/en/stable/extension/css.html
    """

    GOOD = ("#2e7d32", "--jp-success-color1", "--vscode-charts-green")
    QUIET = ("#9e9e9e", "--jp-border-color1", "--vscode-panel-border")
    WARNING = ("#ef6c00", "--jp-warn-color1", "--vscode-editorWarning-foreground")
    ERROR = ("#c62828", "--jp-error-color1", "--vscode-errorForeground")

    def edge(self, side: str, width: int) -> str:
        """Return CSS for a border with this color.

        ``side`` is a CSS property such as ``border-left``, and ``width`` is in pixels.
        """
        plain, lab, code = self.value
        return f"{side}:{width}px solid {plain};{side}-color:var({lab}, var({code}, {plain}))"


_LINE = "1px solid var(--vscode-contrastBorder, rgba(128,128,128,0.35))"
_CARD = (
    "display:inline-block;box-sizing:border-box;max-width:100%;margin:2px 0;padding:8px 14px;"
    f"border:{_LINE};border-radius:4px;font-size:13px;line-height:1.5;"
    "font-family:var(--jp-ui-font-family, var(--vscode-font-family, system-ui, sans-serif));"
    "overflow-wrap:anywhere"
)
_MONO = (
    "font-size:12px;font-family:var(--jp-code-font-family, var(--vscode-editor-font-family, "
    "ui-monospace, monospace))"
)
# What is beside the title can wrap, and then begins at the left edge.
_TITLE = "margin-right:4px"
_BESIDE = "margin-right:4px;padding:1px 8px;border-radius:9px;font-size:12px;white-space:nowrap"
# Pages have stripes, borders and padding for tables of data. Labels and values don't need them.
_PLAIN = "border:0;background:none;text-align:left;vertical-align:top;line-height:19px"
_LABEL = f"{_PLAIN};padding:0 14px 0 0;font-weight:400;white-space:nowrap;opacity:0.8"
_CELL = "padding:2px 16px 2px 0;text-align:left;vertical-align:top"
# Long values wrap down to this width. Then the table scrolls sideways in its own frame.
_WRAPPED = f"{_CELL};min-width:24ch;overflow-wrap:anywhere"
_SHORT = f"{_CELL};white-space:nowrap"
# VS Code defines JupyterLab's variables, too, always with the values of the light theme.
_PAGE = "var(--vscode-editor-background, var(--jp-layout-color0, Canvas))"
_HEAD = f"{_SHORT};position:sticky;top:0;background:{_PAGE}"
_HEADING = f"padding:8px 16px 2px 0;text-align:left;border-bottom:{_LINE}"
_SCROLLER = "max-height:360px;overflow:auto;margin-top:4px"
#: The lines of code that fit in the frame, at least.
_LINES_SHOWN = 10
#: An ARN, and where it can be broken into lines. https://html.spec.whatwg.org/#the-wbr-element
_ARN = re.compile(r"\barn:[^\s`]+")
_BETWEEN_PARTS = re.compile("(?<=[:/_])(?=[^:/_])")
#: The space between two sentences of a title.
_END_OF_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z`])")
_CODE = "padding:0 3px;border-radius:3px;font-size:12px"
_BUTTON = (
    "display:inline-block;margin-top:8px;padding:3px 14px;border-radius:4px;font-weight:600;"
    "text-decoration:none;background:#1565c0;color:#fff"
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of strings. Only the first `MOST_ROWS` rows are shown.

    If ``columns`` is empty, the table has no header, and a row with a single value is displayed as
    a heading for the rows below it.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def __str__(self) -> str:
        rows = self._shown()
        indent = "  "
        if self.columns:
            rows.insert(0, self.columns)
            indent = ""
        widths = [max(map(len, column)) for column in zip(*filter(_is_data, rows), strict=True)]
        lines = []
        for row in rows:
            line = row[0]
            if _is_data(row):
                padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
                line = f"{indent}{'  '.join(padded)}".rstrip()
            lines.append(line)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.html("Table")

    def html(self, label: str) -> str:
        """Return the table as HTML, in an element that the user can scroll with the keyboard.

        ``label`` is the name of the element for screen readers.
        """
        head = ""
        style = ' style="background:none"'  # headings separate the rows
        if self.columns:
            names = "".join(f'<th style="{_HEAD}">{_escaped(name)}</th>' for name in self.columns)
            head = f"<thead><tr>{names}</tr></thead>"
            style = ""
        body = "".join(f"<tr{style}>{self._cells(row)}</tr>" for row in self._shown())
        table = f'<table style="margin:0;font-size:12px">{head}<tbody>{body}</tbody></table>'
        return f'<div {_focusable(label)} style="{_SCROLLER}">{table}</div>'

    def _cells(self, row: tuple[str, ...]) -> str:
        if _is_data(row):
            return "".join(map(_data_cell, row))
        columns = max(map(len, self.rows))
        return f'<th colspan="{columns}" style="{_HEADING}">{_formatted(row[0])}</th>'

    def _shown(self) -> list[tuple[str, ...]]:
        shown = []
        for row in self.rows[:MOST_ROWS]:
            shown.append(tuple(one_line(cell, _LONGEST_CELL) for cell in row))
        return shown


def _is_data(row: tuple[str, ...]) -> bool:
    """Return whether a row contains data rather than a heading."""
    return len(row) > 1


@dataclass(frozen=True, slots=True)
class Card:
    """A message with a title, rows of labels and values, code, notes, and a table.

    Rows with an empty value aren't shown. ``mark`` is a warning beside the title, and ``badge`` is
    other information beside the title. ``since`` is the time at which the badge was accurate. Only
    the HTML contains ``since``, because saved notebooks display the HTML again later. ``link``
    contains the text and the address of a button. In the title, the notes and the values, text
    between backticks is displayed as code.
    """

    title: str
    badge: str = ""
    rows: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    tone: Tone = Tone.QUIET
    mark: str = ""
    since: str = ""
    link: tuple[str, str] | None = None
    table: Table | None = None
    code: str = ""

    def __str__(self) -> str:
        title = self.title
        beside = ", ".join(filter(None, (self.mark, self.badge)))
        if beside:
            title += f"  ({beside})"
        rows = self._filled_rows()
        if self.link:
            rows.insert(0, ("open", self.link[1]))
        width = max((len(label) for label, _ in rows), default=0)
        lines = [title]
        for label, value in rows:
            lines.append(f"  {label:{width}}  {one_line(value)}")
        if self.code:
            lines += self.code.split("\n")
        for note in self.notes:
            lines.append(f"  {note}")
        if self.table and self.table.rows:
            lines += str(self.table).split("\n")
        return printable(visible("\n".join(shortened(line, LONGEST) for line in lines)))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        # Spaces separate the words on pages that remove styles, such as GitHub's.
        first, *others = re.split(_END_OF_SENTENCE, self.title, maxsplit=1)
        title = f'<b style="{_TITLE}">{_formatted(first)}</b>'
        if others:
            title += f" {_formatted(others[0])}"
        if self.mark:
            red = Tone.ERROR.edge("border", 1)
            title += f' <span style="{_BESIDE};{red}">{_escaped(self.mark)}</span>'
        if self.badge:
            style = f"{_BESIDE};background:rgba(128,128,128,0.15)"
            badge = _escaped(f"{self.badge} {self.since}".strip())
            title += f' <span class="ipy-awsprofile-badge" style="{style}">{badge}</span>'
        parts = [f"<div>{title}</div>"]
        rows = "".join(map(_row, self._filled_rows()))
        if rows:
            parts.append(f'<table style="margin:4px 0 0"><tbody>{rows}</tbody></table>')
        if self.link and re.match("https?://", self.link[1]):  # not, for example, javascript:
            text, address = map(_escaped, self.link)
            there = f'href="{address}" target="_blank" rel="noopener noreferrer"'
            parts.append(f'<a {there} style="{_BUTTON}">{text}</a>')
        if self.code:
            lines = "\n".join(map(_escaped, self.code.split("\n")))
            focusable = ""
            if self.code.count("\n") > _LINES_SHOWN:
                focusable = _focusable(self.title)
            style = f"{_SCROLLER};{_MONO};white-space:pre-wrap"
            parts.append(f'<pre {focusable} style="{style}">{lines}</pre>')
        for note in self.notes:
            parts.append(f'<div style="margin-top:4px">{_formatted(note)}</div>')
        if self.table and self.table.rows:
            parts.append(self.table.html(self.title))
        style = f"{_CARD};{self.tone.edge('border-left', 4)}"
        return f'<div class="ipy-awsprofile-card" style="{style}">{"".join(parts)}</div>'

    def _filled_rows(self) -> list[tuple[str, str]]:
        return [row for row in self.rows if row[1]]


def _focusable(label: str) -> str:
    """Return HTML attributes that let the user scroll an element with the keyboard.

    ``label`` is the name of the element for screen readers.
    https://dequeuniversity.com/rules/axe/4.10/scrollable-region-focusable
    """
    return f'tabindex="0" role="group" aria-label="{_escaped(one_line(label))}"'


def _row(row: tuple[str, str]) -> str:
    label, value = row
    head = f'<th scope="row" align="left" style="{_LABEL}">{_escaped(label)}</th>'
    cell = f'<td style="{_PLAIN};padding:0;{_MONO}">{_formatted(value)}</td>'
    return f'<tr style="background:none">{head}{cell}</tr>'


def _data_cell(text: str) -> str:
    style = _SHORT
    if len(text) > 30:  # noqa: PLR2004
        style = _WRAPPED
    return f'<td style="{style}">{_formatted(text)}</td>'


def _escaped(text: str) -> str:
    """Return HTML that displays a string.

    A long string is shortened, and invisible characters are escaped.
    """
    return escape(visible(shortened(text, LONGEST)))


def _formatted(text: str) -> str:
    """Return a string as HTML, with the parts between backticks displayed as code.

    The page can break an ARN between its parts, but a copied ARN doesn't contain line breaks.
    """
    html = _ARN.sub(_breakable, _escaped(text))
    return re.sub("`([^`]+)`", rf'<code style="{_CODE}">\1</code>', html)


def _breakable(arn: re.Match[str]) -> str:
    return _BETWEEN_PARTS.sub("<wbr>", arn[0])
