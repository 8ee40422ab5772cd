"""Share the notebook's identity with programs outside the kernel, such as terminals and agents.

`config.shared` is the other side, and describes how both recognize each other.
"""

from __future__ import annotations

import atexit
import json
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from socketserver import StreamRequestHandler
from threading import Lock
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.private import (
    StaysInProcess,
    cache_folder,
    remove_file,
    replace_file,
    require_private,
)
from ipy_awsprofile.config.shared import (
    LONGEST_QUESTION,
    READER,
    SHARED_PROFILES,
    TIMEOUT,
    NotShared,
    is_proof,
    proof,
    read_shared_file,
    shared_file,
)
from ipy_awsprofile.credentials.person import unattended
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.sessions.loopback import LoopbackServer
from ipy_awsprofile.sessions.portable import lent_document
from ipy_awsprofile.sessions.scoped import open_limited

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.sessions.session import ProfileSession


class Sharing(StaysInProcess):
    """Shares an identity until it is closed, or until another notebook begins to share.

    ``get_session`` returns the notebook's session, or None while no profile is active. It is called
    while ``switching`` is held, so that no program gets the session of a switch that ends the
    sharing. Raises OSError if the file can't be written for the user alone, or the loopback address
    can't be used.
    """

    def __init__(
        self,
        get_session: Callable[[], ProfileSession | None],
        switching: AbstractContextManager[object],
    ) -> None:
        self.get_session = get_session
        self._switching = switching
        self._has_ended = False
        self._key = secrets.token_hex(32)
        self._lock = Lock()
        self._reader: tuple[ProfileSession, boto3.Session] | None = None
        cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(cache_folder())
        self._server = LoopbackServer(_Question, self)
        document = {"port": self._server.port, "key": self._key}
        try:
            replace_file(shared_file(), json.dumps(document).encode())
        except OSError:
            self.close()
            raise
        atexit.register(self.close)

    @property
    def is_newest(self) -> bool:
        """Whether no other notebook has begun to share since."""
        try:
            return read_shared_file() == (self._server.port, self._key)
        except NotShared:
            return False

    def close(self) -> None:
        """Give no more credentials. Programs keep those that they have until they expire."""
        atexit.unregister(self.close)
        self._has_ended = True
        if self._server.end() and self.is_newest:
            remove_file(shared_file())

    def is_program(self, profile: str, nonce: str, programs_proof: str) -> bool:
        """Return whether the program that asks for a profile knows the key."""
        knows_key = is_proof(programs_proof, self._key, "program", profile, nonce)
        return knows_key and profile in SHARED_PROFILES

    def answer(self, profile: str, nonce: str) -> str:
        """Return the answer to a program's question; empty after the end of the sharing."""
        with self._switching:
            if self._has_ended:
                return ""
            session = self.get_session()
        try:
            with unattended():  # no cell waits for the program
                document = self._credentials(profile, session)
        except AwsProfileError as error:
            document = {"Message": f"{error} {error.hint}".strip()}
        answer = json.dumps(document)
        return f"{proof(self._key, 'kernel', nonce, answer)} {answer}"

    def _credentials(self, profile: str, session: ProfileSession | None) -> dict[str, Any]:
        """Return credentials in the format of a ``credential_process``. Raises AwsProfileError."""
        if session is None:
            raise InvalidOption(
                "No profile is active in the notebook that shares its identity.",
                "Run `%aws_profile NAME` there.",
            )
        return lent_document(self._session_for(profile, session))

    def _session_for(self, profile: str, session: ProfileSession) -> boto3.Session:
        """Return the session, or for a reader, one with the same identity that can only read."""
        if profile != READER or session.target.request.read_only:
            return session
        with self._lock:  # programs that ask at the same time share it
            if self._reader is None or self._reader[0] is not session:
                self._reader = session, open_limited(session, READER, read_only=True)
            return self._reader[1]


class _Question(StreamRequestHandler):
    timeout = TIMEOUT
    server: LoopbackServer

    def handle(self) -> None:
        """Answer one line with one line."""
        profile, nonce, programs_proof = self.rfile.readline(LONGEST_QUESTION).decode().split()
        if self.server.owner.is_program(profile, nonce, programs_proof):
            self.server.prove(self.connection)
            self.wfile.write(self.server.owner.answer(profile, nonce).encode())
