"""Detect failures caused by a limit of the process or the machine.

botocore treats a file that it can't open as empty, so its error message misleadingly refers to the
profile.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from ipy_awsprofile.errors import AwsProfileError

_LIMITS = {
    errno.EMFILE: (
        "This process can't open another file or connection: it has too many open.",
        "Close files and connections, or restart the kernel. `ulimit -n` shows the limit.",
    ),
    errno.ENFILE: (
        "This machine can't open another file or connection: it has too many open.",
        "Close other programs, then run the cell again.",
    ),
}


def system_limit(error: BaseException) -> AwsProfileError | None:
    """Return the exception for a system limit that caused an error, or None."""
    for number in (*_numbers(error), _number_of_opening()):
        if number in _LIMITS:
            return AwsProfileError(*_LIMITS[number])
    return None


def _numbers(error: BaseException | None) -> Iterator[int | None]:
    """Yield the ``errno`` of an error and of its causes."""
    while error is not None:
        yield getattr(error, "errno", None)
        error = error.__cause__ or error.__context__


def _number_of_opening() -> int | None:
    """Return the ``errno`` of opening a file, or None if files can be opened."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno
    return None
