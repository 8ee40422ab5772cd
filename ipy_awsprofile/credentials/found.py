"""What was found in a folder that other programs clean up meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Found(threading.local):
    """What a thread has found with ``in``, and takes with ``[]`` next, as botocore does.

    The file can have been removed in between.
    """

    def __init__(self) -> None:
        self._documents: dict[str, Any] = {}

    def keep(self, key: str, read: Callable[[], Any]) -> bool:
        """Keep what ``read`` returns until it is taken; return False if it raises KeyError."""
        self._documents.pop(key, None)
        try:
            self._documents[key] = read()
        except KeyError:
            return False
        return True

    def take(self, key: str) -> Any:
        """Return the document that is kept, once; None if there is none."""
        return self._documents.pop(key, None)
