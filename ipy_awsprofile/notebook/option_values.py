"""Parse the values of the magics' options. Invalid values raise argparse errors."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any


class JoinedWords(argparse.Action):
    """Joins words into one value, so that names with spaces need no quotes; no words give None."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """Store the words, separated by spaces."""
        setattr(namespace, self.dest, " ".join(values) if values else None)


def variable_name(text: str) -> str:
    """Return the string if it is a valid variable name."""
    if not text.isidentifier() or iskeyword(text):
        raise argparse.ArgumentTypeError(f"`{text}` isn't a valid variable name.")
    return text


def duration(text: str) -> int:
    """Return the seconds in a string such as ``3600``, ``90m``, ``1h`` or ``1h30m``."""
    from ipy_awsprofile.config.target import seconds

    try:
        return seconds(text)
    except ValueError:
        isnt = f"`{text}` isn't a duration; use `3600`, `90m` or `1h`."
        raise argparse.ArgumentTypeError(isnt) from None


def worker_count(text: str) -> int:
    """Return the number of workers in a string, from 1 to 999,999."""
    if not re.fullmatch("0*[1-9][0-9]{0,5}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"`{text}` isn't a number of profiles; use 1 or more.")
    return int(text)


def tag_option(text: str) -> tuple[str, str]:
    """Return the key and the value of a tag such as ``team=red``."""
    from ipy_awsprofile.config.target import tag

    try:
        return tag(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"`{text}` isn't a tag; write {error}.") from None
