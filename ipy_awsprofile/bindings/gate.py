"""The gate, which checks every botocore signature in this process before it is made.

boto3, s3transfer, aiobotocore and libraries built on them sign all requests, including presigned
URLs, in one method. A search for clients can miss a client that a library or a module keeps. A
client that isn't used does no harm, and a client that is used passes this gate.

https://botocore.amazonaws.com/v1/documentation/api/latest/development/designnotes.html
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import wraps
from importlib.abc import MetaPathFinder
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that is about to be made, with its credentials and the operation to call.

    ``service`` is the service's signing name, which is usually the same as the client's name.
    """

    credentials: Any
    service: str
    operation: str


#: Checks a signature. If it raises an error, the caller gets the error and nothing is signed.
Watcher = Callable[[Signature], None]

#: Receives a botocore session and the credentials that it has just found. If it raises an error,
#: the caller gets the error and the session has no credentials.
Noter = Callable[[Any, Any], None]


class _Process:
    """State of the whole process, like botocore's methods."""

    lock = threading.RLock()
    watchers: tuple[Watcher, ...] = ()
    noters: tuple[Noter, ...] = ()
    restore: ExitStack | None = None


def watch_signatures(
    watcher: Watcher | None = None, noter: Noter | None = None
) -> Callable[[], None]:
    """Call the watcher for each signature. Return a function that stops this.

    Calling that function again does nothing. ``noter`` is called when a session finds credentials.
    botocore's methods are replaced while anything is watching. If botocore isn't imported yet, they
    are replaced when it is.
    """
    with _Process.lock:
        _Process.watchers += () if watcher is None else (watcher,)
        _Process.noters += () if noter is None else (noter,)
        if _Process.restore is None:
            _Process.restore = _replace_methods()

    def end() -> None:
        with _Process.lock:
            _Process.watchers = tuple(one for one in _Process.watchers if one is not watcher)
            _Process.noters = tuple(one for one in _Process.noters if one is not noter)
            if _Process.restore and not (_Process.watchers or _Process.noters):
                _Process.restore.close()
                _Process.restore = None

    return end


def _replace_methods() -> ExitStack:
    """Replace botocore's methods, now or when it is imported. Closing the stack restores them."""
    restore = ExitStack()

    def replace() -> None:
        from botocore.session import Session
        from botocore.signers import RequestSigner

        replace_everywhere(restore, RequestSigner, "sign", _watched)
        replace_everywhere(restore, Session, "get_credentials", _noted)

    if "botocore.session" in sys.modules:
        replace()
    else:  # loading the extension must not import botocore
        finder = _AfterImport("botocore.session", replace)
        sys.meta_path.insert(0, finder)
        restore.callback(finder.remove)
    return restore


class _AfterImport(MetaPathFinder):
    """Calls a function after a module is imported.

    https://docs.python.org/3/reference/import.html#the-meta-path
    """

    def __init__(self, module: str, then: Callable[[], None]) -> None:
        self._module = module
        self._then = then

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> Any:
        """Find the module as Python does, and make its loader call the function afterwards."""
        if fullname != self._module:
            return None
        self.remove()
        spec = importlib.util.find_spec(fullname)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def execute_and_call(module: Any) -> None:
                execute(module)
                self._then()

            spec.loader.exec_module = execute_and_call  # type: ignore[method-assign]
        return spec

    def remove(self) -> None:
        """Stop waiting for the module."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)


def _watched(sign: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap botocore's or aiobotocore's ``sign`` so that it calls the watchers first."""

    def look(self: Any, operation: str) -> None:
        # A request without credentials isn't signed.
        if _Process.watchers and self._credentials:
            signature = Signature(credentials_of(self), str(self._signing_name), operation)
            for watcher in _Process.watchers:
                watcher(signature)

    @wraps(sign)
    def watched(self: Any, operation_name: str, *args: Any, **kwargs: Any) -> Any:
        look(self, operation_name)
        return sign(self, operation_name, *args, **kwargs)

    @wraps(sign)
    async def watched_async(self: Any, operation_name: str, *args: Any, **kwargs: Any) -> Any:
        look(self, operation_name)
        return await sign(self, operation_name, *args, **kwargs)

    return watched_async if iscoroutinefunction(sign) else watched


def _noted(get_credentials: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap botocore's or aiobotocore's ``get_credentials`` so that it calls the noters last."""

    def note(self: Any) -> None:
        try:
            for noter in _Process.noters if self._credentials is not None else ():
                noter(self, self._credentials)
        except BaseException:
            self._credentials = None
            raise

    @wraps(get_credentials)
    def noted(self: Any) -> Any:
        if self._credentials is not None:
            return get_credentials(self)
        found = get_credentials(self)
        note(self)
        return found

    @wraps(get_credentials)
    async def noted_async(self: Any) -> Any:
        if self._credentials is not None:
            return await get_credentials(self)
        found = await get_credentials(self)
        note(self)
        return found

    return noted_async if iscoroutinefunction(get_credentials) else noted


def credentials_of(signer: Any) -> Any:
    """Return the credentials that a client's signer uses, or None if it doesn't sign.

    A `KernelSession` only passes on another session's credentials, so return those.
    """
    credentials = signer._credentials  # noqa: SLF001  # botocore has no public attribute for it
    return getattr(credentials, "passes_on", credentials)


def replace_everywhere(
    restore: ExitStack,
    base: Any,
    name: str,
    replaced: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> None:
    """Replace a method in a class and in all its subclasses, including classes defined later."""

    def replace_in(kind: type) -> None:
        if name in vars(kind):
            restore.callback(replace_attribute(kind, name, replaced(vars(kind)[name])))

    before = vars(base).get("__init_subclass__")  # set if another method is replaced, too

    def replace_in_derived(cls: type, /, **kwargs: Any) -> None:
        if before is None:
            super(base, cls).__init_subclass__(**kwargs)
        else:
            before.__get__(None, cls)(**kwargs)
        replace_in(cls)

    kinds = [base]
    for kind in kinds:  # the list grows
        kinds += kind.__subclasses__()
        replace_in(kind)
    restore.callback(replace_attribute(base, "__init_subclass__", classmethod(replace_in_derived)))


def replace_attribute(owner: type | ModuleType, name: str, new: Any) -> Callable[[], None]:
    """Set an attribute. Return a function that restores it unless it has been set again."""
    own = vars(owner)
    is_inherited, before = name not in own, own.get(name)
    setattr(owner, name, new)

    def restore() -> None:
        if own.get(name) is new:
            if is_inherited:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    return restore
