"""Find the user's code or the library on Python's call stack that calls AWS."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ipy_awsprofile.text import shortened

if TYPE_CHECKING:
    from types import FrameType

#: The packages that can be between the user's code and botocore on the call stack.
_BETWEEN = {
    "aiobotocore",
    "asyncio",
    "boto3",
    "botocore",
    "concurrent",
    "contextlib",
    "functools",
    "ipy_awsprofile",
    "s3transfer",
    "tenacity",
    "threading",
    "urllib3",
}


def outer_frame(frame: FrameType | None) -> FrameType | None:
    """Return the innermost stack frame outside this package, boto3 and related packages.

    The result is None if every frame belongs to this package, boto3 or a related package.
    """
    while frame and is_between(frame):
        frame = frame.f_back
    return frame


def is_between(frame: FrameType) -> bool:
    """Return whether a stack frame runs code of boto3, a related package or this package."""
    return package_of(frame) in _BETWEEN


def package_of(frame: FrameType) -> str:
    """Return the name of the top-level package that a stack frame's code belongs to."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def library_of(frame: FrameType) -> str | None:
    """Return the name of the installed package that a stack frame's code belongs to, or None."""
    if "__file__" not in frame.f_globals:
        return None
    if frame.f_code.co_filename.startswith(_installed_packages()):
        return package_of(frame)
    return None


def is_users_code(frame: FrameType) -> bool:
    """Return whether a stack frame runs code of the user's notebook, script or module."""
    file = frame.f_code.co_filename
    if is_between(frame) or file.startswith(("<frozen", _standard_library())):
        return False
    return library_of(frame) is None


@cache
def _standard_library() -> str:
    import sysconfig  # loading the extension doesn't need it

    return sysconfig.get_paths()["stdlib"]


@cache
def _installed_packages() -> str:
    import sysconfig  # loading the extension doesn't need it

    return sysconfig.get_paths()["purelib"]


@dataclass(frozen=True, slots=True)
class SigningCode:
    """The code that signs a request.

    ``text`` is the name of a library or module, or the notebook's line of code. ``module`` is the
    name of a module of the user's own, or an empty string.
    """

    text: str
    is_library: bool = False
    module: str = ""

    def step(self) -> str:
        """Return a sentence about a client that the user's module keeps, or an empty string.

        A client that the module got as an argument is in the notebook.
        """
        if not self.module:
            return ""
        return (
            f" If `{self.module}` created it, run the module's code again with `import importlib, "
            f"{self.module}; importlib.reload({self.module})`, and create its objects again."
        )


def code_that_signs() -> SigningCode:
    """Return the code on this thread's call stack that signs a request."""
    frame = outer_frame(sys._getframe(1))  # noqa: SLF001  # quicker than `inspect`
    if frame is None:  # a thread of s3transfer
        return SigningCode("A client")
    library = library_of(frame)
    if library:
        return SigningCode(f"`{library}`", is_library=True)
    if package_of(frame) == "__main__" or "__file__" not in frame.f_globals:
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        return SigningCode(f"`{shortened(line, 60)}`" if line else "The notebook")
    module = str(frame.f_globals.get("__name__"))
    return SigningCode(f"`{module}`", module=module)
