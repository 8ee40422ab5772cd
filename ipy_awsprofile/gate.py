"""Before botocore signs a request, check that the request will be signed as the right identity.

Credentials have a `Label`, which describes the identity that the credentials belonged to when they
were loaded. Before each signature, `check` compares the credentials' label with the active
identity. If code runs for many profiles, each call of this code for a single profile is a `Turn`.
During a turn, `check` compares the label with the profile of the turn.

`kernel.watch` calls `check` for each signature that botocore creates. `check_session` in
`sessions.session` calls `check` for a session that the user passes to a function of this package.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from threading import Event, RLock
from typing import TYPE_CHECKING, Any, Literal
from weakref import ref

from ipy_awsprofile.call_stack import SigningCode, code_that_signs
from ipy_awsprofile.config.organization import strictest_stale
from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.config.user_environment import SWITCHED, identity_in_environment
from ipy_awsprofile.errors import (
    AwsProfileError,
    NotForOneProfile,
    StaleIdentity,
    faults_as_errors,
)
from ipy_awsprofile.label import READ_ONLY, IssuedKeys, Label, Signature, is_read_only, label_of

if TYPE_CHECKING:
    import boto3
    from botocore.credentials import Credentials


#: How to handle a signature as an identity that isn't active.
Policy = Literal["warn", "refuse", "allow"]


@dataclass(slots=True, eq=False)
class Turn:
    """A single call of a function for one profile, while the function runs for many profiles.

    ``run_is_over`` is set after Ctrl-C, even if the function is still running. ``line`` contains
    the function's output since the last line break.
    """

    session: boto3.Session
    label: Label
    run_is_over: Event
    line: str = ""


#: The turn of the current thread or task, or None.
_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


class _WeakObjects:
    """A collection of weak references.

    Unlike a WeakSet, this collection doesn't use callbacks, which can swallow a Ctrl-C.
    """

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
        """Add an object, and replace a deleted object that had the same ID."""
        self._references[id(value)] = ref(value)


@dataclass(frozen=True, slots=True)
class WithoutCredentials:
    """A client without credentials that should have signed a request.

    ``active`` is the identity that was active then, or None. ``client`` contains the client's
    service and Region.
    """

    active: Label | None
    signer: Signer
    client: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lent:
    """A record that a library or another program has received an identity's credentials.

    ``library`` is the name of the library, or an empty string if another program received the
    credentials.
    """

    label: Label
    library: str = ""


@dataclass(frozen=True, slots=True)
class Unlimited:
    """An operation that a read-only identity didn't limit, because the code names a profile.

    ``label`` is the identity that signed the operation. ``turn`` is the call for one profile that
    contains the operation, or None. ``beside`` is the read-only identity, or None if this identity
    is the notebook's.
    """

    label: Label
    operation: str
    turn: Label | None = None
    beside: Label | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """An open `scoped` block, with the credentials of its session.

    ``profile`` is the name of the profile that `scoped` limits, or an empty string. ``statement``
    is the ``with`` statement that gives the same limits to everything in a block, or an empty
    string. ``turn`` is the call for one profile in which the block began, or None.
    """

    credentials: Credentials
    profile: str
    statement: str
    turn: Turn | None


class _Process:
    """The state of all notebooks in this process, which share botocore's initializers.

    The package `kernel` sets the attributes, except for those that a cell or the user's `on_switch`
    changes. The state of a single notebook is in its `Switcher`.
    """

    def __init__(self) -> None:
        #: How many times `watch.watch` is in effect.
        self.watched = 0
        #: How many runs over many profiles have begun.
        self.runs = 0
        #: The lock that a switch holds while it sets variables, and whether a switch holds it.
        self.changing = of_process(self, name="changing", create=RLock)
        self.is_changing = False
        #: All botocore sessions in this process.
        self.sessions = _WeakObjects()
        self.reset()

    def reset(self) -> None:
        """Reset all state except the botocore sessions, the lock and the counters."""
        #: The last value of each `Effect`, by the name of the effect.
        self.effects: dict[str, object] = {}
        #: The libraries that the last switch couldn't clear.
        self.not_cleared: set[str] = set()
        #: The open blocks of `scoped`, the innermost last.
        self.scopes: list[Scope] = []
        #: The objects that the record of a library keeps, by the name of the library's package.
        self.of_libraries: dict[str, Any] = {}
        #: Who has requested credentials of the active session, and in which cell they last did.
        self.lent: dict[Lent, int] = {}
        self._cell = 0
        #: The functions of `on_switch`, in the order of their registration.
        self.user_functions: dict[Hashable, Callable[[boto3.Session | None], object]] = {}
        #: Those of IPython's configuration, by their key, which a notebook can't remove.
        self.kept_functions: set[Hashable] = set()
        SWITCHED.groups = ()
        self.forget_notebook()

    def forget_notebook(self) -> None:
        """Reset the active identity, the turns, the warnings and the settings of the notebook."""
        #: The identity that the kernel shows, or None while no profile is active.
        self.active: Label | None = None
        #: Whether a block or run is open in a notebook or block that is read-only.
        self.is_in_read_only = False
        #: Whether code runs for many profiles, and the turns that have begun.
        self.is_run = False
        self.turns: set[Turn] = set()
        #: The warnings in the running cell. The cell shows each warning once.
        self.warned: set[str] = set()
        #: The refusals in the running cell: botocore's parsed response, and the signature.
        self.refusals: deque[tuple[object, Signature]] = deque(maxlen=200)
        #: The operations in the running cell that a read-only identity didn't limit.
        self.unlimited: deque[Unlimited] = deque(maxlen=200)
        #: The last client in the running cell that couldn't sign a request, or None.
        self.without_credentials: WithoutCredentials | None = None
        self._cell += 1
        self.configure("warn", warnings.warn)
        #: The patterns of the setting ``read_only``.
        self.read_only: tuple[str, ...] = ()
        #: The identities of the temporary keys that sessions have had.
        self.keys = IssuedKeys()

    def end_cell(self) -> None:
        """Delete the records of refused calls and increment the cell counter when a cell ends."""
        self.refusals.clear()
        self.without_credentials = None
        self._cell += 1

    def note_lent(self, label: Label, library: str = "") -> None:
        """Record that a library or program has requested the credentials of an identity."""
        self.lent[Lent(label, library)] = self._cell

    @property
    def lent_in_cell(self) -> set[Label]:
        """The identities whose credentials libraries and programs requested in the current cell."""
        return {lent.label for lent, cell in list(self.lent.items()) if cell == self._cell}

    def has_lent_to(self, library: str) -> bool:
        """Return whether a library has requested an identity's credentials in any cell."""
        return any(lent.library == library for lent in list(self.lent))

    def configure(self, stale: Policy, warn: Callable[[str], None]) -> None:
        """Set the policy for signatures by inactive identities, and the function that warns."""
        self.stale = stale
        self.warn = warn


PROCESS = _Process()


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Show an error from a ``with`` block as a warning, and continue after the block."""
    try:
        with faults_as_errors():
            yield
    except AwsProfileError as error:
        PROCESS.warn(f"{error} {error.hint}".strip())


class Signer(Enum):
    """The kind of object that signs a request, with a hint for objects with an inactive identity.

    The hint consists of a sentence about the object and a step that makes your code use the active
    identity.
    """

    CLIENT = ("A client keeps its identity.", "create it again with `{source}.client({client})`.")
    RESOURCE = ("A resource keeps its identity.", "create it with `{source}.resource({client})`.")
    MADE_BY_CLIENT = (
        "A waiter or paginator keeps its client.",
        "create the client again with `{source}.client({client})`, and create the waiter or the "
        "pages again with it.",
    )
    LIBRARY = ("A client keeps its identity.", "create the library's objects again.")
    CREDENTIALS = (
        "Credentials keep their identity.",
        "get them again with `{session}.get_credentials()`.",
    )
    KEYS = (
        "Copied keys keep their identity.",
        "leave out the keys, or copy them again from `{session}`.",
    )
    SESSION = ("A session keeps its identity.", "pass the active one, `{session}`.")
    OPTIONS = (
        "Storage options keep their profile.",
        "pass new options from `storage_options()`.",
    )
    POLARS_OPTIONS = (
        "The options keep their session.",
        "pass new options from `libraries.polars_options({session})`.",
    )

    def step(self, client: tuple[str, str]) -> str:
        """Return the step while a profile is active. ``client`` is its service and Region."""
        _, step = self.value
        return step.format(session="session", source="session", client=arguments_of_client(*client))

    def hint(self, client: tuple[str, str] = ("", ""), label: Label | None = None) -> str:
        """Return the hint for an object that signs as ``label``.

        ``client`` contains a client's service and Region.
        """
        from ipy_awsprofile.config.profiles import has_default_identity  # it imports botocore

        says, step = self.value
        session = source = "session"
        is_boto3 = PROCESS.active is None and has_default_identity() and self is not Signer.OPTIONS
        if is_boto3:
            session, source = "boto3.Session()", "boto3"
        code = arguments_of_client(*client, label, source)
        step = step.format(session=session, source=source, client=code)
        if PROCESS.active is None and not is_boto3:
            return f"{says} Run `%aws_profile NAME`, and {step}"
        return f"{says} {step[0].upper()}{step[1:]}"


#: The objects that sign a call to AWS, whose operation is known.
_SIGNERS_OF_CALLS = (Signer.CLIENT, Signer.MADE_BY_CLIENT, Signer.RESOURCE, Signer.LIBRARY)


def check(
    credentials: object,
    signer: Signer = Signer.CREDENTIALS,
    operation: str = "a request",
    client: tuple[str, str] = ("", ""),
) -> None:
    """Check that the credentials for a signature belong to the active identity.

    If the credentials belong to another identity, show a warning, or raise StaleIdentity if the
    notebook refuses signatures by inactive identities. While code runs for many profiles, raise
    NotForOneProfile if the credentials belong to a profile other than the current thread's profile,
    unless this code names the other profile. ``operation`` describes the request in messages, and
    ``client`` contains a client's service and Region.
    """
    if not PROCESS.watched:  # the extension was unloaded
        return
    turn = _turn.get()
    if turn and turn.run_is_over.is_set():
        raise AwsProfileError("The run over many profiles was interrupted.", "Run it again.")
    owner = owner_of_keys(credentials)
    label = label_of(credentials) or owner
    if label is None:
        return
    if turn or PROCESS.is_run:
        _require_label_of_turn(label, turn, signer, operation)
    elif is_stale(label):
        _report_stale(label, Signer.KEYS if owner else signer, operation, client)
        return
    if signer in _SIGNERS_OF_CALLS:
        _note_unlimited(label, turn.label if turn else None, operation)
    if PROCESS.scopes and signer is not Signer.SESSION:  # the code has passed that session
        _tell_about_scope(credentials, label, turn, operation)


def owner_of_keys(credentials: object) -> Label | None:
    """Return the identity whose temporary keys the user's code has copied, or None for other keys.

    If several identities have the same keys, the result is the one that may sign now.
    """
    owners = PROCESS.keys.owners(credentials)
    turn = _turn.get()
    expected = turn.label if turn else PROCESS.active
    if expected in owners:
        return expected
    for owner in reversed(owners):
        if not is_stale(owner):
            return owner
    return owners[-1] if owners else None


def identity_of(credentials: object) -> Label | None:
    """Return the label of credentials, or of the session from which code has copied the keys."""
    return label_of(credentials) or owner_of_keys(credentials)


def is_stale(label: Label) -> bool:
    """Return whether credentials with this label no longer belong to the active identity.

    Credentials of a profile that the user's code names explicitly are never stale. If
    `storage_options` returned the name, the credentials are stale after a switch. Default
    credentials are stale while a profile with a different name is active. Credentials from
    environment variables that the user set after a switch are stale if a read-only identity is
    active or the variables have changed again.
    """
    active = PROCESS.active
    if label.active_before:
        return label.active_before != active
    if label.is_chosen:
        return False
    if label.environment is not None:
        return is_read_only(active) or label.environment != identity_in_environment()
    if not label.is_default:
        return label != active
    return active is not None and active.name != label.name


def _note_unlimited(label: Label, turn: Label | None, operation: str) -> None:
    """Record an operation that can write although the notebook or the run is read-only.

    The code can name the profile for a call, or for the block or run that contains the call.
    """
    if label.limits:
        return
    if label.is_chosen and is_read_only(turn):
        PROCESS.unlimited.append(Unlimited(label, operation, turn, beside=turn))
    elif PROCESS.is_in_read_only or (label.is_chosen and is_read_only(PROCESS.active)):
        # An earlier run can have opened the same session, in another form.
        opened = turn if turn and not label.is_chosen else label
        PROCESS.unlimited.append(Unlimited(opened, operation, turn))


def _require_label_of_turn(label: Label, turn: Turn | None, signer: Signer, operation: str) -> None:
    """Raise NotForOneProfile unless a label belongs to a turn (a call for one profile).

    If ``turn`` is None, the label may belong to any turn that has begun.
    """
    labels = [other.label for other in list(PROCESS.turns)]
    whose = "another profile"
    name = label.name
    if turn:
        labels = [turn.label]
        whose = f"`{turn.label.name}`"
        name = label.text_beside(turn.label)
    if label.is_chosen:
        _require_chosen_in_run(label, signer, operation)
        return
    if label in labels:
        return
    raise NotForOneProfile(
        f"The {signer.name.lower()} of {name} would sign {operation} for {whose}.",
        "Use the `session` of each profile and the clients that it creates, and don't keep them in "
        "a global variable or a cache.",
    )


def _tell_about_scope(credentials: object, label: Label, turn: Turn | None, operation: str) -> None:
    """Warn if code in a `scoped` block signs a request with a session that isn't limited.

    Each cell shows the warning about an unlimited session at most once. Sessions for a profile that
    the code names explicitly don't cause a warning.
    """
    scopes = [scope for scope in PROCESS.scopes if scope.turn is turn]
    if label.is_chosen or not scopes:
        return
    if any(scope.credentials is credentials for scope in scopes):
        return
    if getattr(credentials, "has_ended", False):  # of another block, so that nothing is signed
        return
    scope = scopes[-1]
    problem = f"`scoped` limits only its own session: {operation} was signed as `{label.name}`"
    hint = "Use the session of the `scoped` block."
    if scope.statement and scope.profile == label.profile and turn is None:
        hint += f" To limit everything in the block instead, write `{scope.statement}`."
    if Scope.__name__ not in PROCESS.warned:
        PROCESS.warned.add(Scope.__name__)
        PROCESS.warn(f"{problem}, without these limits. {hint}")


def _require_chosen_in_run(label: Label, signer: Signer, operation: str) -> None:
    """Raise NotForOneProfile if the code named the label's profile before the current run began."""
    if label.run == PROCESS.runs:
        return
    raise NotForOneProfile(
        f"The {signer.name.lower()} of {label.name} existed before the run and would sign "
        f"{operation} as {label.name} for every profile.",
        "Use the `session` of each profile. If you need the other session, open it in the cell or "
        f"function itself: `{_code_to_open(label)}`.",
    )


def _code_to_open(label: Label) -> str:
    """Return code that opens a label's session again, with the session's limits if possible."""
    from ipy_awsprofile.config.files import read_config  # only this message needs it

    if label.profile not in read_config().profiles:  # such as a role's ARN
        return "open_session(…)"
    if not label.limits:
        return f"open_session({label.profile!r})"
    if label.limits == READ_ONLY:
        return f"open_session({label.profile!r}, read_only=True)"
    return f"open_session({label.profile!r}, …)"


def current_run() -> int:
    """Return the number of the current run over many profiles, or 0 if no run is in progress."""
    return PROCESS.runs if PROCESS.is_run else 0


def _report_stale(label: Label, signer: Signer, operation: str, client: tuple[str, str]) -> None:
    """Handle a signature by an inactive identity as required by the user's setting.

    Depending on the setting, show a warning, raise StaleIdentity or do nothing. While a read-only
    identity is active, raise StaleIdentity regardless of the setting.
    """
    active = PROCESS.active
    policy = strictest_stale(PROCESS.stale)
    if is_read_only(active):
        policy = "refuse"
    if policy == "allow":
        return
    code = code_that_signs()
    if signer is Signer.POLARS_OPTIONS:  # polars can sign in threads without the user's code
        code = SigningCode("`polars`", is_library=True)
    elif code.is_library and signer is not Signer.KEYS:
        signer = Signer.LIBRARY
    if label.active_before:
        signer, label = Signer.OPTIONS, label.active_before
    active_name = f"`{active.name}`" if active else "no profile"
    other = label.text_beside(active)
    problem = f"{code.text} signs {operation} as {other}, but {active_name} is active."
    hint = signer.hint(client, label)
    if signer in _SIGNERS_OF_CALLS:
        hint += code.step()
    hint += _step_to_keep(label, signer)
    if policy == "refuse":
        raise StaleIdentity(problem, hint)
    if problem not in PROCESS.warned:
        PROCESS.warned.add(problem)
        PROCESS.warn(f"{problem} {hint}")


def _step_to_keep(label: Label, signer: Signer) -> str:
    """Return a sentence with a session that signs as an inactive identity, or an empty string."""
    from ipy_awsprofile.config.request import python_arguments  # only a message needs it

    active = PROCESS.active
    if signer is not Signer.CLIENT or label.origin is None:
        return ""
    if active and active.limits not in ("", label.limits):  # it wouldn't have these limits
        return ""
    return (
        f" To sign as {label.name}, use `open_session({python_arguments(label.origin.request)})`."
    )


def note_without_credentials(signer: Signer, client: tuple[str, str]) -> None:
    """Record that a client can't sign a request, for the line below botocore's error."""
    code = code_that_signs()
    if code.is_library:
        signer = Signer.LIBRARY
    PROCESS.without_credentials = WithoutCredentials(PROCESS.active, signer, client)


def arguments_of_client(
    service: str, region: str, label: Label | None = None, source: str = "session"
) -> str:
    """Return the arguments of a call that creates a client again.

    ``label`` describes the former client's identity, or is None if the client doesn't have
    credentials. ``source`` is ``session`` or ``boto3``, whose method creates the client. The
    arguments contain the former client's Region only if the user's code named the Region, or if
    the new client wouldn't have a Region otherwise.
    """
    from ipy_awsprofile.config.profiles import default_region  # it imports botocore

    active = PROCESS.active
    has_region = active is None or active.region is not None  # a switch to a profile comes first
    if source == "boto3":
        has_region = default_region() is not None
    former_region = label.region if label else None
    # Without a Region, botocore uses the Region us-east-1 or the name `aws-global`.
    not_named = {former_region or default_region() or "us-east-1", "aws-global"}
    if has_region and region in not_named:
        return f'"{service}"'
    return f'"{service}", region_name="{region}"'


# Runs over many profiles --------------------------------------------------------------------------


@contextmanager
def in_turn(turn: Turn) -> Iterator[None]:
    """In a ``with`` block, let the current thread or task work for the profile of ``turn``."""
    token = _turn.set(turn)
    PROCESS.turns.add(turn)
    try:
        yield
    finally:
        PROCESS.turns.discard(turn)
        _turn.reset(token)


def turn_here() -> Turn | None:
    """Return this thread's or task's call for one profile (a turn), or None outside such calls."""
    return _turn.get()


def session_here() -> boto3.Session | None:
    """Return the session of the profile that the current thread works for.

    The result is None if no code is running for many profiles. Raise NotForOneProfile if code is
    running for many profiles but the current thread doesn't work for any of these profiles. The
    code for one of the profiles may have started this thread.
    """
    turn = _turn.get()
    if turn:
        return turn.session
    if PROCESS.is_run:
        raise NotForOneProfile(
            "During a run over many profiles, a thread doesn't know which profile it works for.",
            "Before you start the thread, create its client from `session` with the same "
            'arguments, as in `client = session.client("s3")`. Use this client in the thread.',
        )
    return None


def require_no_run(what: str) -> None:
    """Raise NotForOneProfile if code is running for many profiles in this or another thread.

    ``what`` names the function or magic that uses the identity of the whole notebook.
    """
    if _turn.get() or PROCESS.is_run:
        raise NotForOneProfile(
            f"{what} works with the identity of the whole notebook, so it can't be used while a "
            "function or cell runs for many profiles.",
            'Use the `session` of the profile, for example `session.client("s3")`. For a different '
            "profile, use `open_session(NAME)`, or wait until the run ends.",
        )
