"""The gate: every signature by botocore's code is made as an identity, which must be right.

Credentials have a label, the identity that they were found as. Before each signature, `check`
compares the label with the active identity, or in a run over many profiles, with the profile whose
turn it is in the thread. `kernel.watch` calls it for botocore's signatures, and `check_session` in
`sessions.session` for a session that the user passes to a function of this package.
"""

from __future__ import annotations

import linecache
import sys
import warnings
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from threading import Event, RLock
from typing import TYPE_CHECKING, Any, Literal
from weakref import ref

from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.config.user_environment import SWITCHED, identity_in_environment
from ipy_awsprofile.errors import AwsProfileError, NotForOneProfile, StaleIdentity
from ipy_awsprofile.text import shortened

if TYPE_CHECKING:
    from types import FrameType

    import boto3
    from botocore.credentials import Credentials

    from ipy_awsprofile.credentials.sts import CallerIdentity

#: How to handle a signature as another identity.
Policy = Literal["warn", "refuse", "allow"]


#: How a session without permissions to write is described.
READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True)
class Label:
    """The identity that credentials were found as.

    ``limits`` says how a session differs from the profile's usual one (``read-only``), ``options``
    has what else does, such as tags, and ``principal`` is what STS reported. ``server`` is the
    endpoint that knows the principal if it isn't AWS, because another server can know the same one.
    An S3 endpoint alone isn't part of a role's label: the role's credentials are the same.
    ``is_chosen`` is true if the user has named the profile in code, and ``is_default`` if no
    profile was active. ``environment`` is for variables that the user has changed while a profile
    was active: what they named, which counts as a choice only until they change again; see
    `identity_in_environment`. ``callers`` are as in `ProfileSession`, and ``credentials`` are those
    of an active session.
    """

    profile: str
    limits: str = ""
    options: str = ""
    principal: str | None = None
    server: str = ""
    is_chosen: bool = field(default=False, compare=False)
    is_default: bool = field(default=False, compare=False)
    environment: int | None = field(default=None, compare=False, repr=False)
    callers: Mapping[str, CallerIdentity] | None = field(default=None, compare=False)
    credentials: Credentials | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The profile's name with its limits, such as ``RoleBeta, read-only``."""
        return ", ".join(filter(None, (self.profile, self.limits)))

    def text_beside(self, other: Label | None) -> str:
        """Return the name, with the difference if the other label has the same name."""
        if other is None or other.name != self.name:
            return self.name
        if self.server != other.server:
            return f"{self.name} on {self.server or 'AWS'}"
        if self.principal == other.principal:
            return f"{self.name} with other options"
        return f"{self.name} as {self.principal or 'another user'}"


def is_read_only(label: Label | None) -> bool:
    """Return whether an identity, if there is one, has no permissions to write."""
    return label is not None and READ_ONLY in label.limits


def label_of(credentials: object) -> Label | None:
    """Return the label of credentials, or None if they have none."""
    return getattr(credentials, "_ipy_awsprofile", None)


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a request: the credentials, or None without a signature, and their label."""

    credentials: Credentials | None
    label: Label | None


def put_label(credentials: Any, label: Label) -> None:
    """Label credentials. The label lives as long as they do."""
    credentials._ipy_awsprofile = label  # noqa: SLF001  # ours


@dataclass(slots=True, eq=False)
class Turn:
    """One profile's turn in a run over many profiles, in which a function works for it.

    ``run_is_over`` is set after Ctrl-C, even if the function still runs. ``line`` is the last line
    that the function has printed, until the line is complete.
    """

    session: boto3.Session
    label: Label
    run_is_over: Event
    line: str = ""


#: The turn that this thread or task works for.
_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


class _WeakObjects:
    """Objects that this doesn't keep alive. A WeakSet would lose a Ctrl-C during its callbacks."""

    def __init__(self) -> None:
        self._references: dict[int, ref[object]] = {}

    def __iter__(self) -> Iterator[Any]:
        for key, reference in list(self._references.items()):
            value = reference()
            if value is None:
                self._references.pop(key, None)
            else:
                yield value

    def add(self, value: object) -> None:
        """Add an object. It replaces one that is gone and had the same ID."""
        self._references[id(value)] = ref(value)


class _Process:
    """The state of the process, because botocore's list of initializers is the process's, too.

    Only this module and `kernel` set its attributes. A Switcher has the state of one notebook.
    """

    def __init__(self) -> None:
        #: How many times `watch.watch` is in effect.
        self.watched = 0
        #: Held while a switch sets variables and other places. `is_changing` says whether it is.
        self.changing = of_process(self, name="changing", create=RLock)
        self.is_changing = False
        #: botocore's sessions.
        self.sessions = _WeakObjects()
        self.reset()

    def reset(self) -> None:
        """Forget everything except botocore's objects."""
        #: The last value of each `Effect`, by its name.
        self.effects: dict[str, object] = {}
        #: The libraries that the last switch couldn't clear.
        self.not_cleared: set[str] = set()
        #: What records of libraries keep, by the library's package.
        self.of_libraries: dict[str, Any] = {}
        #: The libraries in other languages that have asked for the active credentials.
        self.lent_to: set[str] = set()
        #: The functions of `on_switch`, in the order of their registration.
        self.user_functions: dict[Hashable, Callable[[boto3.Session | None], object]] = {}
        SWITCHED.groups = ()
        self.forget_notebook()

    def forget_notebook(self) -> None:
        """Forget the identity and the settings of the notebook, when nothing is watched anymore."""
        #: The identity that the kernel shows, or None while no profile is active.
        self.active: Label | None = None
        #: Whether a run over many profiles has begun, and its turns.
        self.is_run = False
        self.turns: set[Turn] = set()
        #: The warnings of the running cell, which shows each of them once.
        self.warned: set[str] = set()
        #: The refusals of the running cell: botocore's parsed response, and who signed.
        self.refusals: deque[tuple[object, Signature]] = deque(maxlen=200)
        #: The identities whose credentials libraries and programs have got in the running cell.
        self.lent: set[Label] = set()
        self.configure("warn", warnings.warn)

    def end_cell(self) -> None:
        """Forget what was refused and lent during the cell."""
        self.refusals.clear()
        self.lent.clear()

    def note_lent(self, label: Label) -> None:
        """Note that a library or a program has asked for the credentials of an identity."""
        self.lent.add(label)

    def configure(self, stale: Policy, warn: Callable[[str], None]) -> None:
        """Set how to handle a signature as another identity, and how to warn."""
        self.stale = stale
        self.warn = warn


PROCESS = _Process()


class Signer(Enum):
    """What signs a request, with the advice to replace it if it belongs to another identity."""

    CLIENT = "A client keeps its identity. Create it again with `{session}.client({service})`."
    LIBRARY = "A client keeps its identity. Create the library's objects again."
    CREDENTIALS = (
        "Credentials keep their identity. Get them again with `{session}.get_credentials()`."
    )
    SESSION = "A session keeps its identity. Pass the active one, `{session}`."


def check(
    credentials: object,
    signer: Signer = Signer.CREDENTIALS,
    operation: str = "a request",
    service: str = "",
) -> None:
    """Check a signature with some credentials; a client's has the ``service``.

    Warn about it, or raise StaleIdentity, if it would be made as a different identity than the
    active one. Raise NotForOneProfile if it isn't the turn's.
    """
    if not PROCESS.watched:  # the extension was unloaded
        return
    turn = _turn.get()
    if turn and turn.run_is_over.is_set():
        raise AwsProfileError("The run over many profiles was interrupted.", "Run it again.")
    label = label_of(credentials)
    if label is None or label.is_chosen:
        return
    if turn or PROCESS.is_run:
        _require_label_of_turn(label, turn, signer, operation)
    elif is_stale(label):
        _report_stale(label, signer, operation, service)


def is_stale(label: Label) -> bool:
    """Return whether a label isn't the active identity's, unless the user has chosen it.

    Default credentials are stale only while a profile with another name is active. Those of
    variables from after a switch are stale as soon as the variables have changed again, and while a
    read-only identity is active.
    """
    active = PROCESS.active
    if label.is_chosen:
        return False
    if label.environment is not None:
        return is_read_only(active) or label.environment != identity_in_environment()
    if not label.is_default:
        return label != active
    return active is not None and active.name != label.name


def _require_label_of_turn(label: Label, turn: Turn | None, signer: Signer, operation: str) -> None:
    """Raise NotForOneProfile unless the turn, or outside of one any other turn, has this label."""
    labels = [other.label for other in list(PROCESS.turns)]
    whose = "another profile"
    name = label.name
    if turn:
        labels = [turn.label]
        whose = f"`{turn.label.name}`"
        name = label.text_beside(turn.label)
    if label in labels:
        return
    raise NotForOneProfile(
        f"The {signer.name.lower()} of {name} would sign {operation} for {whose}.",
        "Use the `session` of each profile and the clients that it creates, and don't keep them in "
        "a global variable or a cache.",
    )


def _report_stale(label: Label, signer: Signer, operation: str, service: str) -> None:
    """Warn about a signature as another identity. Raises StaleIdentity if it is refused."""
    active = PROCESS.active
    policy = PROCESS.stale
    if is_read_only(active):
        policy = "refuse"
    if policy == "allow":
        return
    code, is_library = _code_that_signs(sys._getframe(1))  # noqa: SLF001  # quicker than `inspect`
    if is_library:
        signer = Signer.LIBRARY
    active_name = "no profile"
    session = "boto3.Session()"
    if active:
        active_name = f"`{active.name}`"
        session = "session"  # the notebook's variable
    other = label.text_beside(active)
    problem = f"{code} signs {operation} as {other}, but {active_name} is active."
    hint = signer.value.format(session=session, service=f'"{service}"')
    if policy == "refuse":
        raise StaleIdentity(problem, hint)
    if problem not in PROCESS.warned:
        PROCESS.warned.add(problem)
        PROCESS.warn(f"{problem} {hint}")


# Runs over many profiles --------------------------------------------------------------------------


@contextmanager
def in_turn(turn: Turn) -> Iterator[None]:
    """Work for a profile in a ``with`` block."""
    token = _turn.set(turn)
    PROCESS.turns.add(turn)
    try:
        yield
    finally:
        PROCESS.turns.discard(turn)
        _turn.reset(token)


def turn_here() -> Turn | None:
    """Return the turn that this thread or task works for, or None outside a run."""
    return _turn.get()


def session_here() -> boto3.Session | None:
    """Return the session of the turn that this thread works for, or None outside a run.

    Raises NotForOneProfile in any other thread during a run, because a function of the run can have
    started it.
    """
    turn = _turn.get()
    if turn:
        return turn.session
    if PROCESS.is_run:
        raise NotForOneProfile(
            "During a run over many profiles, a thread doesn't know which profile it works for.",
            'Create the client first, `client = session.client("s3")`, and use it in the thread.',
        )
    return None


def require_no_run(what: str) -> None:
    """Raise NotForOneProfile in a turn, and in other threads during a run."""
    if _turn.get() or PROCESS.is_run:
        raise NotForOneProfile(
            f"{what} affects the whole notebook, so it can't be used while a function or cell "
            "runs for many profiles.",
            'Use the `session` of the profile, for example `session.client("s3")`, or wait until '
            "the run ends.",
        )


# Code that signs ----------------------------------------------------------------------------------

#: Packages between the code that signs and botocore.
_BETWEEN = {
    *("aiobotocore", "asyncio", "boto3", "botocore", "concurrent", "contextlib", "functools"),
    *("ipy_awsprofile", "s3transfer", "tenacity", "threading", "urllib3"),
}


def outer_frame(frame: FrameType | None) -> FrameType | None:
    """Return the first frame outside boto3 and this package, or None for a thread of theirs."""
    while frame and is_between(frame):
        frame = frame.f_back
    return frame


def is_between(frame: FrameType) -> bool:
    """Return whether the frame's code is between the code that signs and botocore."""
    return package_of(frame) in _BETWEEN


def package_of(frame: FrameType) -> str:
    """Return the top-level package of the frame's code."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def library_of(frame: FrameType) -> str | None:
    """Return the name of the installed package that the frame's code belongs to, if any."""
    if "__file__" not in frame.f_globals:
        return None
    if frame.f_code.co_filename.startswith(_installed_packages()):
        return package_of(frame)
    return None


@cache
def _installed_packages() -> str:
    import sysconfig  # loading the extension doesn't need it

    return sysconfig.get_paths()["purelib"]


def _code_that_signs(frame: FrameType | None) -> tuple[str, bool]:
    """Return the notebook's line or the module that uses a client, and whether it is a library."""
    frame = outer_frame(frame)
    if frame is None:  # a thread of s3transfer
        return "A client", False
    library = library_of(frame)
    if library:
        return f"`{library}`", True
    if package_of(frame) == "__main__" or "__file__" not in frame.f_globals:
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        code = f"`{shortened(line, 60)}`" if line else "The notebook"
        return code, False
    return f"`{frame.f_globals.get('__name__')}`", False
