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


def alternatives(names: Iterable[str]) -> str:
    """Return names as code, of which the reader chooses one, such as "`a`, `b` or `c`"."""
    *others, last = [f"`{name}`" for name in names]
    if not others:
        return last
    return f"{', '.join(others)} or {last}"


#: How similar two words are, at least, if one can be a misspelling of the other, such as `prdo`.
_LIKE_WORD = 0.7

#: How much less similar than the closest name other names can be, if they are suggested, too.
_MARGIN = 0.1

#: How many characters say enough if they are a part of a name.
_SHORTEST_PART = 3


def letters_of(text: str) -> str:
    """Return a text's letters and digits, ignoring case: `--read_only` is like `readonly`."""
    return re.sub(r"[\W_]", "", text).casefold()


def _words_of(name: str) -> list[str]:
    """Return the words of a name, such as two for `prod-admin`, `prodReadOnly` and `prodreadonly`.

    Words with digits are left out, because any of them can be a typo for another one.
    """
    spaced = re.sub(r"read[\W_]?only", " readonly ", name, flags=re.IGNORECASE)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spaced)
    words = re.findall(r"[^\W_]+", spaced)
    return [word.casefold() for word in words if word.isalpha()]


def _is_like(word: str, other: str) -> bool:
    """Return whether a word can be a misspelling of another."""
    if sorted(word) == sorted(other):
        return True
    return _likeness(word, other) >= _LIKE_WORD


def _can_mean(typed: str, name: str) -> bool:
    """Return whether each word of a typed name resembles a word of another name.

    A different word isn't a typo: `prod-readonly` doesn't mean `prod-admin`.
    """
    letters = letters_of(name)
    words = _words_of(typed)
    if len(words) == 1:
        return True
    others = [*_words_of(name), letters]
    for word in words:
        is_inside = len(word) >= _SHORTEST_PART and word in letters
        if not is_inside and not any(_is_like(word, other) for other in others):
            return False
    return True


def misspelled(typed: str, names: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return the names, the closest first, that a typed name can be a misspelling of."""
    by_letters: dict[str, list[str]] = {}
    for name in names:
        by_letters.setdefault(letters_of(name), []).append(name)
    letters = letters_of(typed)
    if letters in by_letters:  # it only lacks hyphens or capitals, or has too many
        return by_letters[letters]
    close: list[str] = []
    for near in difflib.get_close_matches(letters, by_letters, n=10, cutoff=cutoff):
        if close and _likeness(near, letters) < _likeness(letters_of(close[0]), letters) - _MARGIN:
            break  # the closest name is more likely by far
        close += [name for name in by_letters[near] if _can_mean(typed, name)]
    return close


def _likeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, word, other).ratio()


def similar(typed: str, names: Iterable[str]) -> list[str]:
    """Return up to three names that a typed name can stand for, the most likely first.

    If its first word is one of the names, this is the only one. Otherwise, they are names that it
    misspells, or that contain it, or that it begins or ends with.
    """
    names = list(dict.fromkeys(names))
    folded = typed.strip().casefold()
    first = re.split(r"[\s,;]", folded, maxsplit=1)[0]
    if first != folded:
        named = [name for name in names if name.casefold() == first]
        if named:
            return named
    close = misspelled(typed, names)
    if not close and len(folded) >= _SHORTEST_PART:
        close = [name for name in names if folded in name.casefold()]
    if not close:
        close = [name for name in names if _is_end_of(folded, name.casefold())]
        close.sort(key=len, reverse=True)
    return close[:3]


def _is_end_of(typed: str, name: str) -> bool:
    """Return whether a typed name begins or ends with the words of another name."""
    pattern = re.escape(name)
    return re.search(rf"^{pattern}[\W_]|[\W_]{pattern}$", typed) is not None


def did_you_mean(typed: str, names: Iterable[str]) -> str:
    """Return a question that suggests similar names, or an empty string; see `similar`."""
    close = similar(typed, names)
    if not close:
        return ""
    return f"Did you mean {alternatives(close)}?"


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
