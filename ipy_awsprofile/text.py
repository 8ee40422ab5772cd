"""Parse text from files, commands and servers, and make it safe to display."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

#: Control characters except line ends, zero-width characters, and characters that change the text
#: direction. Terminals execute control characters, and all of these can make a text look like
#: another one. https://www.unicode.org/reports/tr36/
_INVISIBLE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]"
)


#: Characters that are invisible in a file, and spaces that look like a plain space.
_UNSEEN = re.compile(rf"(?!\t)(?:{_INVISIBLE.pattern}|[\u00ad\u200c\u200d])")
_SPACES = re.compile(r"[\t\u00a0\u2000-\u200a\u202f\u3000]")

#: The maximum length of a displayed text, and of a displayed table value, in characters. Values
#: from files, and the output of commands and servers, can have millions.
LONGEST, LONGEST_CELL = 2_000, 200


def quoted(word: str) -> str:
    """Return a word quoted and escaped, so that a magic reads it as one word."""
    text = re.sub(r"[{}]|\$(?=[\w.])", r"\g<0>\g<0>", word)  # IPython expands {…} and $…
    if word and not re.search(r"""[\s"']""", word):
        return text
    return shlex.quote(text) if '"' in word else f'"{text}"'


def arguments(name: str, options: str = "") -> str:
    """Return a name and options as the arguments of ``%aws_profile``, for hints and messages."""
    # After `--`, a name isn't an option.
    words = (options, "--", quoted(name)) if name.startswith("-") else (quoted(name), options)
    return " ".join(filter(None, words))


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError, even if the JSON is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None


def visible(text: str) -> str:
    """Return a text with its invisible characters escaped as in Python."""
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def has_unseen(text: str) -> bool:
    """Return whether a text contains an invisible character."""
    return not (text.isascii() and text.isprintable()) and bool(_UNSEEN.search(text))


def as_seen(text: str) -> str:
    """Return a text as it looks, without invisible characters and with plain spaces."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub("", _SPACES.sub(" ", text))


def visible_line(text: str) -> str:
    """Return a text on one line, with invisible characters and line ends escaped."""
    return visible(text).replace("\n", r"\n")


def visible_value(value: Any) -> Any:
    """Return a value for a DataFrame, with the invisible characters of a text escaped.

    pandas prints texts as they are.
    """
    return visible_line(value) if isinstance(value, str) else value


def chain_line(names: Iterable[str]) -> str:
    """Return the names of a role chain as `visible_line` does: ``RoleBeta ← UserAlpha``."""
    return visible_line(" ← ".join(names))


def short_line(text: str, length: int) -> str:
    """Return a text as `visible_line` does, shortened to ``length`` characters."""
    return shortened(visible_line(text), length)


def one_line(text: object) -> str:
    """Return a text on one line, with single spaces."""
    return " ".join(str(text).split())


def shortened(text: str, length: int = 500) -> str:
    """Return a text shortened to ``length`` characters. Some servers' errors are a whole page."""
    return text if len(text) <= length else f"{text[:length]}…"


#: Texts without an explanation: numbers, UUIDs, and words such as ``None`` or ``null``.
_WORDLESS = re.compile(r"[\d.,:_-]*|[\da-f-]{32,}|true|false|none|null", re.IGNORECASE)


def in_words(text: str) -> str:
    """Return a text, or an empty text if it is a number, a UUID or similar."""
    return "" if _WORDLESS.fullmatch(text) else text


def joined_with_and(words: Sequence[str]) -> str:
    """Return words joined for a sentence: ``a``, ``a and b``, ``a, b and c``."""
    *first, last = words
    return " and ".join(filter(None, (", ".join(first), last)))


def number_of(number: int, unit: str, units: str = "") -> str:
    """Return a number with its unit, such as ``1 profile`` and ``2 profiles``."""
    return f"{number} {unit if number == 1 else units or f'{unit}s'}"


#: The user name and password of a URL, its query, and a fragment with parameters. Queries of
#: addresses without a scheme are included.
_USER = re.compile(r"//[^/\s]*@")
_QUERY = re.compile(r"(?<=\S)(?:\?|#(?=[^\s#]*=))[^\s`'\"]+")


def redacted_urls(text: str) -> str:
    """Return a text without user names, passwords and queries in URLs, which can be secrets."""
    return _QUERY.sub(lambda query: f"{query[0][0]}…", _USER.sub("//…@", text))


def is_command(command: str) -> bool:
    """Return whether a shell can split a text into words."""
    try:
        return bool(shlex.split(command))
    except ValueError:
        return False


def program(command: str) -> str | None:
    """Return the program of a command, without its arguments, which can be secrets.

    Return None if the text isn't a command, or if it begins with a variable.
    """
    first = shlex.split(command)[0] if is_command(command) else "="
    return first if "=" not in first else None


class AssignedName(NamedTuple):
    """The parts of the name of a role without a profile, such as ``corp:123456789012/Admin``.

    ``account`` is the account ID, or the account's name until the ID is looked up.
    """

    sign_in: str
    account: str
    role: str


def assigned_name(name: str) -> AssignedName | None:
    """Return the parts of such a name with an account ID, or None for any other name."""
    found = re.fullmatch(r"(.+):([0-9]{12})/([\w+=,.@-]+)", name, re.ASCII)
    return AssignedName(*found.groups()) if found else None


def may_name_account(name: str) -> bool:
    """Return whether a name can contain an account name, such as ``corp:team-dev/Admin``."""
    found = re.fullmatch(r"[^:]+:.+/[A-Za-z0-9_+=,.@-]+", name, re.DOTALL)
    return found is not None and assigned_name(name) is None
