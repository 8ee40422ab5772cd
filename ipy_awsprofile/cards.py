"""What a person sees: compact cards, as text in a terminal and as HTML in a notebook.

The HTML takes colours and fonts from the theme's variables (JupyterLab's first, then VS Code's),
with fallbacks for pages that have neither, and every text that comes from a file or a server is
escaped: a fresh output isn't sanitized.

https://jupyterlab.readthedocs.io/en/stable/extension/css.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.errors import AwsProfileError
    from ipy_awsprofile.profiles import Profile
    from ipy_awsprofile.sessions import Identity
    from ipy_awsprofile.truth import Leftover

#: Rows that a table shows; whoever has more profiles narrows them with a pattern.
MOST_ROWS = 200

READ_ONLY = "read-only, by the session policy ReadOnlyAccess"


class Tone(Enum):
    """What a card's edge says at a glance: a theme variable and the colour to fall back on."""

    GOOD = ("--jp-success-color1", "#2e7d32")
    QUIET = ("--jp-border-color1", "#9e9e9e")
    WARNING = ("--jp-warn-color1", "#ef6c00")
    ERROR = ("--jp-error-color1", "#c62828")

    @property
    def css(self) -> str:
        """The colour as a CSS value."""
        variable, fallback = self.value
        return f"var({variable}, {fallback})"


@dataclass(frozen=True, slots=True)
class Card:
    """A title, a badge beside it, rows of label and value, and lines of notes below.

    ``link`` is a page that a person has to open; text shows its address among the rows.
    """

    title: str
    badge: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    tone: Tone = Tone.QUIET
    link: str = ""

    def __str__(self) -> str:
        rows = (("open", self.link), *self.rows) if self.link else self.rows
        width = max((len(label) for label, _ in rows), default=0)
        lines = [f"{self.title}  ({self.badge})" if self.badge else self.title]
        lines += [f"  {label:<{width}}  {value}" for label, value in rows]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        badge = f'<span style="{_BADGE}">{escape(self.badge)}</span>' if self.badge else ""
        parts = [f'<div style="{_TITLE}">{_code(self.title)}{badge}</div>']
        if self.rows:
            cells = "".join(
                f'<span style="{_MUTED}">{escape(label)}</span>'
                f'<span style="{_VALUE}">{escape(value)}</span>'
                for label, value in self.rows
            )
            parts.append(f'<div style="{_ROWS}">{cells}</div>')
        if re.match("https?://", self.link):
            parts.append(
                f'<a style="{_BUTTON}" href="{escape(self.link)}" target="_blank" '
                f'rel="noopener noreferrer">Open the sign-in page</a>'
            )
        parts += [f'<div style="{_NOTE}">{_code(note)}</div>' for note in self.notes]
        edge = f"{_CARD};border-left:4px solid {self.tone.css}"
        return f'<div class="ipy-awsprofile-card" style="{edge}">{"".join(parts)}</div>'


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows under a line that says how many there are."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        if not self.rows:
            return self.title
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            [self.title]
            + [
                "  ".join(
                    f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)
                ).rstrip()
                for line in lines
            ]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="{_HEAD}">{escape(column)}</th>' for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f'<td style="{_CELL}">{escape(cell)}</td>' for cell in row) + "</tr>"
            for row in self.rows
        )
        table = (
            f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        )
        scroller = f'<div style="{_SCROLLER}">{table}</div>' if self.rows else ""
        return (
            f'<div class="ipy-awsprofile-card" style="{_CARD}">'
            f'<div style="{_TITLE}">{_code(self.title)}</div>{scroller}</div>'
        )


def identity_card(
    identity: Identity,
    *,
    variable: str,
    read_only: bool = False,
    leftovers: Iterable[Leftover] = (),
    now: datetime | None = None,
) -> Card:
    """Show who the notebook works as, in which variable, and for how long."""
    rows = [("account", identity.account), ("ARN", identity.arn)]
    rows.append(("region", identity.region or "none"))
    if read_only:
        rows.append(("access", READ_ONLY))
    if identity.expiry:
        rows.append(("expires", f"{identity.expiry:%Y-%m-%d %H:%M:%S} UTC, renews by itself"))
    rows.append(("variable", variable))
    notes = tuple(leftover_note(one) for one in leftovers)
    return Card(
        title=" ← ".join(identity.chain),
        badge=time_left(identity.expiry, now),
        rows=tuple(rows),
        notes=notes,
        tone=Tone.WARNING if notes else Tone.GOOD,
    )


def leftover_note(leftover: Leftover) -> str:
    """Name what didn't follow the switch."""
    return f"`{leftover.name}` {leftover.says}."


def no_identity_card(default_profile: str | None) -> Card:
    """Say that no switch is in force, and what boto3 goes by instead."""
    goes_by = f"AWS_PROFILE={default_profile}" if default_profile else "its default credentials"
    return Card(
        title="No profile is active",
        notes=(f"boto3 goes by {goes_by}. `%aws_profile NAME` switches.",),
    )


def off_card(*, undone: bool) -> Card:
    """Say that the switch is undone, or that there was none."""
    if undone:
        return Card(
            "The switch is undone", notes=("Everything is as it was before the first one.",)
        )
    return Card("No profile is active", notes=("There is no switch to undo.",))


def error_card(error: AwsProfileError) -> Card:
    """Show what happened and what to do next."""
    notes = (error.hint,) if error.hint else ()
    return Card(title=str(error), notes=notes, tone=Tone.ERROR)


def mfa_card(device: str) -> Card:
    """Name the device whose code is going to be asked for."""
    return Card("An MFA code is needed", rows=(("device", device),))


def sign_in_card(profile: str, url: str, code: str, left: timedelta | None = None) -> Card:
    """Show where a person has to sign in, and the code that has to be seen there."""
    seconds = max(int(left.total_seconds()), 0) if left is not None else None
    return Card(
        title=f"Sign in for {profile}",
        badge="" if seconds is None else f"waiting, {seconds // 60}:{seconds % 60:02} left",
        rows=(("code", code),),
        notes=("Allow it if the page shows the same code. Interrupting the cell ends the wait.",),
        tone=Tone.WARNING,
        link=url,
    )


def sign_in_ended_card(profile: str, *, done: bool) -> Card:
    """Say how the wait for a sign-in has ended."""
    if done:
        return Card(f"Signed in for {profile}", tone=Tone.GOOD)
    return Card(f"The sign-in for {profile} wasn't completed")


def profile_table(profiles: Sequence[Profile], pattern: str | None = None) -> Table:
    """Show profiles, one a row."""
    fits = f" for “{pattern}”" if pattern else ""
    title = f"{len(profiles)} profile{'' if len(profiles) == 1 else 's'}{fits}"
    if len(profiles) > MOST_ROWS:
        title += f"; the first {MOST_ROWS} are shown. `%aws_profiles PATTERN` narrows them."
    columns = ("profile", "kind", "account", "role", "source", "region", "MFA")
    return Table(title, columns, tuple(map(_profile_row, profiles[:MOST_ROWS])))


def _profile_row(profile: Profile) -> tuple[str, ...]:
    return (
        profile.name,
        str(profile.kind),
        profile.account or "",
        profile.role or "",
        profile.source or "",
        profile.region or "",
        "yes" if profile.mfa_serial else "",
    )


def time_left(expiry: datetime | None, now: datetime | None = None) -> str:
    """Say in words how long credentials are good for, rounded down to minutes."""
    if expiry is None:
        return "no expiry"
    left = expiry - (now or datetime.now(UTC))
    if left <= timedelta(0):
        return "expired"
    hours, minutes = divmod(int(left.total_seconds()) // 60, 60)
    words = [_counted(hours, "hour"), _counted(minutes, "minute")]
    return (" ".join(filter(None, words)) or "less than a minute") + " left"


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}" if number else ""


def _code(text: str) -> str:
    """Escape a text, and set what stands between backticks as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)  # a lone backtick is just that
    return "".join(
        f'<code style="{_CODE}">{part}</code>' if index % 2 else part
        for index, part in enumerate(parts)
    )


_FONT = "var(--jp-ui-font-family, var(--vscode-font-family, system-ui, sans-serif))"
_MONO = "var(--jp-code-font-family, var(--vscode-editor-font-family, ui-monospace, monospace))"
_STRONG = "var(--jp-ui-font-color1, var(--vscode-foreground, inherit))"
_SOFT = "var(--jp-ui-font-color2, var(--vscode-descriptionForeground, #757575))"
_BORDER = "var(--jp-border-color2, var(--vscode-panel-border, rgba(128,128,128,.35)))"
_SHADE = "var(--jp-layout-color2, var(--vscode-textCodeBlock-background, rgba(128,128,128,.15)))"

_CARD = (
    f"display:inline-block;box-sizing:border-box;max-width:100%;margin:2px 0;padding:8px 14px;"
    f"border:1px solid {_BORDER};border-radius:4px;"
    f"font-family:{_FONT};font-size:13px;line-height:1.5;color:{_STRONG}"
)
_TITLE = "font-weight:600;overflow-wrap:anywhere"
_BADGE = (
    f"margin-left:12px;padding:1px 8px;border-radius:9px;background:{_SHADE};"
    f"color:{_SOFT};font-weight:400;font-size:12px;white-space:nowrap"
)
_ROWS = "display:grid;grid-template-columns:max-content auto;column-gap:14px;margin-top:4px"
_MUTED = f"color:{_SOFT}"
_VALUE = f"font-family:{_MONO};font-size:12px;line-height:19px;overflow-wrap:anywhere"
_NOTE = f"margin-top:4px;color:{_SOFT};overflow-wrap:anywhere"
_CODE = f"font-family:{_MONO};font-size:12px;background:{_SHADE};border-radius:3px;padding:0 3px"
_BUTTON = (
    "display:inline-block;margin-top:8px;padding:3px 14px;border-radius:4px;font-weight:600;"
    "text-decoration:none;background:var(--jp-brand-color1, var(--vscode-button-background, "
    "#1976d2));color:var(--jp-ui-inverse-font-color0, var(--vscode-button-foreground, #fff))"
)
_SCROLLER = "max-height:360px;overflow:auto;margin-top:4px"
_TABLE = "border-collapse:collapse;font-size:12px;margin:0"
_HEAD = (
    f"position:sticky;top:0;padding:2px 16px 2px 0;text-align:left;font-weight:600;"
    f"background:var(--jp-layout-color0, var(--vscode-editor-background, Canvas));color:{_SOFT}"
)
_CELL = "padding:2px 16px 2px 0;text-align:left;white-space:nowrap"
