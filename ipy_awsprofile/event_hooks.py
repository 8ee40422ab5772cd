"""botocore's own event handlers, registered once and copied for each session.

A botocore session looks at each of its 130 handlers anew, to see what it can be called with. That
is most of the time that a session takes. botocore itself copies them for each client.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

from botocore import handlers
from botocore.hooks import EventAliaser, HierarchicalEmitter


def built_in_hooks() -> HierarchicalEmitter:
    """Return hooks with the handlers that a botocore session has, for one session alone.

    They go with ``include_builtin_handlers=False``.

    https://botocore.amazonaws.com/v1/documentation/api/latest/topics/events.html
    """
    return copy.copy(_registered(tuple(handlers.BUILTIN_HANDLERS)))  # moto adds to them


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
    return hooks
