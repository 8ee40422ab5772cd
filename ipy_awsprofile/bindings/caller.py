"""The caller of a client: the first stack frame outside boto3 and the libraries around it."""

from __future__ import annotations

import sysconfig
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

#: Packages through which a call reaches botocore.
_BETWEEN = {
    *("aiobotocore", "asyncio", "boto3", "botocore", "concurrent", "contextlib", "functools"),
    *("ipy_awsprofile", "s3transfer", "threading", "urllib3"),
}


def calling_frame(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the caller, or None if the thread has no other frames."""
    while frame and package_of(frame) in _BETWEEN:
        frame = frame.f_back
    return frame


#: Modules of this package that get credentials for the notebook, or for the profiles of a run,
#: rather than for code that asks for a session.
_OF_SWITCHES = tuple(
    f"ipy_awsprofile.{name}"
    for name in ("across.", "bindings.credential_", "notebook.", "picker.", "switch.")
)


def is_for_switch(frame: FrameType | None) -> bool:
    """Return whether a switch, a run or a child process needs this package's call.

    Otherwise, the user's code does, for example with `open_session`.
    """
    return _comes_from(frame, _OF_SWITCHES)


def is_rehearsed(frame: FrameType | None) -> bool:
    """Return whether a call is part of a rehearsal, which sends nothing."""
    return _comes_from(frame, ("ipy_awsprofile.explain.rehearsal",))


def _comes_from(frame: FrameType | None, modules: tuple[str, ...]) -> bool:
    """Return whether a module whose name begins like this is between the frame and the caller."""
    while frame and package_of(frame) in _BETWEEN:
        if str(frame.f_globals.get("__name__", "")).startswith(modules):
            return True
        frame = frame.f_back
    return False


def is_notebooks(frame: FrameType) -> bool:
    """Return whether the frame's code was typed in the notebook, or has no file."""
    return package_of(frame) == "__main__" or "__file__" not in frame.f_globals


def is_librarys(frame: FrameType) -> bool:
    """Return whether the frame's code is in an installed package."""
    return frame.f_code.co_filename.startswith(_library_folder())


@cache
def _library_folder() -> str:
    return sysconfig.get_paths()["purelib"]


def calling_library(frame: FrameType | None) -> str | None:
    """Return the name of the package that makes a call, or None for the user's own code.

    For this package's own calls, return its name.
    """
    from ipy_awsprofile.credentials.translation import (
        is_own_call,
    )  # not needed to load the extension

    if is_own_call():
        return "ipy_awsprofile"
    caller = calling_frame(frame)
    if caller is None or is_notebooks(caller) or not is_librarys(caller):
        return None
    return package_of(caller)


def package_of(frame: FrameType) -> str:
    """Return the top-level package of the frame's code."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
