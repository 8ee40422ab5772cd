"""Quote, shorten and compare strings, and sanitize foreign strings before they are displayed."""

from __future__ import annotations

import difflib
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256

#: Control characters except line ends, zero-width characters, and characters that change the text
#: direction. Terminals execute control characters, and all of these can make a text look like
#: another one. https://www.unicode.org/reports/tr36/
_INVISIBLE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]"
)

#: The maximum length of a displayed string, and of a name that a program or a file chooses, in
#: characters.
LONGEST = 2_000
LONGEST_NAME = 200


def quoted(word: str) -> str:
    """Return ``word`` in a form that a magic reads as a single argument."""
    text = re.sub(r"[{}]|\$(?=[\w.])", r"\g<0>\g<0>", word)  # IPython expands {…} and $…
    if word and not re.search(r"""[\s"'#]""", word):
        return text
    return shlex.quote(text) if '"' in word else f'"{text}"'


def in_terminal(word: str) -> str:
    """Return ``word``, quoted for the operating system's shell (on Windows, cmd or PowerShell)."""
    if sys.platform == "win32":
        return word if re.fullmatch(r"[\w.:/@+=-]+", word) else f'"{word}"'
    return shlex.quote(word)


def visible(text: str) -> str:
    """Return a string in which all invisible characters except line breaks are escaped."""
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: object, length: int = LONGEST) -> str:
    """Return a string from a file or a server in a form that is safe to display on one line.

    Invisible characters are escaped, line breaks become spaces, and long strings are shortened.
    """
    joined = re.sub(r"\s*[\r\n]\s*", " ", shortened(str(text), 2 * LONGEST)).strip()
    return visible(shortened(joined, length))


def chain_line(names: Iterable[str]) -> str:
    """Return a role chain as one line for display, such as ``RoleBeta ← UserAlpha``."""
    return printable(one_line(" ← ".join(names)))


def shortened(text: str, length: int = 500) -> str:
    """Return the first ``length`` characters of a string, with an ellipsis if more follow."""
    return text if len(text) <= length else f"{text[:length]}…"


#: ASCII replacements for characters in messages and cards that many Windows encodings lack.
_PLAIN = str.maketrans({"←": "<-", "…": "...", "✗": "x", "“": '"', "”": '"'})


def printable(text: str) -> str:
    """Return a string with replacements for characters that standard output can't encode.

    For example, the default encoding of a pipe on Windows isn't UTF-8.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def number_of(number: int, unit: str) -> str:
    """Return a number with its unit in the singular or plural, such as ``2 profiles``."""
    if number == 1:
        return f"1 {unit}"
    return f"{number} {unit}s"


def listed(names: Iterable[str]) -> str:
    """Return names as code, separated by commas and without duplicates, such as "`a`, `b`"."""
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


def choice_of(names: Iterable[str]) -> str:
    """Return names as code, in a list of alternatives such as "`a`, `b` or `c`"."""
    *others, last = [f"`{name}`" for name in names]
    if not others:
        return last
    return f"{', '.join(others)} or {last}"


#: The minimum similarity of two words if one can be a misspelling of the other.
_LIKE_WORD = 0.7

#: How much less similar than the closest name a name can be if it is also suggested.
_MARGIN = 0.1

#: The minimum length of a string for which names that contain the string are suggested.
_SHORTEST_PART = 3


def letters_of(text: str) -> str:
    """Return only the letters and digits in a string, in lower case.

    For example, the result for `--read_only` is `readonly`.
    """
    return re.sub(r"[\W_]", "", text).casefold()


def _words_of(name: str) -> list[str]:
    """Return the words in a name, such as `prod` and `readonly` for the name `prodReadOnly`.

    Words with digits are omitted because a digit can be a typo for any other digit.
    """
    spaced = re.sub(r"read[\W_]?only", " readonly ", name, flags=re.IGNORECASE)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spaced)
    words = re.findall(r"[^\W_]+", spaced)
    return [word.casefold() for word in words if word.isalpha()]


def _is_like(word: str, other: str) -> bool:
    """Return whether a word can be a misspelling of another word."""
    if sorted(word) == sorted(other):
        return True
    return _likeness(word, other) >= _LIKE_WORD


def _can_mean(typed: str, name: str) -> bool:
    """Return whether each word in a typed name resembles a word in another name.

    For example, `prod-readonly` can't be a misspelling of `prod-admin`.
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
    """Return the names that the user may have meant by a misspelled name, most similar first."""
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
    """Return up to three names that the user may have meant by a typed name, most likely first.

    If the first word of the typed name is one of the names, the result contains only this name. If
    the first word isn't one of the names, the result contains names that resemble or contain the
    typed name, and names that the typed name begins or ends with.
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
    """Return whether a typed name begins or ends with another name as a whole word."""
    pattern = re.escape(name)
    return re.search(rf"^{pattern}[\W_]|[\W_]{pattern}$", typed) is not None


def did_you_mean(typed: str, names: Iterable[str]) -> str:
    """Return a question that suggests names similar to a typed name, or an empty string."""
    close = similar(typed, names)
    if not close:
        return ""
    return f"Did you mean {choice_of(close)}?"


def digest_of(text: str) -> str:
    """Return a hash of a string as 16 hexadecimal digits, which can be used in file names."""
    return sha256(text.encode()).hexdigest()[:16]


#: Patterns for the user name and password in a URL, and for the query and a fragment with
#: parameters. The second pattern also matches in addresses without a scheme.
_USER = re.compile(r"//[^/\s]*@")
_QUERY = re.compile(r"(?<=\S)(?:\?|#(?=[^\s#]*=))[^\s`'\"]+")


def redacted_urls(text: str) -> str:
    """Return a string in which the user names, passwords and queries of all URLs are removed.

    The user name, password and query of a URL can be secrets.
    """
    return _QUERY.sub(lambda query: f"{query[0][0]}…", _USER.sub("//…@", text))


def variable_of(value: object, namespace: Mapping[str, object], otherwise: str) -> str:
    """Return the name of the variable with this value, or ``otherwise``.

    Names that begin with an underscore are IPython's own.
    """
    for name, each in namespace.items():
        if each is value and not name.startswith("_"):
            return name
    return otherwise
