"""Register the event handlers of botocore and boto3 once, and copy them only on changes.

Each botocore session registers 130 handlers and inspects their signatures, and boto3 adds eight.
This accounts for most of the time to create a session.
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

from ipy_awsprofile.credentials.secret_redaction import redact_error, remember_request


class CopiedHooks(BaseEventHooks):
    """Event hooks that share their handlers with their copies until either is changed.

    https://botocore.amazonaws.com/v1/documentation/api/latest/topics/events.html
    """

    def __init__(self, hooks: HierarchicalEmitter) -> None:
        self._hooks = hooks
        self._shared = True

    def emit(self, event_name: str, **kwargs: Any) -> Any:
        """Call all handlers of an event."""
        return self._hooks.emit(event_name, **kwargs)

    def emit_until_response(self, event_name: str, **kwargs: Any) -> Any:
        """Call the handlers of an event until one returns a response."""
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
        """Remove a handler."""
        self._own().unregister(*args, **kwargs)

    def __copy__(self) -> CopiedHooks:
        self._shared = True  # changes to one must not affect the other
        return CopiedHooks(self._hooks)

    def _own(self) -> HierarchicalEmitter:
        if self._shared:
            self._hooks, self._shared = copy.copy(self._hooks), False
        return self._hooks


def built_in_hooks() -> CopiedHooks:
    """Return hooks that already have the handlers of botocore and boto3.

    Use them with ``include_builtin_handlers=False`` and with `SharedHandlersSession`, which don't
    register the handlers again.
    """
    return CopiedHooks(_registered(tuple(handlers.BUILTIN_HANDLERS)))  # moto adds handlers


@lru_cache(maxsize=2)
def _registered(specs: tuple[tuple[Any, ...], ...]) -> HierarchicalEmitter:
    hooks = HierarchicalEmitter()
    aliased = EventAliaser(hooks)
    registrations: dict[object, Any] = {
        handlers.REGISTER_FIRST: aliased.register_first,
        handlers.REGISTER_LAST: aliased.register_last,
    }
    for event, handler, *position in specs:
        register = registrations[position[0]] if position else aliased.register
        register(event, handler)
    session = botocore.session.Session(event_hooks=hooks, include_builtin_handlers=False)
    # Without this loader, the session would read the shared files and the environment.
    session.register_component("data_loader", Loader())
    boto3.Session(botocore_session=session)
    hooks.register_last("request-created", remember_request)  # after signing
    hooks.register_last("after-call", redact_error)
    return hooks


class SharedHandlersSession(boto3.Session):
    """A boto3 session for a botocore session with `built_in_hooks`."""

    def _register_default_handlers(self) -> None:
        """Do nothing, because the hooks already have boto3's handlers."""
