"""The gate: every signature of boto3 in this process is looked at before it is made.

boto3, s3transfer and whatever is built on them sign requests in one method of botocore, presigned
URLs included. Searching for clients can miss one that a library or a module keeps; a client that
isn't used does no harm, and one that is used comes through here.

https://botocore.amazonaws.com/v1/documentation/api/latest/development/designnotes.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
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

#: Receives the credentials that a session without a profile's name has found by itself.
Noter = Callable[[Any], None]


class _Process:
    """What belongs to the process, as the methods of botocore do."""

    lock = threading.Lock()
    watchers: tuple[Watcher, ...] = ()
    noters: tuple[Noter, ...] = ()
    restore: ExitStack | None = None


def watch_signatures(watcher: Watcher, noter: Noter | None = None) -> Callable[[], None]:
    """Call the watcher for each signature; return a function that ends this, once or again.

    ``noter`` is called with credentials that a session finds without a name, as ``boto3.Session()``
    does: they are of the identity that is active then. botocore's methods are replaced as long as
    somebody watches.
    """
    with _Process.lock:
        _Process.watchers = (*_Process.watchers, watcher)
        _Process.noters += (noter,) if noter else ()
        if _Process.restore is None:
            _Process.restore = _replace_methods()

    def end() -> None:
        with _Process.lock:
            _Process.watchers = tuple(one for one in _Process.watchers if one is not watcher)
            _Process.noters = tuple(one for one in _Process.noters if one is not noter)
            if not _Process.watchers and _Process.restore:
                _Process.restore.close()
                _Process.restore = None

    return end


def _replace_methods() -> ExitStack:
    """Replace botocore's methods; closing the stack puts them back."""
    from botocore.session import Session  # loading the extension mustn't import botocore
    from botocore.signers import RequestSigner

    sign, get_credentials = RequestSigner.sign, Session.get_credentials

    @wraps(sign)
    def watched_sign(self: Any, operation_name: str, *args: Any, **kwargs: Any) -> Any:
        if self._credentials:  # otherwise the request stays without a signature
            signature = Signature(self._credentials, str(self._signing_name), operation_name)
            for watcher in _Process.watchers:
                watcher(signature)
        return sign(self, operation_name, *args, **kwargs)

    @wraps(get_credentials)
    def noted_get_credentials(self: Any) -> Any:
        is_new = self._credentials is None and not self.instance_variables().get("profile")
        credentials = get_credentials(self)
        if is_new and credentials is not None:
            for noter in _Process.noters:
                noter(credentials)
        return credentials

    restore = ExitStack()
    restore.callback(_replace(RequestSigner, "sign", watched_sign))
    restore.callback(_replace(Session, "get_credentials", noted_get_credentials))
    return restore


def _replace(kind: type, name: str, new: Callable[..., Any]) -> Callable[[], None]:
    """Replace a method, and return what puts it back unless it was replaced since."""
    original = getattr(kind, name)
    setattr(kind, name, new)

    def restore() -> None:
        if getattr(kind, name) is new:
            setattr(kind, name, original)

    return restore
