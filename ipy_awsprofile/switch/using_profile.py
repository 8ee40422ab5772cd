"""Python functions to use a profile for a block, and to call a function after each switch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Hashable
from functools import lru_cache
from inspect import (
    CO_ASYNC_GENERATOR,
    CO_GENERATOR,
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
)
from typing import TYPE_CHECKING, TypeVar

from ipy_awsprofile.audit import note, refusals_noted
from ipy_awsprofile.call_stack import is_between, library_of
from ipy_awsprofile.config.python_interface import ForWith, takes
from ipy_awsprofile.config.request import Form, SessionRequest, SwitchRequest, python_arguments
from ipy_awsprofile.errors import InvalidOption, NotAllowed
from ipy_awsprofile.gate import PROCESS, require_no_run
from ipy_awsprofile.kernel.uninterrupted import Uninterrupted
from ipy_awsprofile.kernel.watch import watch
from ipy_awsprofile.switch.session_parameter import name_of, require_session_parameter
from ipy_awsprofile.switch.stack import Entry
from ipy_awsprofile.switch.switcher import Switcher
from ipy_awsprofile.switch.user_functions import UserFunction, key_of
from ipy_awsprofile.text import listed

if TYPE_CHECKING:
    from types import FrameType

    import boto3


_Function = TypeVar("_Function", bound=Callable[..., object])
_UserFunction = TypeVar("_UserFunction", bound=UserFunction)


class Block(ForWith):
    """A context manager that uses another identity and then restores the previous state exactly.

    The previous state is restored even after an error, inside other blocks, and after a switch in
    the block. The previous state isn't restored after ``--off``, which ends all blocks. If blocks
    overlap, the identity of the most recent block is active until that block ends. While a block is
    open, other threads and tasks can't begin a block or make a switch (see
    `Stack.require_changeable`).

    A ``with`` statement can enter the same object again, even inside the object's own block.

    The class doesn't use a generator, because Ctrl-C could arrive after the generator starts and
    before the block starts.
    """

    def __init__(self, request: SwitchRequest, form: Form = Form.BLOCK) -> None:
        super().__init__(f"using_profile({python_arguments(request)})")
        self._request = request
        self._form = form
        #: The times that it is entered now, the innermost last.
        self._open: list[tuple[Switcher, Entry]] = []

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function. Raise InvalidOption for a coroutine or generator function."""
        hint = ""
        if iscoroutinefunction(function):
            hint = "Use `with using_profile(NAME):` in the function's body."
        elif isgeneratorfunction(function) or isasyncgenfunction(function):
            hint = "Use `session = open_session(NAME)` in the function's body."
        if hint:
            raise InvalidOption(
                "`using_profile` can't decorate a coroutine or generator function, because the "
                "function's body runs only after the call.",
                hint,
            )
        decorated: _Function = super().__call__(function)
        return decorated

    def __enter__(self) -> boto3.Session:
        self._has_told = True
        # Each block looks for the Switcher, because the extension may have been reloaded since.
        switcher = running_switcher()
        entry = Entry()
        # This can call AWS or prompt, and changes nothing yet.
        opened = switcher.prepare(self._request, form=self._form)
        frame = sys._getframe(1)  # noqa: SLF001  # the frame with the `with` statement
        entry.is_told = _warns_about_generator(frame, self._request)
        try:
            with Uninterrupted():
                self._open.append((switcher, entry))
                switcher.begin(entry, opened)
            return opened.session  # Python calls nothing between the block's begin and this
        except BaseException:
            self._end(switcher, entry)
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._open:  # no block has begun
            return
        switcher, entry = self._open[-1]
        entry.is_dropped = kind is GeneratorExit
        try:
            self._end(switcher, entry)
        finally:
            self._end(switcher, entry)  # if Ctrl-C came before it was deferred

    def _end(self, switcher: Switcher, entry: Entry) -> None:
        """End a block. If the block has already ended, do nothing."""
        with Uninterrupted():
            if (switcher, entry) in self._open:
                self._open.remove((switcher, entry))
            switcher.end(entry)


def _warns_about_generator(frame: FrameType, request: SwitchRequest) -> bool:
    """Warn if a generator's block also applies to the user's code that uses the generator.

    Return whether a warning was shown. ``frame`` is the frame that enters the block for
    ``request``.
    """
    if not frame.f_code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        return False
    # contextlib, pytest and other libraries suspend a generator to keep its block open on purpose.
    consumer = frame.f_back
    if consumer is None or is_between(consumer) or library_of(consumer):
        return False
    name = frame.f_code.co_name
    arguments = python_arguments(SessionRequest(**request.session_options()))
    PROCESS.warn(
        f"`{name}` is a generator, so its block applies to the whole kernel until `{name}` ends, "
        f"even while `{name}` is suspended. To use the identity only in `{name}`, replace the "
        f"`with` statement with `session = open_session({arguments})`."
    )
    return True


@takes(SwitchRequest)
def using_profile(request: SwitchRequest) -> Block:
    """Use a profile for everything in a ``with`` block, and restore the previous state afterwards.

    The options are the same as for ``%aws_profile``. ``duration`` is a number of seconds, a
    timedelta, or a string such as ``15m``. ``tags`` is a dict. ``variable`` corresponds to
    ``--as``, and ``confirmed`` corresponds to ``--yes``. To use the session itself, write ``with …
    as session:``. In a script without IPython, the block sets everything except the notebook's
    variable.

    The block changes the identity of the whole kernel. While a thread or task is in a block, other
    threads and tasks can't enter a block or make or undo a switch. In other threads and tasks, and
    in generators, use `open_session` instead. A switch in the block lasts until the block ends, but
    ``--off`` ends the block permanently.

    Raise a subclass of AwsProfileError if the switch fails. If the switch fails, Python doesn't
    enter the block, and the identity doesn't change.

    https://docs.python.org/3/reference/compound_stmts.html#the-with-statement
    """
    return Block(request)


def on_switch(function: _UserFunction) -> _UserFunction:
    """Register a function to call after each switch, for example to create your clients again.

    You can use `on_switch` as a decorator. ``function(session)`` receives the active boto3 session,
    or None if no profile is active anymore. The function is called after each switch and refresh,
    at the beginning and end of a block, and after ``--off``. If a profile is active now, the
    function is also called immediately. The function's return value isn't kept, so assign your
    objects to global variables. The function isn't called in code for many profiles, after a failed
    switch, or for a switch that a registered function makes.

    The functions are called in the kernel's main thread, in the order in which they were
    registered. After a switch in another thread, the functions are called as soon as the main
    thread is free, with the session that is active at that time. In a terminal, the functions are
    called in the thread that made the switch. If a function raises an exception, a printed line
    names the function, the switch stays complete, and the other functions are still called.

    If the cell or module that defines the function runs again, the new function replaces the former
    one. A lambda, method or nested function doesn't replace an earlier function. Registered
    functions stay registered, even if the extension is reloaded, until you call `end_on_switch` or
    restart the kernel. Raise InvalidOption for an async function, and for a function that can't be
    called with one argument.
    """
    require_no_run("`on_switch`")
    _require_function(
        "on_switch",
        function,
        "Write `@on_switch` above the function, or pass it without quotation marks.",
    )
    if iscoroutinefunction(function):
        raise InvalidOption(
            "The function is async, but `on_switch` doesn't await its result.",
            "Use a function without `async`.",
        )
    require_session_parameter("on_switch", function, "")
    key = key_of(function)
    _require_removable(key, function)
    note("on_switch", detail=f"added {name_of(function)}")
    if _is_configured_now():
        PROCESS.kept_functions.add(key)
    PROCESS.user_functions[key] = function
    if PROCESS.active:
        running_switcher().call_functions([function])
    return function


def end_on_switch(function: UserFunction) -> None:
    """Stop calling a function that `on_switch` registered.

    If the function isn't registered, show a warning.

    Raise InvalidOption if the value isn't a function. Raise NotAllowed if IPython's configuration
    has registered the function.
    """
    hint = "Pass the function that you registered with `on_switch`."
    if isinstance(function, str) and function.isidentifier():
        hint = f"Write `end_on_switch({function})`."
    _require_function("end_on_switch", function, hint)
    key = key_of(function)
    _require_removable(key, function)
    if key in PROCESS.user_functions:
        note("on_switch", detail=f"removed {name_of(function)}")
        del PROCESS.user_functions[key]
        return
    registered = listed(map(name_of, PROCESS.user_functions.values()))
    others = "No function is registered."
    if registered:
        others = f"These functions are registered: {registered}."
    PROCESS.warn(f"`{name_of(function)}` isn't registered with `on_switch`. {others}")


def _require_function(name: str, function: object, hint: str) -> None:
    """Raise InvalidOption if a value isn't a function but, for example, a function's name."""
    if callable(function):
        return
    kind = type(function).__name__
    raise InvalidOption(f"`{name}` takes a function, not a value of type {kind}.", hint)


def _is_configured_now() -> bool:
    """Return whether IPython is reading its configuration and doesn't have a shell yet."""
    from IPython.core.application import BaseIPythonApplication
    from IPython.core.getipython import get_ipython

    return get_ipython() is None and bool(BaseIPythonApplication.initialized())


def _require_removable(key: Hashable, function: UserFunction) -> None:
    """Raise NotAllowed if a notebook changes a function that IPython's configuration registered."""
    if key in PROCESS.kept_functions and not _is_configured_now():
        with refusals_noted():
            raise NotAllowed(
                f"IPython's configuration has registered `{name_of(function)}`, so a notebook "
                "can't remove or replace it.",
                "To change the function, ask the administrator of `ipython_config.py`.",
            )


def running_switcher() -> Switcher:
    """Return the Switcher of the running IPython shell, and load the extension if necessary.

    Outside IPython, return the process's own Switcher, which doesn't have a notebook. A forked
    child process has a separate Switcher, because the child can't end the parent's blocks.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return script_switcher(os.getpid())
    if "AwsProfileMagics" not in shell.magics_manager.registry:
        shell.extension_manager.load_extension("ipy_awsprofile")
    switcher: Switcher = shell.magics_manager.registry["AwsProfileMagics"].switcher
    return switcher


@lru_cache(maxsize=1)
def script_switcher(_process: int) -> Switcher:
    """Return the Switcher of a process that doesn't run IPython."""
    watch()
    return Switcher(None)
