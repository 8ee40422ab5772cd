"""The page that a browser shows when AWS redirects the browser to this machine after a sign-in.

The page says whether the sign-in was allowed. The page doesn't contain scripts or load other files.
The page uses the browser's light or dark mode.
"""

from __future__ import annotations

from html import escape
from string import Template
from typing import NamedTuple

#: The headers of a page. Its address contains the code, so nothing keeps it or passes it on.
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title – ipy_awsprofile</title>
<style>
:root { color-scheme: light dark; --text: #1f1f1f; --soft: #555; --page: #f5f5f5; --card: #fff; --line: #d5d5d5; --edge: $light }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --soft: #b5b5b5; --page: #161616; --card: #222; --line: #444; --edge: $dark }
}
body { margin: 0; padding: 12vh 16px; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { box-sizing: border-box; max-width: 34em; margin: 0 auto; padding: 20px 28px; border: 1px solid var(--line); border-left: 6px solid var(--edge); border-radius: 6px; background: var(--card); overflow-wrap: anywhere }
h1 { margin: 0 0 8px; font-size: 22px; line-height: 1.3 }
p { margin: 0 }
footer { max-width: 34em; margin: 12px auto 0; color: var(--soft); font-size: 14px }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p>$text</p>
</main>
<footer>ipy_awsprofile, in the kernel of your notebook, shows this page.</footer>
</body>
</html>
""")  # noqa: E501  # the CSS has a rule in each line


class _Outcome(NamedTuple):
    """The title and text of the page, and the color of the page's edge in light and dark mode."""

    title: str
    text: str
    light: str
    dark: str

    def page(self, profile: str) -> bytes:
        """Return the page about the sign-in of a profile, whose name can be empty."""
        title = self.title
        if profile:
            title = f"{title} for {profile}"
        page = _PAGE.substitute(
            title=escape(title), text=escape(self.text), light=self.light, dark=self.dark
        )
        return page.encode()


ALLOWED = _Outcome(
    "Sign-in allowed",
    "Your notebook has received the sign-in and continues now. You can close this page and go back "
    "to the notebook.",
    "#2e7d32",
    "#66bb6a",
)

REFUSED = _Outcome(
    "Sign-in not allowed",
    "Your notebook doesn't get credentials from this sign-in. The notebook says how to sign in "
    "again. You can close this page and go back to the notebook.",
    "#c62828",
    "#ef5350",
)

UNKNOWN = _Outcome(
    "No notebook waits for this sign-in",
    "Nothing has changed. If your notebook still asks you to sign in, open the link in the "
    "notebook again.",
    "#9e9e9e",
    "#9e9e9e",
)
