"""Share the notebook's identity with programs outside the kernel, such as terminals and agents.

`config.shared` contains the code that the programs outside the kernel run, and describes how the
kernel and the programs recognize each other. If AWS can issue short-lived keys, a program's keys
are valid for at most 20 minutes or until the end of a write window.
"""

from __future__ import annotations

import atexit
import json
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from socketserver import StreamRequestHandler
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from ipy_awsprofile.audit import EventName, note, refusals_noted, require_allowed
from ipy_awsprofile.config.organization import read_policy
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
from ipy_awsprofile.credentials.sts import aws_now
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.gate import errors_as_lines
from ipy_awsprofile.sessions.issued import IssuedKeys
from ipy_awsprofile.sessions.issuing import (
    LENT_FOR,
    Limits,
    credentials_document,
    error_document,
    is_assumed_again,
    issue_brief_keys,
    issue_limited_keys,
    limits_until,
    time_at_aws,
)
from ipy_awsprofile.sessions.loopback import LoopbackServer
from ipy_awsprofile.text import LONGEST_NAME, one_line

if TYPE_CHECKING:
    import pandas as pd

    from ipy_awsprofile.credentials.sts import Keys
    from ipy_awsprofile.sessions.session import ProfileSession

#: How long programs get the same keys. botocore asks for new ones 15 minutes before they expire.
_SAME_KEYS = timedelta(minutes=5)

#: How long a card waits for AWS's answer about the keys of programs, in seconds.
_MOMENT = 1.0

#: What keys are for.
READING = "reading"
WRITING = "writing"

#: How many receipts a notebook keeps.
_MOST_RECEIPTS = 1000

#: Programs that start others, without the extension that they have on Windows.
_SHELLS = {
    "bash",
    "csh",
    "dash",
    "fish",
    "ksh",
    "sh",
    "tcsh",
    "zsh",
    "cmd",
    "powershell",
    "pwsh",
}


@dataclass(frozen=True, slots=True)
class Window:
    """A write window, in which programs with the profile `notebook-agent` may write.

    ``ends`` is the window's end (UTC) on AWS's clock. If ``policy`` (a file or a managed policy's
    ARN) is set, programs may do only what the policy allowed when the window was prepared.
    ``limits`` contains the policy's text and the other limits of the window's keys.
    """

    ends: datetime
    limits: Limits
    policy: str | None = None


class Grant:
    """The access that programs get to a session, with the write window that the user confirmed."""

    def __init__(self, session: ProfileSession, window: Window | None = None) -> None:
        self.session = session
        self._window = window
        self._issued = IssuedKeys()
        self._lends_own_keys: bool | None = None
        self._trial: Thread | None = None

    @property
    def window(self) -> Window | None:
        """The open write window, or None."""
        if self._window and aws_now() < self._window.ends:
            return self._window
        return None

    def note(self, event: EventName, detail: str) -> None:
        """Record an audit event about the session.

        Raise EventNotRecorded if the event can't be written.
        """
        note(event, profile=self.session.profile_name, arn=self.session.arn, detail=detail)

    @property
    def lends_own_keys(self) -> bool | None:
        """Whether programs get the session's own keys because AWS can't issue short-lived keys.

        The value is None if AWS doesn't answer within a second.
        """
        if self._lends_own_keys is None and self._trial:
            self._trial.join(_MOMENT)
        return self._lends_own_keys

    def try_keys(self) -> None:
        """Find out in a thread whether AWS can issue short-lived keys for the session."""
        if is_assumed_again(self.session.target):
            self._lends_own_keys = False
        elif self._trial is None:
            self._trial = Thread(target=self._try_keys, name="keys for programs", daemon=True)
            self._trial.start()

    def _try_keys(self) -> None:
        with unattended(), suppress(AwsProfileError):  # programs show the error
            self.issue(NOTEBOOK)

    def issue(self, profile: str, program: str = "") -> tuple[Keys, str]:
        """Return keys of a shared profile for a program, and the access that these keys give.

        The access is `READING` or `WRITING`. Raise AwsProfileError if AWS doesn't issue the keys.
        """
        window = self.window if profile == AGENT else None
        # CloudTrail shows the name; these are the characters that STS accepts in it.
        name = re.sub(r"[^\w+=,.@-]+", "-", f"{profile}-{program}", flags=re.ASCII).strip("-")
        if window:
            return self._issued.get((name, window), partial(self._until, window, name)), WRITING
        is_read_only = self.session.target.request.read_only
        must_limit = profile == AGENT and not is_read_only
        issue = partial(self._brief, name, read_only=must_limit)
        access = READING if must_limit or is_read_only else WRITING
        return self._issued.get((name, must_limit), issue), access

    def require_window(self) -> Window:
        """Return the window.

        Raise AwsProfileError if AWS can't issue keys that expire when the write window ends. This
        check requests keys and discards them. Each program gets other keys, with its own name in
        CloudTrail.
        """
        if self._window is None or self.window is None:
            raise InvalidOption(
                "The write window ended before you confirmed it, so nothing has changed.",
                "Run the line again.",
            )
        self._until(self._window, AGENT)
        return self._window

    def _until(self, window: Window, name: str) -> tuple[Keys, datetime]:
        """Return keys that AWS accepts until a write window ends at most, and their expiry."""
        lasts = window.ends - aws_now()
        keys = issue_limited_keys(self.session, name, lasts, window.limits)
        ends = keys.ends_at(window.ends)
        return keys.until(ends), ends

    def _brief(self, name: str, *, read_only: bool) -> tuple[Keys, datetime]:
        """Return keys, and the time at which a program must replace the keys.

        The keys are valid for 20 minutes if possible.
        """
        keys, is_brief = issue_brief_keys(self.session, name, LENT_FOR, read_only=read_only)
        if not read_only:
            self._lends_own_keys = not is_brief
        return keys, aws_now() + _SAME_KEYS


class SeenByPrograms(Enum):
    """The notebook that programs outside the kernel currently get credentials from."""

    THIS = "this notebook"
    ANOTHER = "another notebook, which has begun to share since"
    NONE = "no notebook"


class Sharing(StaysInProcess):
    """Shares a notebook's identity until `close` is called or another notebook starts to share.

    ``get_session`` returns the notebook's session, or None while no profile is active.
    ``get_session`` is called while the lock ``switching`` is held, so that programs don't get the
    session of a switch that ends the sharing. The constructor raises NotAllowed if the
    organization's policy forbids sharing, and OSError if the loopback address can't be used or the
    file for programs can't be made private.
    """

    def __init__(
        self,
        get_session: Callable[[], ProfileSession | None],
        switching: AbstractContextManager[object],
        receipts: Receipts,
    ) -> None:
        require_allowed("share", "`--share`")
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
    def seen_by_programs(self) -> SeenByPrograms:
        """The notebook that programs ask for credentials: this notebook, another one or none."""
        try:
            found = read_shared_file()
        except NotShared:
            return SeenByPrograms.NONE
        if found == (self._server.port, self.key):
            return SeenByPrograms.THIS
        return SeenByPrograms.ANOTHER

    @property
    def is_newest(self) -> bool:
        """Whether programs ask this notebook for credentials."""
        return self.seen_by_programs is SeenByPrograms.THIS

    @property
    def grant(self) -> Grant:
        """The access that programs get to the notebook's session.

        Raise InvalidOption if no profile is active. A switch ends the grant of the former session
        and the grant's write window.
        """
        with self._switching:
            session = self.get_session()
            if session is None:
                raise InvalidOption(
                    "No profile is active in the notebook that shares its identity.",
                    "Run `%aws_profile NAME` in that notebook.",
                )
            if self._grant is None or self._grant.session is not session:
                self._grant = Grant(session)
            return self._grant

    @property
    def window(self) -> Window | None:
        """This notebook's open write window, or None.

        The value is None if programs ask another notebook for credentials, even in this window.
        """
        window = self.grant.window
        if window and self.is_newest:
            return window
        return None

    def prepare_window(self, length: timedelta, policy: str | None) -> Grant:
        """Return a grant with a write window that the user can confirm.

        The grant keeps the identity, the policy's text and the window's end from the time of this
        call, so the user confirms exactly these details. Raise AwsProfileError if the policy can't
        be used or AWS can't be called, and NotAllowed if the organization's policy forbids the
        window.
        """
        require_allowed("window", "`--share write`")
        with refusals_noted():
            longest = int(length.total_seconds())
            read_policy().require_at_most("window", longest, "`--share write`")
        session = self.grant.session
        ends = time_at_aws(session).replace(microsecond=0) + length
        return Grant(session, Window(ends, limits_until(session, ends, policy), policy))

    def open_window(self, grant: Grant) -> None:
        """Open the write window that the user has confirmed.

        Raise AwsProfileError without opening the window if the notebook's session has changed since
        the user was asked, or if AWS can't issue keys that expire when the window ends.
        """
        self._require_active(grant)
        window = grant.require_window()
        with self._switching:
            self._require_active(grant)
            until = f"until {window.ends.isoformat()}"
            if window.policy:
                until += f", limited by {window.policy}"
            grant.note("window", until)
            self._grant = grant

    def _require_active(self, grant: Grant) -> None:
        """Raise InvalidOption unless the notebook still shares the session of a grant."""
        if self._has_ended or self.get_session() is not grant.session:
            raise InvalidOption(
                "The notebook has switched or stopped sharing since it asked you, so programs "
                "can't write.",
                "Run the line again.",
            )

    def close_window(self) -> None:
        """Close the write window.

        Programs that already have keys for writing can use them until the window's planned end.
        """
        with self._switching:
            if self._grant and self._grant.window:
                with errors_as_lines():
                    self._grant.note("window", "closed")
            self._grant = None

    def close(self) -> None:
        """Stop sharing. Credentials that programs already have stay valid until they expire."""
        atexit.unregister(self.close)
        self._has_ended = True
        if self._server.end() and self.is_newest:
            remove_file(shared_file())

    def answer(self, profile: str, nonce: str, process_id: str, agent: str) -> str:
        """Return the answer to a program's request for keys, or "" if the sharing has ended."""
        try:
            with self._switching:
                if self._has_ended:
                    return ""
                grant = self.grant
            with unattended():  # no cell waits for the program
                document = self._credentials(grant, profile, process_id, agent)
        except AwsProfileError as error:
            document = error_document(error)
        if self._has_ended:  # while AWS was called
            return ""
        answer = json.dumps(document)
        return f"{proof(self.key, 'kernel', nonce, answer)} {answer}"

    def _credentials(
        self, grant: Grant, profile: str, process_id: str, agent: str
    ) -> dict[str, object]:
        """Return credentials for a program, and record a receipt.

        Raise AwsProfileError if AWS doesn't issue the credentials or the event can't be written.
        """
        require_allowed("share", "`--share`")
        program = program_of(int(process_id))
        keys, access = grant.issue(profile, program.name)
        receipt = Receipt(
            datetime.now(UTC).replace(microsecond=0),
            one_line(program.name, LONGEST_NAME),
            program.process_id,
            one_line(bytes.fromhex(agent).decode(), LONGEST_NAME),
            profile,
            grant.session.profile_name,
            access,
            keys.expires_at,
        )
        with self._switching:  # programs ask in threads
            if receipt not in self._receipts:
                grant.note("keys", _described(receipt))
            self._receipts.add(receipt)
        return credentials_document(keys, aws_now() + LENT_FOR)


class _Question(StreamRequestHandler):
    timeout = TIMEOUT
    server: LoopbackServer

    def handle(self) -> None:
        """Read one line with a question, and send one line with the answer."""
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
    """A record of the keys that a program received.

    ``agent`` is the name that an agent gives itself, or an empty string. ``profile`` is the profile
    that the program used, ``identity`` is the notebook's identity, and ``access`` says whether the
    keys are for reading or for writing. ``expires`` is the time when AWS stops accepting the keys.

    Receipts are equal if programs with the same name received the same keys. ``time`` and
    ``process_id`` belong to the first program that received the keys.
    """

    time: datetime = field(compare=False)
    program: str
    process_id: int = field(compare=False)
    agent: str
    profile: str
    identity: str
    access: str
    expires: datetime | None


def _described(receipt: Receipt) -> str:
    """Return a receipt as the details of an audit event."""
    agent = f", agent {receipt.agent}" if receipt.agent else ""
    until = receipt.expires.isoformat() if receipt.expires else "unknown"
    return (
        f"{receipt.program} ({receipt.process_id}{agent}) with {receipt.profile}, for "
        f"{receipt.access}, until {until}"
    )


class Receipts:
    """Records of the keys that programs received, oldest first, with the number of requests.

    If there are too many receipts, the oldest receipt of keys for reading is deleted first.
    """

    def __init__(self) -> None:
        self._times_asked: dict[Receipt, int] = {}
        #: How many receipts have gone.
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._times_asked)

    def __contains__(self, receipt: object) -> bool:
        return receipt in self._times_asked

    def add(self, receipt: Receipt) -> None:
        """Add a receipt, or count the request if the program already has these keys."""
        self._times_asked[receipt] = self._times_asked.get(receipt, 0) + 1
        if len(self._times_asked) > _MOST_RECEIPTS:
            reading = (kept for kept in self._times_asked if kept.access == READING)
            oldest = next(reading, next(iter(self._times_asked)))
            del self._times_asked[oldest]
            self.dropped += 1

    def frame(self) -> pd.DataFrame:
        """Return the receipts as a DataFrame."""
        import pandas as pd  # loading the extension doesn't need it

        frame = pd.DataFrame(list(self._times_asked))
        return frame.assign(times_asked=list(self._times_asked.values()))


def program_of(process_id: int) -> Program:
    """Return the nearest ancestor of a process, ignoring shells.

    On Windows, a virtual environment's Python starts another Python process with the same
    arguments, so this function also skips a parent with the same arguments.
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
