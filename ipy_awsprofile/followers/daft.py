"""Describe Daft, which keeps its first identity after a switch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

from ipy_awsprofile.follower import Follower, Leftover, Notebook, Refusal, is_error_of

_KEEPS = Leftover("daft", "keeps the credentials of its first read until the kernel is restarted")


def _about(_notebook: Notebook) -> Iterator[Leftover]:
    """Yield the line about Daft that the card shows, even if no profile is active."""
    yield _KEEPS


#: In an error of AWS's SDK for Rust. Before Daft 0.7, a refused write has only the SDK's internal
#: form of the error, in which quotation marks are escaped.
_UNHANDLED = re.compile(r"\bunhandled error\b|: Unhandled\(")
_CODE = re.compile(r'\bcode: (?:Some\()?\\?"(\w+)')


def _read_refusal(error: BaseException) -> Refusal | None:
    """Return the refused request that caused an error in Daft, or None.

    The result doesn't contain an error code if the response has no body.
    """
    if not is_error_of(error, "daft.exceptions", "DaftCoreException"):
        return None
    text = str(error)
    if not _UNHANDLED.search(text):
        return None
    code = _CODE.search(text)
    return Refusal(code[1] if code else "", HTTPStatus.FORBIDDEN, about_library=_KEEPS)


FOLLOWERS = (
    Follower(
        package="daft",
        why="Daft keeps the credentials of its first read for the whole process.",
        tried="daft 0.5, 0.6 and 0.7",
        about=_about,
        read_refusal=_read_refusal,
    ),
)
