"""Describe the keys of the organization's policy files, and check their values."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ipy_awsprofile.config.names import alternatives, is_account_id

#: How to handle a signature as another identity, from the least to the most strict.
STALE = ("allow", "warn", "refuse")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a string")
    return value.strip()


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError('a list of strings, such as ["prod", "*-live"]')
    texts: list[str] = []
    for item in value:
        if not isinstance(item, str) or not item.strip():
            raise ValueError('a list of strings, such as ["prod", "*-live"]')
        texts.append(item)
    return tuple(texts)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _stale(value: object) -> str:
    if value not in STALE:
        raise ValueError(f"one of {', '.join(STALE)}")
    return str(value)


def _time(value: object) -> int:
    """Return the number of seconds in an integer or in a string such as ``15m``."""
    match = re.fullmatch(r"(\d{1,6})([smh]?)", str(value), re.ASCII)
    if isinstance(value, bool) or not isinstance(value, int | str) or not match:
        raise ValueError("a number of seconds, or a string such as 15m or 1h")
    seconds = int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
    if not seconds:
        raise ValueError("longer than 0 seconds")
    return seconds


def _duration(value: object) -> int:
    seconds = _time(value)
    shortest = 900
    if seconds < shortest:  # AWS assumes no role for less
        raise ValueError("at least 15m")
    return seconds


def _window(value: object) -> int | None:
    if isinstance(value, bool):
        return None if value else 0
    try:
        return _time(value)
    except ValueError:
        raise ValueError("false, or the longest time, such as 10m") from None


def _account_patterns(value: object) -> tuple[str, ...]:
    texts = _texts(value)
    for text in texts:
        if not re.fullmatch(r"[\d*?,\s\[\]!-]+", text):
            raise ValueError('a list of account IDs and patterns, such as ["123456789012", "99*"]')
        for part in alternatives(text):
            if part.isdigit() and not is_account_id(part):
                raise ValueError(f"a list of account IDs, which have 12 digits, unlike {part}")
    return texts


def _file(value: object) -> Path:
    path = Path(_with_user(value, os_user()))
    if not path.is_absolute():
        raise ValueError("an absolute path")
    return path


def _session_name(value: object) -> str:
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    name = _with_user(value, re.sub(r"[^\w+=,.@-]", "-", os_user(), flags=re.ASCII))
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII):
        raise ValueError(f"2 to 64 letters, digits and characters of `_+=,.@-`, unlike `{name}`")
    return name


def _with_user(value: object, user: str) -> str:
    """Return a string after replacing ``{user}``, the only placeholder, with a user's name."""
    text = _text(value).replace("{user}", user)
    unknown = re.search(r"\{\w*\}", text)
    if unknown:
        raise ValueError(f"a string without {unknown[0]}, because the only placeholder is {{user}}")
    return text


@cache
def os_user() -> str:
    """Return the name of the operating system's user, or the user ID if there is no name."""
    if sys.platform == "win32":
        import getpass

        return getpass.getuser()
    import pwd

    # A notebook can change the variables with the name.
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # of a container with any user ID
        return str(number)


class Key(NamedTuple):
    """A key of a policy file: the field for its value, its parser, and its default."""

    field: str
    parse: Callable[[object], Any]
    default: object = None


#: The table with what the policy allows.
ALLOW = "allow"

#: The keys by their table.
KEYS: Mapping[str, Mapping[str, Key]] = {
    "": {
        "protected": Key("protected", _texts, ()),
        "read_only": Key("read_only", _texts, ()),
        "session_name": Key("session_name", _session_name),
        "stale": Key("stale", _stale),
        "duration": Key("duration", _duration),
        "audit": Key("audit", _file),
        "contact": Key("contact", _text),
    },
    ALLOW: {
        "accounts": Key("accounts", _account_patterns),
        "share": Key("share", _truth, True),
        "window": Key("window", _window),
        "write": Key("write", _truth, True),
        "save": Key("save", _truth, True),
        "console": Key("console", _truth, True),
        "long_term_keys": Key("long_term_keys", _truth, True),
        "as": Key("variable", _truth, True),
    },
}


def all_keys() -> Iterable[tuple[str, Key]]:
    """Yield the full name of each key, such as ``allow.share``, and the key."""
    for table, keys in KEYS.items():
        for name, key in keys.items():
            yield f"{table}.{name}" if table else name, key


def keys_of_policy() -> list[str]:
    """Return the names of all policy keys, such as ``protected`` and ``allow.share``."""
    return [name for name, _ in all_keys()]
