"""How cards look: CSS that follows the theme, light or dark.

Colours and fonts are the theme's variables (JupyterLab's first, then VS Code's), with fallbacks
for pages that have neither.

https://jupyterlab.readthedocs.io/en/stable/extension/css.html
"""

from __future__ import annotations

from enum import Enum

# Chromium doesn't mix currentColor again when the theme changes: it is the last resort.
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
        """The colour for text: mixed with the surrounding text's colour, to be legible on both."""
        return f"color-mix(in srgb, {self.css} 45%, {_TEXT})"


FONT = "var(--jp-ui-font-family, var(--vscode-font-family, system-ui, sans-serif))"
MONO = "var(--jp-code-font-family, var(--vscode-editor-font-family, ui-monospace, monospace))"
STRONG = "var(--jp-ui-font-color1, var(--vscode-foreground, inherit))"
# The themes' own soft colours have too little contrast on a shade (WCAG 2.2, 1.4.3).
SOFT = f"color-mix(in srgb, {_TEXT} 78%, transparent)"
BORDER = "var(--jp-border-color2, var(--vscode-panel-border, rgba(128,128,128,.35)))"
SHADE = "var(--jp-layout-color2, var(--vscode-textCodeBlock-background, rgba(128,128,128,.15)))"

CARD = (
    f"display:inline-block;box-sizing:border-box;max-width:100%;margin:2px 0;padding:8px 14px;"
    f"border:1px solid {BORDER};border-radius:4px;"
    f"font-family:{FONT};font-size:13px;line-height:1.5;color:{STRONG}"
)
TITLE = "font-weight:600;overflow-wrap:anywhere"
BADGE = (
    f"margin-left:12px;padding:1px 8px;border-radius:9px;background:{SHADE};"
    f"color:{SOFT};font-weight:400;font-size:12px;white-space:nowrap"
)
MARK = (
    f"margin-left:12px;padding:1px 8px;border-radius:9px;border:1px solid {Tone.ERROR.css};"
    f"color:{Tone.ERROR.text};font-weight:400;font-size:12px;white-space:nowrap"
)
ROWS = "display:grid;grid-template-columns:max-content auto;column-gap:14px;margin-top:4px"
MUTED = f"color:{SOFT}"
VALUE = f"font-family:{MONO};font-size:12px;line-height:19px;overflow-wrap:anywhere"
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
