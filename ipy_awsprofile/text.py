"""Parse text from files, commands and servers, and make it safe to display."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable
from typing import NamedTuple, Self

#: Control characters except line ends, zero-width characters, and characters that change the text
#: direction. Terminals execute control characters, and all of these can make a text look like
#: another one. https://www.unicode.org/reports/tr36/
_INVISIBLE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]"
)

#: The maximum length of a displayed text, and of a value in a table, in characters.
LONGEST = 2_000
LONGEST_CELL = 200


def quoted(word: str) -> str:
    """Return a word quoted and escaped, so that a magic reads it as one word."""
    text = re.sub(r"[{}]|\$(?=[\w.])", r"\g<0>\g<0>", word)  # IPython expands {…} and $…
    if word and not re.search(r"""[\s"'#]""", word):
        return text
    return shlex.quote(text) if '"' in word else f'"{text}"'


def visible(text: str) -> str:
    """Return a text with its invisible characters escaped as in Python. Line ends stay."""
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: object, length: int = LONGEST) -> str:
    """Return a foreign text for display: visible, on one line, and shortened."""
    joined = re.sub(r"\s*[\r\n]\s*", " ", shortened(str(text), 2 * LONGEST)).strip()
    return visible(shortened(joined, length))


def chain_line(names: Iterable[str]) -> str:
    """Return the names of a role chain for display: ``RoleBeta ← UserAlpha``."""
    return one_line(" ← ".join(names))


def shortened(text: str, length: int = 500) -> str:
    """Return a text shortened to ``length`` characters. Some servers' errors are a whole page."""
    return text if len(text) <= length else f"{text[:length]}…"


def number_of(number: int, unit: str, units: str = "") -> str:
    """Return a number with its unit, such as ``1 profile`` and ``2 profiles``."""
    if number == 1:
        return f"1 {unit}"
    return f"{number} {units or f'{unit}s'}"


#: The user name and password of a URL, its query, and a fragment with parameters. Queries of
#: addresses without a scheme are included.
_USER = re.compile(r"//[^/\s]*@")
_QUERY = re.compile(r"(?<=\S)(?:\?|#(?=[^\s#]*=))[^\s`'\"]+")


def redacted_urls(text: str) -> str:
    """Return a text without user names, passwords and queries in URLs, which can be secrets."""
    return _QUERY.sub(lambda query: f"{query[0][0]}…", _USER.sub("//…@", text))


def program(command: str) -> str | None:
    """Return a command's program, or None. The arguments and variables can be secrets."""
    try:
        first = shlex.split(command, posix=sys.platform != "win32")[0].strip("\"'")
    except (ValueError, IndexError):
        return None
    return first if "=" not in first else None


class Arn(NamedTuple):
    """The parts of an ARN, ``arn:partition:service:region:account:resource``. Some can be empty.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the parts of an ARN, or None if the text isn't an ARN."""
        scheme, *parts = text.split(":", len(cls._fields))
        if scheme != "arn" or len(parts) != len(cls._fields):
            return None
        return cls(*parts)

    @property
    def role(self) -> str:
        """The role's name with its path, or an empty text if this isn't a role ARN."""
        kind, _, name = self.resource.partition("/")
        return name if kind == "role" else ""


class AssignedName(NamedTuple):
    """The parts of the name of a role without a profile, such as ``corp:123456789012/Admin``.

    ``account`` is the account ID, or the account's name until the ID is looked up.
    """

    sign_in: str
    account: str
    role: str

    def __str__(self) -> str:
        return f"{self.sign_in}:{self.account}/{self.role}"


def assigned_name(name: str) -> AssignedName | None:
    """Return the parts of such a name with an account ID, or None for any other name."""
    match = re.fullmatch(r"(.+):([0-9]{12})/([\w+=,.@-]+)", name, re.ASCII)
    return AssignedName(*match.groups()) if match else None


def may_name_account(name: str) -> bool:
    """Return whether a name can contain an account name, such as ``corp:team-dev/Admin``."""
    match = re.fullmatch(r"[^:]+:.+/[A-Za-z0-9_+=,.@-]+", name, re.DOTALL)
    return match is not None and assigned_name(name) is None
