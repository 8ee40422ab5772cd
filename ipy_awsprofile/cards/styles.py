"""CSS for cards in light and dark themes.

Colours and fonts are the theme's variables (JupyterLab's first, then VS Code's), with fallbacks for
pages without these variables. In an untrusted notebook, JupyterLab's sanitizer removes colours with
variables. Important colours therefore have a plain colour first.

https://jupyterlab.readthedocs.io/en/stable/extension/css.html
"""

from __future__ import annotations

from enum import Enum

# Chromium doesn't mix currentColor again when the theme changes, so it is the last fallback.
_TEXT = "var(--jp-ui-font-color1, var(--vscode-foreground, currentColor))"


class Tone(Enum):
    """The colour of a card's edge: a theme variable, and a fallback."""

    GOOD = ("--jp-success-color1", "#2e7d32")
    QUIET = ("--jp-border-color1", "#9e9e9e")
    WARNING = ("--jp-warn-color1", "#ef6c00")
    ERROR = ("--jp-error-color1", "#c62828")

    @property
    def css(self) -> str:
        """The colour as a CSS value."""
        variable, fallback = self.value
        return f"var({variable}, {fallback})"

    @property
    def text(self) -> str:
        """The colour for text, mixed with the text colour of the page so that it is legible."""
        return f"color-mix(in srgb, {self.css} 45%, {_TEXT})"

    def edge(self, side: str, width: int) -> str:
        """Return the CSS of a border: a ``side`` such as ``border-left``, a width in pixels."""
        _, fallback = self.value
        return f"{side}:{width}px solid {fallback};{side}-color:{self.css}"


FONT = "var(--jp-ui-font-family, var(--vscode-font-family, system-ui, sans-serif))"
MONO = "var(--jp-code-font-family, var(--vscode-editor-font-family, ui-monospace, monospace))"
STRONG = "var(--jp-ui-font-color1, var(--vscode-foreground, inherit))"
# The themes' soft colours have too little contrast on a shade (WCAG 2.2, 1.4.3).
SOFT = f"color-mix(in srgb, {_TEXT} 78%, transparent)"
_PLAIN_BORDER, _PLAIN_SHADE = "rgba(128,128,128,0.35)", "rgba(128,128,128,0.15)"
BORDER = f"var(--jp-border-color2, var(--vscode-panel-border, {_PLAIN_BORDER}))"
SHADE = f"var(--jp-layout-color2, var(--vscode-textCodeBlock-background, {_PLAIN_SHADE}))"

CARD = (
    f"display:inline-block;box-sizing:border-box;max-width:100%;margin:2px 0;padding:8px 14px;"
    f"border:1px solid {_PLAIN_BORDER};border-color:{BORDER};border-radius:4px;"
    f"font-family:{FONT};font-size:13px;line-height:1.5;color:{STRONG}"
)
HEADING = "overflow-wrap:anywhere"
TITLE = "font-weight:600"
_BESIDE = "margin-left:8px;padding:1px 8px;border-radius:9px;font-size:12px;white-space:nowrap"
BADGE = f"{_BESIDE};background:{_PLAIN_SHADE};background:{SHADE};color:{SOFT}"
MARK = f"{_BESIDE};{Tone.ERROR.edge('border', 1)};color:{Tone.ERROR.text}"
MUTED = f"color:{SOFT}"
# These styles override the page's styles for tables, such as stripes.
ROWS = "border-collapse:collapse;margin:4px 0 0;border:0;font-size:13px"
ROW = "background:none"
_IN_ROW = "border:0;text-align:left;vertical-align:top;line-height:19px"
LABEL = f"{_IN_ROW};padding:0 14px 0 0;font-weight:400;white-space:nowrap;{MUTED}"
VALUE = (
    f"{_IN_ROW};padding:0;font-family:{MONO};font-size:12px;white-space:normal;"
    "overflow-wrap:anywhere"
)
NOTE = f"margin-top:4px;color:{SOFT};overflow-wrap:anywhere"
CODE = f"font-family:{MONO};font-size:12px;background:{SHADE};border-radius:3px;padding:0 3px"
BUTTON = (
    "display:inline-block;margin-top:8px;padding:3px 14px;border-radius:4px;font-weight:600;"
    "text-decoration:none;background:var(--jp-brand-color1, var(--vscode-button-background, "
    "#1976d2));color:var(--jp-ui-inverse-font-color0, var(--vscode-button-foreground, #fff))"
)
SCROLLER = "max-height:360px;overflow:auto;margin-top:4px"
PRE = f"margin:0;{VALUE};{SCROLLER};white-space:pre-wrap"
TABLE = "border-collapse:collapse;font-size:12px;margin:0"
HEAD = (
    f"position:sticky;top:0;padding:2px 16px 2px 0;text-align:left;font-weight:600;"
    f"background:var(--jp-layout-color0, var(--vscode-editor-background, Canvas));color:{SOFT}"
)
CELL = "padding:2px 16px 2px 0;text-align:left;white-space:nowrap"
PROBLEM = "margin-top:4px;padding:1px 0 1px 8px;overflow-wrap:anywhere"
FIXED = f"font-family:{MONO}"
LONG = "min-width:14ch;overflow-wrap:anywhere"
SETTING = "border:0;padding:2px 10px 2px 0;text-align:left;vertical-align:top;white-space:normal"
CODED = f"{SETTING};{FIXED}"
SECTION = f"{SETTING};padding-top:8px;font-weight:600;border-bottom:1px solid {BORDER}"
BESIDE_NAME = f"margin-left:8px;font-weight:400;{MUTED}"
