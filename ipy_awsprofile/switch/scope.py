"""An identity for a block: a context manager that is also a decorator."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import TYPE_CHECKING

from ipy_awsprofile.credentials.interrupts import Uninterrupted, interrupts_unshown

if TYPE_CHECKING:
    from types import TracebackType

    import boto3

    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.switch.layers import Layer
    from ipy_awsprofile.switch.switcher import Switcher


class Scope(ContextDecorator):
    """Use another identity for a block, then restore the previous state exactly.

    The previous state is restored even after an error, inside other scopes, and if the block itself
    switches. If scopes overlap, the most recent one is active until it ends. While a scope is open,
    other threads and tasks can't begin a scope or switch; see `Layers.require_changeable`.

    This isn't a generator, because Ctrl-C could come after the generator starts and before the
    block does.
    """

    def __init__(self, switcher: Switcher, request: SwitchRequest) -> None:
        self._switcher = switcher
        self._request = request
        self._layer: Layer | None = None

    def _recreate_cm(self) -> Scope:
        """Return a new scope for each call of a decorated function."""
        return Scope(self._switcher, self._request)

    def prepare(self) -> Layer:
        """Open the session, which can call AWS or prompt the user. This changes nothing yet."""
        self._switcher.require_changeable()
        self._layer = self._switcher.prepare(self._request)
        return self._layer

    def __enter__(self) -> boto3.Session:
        try:
            with interrupts_unshown():
                layer = self._layer or self.prepare()
                with Uninterrupted():
                    self._switcher.begin(layer)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return layer.session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            with interrupts_unshown():
                self._end()
        finally:
            self._end()  # if Ctrl-C came before it was deferred

    def _end(self) -> None:
        if self._layer:
            with Uninterrupted():
                layer, self._layer = self._layer, None
                self._switcher.end(layer)
