"""The gate: every signature of boto3 in this process is looked at before it is made.

boto3, s3transfer and whatever is built on them sign requests in one method of botocore, presigned
URLs included. Searching for clients can miss one that a library or a module keeps; a client that
isn't used does no harm, and one that is used comes through here.

https://botocore.amazonaws.com/v1/documentation/api/latest/development/designnotes.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that is about to be made: with which credentials, and for which call.

    ``service`` is the name under which the service signs, mostly that of its client.
    """

    credentials: Any
    service: str
    operation: str


#: Looks at a signature. What it raises is raised to the caller, and nothing is signed.
Watcher = Callable[[Signature], None]


class _Process:
    """What belongs to the process, as the method of botocore does."""

    lock = threading.Lock()
    watchers: tuple[Watcher, ...] = ()
    restore: Callable[[], None] | None = None


def watch_signatures(watcher: Watcher) -> Callable[[], None]:
    """Call the watcher for each signature; return a function that ends this, once or again.

    botocore's method is replaced while there is a watcher.
    """
    with _Process.lock:
        _Process.watchers = (*_Process.watchers, watcher)
        if _Process.restore is None:
            _Process.restore = _replace_method()

    def end() -> None:
        with _Process.lock:
            _Process.watchers = tuple(one for one in _Process.watchers if one is not watcher)
            if not _Process.watchers and _Process.restore:
                _Process.restore()
                _Process.restore = None

    return end


def _replace_method() -> Callable[[], None]:
    """Replace botocore's method, and return what puts it back unless it was replaced since."""
    from botocore.signers import RequestSigner  # loading the extension mustn't import botocore

    original = RequestSigner.sign

    @wraps(original)
    def sign(self: Any, operation_name: str, *args: Any, **kwargs: Any) -> Any:
        if self._credentials:  # otherwise the request stays without a signature
            signature = Signature(self._credentials, str(self._signing_name), operation_name)
            for watcher in _Process.watchers:
                watcher(signature)
        return original(self, operation_name, *args, **kwargs)

    def restore() -> None:
        if RequestSigner.sign is sign:
            RequestSigner.sign = original  # type: ignore[method-assign]

    RequestSigner.sign = sign  # type: ignore[method-assign]
    return restore
