"""Failures that come from a limit of the process or the machine, and not from a profile.

botocore reads a file that can't be opened as one that is empty, so what it says then is about the
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
    """Return our error for the limit that has made a call fail, or None if there is none."""
    for number in (*_numbers(error), _number_of_opening()):
        if number in _LIMITS:
            return AwsProfileError(*_LIMITS[number])
    return None


def _numbers(error: BaseException | None) -> Iterator[int | None]:
    """Yield the numbers of the system's errors behind an error."""
    while error is not None:
        yield getattr(error, "errno", None)
        error = error.__cause__ or error.__context__


def _number_of_opening() -> int | None:
    """Return the number of the error if no file can be opened now."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno
    return None
