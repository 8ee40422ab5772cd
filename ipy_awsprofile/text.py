"""Text out of files, commands and servers, before a person gets to see it."""

from __future__ import annotations

import re
import shlex

#: Control characters but the line's end, and what turns the direction of writing: a terminal obeys
#: them, and both make a text look like another one. https://www.unicode.org/reports/tr36/
_UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Write what can't be seen in a text the way Python escapes it."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: object) -> str:
    """Return a text without line ends, and with single spaces."""
    return " ".join(str(text).split())


def without_user(url: str) -> str:
    """Take name and password out of an address."""
    return re.sub(r"//[^/]*@", "//…@", url)


def program(command: str) -> str | None:
    """Name the program that a command runs; its arguments can be secrets. None if there is none."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    return words[0] if words and "=" not in words[0] else None
