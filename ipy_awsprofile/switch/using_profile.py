"""Use profiles in Python code: `using_profile` for a block, `on_switch` for a function."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from functools import lru_cache
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, TypeVar

from ipy_awsprofile.audit import note, refusals_noted
from ipy_awsprofile.config.python_interface import ForWith, takes
from ipy_awsprofile.config.request import Form, SwitchRequest, python_arguments
from ipy_awsprofile.errors import InvalidOption, NotAllowed
from ipy_awsprofile.gate import PROCESS, require_no_run
from ipy_awsprofile.kernel.uninterrupted import Uninterrupted
from ipy_awsprofile.kernel.watch import watch
from ipy_awsprofile.switch.stack import Entry
from ipy_awsprofile.switch.switcher import Switcher
from ipy_awsprofile.switch.user_functions import UserFunction, key_of
from ipy_awsprofile.text import listed, one_line

if TYPE_CHECKING:
    import boto3


_Function = TypeVar("_Function", bound=Callable[..., object])
_UserFunction = TypeVar("_UserFunction", bound=UserFunction)


class Block(ForWith):
    """Use another identity for a block, then restore the previous state exactly.

    The previous state is restored even after an error, inside other blocks, and if the block itself
    switches, but not after ``--off``, which ends all blocks. If blocks overlap, the most recent one
    is active until it ends. In a block, other threads and tasks can't begin a block or switch; see
    `Stack.require_changeable`.

    The same object can be entered again, even inside its own block.

    This isn't a generator, because Ctrl-C could come after the generator starts and before the
    block does.
    """

    def __init__(self, request: SwitchRequest, form: Form = Form.BLOCK) -> None:
        super().__init__(f"using_profile({python_arguments(request)})")
        self._request = request
        self._form = form
        #: The times that it is entered now, the innermost last.
        self._open: list[tuple[Switcher, Entry]] = []

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function. Raises InvalidOption if its body wouldn't run inside the block."""
        kinds = (iscoroutinefunction, isgeneratorfunction, isasyncgenfunction)
        if any(kind(function) for kind in kinds):
            raise InvalidOption(
                "`using_profile` can't decorate a coroutine or generator function, whose body runs "
                "only after the call.",
                "Use `with using_profile(NAME):` in its body.",
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
        """End a block. If it has already ended, do nothing."""
        with Uninterrupted():
            if (switcher, entry) in self._open:
                self._open.remove((switcher, entry))
            switcher.end(entry)


@takes(SwitchRequest)
def using_profile(request: SwitchRequest) -> Block:
    """Use a profile for everything in a ``with`` block, and restore the previous state afterwards.

    The options are the same as for ``%aws_profile``. ``duration`` is in seconds, a timedelta, or a
    string such as ``15m``, and ``tags`` is a dict. ``variable`` is ``--as``, and ``confirmed`` is
    ``--yes``. ``with … as session:`` binds the session. In a script without IPython, everything
    except the notebook's variable follows.

    The block changes the identity of the whole kernel. While a thread or task is in a block, other
    threads and tasks can't enter one, switch or switch off; use `open_session` there. A switch in
    the block lasts until the block ends, but ``--off`` ends the block permanently.

    Raises a subclass of `AwsProfileError`. In this case, the block isn't entered, and nothing has
    changed.

    https://docs.python.org/3/reference/compound_stmts.html#the-with-statement
    """
    return Block(request)


def on_switch(function: _UserFunction) -> _UserFunction:
    """Call a function after each switch, so that your own clients follow. Use it as a decorator.

    ``function(session)`` gets the active boto3 session, or None if no profile is active anymore. It
    is called after each switch and refresh, at the beginning and end of a block, and after
    ``--off``. If a profile is active, it is called now, too. It isn't called in a run over many
    profiles, after a switch that failed, or for a switch that such a function makes itself.

    The functions are called in the kernel's main thread, in the order in which they were
    registered. After a switch in another thread, that is when the main thread is free, with the
    session that is active then. A terminal's functions are called in the thread of the switch. If a
    function raises an exception, a line names it. The switch is complete, and the other functions
    are called.

    If the cell or module that defines the function runs again, the new function replaces the
    former one. Lambdas, methods and functions inside other functions are added instead. All of them
    stay when the extension is unloaded and loaded again, until `end_on_switch` or a restart of the
    kernel. Raises InvalidOption for an async function.
    """
    require_no_run("`on_switch`")
    _require_function(
        "on_switch",
        function,
        "Write `@on_switch` above the function, or pass it without quotation marks.",
    )
    if iscoroutinefunction(function):
        raise InvalidOption(
            "The function is async, and nothing would await its result.",
            "Use a function without `async`.",
        )
    key = key_of(function)
    _require_removable(key, function)
    note("on_switch", detail=f"added {_name_of(function)}")
    if _is_configured_now():
        PROCESS.kept_functions.add(key)
    PROCESS.user_functions[key] = function
    if PROCESS.active:
        running_switcher().call_functions([function])
    return function


def end_on_switch(function: UserFunction) -> None:
    """Don't call a function of `on_switch` anymore. Any other function causes a warning.

    Raises InvalidOption for anything but a function, and NotAllowed for a function that IPython's
    configuration has registered.
    """
    hint = "Pass the function that `on_switch` got."
    if isinstance(function, str) and function.isidentifier():
        hint = f"Write `end_on_switch({function})`."
    _require_function("end_on_switch", function, hint)
    key = key_of(function)
    _require_removable(key, function)
    if key in PROCESS.user_functions:
        note("on_switch", detail=f"removed {_name_of(function)}")
        del PROCESS.user_functions[key]
        return
    registered = listed(map(_name_of, PROCESS.user_functions.values()))
    others = f"The registered functions: {registered}." if registered else "No function is."
    PROCESS.warn(f"`{_name_of(function)}` isn't registered with `on_switch`. {others}")


def _require_function(name: str, function: object, hint: str) -> None:
    """Raise InvalidOption for a value that can't be called, such as a function's name."""
    if callable(function):
        return
    kind = type(function).__name__
    raise InvalidOption(f"`{name}` takes a function, not a value of type {kind}.", hint)


def _is_configured_now() -> bool:
    """Return whether IPython reads its configuration, which is before it has a shell."""
    from IPython.core.application import BaseIPythonApplication
    from IPython.core.getipython import get_ipython

    return get_ipython() is None and bool(BaseIPythonApplication.initialized())


def _require_removable(key: Hashable, function: UserFunction) -> None:
    """Raise NotAllowed for a notebook's change of a function of IPython's configuration."""
    if key in PROCESS.kept_functions and not _is_configured_now():
        with refusals_noted():
            raise NotAllowed(
                f"IPython's configuration has registered `{_name_of(function)}`, so a notebook "
                "can't remove or replace it.",
                "To change it, ask whoever administers `ipython_config.py`.",
            )


def _name_of(function: UserFunction) -> str:
    return one_line(getattr(function, "__qualname__", function), 80)


def running_switcher() -> Switcher:
    """Return the Switcher of the running IPython shell, loading the extension if necessary.

    Outside IPython, return a Switcher for the process, without a notebook. A forked child has a
    separate one, because nothing in the child ends what the parent has begun.
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
    """Return the Switcher of a process without IPython."""
    watch()
    return Switcher(None)
