"""botocore's and boto3's own event handlers, registered once, and copied for those who change them.

A botocore session looks at each of its 130 handlers anew, to see what it can be called with, and
boto3 adds eight. That is most of the time that a session takes.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

import boto3
import botocore.session
from botocore import handlers
from botocore.hooks import BaseEventHooks, EventAliaser, HierarchicalEmitter
from botocore.loaders import Loader


class CopiedHooks(BaseEventHooks):
    """Hooks that are shared until somebody changes them; a copy behaves as any other copy.

    https://botocore.amazonaws.com/v1/documentation/api/latest/topics/events.html
    """

    def __init__(self, hooks: HierarchicalEmitter) -> None:
        self._hooks = hooks
        self._shared = True

    def emit(self, event_name: str, **kwargs: Any) -> Any:
        """Call all handlers of an event."""
        return self._hooks.emit(event_name, **kwargs)

    def emit_until_response(self, event_name: str, **kwargs: Any) -> Any:
        """Call the handlers of an event until one answers."""
        return self._hooks.emit_until_response(event_name, **kwargs)

    def register(self, *args: Any, **kwargs: Any) -> None:
        """Add a handler for an event."""
        self._own().register(*args, **kwargs)

    def register_first(self, *args: Any, **kwargs: Any) -> None:
        """Add a handler that is called before the others."""
        self._own().register_first(*args, **kwargs)

    def register_last(self, *args: Any, **kwargs: Any) -> None:
        """Add a handler that is called after the others."""
        self._own().register_last(*args, **kwargs)

    def unregister(self, *args: Any, **kwargs: Any) -> None:
        """Take a handler out."""
        self._own().unregister(*args, **kwargs)

    def __copy__(self) -> CopiedHooks:
        self._shared = True  # neither may change what both have
        return CopiedHooks(self._hooks)

    def _own(self) -> HierarchicalEmitter:
        if self._shared:
            self._hooks, self._shared = copy.copy(self._hooks), False
        return self._hooks


def built_in_hooks() -> CopiedHooks:
    """Return hooks with the handlers of a botocore and a boto3 session, which add none then.

    ``include_builtin_handlers`` is off, and `SharedHandlersSession` is the boto3 session.
    """
    return CopiedHooks(_registered(tuple(handlers.BUILTIN_HANDLERS)))  # moto adds to them


@lru_cache(maxsize=2)
def _registered(specs: tuple[tuple[Any, ...], ...]) -> HierarchicalEmitter:
    hooks = HierarchicalEmitter()
    aliased = EventAliaser(hooks)
    places: dict[object, Any] = {
        handlers.REGISTER_FIRST: aliased.register_first,
        handlers.REGISTER_LAST: aliased.register_last,
    }
    for event, handler, *place in specs:
        register = places[place[0]] if place else aliased.register
        register(event, handler)
    core = botocore.session.Session(event_hooks=hooks, include_builtin_handlers=False)
    # Otherwise boto3 reads the shared files for one, by the variables of the moment.
    core.register_component("data_loader", Loader())
    boto3.Session(botocore_session=core)
    return hooks


class SharedHandlersSession(boto3.Session):
    """A boto3 session of a botocore session that has `built_in_hooks`."""

    def _register_default_handlers(self) -> None:
        """Leave them as they are: they are there."""
