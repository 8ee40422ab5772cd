"""A server in the kernel that lends the session's credentials to child processes of the same user.

Child processes ask with `credential_process`, the only source that every AWS SDK supports and that
takes precedence over keys in ``[default]``. They get the session's current credentials: they have
exactly the kernel's permissions, and can ask again as often as they need. Three things protect the
credentials: a folder that only the user can enter, a token in it that both sides prove to have
without sending it, and the user of the other process as reported by the operating system.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
import weakref
from contextlib import ExitStack, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import (
    Client,
    Connection,
    Listener,
    answer_challenge,
    deliver_challenge,
)
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

from ipy_awsprofile.bindings.credential_process import address_of, command_line, token_file
from ipy_awsprofile.bindings.private_folder import (
    create_private_folder,
    start_remover,
    stop_remover,
    write_private_file,
)
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.portable import short_lived

if TYPE_CHECKING:
    import boto3

#: Seconds to wait for each message of a client, which can start on a busy machine.
_TIMEOUT = 60

#: Errors of a handshake with a client that is refused: it left, was silent, had the wrong token, or
#: sent something else.
_REFUSED = (OSError, EOFError, AuthenticationError, AssertionError, ValueError)


class CredentialServer:
    """Lends a session's credentials to child processes while it is open; a context manager.

    ``wanted`` is the folder of an earlier server, which is used again if its name is still free.
    ``command`` is the command line for `credential_process`. ``folder`` is a private folder, in
    which other files can be written too. It is removed with the server, even if the kernel is
    killed: a small process waits for that. Credentials without a session token aren't served, so
    long-term keys don't leave the kernel.
    """

    def __init__(self, session: boto3.Session, wanted: Path | None = None) -> None:
        self._session = session
        self._wanted = wanted
        self._token = secrets.token_bytes(32)
        self._closing = Event()
        self._open = ExitStack()
        self._inherited = ExitStack()
        self._folder: Path | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._folder or 'closed'}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """The private folder. Raises RuntimeError if the server isn't open."""
        if self._folder is None:
            raise RuntimeError("this CredentialServer isn't open")
        return self._folder

    @property
    def command(self) -> str:
        """The command line for `credential_process`. It contains no secret."""
        return command_line("borrow", str(self.folder))

    def start(self) -> Self:
        """Start the server. Raises a child of `AwsProfileError` if nothing can be lent.

        A closed server can't be started again.
        """
        self._document()  # if the user has to be asked, that is done here, while their cell runs
        with ExitStack() as opening:
            folder = create_private_folder(self._wanted)
            opening.callback(shutil.rmtree, folder, ignore_errors=True)
            remover = start_remover(folder)
            opening.callback(stop_remover, remover)
            write_private_file(Path(token_file(str(folder))), self._token)
            listener = _listener_in(folder)
            opening.callback(_close, listener)
            thread = Thread(target=self._accept, args=(listener,), name="lend", daemon=True)
            thread.start()
            opening.callback(self._stop_accepting, thread, str(folder))
            atexit.register(self.close)
            opening.callback(atexit.unregister, self.close)
            self._close_in_forks(listener, remover)
            self._folder = folder
            self._open = opening.pop_all()
        return self

    def close(self) -> None:
        """Stop the server and remove its folder. Calling it again does nothing."""
        self._folder = None
        self._open.close()

    def _close_in_forks(self, listener: Listener, remover: subprocess.Popen[bytes]) -> None:
        """Release the server in each forked child: only the parent serves and closes it.

        If a child kept these files open, the end of the kernel wouldn't be noticed.
        """
        if not hasattr(os, "register_at_fork"):
            return
        self._inherited.callback(_close, listener)  # in another process, this keeps the file
        if remover.stdin:
            self._inherited.callback(remover.stdin.close)
        method = weakref.WeakMethod(self._release)
        os.register_at_fork(after_in_child=lambda: (release := method()) and release())

    def _release(self) -> None:
        self._folder = None
        self._open.pop_all()
        self._inherited.close()
        atexit.unregister(self.close)

    def _accept(self, listener: Listener) -> None:
        while not self._closing.is_set():
            try:
                connection = listener.accept()
            except OSError:  # the client has left already, or too many files are open
                self._closing.wait(0.1)
                continue
            # Each client has its own thread: others don't wait for a silent one.
            Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _stop_accepting(self, thread: Thread, folder: str) -> None:
        self._closing.set()
        with suppress(OSError):  # if the socket has been removed, the thread goes on waiting
            Client(address_of(folder)).close()  # wakes up the thread
            thread.join(timeout=_TIMEOUT)

    def _answer(self, connection: Connection[Any, Any]) -> None:
        with connection, suppress(*_REFUSED):
            _check_peer(connection)
            deliver_challenge(connection, self._token)
            answer_challenge(connection, self._token)
            answer = self._answer_document()
            if not self._closing.is_set():
                connection.send_bytes(json.dumps(answer).encode())

    def _answer_document(self) -> dict[str, Any]:
        try:
            return self._document()
        except AwsProfileError as error:
            return {"Error": f"{error} {error.hint}".strip()}

    def _document(self) -> dict[str, Any]:
        """Return the session's current credentials in the format of `credential_process`."""
        frozen, expiry = short_lived(self._session)
        document = {
            "Version": 1,
            "AccessKeyId": frozen.access_key,
            "SecretAccessKey": frozen.secret_key,
            "SessionToken": frozen.token,
        }
        if expiry is not None:
            document["Expiration"] = expiry.strftime("%Y-%m-%dT%H:%M:%SZ")
        if account := getattr(frozen, "account_id", None):
            document["AccountId"] = account
        return document


def _listener_in(folder: Path) -> Listener:
    address = address_of(str(folder))
    # Without an authkey: with one, the listener would handle one handshake after the other.
    listener = Listener(address, backlog=socket.SOMAXCONN)
    if os.name != "nt":
        Path(address).chmod(0o600)
    return listener


def _close(listener: Listener) -> None:
    with suppress(FileNotFoundError):
        listener.close()


def _check_peer(connection: Connection[Any, Any]) -> None:
    """Raise PermissionError for a process of another user; set the timeout of its messages.

    The folder keeps other users out. This check protects even if somebody has opened the folder. On
    Windows, and on systems that don't report the user, only the token protects.
    """
    if os.name == "nt":
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as peer:
        peer.setblocking(True)  # even with socket.setdefaulttimeout
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _TIMEOUT, 0))
        if hasattr(socket, "SO_PEERCRED"):
            ids = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
            if struct.unpack("iII", ids)[1] != os.geteuid():
                raise PermissionError
