"""The kernel lends the credentials of its session to its own child processes, and to nobody else.

Child processes ask through `credential_process`, the one source that every AWS SDK honours and
that keys in ``[default]`` don't shadow. They get what the session has at that moment, so they may
do exactly what the kernel may, and renew it as often as they like. What guards it: a folder that
only the user can enter, a token in it that both sides prove to have without sending it, and the
operating system's word on who is at the other end.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
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
from ipy_awsprofile.errors import AwsProfileError, CredentialsUnavailable
from ipy_awsprofile.sessions.portable import short_lived

if TYPE_CHECKING:
    import boto3

#: Seconds that a client gets for each of its messages: it may start on a busy machine.
_PATIENCE = 60

#: What the handshake raises for a client that is no friend: hung up, silent, wrong token, garbage.
_UNWELCOME = (OSError, EOFError, AuthenticationError, AssertionError, ValueError)

#: A socket's path has 104 bytes on macOS, 108 on Linux; ours adds some 35 to the folder's.
_LONGEST_PARENT = 65


class CredentialServer:
    """Lends a session's credentials to child processes while it is open; a context manager.

    ``wanted`` is the folder of a former server, to be made again if its name is still free.
    ``command`` is the line for `credential_process`, ``folder`` a private folder that ends with
    the server: also when the kernel is killed, for a small process waits for that. Further files
    may be put there. Nothing is served without a session token: long-term keys stay here.
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
        """The private folder. RuntimeError unless the server is open."""
        if self._folder is None:
            raise RuntimeError("this CredentialServer isn't open")
        return self._folder

    @property
    def command(self) -> str:
        """The command line for `credential_process`. It has no secret in it."""
        return command_line("borrow", str(self.folder))

    def start(self) -> Self:
        """Begin to serve. Raises a child of `AwsProfileError` if the session has nothing to lend.

        A closed server can't be started again.
        """
        self._document()  # whatever has to be asked of a person is asked here, in their cell
        with ExitStack() as opening:
            folder = _private_folder(self._wanted)
            opening.callback(shutil.rmtree, folder, ignore_errors=True)
            watcher = _watcher_of(folder)
            opening.callback(_end, watcher)
            _write_private(Path(token_file(str(folder))), self._token)
            listener = _listener_in(folder)
            opening.callback(_shut, listener)
            thread = Thread(target=self._accept, args=(listener,), name="lend", daemon=True)
            thread.start()
            opening.callback(self._stop_accepting, thread, str(folder))
            atexit.register(self.close)
            opening.callback(atexit.unregister, self.close)
            self._stay_out_of_forks(listener, watcher)
            self._folder = folder
            self._open = opening.pop_all()
        return self

    def close(self) -> None:
        """End serving, and leave nothing behind. Closing twice is nothing more."""
        self._folder = None
        self._open.close()

    def _stay_out_of_forks(self, listener: Listener, watcher: subprocess.Popen[bytes]) -> None:
        """Let go of the server in a forked child: it is the parent's, to serve and to close.

        If the child held these files, too, nobody could tell that the kernel has ended.
        """
        if not hasattr(os, "register_at_fork"):
            return
        self._inherited.callback(_shut, listener)  # in another process, this leaves the file
        if watcher.stdin:
            self._inherited.callback(watcher.stdin.close)
        of_this = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (forget := of_this()) and forget())

    def _forget(self) -> None:
        self._folder = None
        self._open.pop_all()
        self._inherited.close()
        atexit.unregister(self.close)

    def _accept(self, listener: Listener) -> None:
        while not self._closing.is_set():
            try:
                connection = listener.accept()
            except OSError:  # the client has gone already, or there are too many open files
                self._closing.wait(0.1)
                continue
            # Each has a thread of its own: a silent one keeps nobody else waiting.
            Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _stop_accepting(self, thread: Thread, folder: str) -> None:
        self._closing.set()
        with suppress(OSError):  # somebody may have removed the socket: the thread then sleeps on
            Client(address_of(folder)).close()  # wakes the thread
            thread.join(timeout=_PATIENCE)

    def _answer(self, connection: Connection[Any, Any]) -> None:
        with connection, suppress(*_UNWELCOME):
            _require_own_user(connection)
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
        """Say what the session has now, in the format of `credential_process`."""
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


def _private_folder(wanted: Path | None) -> Path:
    if wanted:
        with suppress(OSError):  # whoever has taken the name meanwhile keeps it
            wanted.mkdir(mode=0o700)
            return wanted
    return Path(tempfile.mkdtemp(prefix="ipy-awsprofile-", dir=_parent()))


def _parent() -> Path:
    """Find a place where only the user can make a folder, or make one that stays.

    A child process that outlives the server still has the folder's name, and would run whatever
    config file stands there: nobody else may take that name.
    """
    temporary = Path(tempfile.gettempdir())
    if os.name == "nt":
        return temporary
    user = f"ipy-awsprofile-{os.geteuid()}"
    places = [temporary, Path("/tmp")]  # noqa: S108  # no name in it is trusted, but the owner is
    own = (place if _is_own(place) else place / user for place in places)
    parent = next(place for place in own if len(os.fsencode(place)) <= _LONGEST_PARENT)
    with suppress(FileExistsError):
        parent.mkdir(mode=0o700)
    if not _is_own(parent):
        raise CredentialsUnavailable(
            f"Nothing can be lent to child processes: `{parent}` isn't this user's own folder.",
            "Remove it, or set TMPDIR to a folder of your own and restart the kernel.",
        )
    return parent


def _is_own(folder: Path) -> bool:
    """Say whether nobody else can make anything in a folder. A link to one is none."""
    found = folder.lstat()
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not writable


_WATCHER = """
import shutil, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stdin.buffer.read()
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def _watcher_of(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that removes the folder when this one is gone, by whatever way.

    Its standard input ends then; until then it sleeps. It is in a session of its own, where
    neither Ctrl-C nor a signal to the kernel's process group reaches it.
    """
    return subprocess.Popen(  # noqa: S603  # our own interpreter and code
        [sys.executable, "-I", "-S", "-c", _WATCHER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder.parent,
        start_new_session=True,
    )


def _end(watcher: subprocess.Popen[bytes]) -> None:
    if watcher.stdin:
        watcher.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        watcher.wait(timeout=_PATIENCE)


def _write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _listener_in(folder: Path) -> Listener:
    address = address_of(str(folder))
    # Without the authkey: the listener would wait for one client's proof before the next one.
    listener = Listener(address, backlog=socket.SOMAXCONN)
    if os.name != "nt":
        Path(address).chmod(0o600)
    return listener


def _shut(listener: Listener) -> None:
    with suppress(FileNotFoundError):
        listener.close()


def _require_own_user(connection: Connection[Any, Any]) -> None:
    """Raise PermissionError for another user's process; give any other some seconds a message.

    The folder keeps others out; this holds where somebody has opened it. On Windows, and where
    the system doesn't tell, the token alone does.
    """
    if os.name == "nt":
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as peer:
        peer.setblocking(True)  # whatever socket.setdefaulttimeout says
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _PATIENCE, 0))
        if hasattr(socket, "SO_PEERCRED"):
            said = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
            if struct.unpack("iII", said)[1] != os.geteuid():
                raise PermissionError
