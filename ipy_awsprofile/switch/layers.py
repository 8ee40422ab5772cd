"""The active identities: the notebook's own, and the identities of scopes on top of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.transaction import TRANSACTION, Transaction
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.run_isolation import has_run, require_no_run

if TYPE_CHECKING:
    from ipy_awsprofile.config.request import SwitchRequest
    from ipy_awsprofile.sessions.session import Identity, ProfileSession


@dataclass(slots=True, eq=False)
class Layer:
    """An identity and its bindings.

    With ``--only-session``, only the variable follows it. ``rest`` is then the session that the
    rest of the kernel continues to follow, or None if this layer doesn't bind that session.
    """

    request: SwitchRequest
    session: ProfileSession
    identity: Identity
    rest: ProfileSession | None = None
    bindings: ExitStack = field(default_factory=ExitStack)

    def known(self) -> Identity:
        """Return the identity with its current expiry, without calling AWS or renewing anything."""
        from ipy_awsprofile.sessions.session import expiry_of

        expiry = expiry_of(self.session.get_credentials())
        cached = self.identity.cached and expiry == self.identity.expiry
        return replace(self.identity, expiry=expiry, cached=cached)


@dataclass(frozen=True, slots=True)
class _Runner:
    """A thread, and the asyncio task that it runs, if any."""

    thread: threading.Thread
    task: asyncio.Task[Any] | None

    @classmethod
    def current(cls) -> _Runner:
        """Return the current thread and task."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # this thread isn't running an event loop
            task = None
        return cls(threading.current_thread(), task)

    def is_beside(self, other: _Runner) -> bool:
        """Return whether this runner can continue while the other one is running.

        A runner that has ended can't. Neither can code that isn't in a task while its own thread
        runs a task, because that code waits for the event loop.
        """
        if not self.thread.is_alive() or (self.task and self.task.done()):
            return False
        return self.thread is not other.thread or self.task not in (None, other.task)


@dataclass(slots=True, eq=False)
class _Scope:
    """A block that hasn't ended yet, and the layers to restore after it."""

    layer: Layer
    after: tuple[Layer, ...]
    runner: _Runner = field(default_factory=_Runner.current)


class Layers:
    """The bound layers; ``bind`` makes everything follow a layer until its stack is closed.

    The whole kernel follows the last one. So while a thread or task is in a scope, only that thread
    or task can change the layers. This class isn't thread-safe. The Switcher holds its lock during
    every call.
    """

    def __init__(self, bind: Callable[[Layer, Transaction], ExitStack]) -> None:
        self._bind = bind
        self._transaction = TRANSACTION
        self._scopes: list[_Scope] = []
        #: From the notebook's own identity to the active one.
        self.bound: tuple[Layer, ...] = ()

    def require_changeable(self) -> None:
        """Raise AwsProfileError if another thread or task relies on the bound layers.

        It can be in a scope, and would continue with a different identity, or in a run.
        """
        require_no_run()
        here = _Runner.current()
        if any(scope.runner.is_beside(here) for scope in self._scopes):
            raise AwsProfileError(
                "Another thread or task is in a block of `using_profile` or `%%aws_profile`, which "
                "the whole kernel follows.",
                "Wait until its block has ended. In threads and tasks, use `open_session(NAME)`, "
                "whose session is separate.",
            )

    def replace_active(self, layer: Layer) -> None:
        """Bind a layer instead of the active one. On an error, bind the previous layers again.

        Raises the error of `require_changeable`.
        """
        self.require_changeable()
        self._keep_rest(layer)
        before = self.bound
        try:
            with self._transaction.at_once():
                try:
                    self.rebind((*before[:-1], layer))
                except BaseException:
                    self.rebind(before)
                    raise
        except BaseException:
            self.rebind(before)  # if one of the changes has failed
            raise

    def _keep_rest(self, layer: Layer) -> None:
        """With ``--only-session``, make everything else continue to follow its session."""
        if layer.request.only_session and self.bound:
            active = self.bound[-1]
            layer.rest = active.rest if active.request.only_session else active.session

    def rebind(self, layers: tuple[Layer, ...]) -> None:
        """Leave all layers from the first difference on, then bind the rest of these layers.

        An error or Ctrl-C while leaving a layer doesn't stop the other layers from being left. This
        works even during a run, in which a scope can end.
        """
        kept = 0
        while (
            self.bound[kept : kept + 1] and self.bound[kept : kept + 1] == layers[kept : kept + 1]
        ):
            kept += 1
        with self._transaction.at_once(), _identity_unhidden():
            with ExitStack() as leaving:
                for layer in self.bound[kept:]:
                    leaving.callback(layer.bindings.close)
                self.bound = self.bound[:kept]
            for layer in layers[kept:]:
                layer.bindings = self._bind(layer, self._transaction)
                self.bound = (*self.bound, layer)

    def leave(self, is_over: Callable[[Layer], bool] | None = None) -> None:
        """Leave all layers until a scope ends, or permanently leave the layers that are over.

        Raises the error of `require_changeable`.
        """
        self.require_changeable()
        if is_over is None:
            self.rebind(())
            return
        for scope in self._scopes:
            scope.after = tuple(layer for layer in scope.after if not is_over(layer))
        self.rebind(tuple(layer for layer in self.bound if not is_over(layer)))

    def close(self) -> None:
        """Leave all layers permanently, so that no scope restores them later."""
        for scope in self._scopes:
            scope.after = ()
        self.rebind(())

    def begin_scope(self, layer: Layer) -> None:
        """Bind a scope's layer on top of the others, until `end_scope`.

        Raises the error of `require_changeable`.
        """
        self.require_changeable()
        self._keep_rest(layer)
        scope = _Scope(layer, self.bound)
        self._scopes.append(scope)
        self.rebind((*self.bound, layer))

    def end_scope(self, layer: Layer) -> None:
        """Bind the layers from before the scope, if it has begun.

        If a later scope is still active, nothing is bound now, and the end of that scope restores
        the layers from before both.
        """
        scope = next((one for one in self._scopes if one.layer is layer), None)
        if scope is None:
            return
        later = self._scopes[self._scopes.index(scope) + 1 :]
        self._scopes.remove(scope)
        if later:
            ended = set(later[0].after) - set(scope.after)
            later[0].after = scope.after
            for one in later[1:]:
                one.after = tuple(kept for kept in one.after if kept not in ended)
        else:
            self.rebind(scope.after)


def _identity_unhidden() -> AbstractContextManager[None]:
    if not has_run():
        return nullcontext()
    from ipy_awsprofile.bindings.isolated_run import identity_unhidden  # loading doesn't need it

    return identity_unhidden()
