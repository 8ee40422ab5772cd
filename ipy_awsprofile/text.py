"""Parse text from files, commands and servers, and make it safe to display."""

from __future__ import annotations

import difflib
import re
import shlex
import sys
from collections.abc import Iterable
from hashlib import sha256

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


def in_terminal(word: str) -> str:
    """Return a word quoted as the system's shell reads it; on Windows, cmd or PowerShell."""
    if sys.platform == "win32":
        return word if re.fullmatch(r"[\w.:/@+=-]+", word) else f'"{word}"'
    return shlex.quote(word)


def visible(text: str) -> str:
    """Return a text with its invisible characters escaped as in Python. Line ends stay."""
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: object, length: int = LONGEST) -> str:
    """Return a foreign text for display: visible, on one line, and shortened."""
    joined = re.sub(r"\s*[\r\n]\s*", " ", shortened(str(text), 2 * LONGEST)).strip()
    return visible(shortened(joined, length))


def chain_line(names: Iterable[str]) -> str:
    """Return the names of a role chain for display: ``RoleBeta ← UserAlpha``."""
    return printable(one_line(" ← ".join(names)))


def shortened(text: str, length: int = 500) -> str:
    """Return a text shortened to ``length`` characters. Some servers' errors are a whole page."""
    return text if len(text) <= length else f"{text[:length]}…"


#: ASCII for characters of messages and cards that many encodings of Windows lack.
_PLAIN = str.maketrans({"←": "<-", "…": "...", "✗": "x", "“": '"', "”": '"'})


def printable(text: str) -> str:
    """Return a text that standard output can encode. On Windows, a pipe isn't UTF-8 by default."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def number_of(number: int, unit: str) -> str:
    """Return a number with its unit, such as ``1 profile`` and ``2 profiles``."""
    if number == 1:
        return f"1 {unit}"
    return f"{number} {unit}s"


def listed(names: Iterable[str]) -> str:
    """Return names as code with commas between them, each once."""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question that suggests up to three similar names, or an empty text."""
    by_folded = {similar.casefold(): f"`{similar}`" for similar in names}
    name = name.casefold()
    close = difflib.get_close_matches(name, by_folded, n=3, cutoff=0.6)
    if not close:
        close = [folded for folded in by_folded if name in folded][:3]
    if not close:
        return ""
    return f"Did you mean {' or '.join(by_folded[folded] for folded in close)}?"


def digest_of(text: str) -> str:
    """Return 16 characters that a text determines, for the names of files."""
    return sha256(text.encode()).hexdigest()[:16]


#: The user name and password of a URL, its query, and a fragment with parameters. Queries of
#: addresses without a scheme are included.
_USER = re.compile(r"//[^/\s]*@")
_QUERY = re.compile(r"(?<=\S)(?:\?|#(?=[^\s#]*=))[^\s`'\"]+")


def redacted_urls(text: str) -> str:
    """Return a text without user names, passwords and queries in URLs, which can be secrets."""
    return _QUERY.sub(lambda query: f"{query[0][0]}…", _USER.sub("//…@", text))
