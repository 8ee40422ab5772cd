"""Share the notebook's identity with programs outside the kernel, such as terminals and agents.

`config.shared` is the other side, and describes how both recognize each other. AWS accepts the keys
of a program for at most 20 minutes, or until the end of a window, if it can issue such keys.
"""

from __future__ import annotations

import atexit
import json
import re
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from socketserver import StreamRequestHandler
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from ipy_awsprofile.config.private import (
    StaysInProcess,
    cache_folder,
    remove_file,
    replace_file,
    require_private,
)
from ipy_awsprofile.config.shared import (
    AGENT,
    LONGEST_QUESTION,
    NOTEBOOK,
    TIMEOUT,
    NotShared,
    is_proof,
    proof,
    read_shared_file,
    shared_file,
)
from ipy_awsprofile.credentials.person import unattended
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.sessions.issuing import (
    LENT_FOR,
    credentials_document,
    error_document,
    is_assumed_again,
    issue_brief_keys,
    issue_keys,
    issue_limited_keys,
)
from ipy_awsprofile.sessions.loopback import LoopbackServer

if TYPE_CHECKING:
    import pandas as pd

    from ipy_awsprofile.credentials.sts import Keys
    from ipy_awsprofile.sessions.session import ProfileSession

#: How long programs get the same keys. botocore asks for new ones 15 minutes before they expire.
_SAME_KEYS = timedelta(minutes=5)

#: Programs that start others, without the extension that they have on Windows.
_SHELLS = {
    *("bash", "csh", "dash", "fish", "ksh", "sh", "tcsh", "zsh"),
    *("cmd", "powershell", "pwsh"),
}


@dataclass(frozen=True, slots=True)
class Window:
    """The time until ``ends`` (UTC) in which `notebook-agent` may write.

    With a ``policy``, a file or a managed policy's ARN, it may do only what the policy allows.
    """

    ends: datetime
    policy: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class _Issued:
    """Keys for programs, whether they are for reading or writing, and until when they are used."""

    keys: Keys
    access: str
    renews: datetime


class Grant:
    """What programs get of a session, with the window that was opened for it."""

    def __init__(self, session: ProfileSession, window: Window | None = None) -> None:
        self.session = session
        #: Whether programs get the session's own keys, because AWS can't issue brief ones, as far
        #: as `try_keys` or a program knows.
        self.lends_own_keys = False
        self._window = window
        self._lock = Lock()
        self._issued: dict[tuple[str, str, Window | None], _Issued] = {}

    @property
    def window(self) -> Window | None:
        """The open window, or None."""
        if self._window and datetime.now(UTC) < self._window.ends:
            return self._window
        return None

    def issue(self, profile: str, program: str = "") -> _Issued:
        """Return the keys of a profile for programs of this name. Raises AwsProfileError."""
        window = self.window if profile == AGENT else None
        # CloudTrail shows the name; these are the characters that STS accepts in it.
        name = re.sub(r"[^\w+=,.@-]+", "-", f"{profile}-{program}", flags=re.ASCII).strip("-")
        key = profile, name, window
        with self._lock:  # programs that ask at the same time share the keys
            issued = self._issued.get(key)
            if issued is None or issued.renews <= datetime.now(UTC):
                issued = self._until(window, name) if window else self._brief(profile, name)
                self._issued[key] = issued
            return issued

    def _until(self, window: Window, name: str) -> _Issued:
        """Return keys that AWS accepts until the end of a window."""
        lasts = window.ends - datetime.now(UTC)
        keys = issue_limited_keys(self.session, name, lasts, policy=window.policy)
        ends = keys.ends_at(window.ends)
        return _Issued(keys.until(ends), "writing", renews=ends)

    def _brief(self, profile: str, name: str) -> _Issued:
        """Return keys that AWS accepts for 20 minutes, if it can issue such keys."""
        is_read_only = self.session.target.request.read_only
        must_limit = profile == AGENT and not is_read_only
        keys = issue_brief_keys(self.session, name, LENT_FOR, read_only=must_limit)
        if keys is None:
            self.lends_own_keys = True
            keys = issue_keys(self.session)
        access = "writing"
        if must_limit or is_read_only:
            access = "reading"
        return _Issued(keys, access, renews=datetime.now(UTC) + _SAME_KEYS)


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
        receipts: deque[Receipt],
    ) -> None:
        self.get_session = get_session
        self._switching = switching
        self._receipts = receipts
        self._has_ended = False
        #: Both sides prove with it that they belong to the same user.
        self.key = secrets.token_hex(32)
        self._grant: Grant | None = None
        cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(cache_folder())
        self._server = LoopbackServer(_Question, self)
        document = {"port": self._server.port, "key": self.key}
        try:
            replace_file(shared_file(), json.dumps(document).encode())
        except BaseException:
            self._server.end()
            raise
        atexit.register(self.close)

    @property
    def is_newest(self) -> bool:
        """Whether no other notebook has begun to share since."""
        try:
            return read_shared_file() == (self._server.port, self.key)
        except NotShared:
            return False

    @property
    def grant(self) -> Grant:
        """What programs get of the notebook's session. Raises InvalidOption without one.

        A switch ends the grant of the former session, and its window.
        """
        with self._switching:
            session = self.get_session()
            if session is None:
                raise InvalidOption(
                    "No profile is active in the notebook that shares its identity.",
                    "Run `%aws_profile NAME` there.",
                )
            if self._grant is None or self._grant.session != session:
                self._grant = Grant(session)
            return self._grant

    def try_keys(self) -> None:
        """Find out whether AWS can issue brief keys. A role can always be assumed again."""
        grant = self.grant
        if not is_assumed_again(grant.session.target):
            with unattended(), suppress(AwsProfileError):  # programs show the error
                grant.issue(NOTEBOOK)

    def open_window(self, window: Window) -> None:
        """Let `notebook-agent` write until the window's end.

        Raises AwsProfileError if no profile is active, or AWS can't issue keys that end with it.
        """
        grant = Grant(self.grant.session, window)
        grant.issue(AGENT)
        with self._switching:
            self._grant = grant

    def close_window(self) -> None:
        """Let `notebook-agent` only read. Keys that programs have can write until the end."""
        with self._switching:
            self._grant = None

    def close(self) -> None:
        """Give no more credentials. Programs keep those that they have until they expire."""
        atexit.unregister(self.close)
        self._has_ended = True
        if self._server.end() and self.is_newest:
            remove_file(shared_file())

    def answer(self, profile: str, nonce: str, process_id: str, agent: str) -> str:
        """Return the answer to a program's question; empty after the end of the sharing."""
        try:
            with self._switching:
                if self._has_ended:
                    return ""
                grant = self.grant
            with unattended():  # no cell waits for the program
                document = self._credentials(grant, profile, process_id, agent)
        except AwsProfileError as error:
            document = error_document(error)
        answer = json.dumps(document)
        return f"{proof(self.key, 'kernel', nonce, answer)} {answer}"

    def _credentials(
        self, grant: Grant, profile: str, process_id: str, agent: str
    ) -> dict[str, object]:
        """Return credentials for a program, and keep a receipt. Raises AwsProfileError."""
        program = program_of(int(process_id))
        issued = grant.issue(profile, program.name)
        receipt = Receipt(
            datetime.now(UTC).replace(microsecond=0),
            program.name,
            program.process_id,
            bytes.fromhex(agent).decode(),
            profile,
            grant.session.profile_name,
            issued.access,
            issued.keys.expires_at,
        )
        with self._switching:  # programs ask in threads
            if receipt not in self._receipts:
                self._receipts.append(receipt)
        return credentials_document(issued.keys, datetime.now(UTC) + LENT_FOR)


class _Question(StreamRequestHandler):
    timeout = TIMEOUT
    server: LoopbackServer

    def handle(self) -> None:
        """Answer one line with one line."""
        line = self.rfile.readline(LONGEST_QUESTION).decode()
        programs_proof, _, asked = line.strip("\n").partition(" ")
        sharing = self.server.owner
        if is_proof(programs_proof, sharing.key, "program", asked):
            self.server.prove(self.connection)
            self.wfile.write(sharing.answer(*asked.split(" ")).encode())


# Programs -----------------------------------------------------------------------------------------


class Program(NamedTuple):
    """The name and the process ID of a running program."""

    name: str
    process_id: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Keys that a program got. ``agent`` is the name that an agent gives itself, or empty.

    ``profile`` is the profile that the program used, ``identity`` the notebook's, and ``access``
    says whether the keys are for reading or for writing. AWS stops accepting them at ``expires``.
    Receipts of the same keys for the same program are equal.
    """

    time: datetime = field(compare=False)
    program: str
    process_id: int
    agent: str
    profile: str
    identity: str
    access: str
    expires: datetime | None


def frame_of_receipts(receipts: Iterable[Receipt]) -> pd.DataFrame:
    """Return receipts as a DataFrame."""
    import pandas as pd  # loading the extension doesn't need it

    return pd.DataFrame(list(receipts))


def program_of(process_id: int) -> Program:
    """Return the nearest parent of a process that isn't a shell.

    On Windows, the Python of a virtual environment starts another one with the same arguments.
    """
    import psutil  # loading the extension doesn't need it

    with suppress(psutil.Error):
        process = psutil.Process(process_id)
        arguments = process.cmdline()[1:]
        for parent in process.parents():
            name = parent.name().removesuffix(".exe")
            if name.lower() in _SHELLS:
                continue
            if parent.cmdline()[1:] != arguments:
                return Program(name, parent.pid)
    return Program("", process_id)
