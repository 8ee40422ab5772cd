"""A server in the kernel that lends sessions to child processes and libraries of the same user.

Each session has its own address, so a child process keeps the identity that it was started with,
even after the next switch or ``--off``; see `LentSessions` for how long. The server listens on
loopback, and responds in the container credentials format, which AWS SDKs and libraries built on
Rust's object_store support. A request must contain a token, which is in a file that only the user
can read. No environment variable contains a secret. Long-term keys don't leave the kernel; instead,
STS issues short-lived credentials for them.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import weakref
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from ipy_awsprofile.bindings.credential_process import command_line
from ipy_awsprofile.bindings.lent_sessions import LentSessions
from ipy_awsprofile.bindings.private_folder import PrivateFolder, write_private_file
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.errors import CredentialsUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a lent session. It contains no secret.

    ``url`` and ``token_file`` are for container credentials, ``command`` is for
    `credential_process`, and ``folder`` is a private folder for additional files.
    """

    url: str
    token_file: Path
    command: str
    folder: Path


@dataclass(slots=True, repr=False)
class _Serving(StaysInProcess):
    """The state that the server's threads share."""

    listener: socket.socket
    token: str
    sessions: LentSessions
    closed: Event = field(default_factory=Event)


class CredentialServer(StaysInProcess):
    """Lends sessions until it is closed or the kernel ends, even if the kernel is killed.

    Lending a session starts the server, even after it was closed.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._serving: _Serving | None = None
        self._folder = Path()
        self._end: Callable[[], object] = _nothing
        self._inherited = ExitStack()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._folder if self._serving else 'closed'}>"

    def lend(self, session: ProfileSession) -> Address:
        """Lend a session and return its address. An identity that is lent keeps its address.

        Raises CredentialsUnavailable if it can't create a private folder for the token, or can't
        listen on the loopback address.
        """
        with self._lock:
            if self._serving and not (self._folder / "token").exists():
                self._close()  # a cleanup of temporary files has removed it
            serving = self._serving or self._start()
            path = serving.sessions.add(session)
        private, token_file = self._folder / path[1:], self._folder / "token"
        private.mkdir(mode=0o700, exist_ok=True)
        url = f"http://127.0.0.1:{serving.listener.getsockname()[1]}{path}"
        return Address(url, token_file, command_line("borrow", url, str(token_file)), private)

    def held(self, address: Address) -> AbstractContextManager[None]:
        """Keep an address's session lent in a ``with`` block, regardless of the session limit."""
        serving = self._serving
        return serving.sessions.held(f"/{address.folder.name}") if serving else nullcontext()

    def close(self) -> None:
        """Stop the server and remove its folder. Calling it again does nothing."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._serving = None
        self._inherited.pop_all()
        self._end()

    def _start(self) -> _Serving:
        with ExitStack() as opening:
            private = PrivateFolder()
            opening.callback(private.remove)
            folder = private.path
            sessions = LentSessions(lambda path: _remove(folder / path[1:]))
            listener = _listener()
            serving = _Serving(listener, secrets.token_hex(32), sessions)
            opening.callback(_stop, serving)
            write_private_file(folder / "token", serving.token.encode())
            Thread(target=_serve, args=(serving,), name="lend", daemon=True).start()
            self._release_in_forks(serving, private)
            # This also runs at the end of the process, or when nothing refers to the server.
            self._end = weakref.finalize(self, opening.pop_all().close)
            self._folder, self._serving = folder, serving
        return serving

    def _release_in_forks(self, serving: _Serving, private: PrivateFolder) -> None:
        """Release the server in each forked child, because only the parent serves and closes it.

        If a child kept these files open, other processes couldn't detect the end of the kernel.
        """
        if not hasattr(os, "register_at_fork"):
            return
        self._inherited.callback(serving.listener.close)
        self._inherited.callback(private.release_in_fork)
        _open_servers.add(self)
        _release_all_in_forks()

    def release_in_fork(self) -> None:
        """Forget the sessions in a forked child, because the parent continues to serve them."""
        self._lock = Lock()  # a thread that exists only in the parent may hold it
        if self._serving:
            self._serving.sessions.forget_in_fork()
        self._serving = None
        if isinstance(self._end, weakref.finalize):
            self._end.detach()
        self._inherited.close()


#: The servers that forked children have to release.
_open_servers: weakref.WeakSet[CredentialServer] = weakref.WeakSet()


@cache
def _release_all_in_forks() -> None:
    """Register the fork hook. This runs only once, because the hook can't be removed."""

    def release() -> None:
        for server in list(_open_servers):
            server.release_in_fork()

    os.register_at_fork(after_in_child=release)


def _listener() -> socket.socket:
    """Return a socket on a free port of the loopback address. Raises CredentialsUnavailable."""
    try:
        return socket.create_server(("127.0.0.1", 0))
    except OSError as error:
        reason = error.strerror.partition(" (")[0] if error.strerror else type(error).__name__
        raise CredentialsUnavailable(
            f"Credentials can't be lent to child processes at the address 127.0.0.1: {reason}.",
            "Give this machine (or its container) that address, or add `--only-session`.",
        ) from error


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _nothing() -> None:
    """Do nothing, because the server hasn't started."""


def _stop(serving: _Serving) -> None:
    """Stop serving. A last connection wakes up the thread that waits for connections."""
    serving.closed.set()
    serving.sessions.clear()
    with suppress(OSError):
        socket.create_connection(serving.listener.getsockname(), timeout=1).close()
    serving.listener.close()


def _serve(serving: _Serving) -> None:
    # A switch doesn't wait for these imports. Until then, the system queues connections.
    from ipy_awsprofile.bindings.credential_requests import serve

    serve(serving.listener, serving.sessions, serving.token, serving.closed)
