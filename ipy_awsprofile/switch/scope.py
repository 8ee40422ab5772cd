"""An identity for a block: a context manager that is also a decorator."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any, TypeVar

from ipy_awsprofile.bindings.uninterrupted import Uninterrupted
from ipy_awsprofile.errors import InvalidOption

if TYPE_CHECKING:
    from types import TracebackType

    import boto3

    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.switch.layers import Layer
    from ipy_awsprofile.switch.switcher import Switcher

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Scope(ContextDecorator):
    """Use another identity for a block, then restore the previous state exactly.

    The previous state is restored even after an error, inside other scopes, and if the block itself
    switches. If scopes overlap, the most recent one is active until it ends. While a scope is open,
    other threads and tasks can't begin a scope or switch; see `Layers.require_changeable`.

    Blocks can use the same scope again, even inside each other.

    This isn't a generator, because Ctrl-C could come after the generator starts and before the
    block does.
    """

    def __init__(self, find_switcher: Callable[[], Switcher], request: SwitchRequest) -> None:
        # Found for each block, because the extension may have been reloaded since, or the process
        # forked.
        self._find_switcher = find_switcher
        self._request = request
        #: The blocks that use this scope now, the innermost last.
        self._open: list[tuple[Switcher, Layer]] = []

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function. Raises InvalidOption if its body wouldn't run inside the block."""
        kinds = (iscoroutinefunction, isgeneratorfunction, isasyncgenfunction)
        if any(kind(function) for kind in kinds):
            raise InvalidOption(
                "`using_profile` can't decorate a coroutine or generator function, whose body runs "
                "only after the call.",
                "Use `with using_profile(NAME):` in its body.",
            )
        return super().__call__(function)

    def prepare(self) -> tuple[Switcher, Layer]:
        """Open the session, which can call AWS or prompt the user. This changes nothing yet."""
        switcher = self._find_switcher()
        switcher.require_changeable()
        return switcher, switcher.prepare(self._request)

    def begin(self, switcher: Switcher, layer: Layer) -> boto3.Session:
        """Begin a block with the values that `prepare` returned, and return its session."""
        try:
            with Uninterrupted():
                switcher.begin(layer)
                self._open.append((switcher, layer))
        except BaseException:
            self._end(switcher, layer)
            raise
        return layer.session

    def __enter__(self) -> boto3.Session:
        return self.begin(*self.prepare())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for switcher, layer in self._open[-1:]:  # empty if no block has begun
            try:
                self._end(switcher, layer)
            finally:
                self._end(switcher, layer)  # if Ctrl-C came before it was deferred

    def _end(self, switcher: Switcher, layer: Layer) -> None:
        """End a block. Ending it again does nothing."""
        with Uninterrupted():
            if (switcher, layer) in self._open:
                self._open.remove((switcher, layer))
            switcher.end(layer)
