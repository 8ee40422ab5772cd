"""The user's functions that `on_switch` registers and that are called after each switch.

The functions belong to the process instead of a Switcher, so that they are still called after the
extension is reloaded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterable
from contextvars import ContextVar
from dis import get_instructions
from typing import TYPE_CHECKING

from ipy_awsprofile.follower import package_of
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.kernel.uninterrupted import interruptible
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell

#: A function that gets the active session, or None if no profile is active.
UserFunction = Callable[["boto3.Session | None"], object]

#: The packages with the clients, sessions and filesystems that functions create for a session.
_PACKAGES = {"aiobotocore", "boto3", "botocore", "s3fs"}

_log = logging.getLogger(__name__)

#: Whether functions are being called in this thread or task.
_is_calling: ContextVar[bool] = ContextVar("is_calling", default=False)


def key_of(function: UserFunction) -> Hashable:
    """Return a key that still identifies a function after the function is defined again.

    The key of a nested function, method or lambda is the object itself, because several nested
    functions, methods or lambdas can have the same name.
    """
    name = getattr(function, "__qualname__", "<")
    if "<" in name or hasattr(function, "__self__"):
        return function
    return function.__module__, name


def call_functions(
    functions: Iterable[UserFunction], session: Callable[[], boto3.Session | None]
) -> None:
    """Call the functions with the active session. If a function fails, print a line and continue.

    If a function makes a switch, the functions that were called before this function are called
    once more with the new session. A block in a registered function doesn't cause further calls.
    """
    if _is_calling.get():
        return
    token = _is_calling.set(True)
    try:
        called = list(functions)
        switching = 0
        for number, function in enumerate(called):
            before = session()
            _call(function, before)
            if session() is not before:
                switching = number
        for function in called[:switching]:
            _call(function, session())
    finally:
        _is_calling.reset(token)


def _call(function: UserFunction, session: boto3.Session | None) -> None:
    try:
        with interruptible():
            value = function(session)
        if package_of(value) in _PACKAGES and not _sets_variable(function):
            PROCESS.warn(line_about_value(function))
    except BaseException as error:  # noqa: BLE001  # nothing can fail a switch that is complete
        _log.debug("A function registered with `on_switch` failed.", exc_info=True)
        name = one_line(getattr(function, "__qualname__", function))
        problem = f"{type(error).__name__}: {one_line(error)}"
        PROCESS.warn(f"After the switch, `{name}` failed. The switch is complete. {problem}")


def line_about_value(function: UserFunction) -> str:
    """Return a line that says how a registered function keeps a value such as a client."""
    name = one_line(getattr(function, "__qualname__", function))
    return (
        f"`on_switch` doesn't keep the value that `{name}` returns. In the function, assign the "
        "value to a global variable with a different name: `global NAME`, then `NAME = …`."
    )


def _sets_variable(function: UserFunction) -> bool:
    """Return whether a function also assigns a value to a global variable."""
    code = getattr(function, "__code__", None)
    return code is not None and any(
        step.opname == "STORE_GLOBAL" for step in get_instructions(code)
    )


def call_in_main_thread(shell: InteractiveShell | None, action: Callable[[], None]) -> None:
    """Call an action in the kernel's main thread, now or as soon as that thread is free.

    In a terminal or a script, call the action in the current thread.
    """
    is_main = threading.current_thread() is threading.main_thread()
    loop = getattr(getattr(shell, "kernel", None), "io_loop", None)
    if is_main or loop is None:
        action()
    else:
        loop.add_callback(action)
