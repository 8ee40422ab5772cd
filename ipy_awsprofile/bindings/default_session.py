"""boto3's default session for the notebook, and for each thread of a run over many profiles.

All threads share ``boto3.DEFAULT_SESSION``. During a run, it is a proxy for the session of the
profile that the calling thread works for.

https://docs.aws.amazon.com/boto3/latest/guide/session.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3

from ipy_awsprofile.bindings.owner import owner_of_row
from ipy_awsprofile.bindings.row_owners import running_row
from ipy_awsprofile.bindings.run_children import children_of_functions
from ipy_awsprofile.bindings.shared import SharedBinding
from ipy_awsprofile.bindings.transaction import TRANSACTION, Transaction
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.user_environment import CREDENTIAL_VARIABLES, user_environment
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.run_isolation import (
    has_run,
    is_of_a_pool,
    session_here,
    working_for,
)

if TYPE_CHECKING:
    import boto3


@contextmanager
def default_session(
    session: boto3.Session, transaction: Transaction = TRANSACTION
) -> Iterator[None]:
    """Make ``boto3.client`` and ``boto3.resource`` use the session.

    https://docs.aws.amazon.com/boto3/latest/guide/session.html
    """
    place = "boto3's default session"
    before = transaction.read(place, default_of_notebook)
    transaction.write(place, session, set_default_of_notebook)
    try:
        yield
    finally:
        # Keep a default session that the user has set since.
        if transaction.read(place, default_of_notebook) is session:
            transaction.write(place, before, set_default_of_notebook)


class SessionOfThread(StaysInProcess, boto3.Session):
    """A proxy for the session that the calling thread works for, or else the notebook's default."""

    def __init__(self, of_notebook: boto3.Session | None) -> None:
        object.__setattr__(self, "_of_notebook", of_notebook)

    def __getattribute__(self, name: str) -> Any:
        return getattr(_actual(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_actual(self), name, value)

    def __repr__(self) -> str:
        return repr(_actual(self))


class _Default:
    """State of the whole process, like ``boto3.DEFAULT_SESSION``."""

    lock = threading.Lock()
    session: SessionOfThread | None = None
    #: How many times the session was replaced while a function was running.
    replaced = 0


def default_of_notebook() -> boto3.Session | None:
    """Return the notebook's default boto3 session, or None if it doesn't exist yet."""
    session = boto3.DEFAULT_SESSION
    if type(session) is SessionOfThread:
        return object.__getattribute__(session, "_of_notebook")  # type: ignore[no-any-return]
    return session


def set_default_of_notebook(session: boto3.Session | None) -> None:
    """Set the notebook's default boto3 session. Threads that work for a profile keep theirs."""
    if type(boto3.DEFAULT_SESSION) is SessionOfThread:
        object.__setattr__(boto3.DEFAULT_SESSION, "_of_notebook", session)
    else:
        boto3.DEFAULT_SESSION = session


@contextmanager
def _session_of_thread() -> Iterator[None]:
    _Default.session = boto3.DEFAULT_SESSION = SessionOfThread(boto3.DEFAULT_SESSION)
    try:
        yield
    finally:
        _Default.session = None
        boto3.DEFAULT_SESSION = default_of_notebook()


@contextmanager
def _for_functions() -> Iterator[None]:
    with _session_of_thread(), children_of_functions():
        yield


#: Each function holds this until it returns, which can be long after Ctrl-C.
_held_by_function = SharedBinding(_for_functions)


@contextmanager
def working_as(session: boto3.Session) -> Iterator[None]:
    """Work for the session's profile, with the session as this thread's default boto3 session.

    Raises NotForOneProfile at the end if boto3's default session was replaced in the meantime,
    because the function could have used a different profile.
    """
    row = running_row(session, owner_of_row(session))
    with _held_by_function(), row, working_for(session):
        before = _replacements()
        try:
            yield
        finally:
            after = _replacements()
        if after != before:
            raise NotForOneProfile(
                "boto3's default session was replaced during the run, for all profiles at once.",
                "Use `session` instead of `boto3.setup_default_session`; in a run, it is boto3's "
                "default session already.",
            )


def _replacements() -> int:
    """Restore the default session if it was replaced, and return the number of replacements.

    After Ctrl-C, the notebook continues and may replace it.
    """
    with _Default.lock:
        if has_run() and boto3.DEFAULT_SESSION is not _Default.session:
            _Default.replaced += 1
            boto3.DEFAULT_SESSION = _Default.session
        return _Default.replaced


def _actual(default: SessionOfThread) -> boto3.Session:
    """Return this thread's default session."""
    if (session := session_here()) is not None:
        return session
    if boto3.DEFAULT_SESSION is not default:  # a library has kept the proxy since a run
        return boto3.DEFAULT_SESSION or boto3.Session()
    if has_run() and is_of_a_pool():
        raise NotForOneProfile(
            "During a run over many profiles, a pool's thread could be working for any of them.",
            'Create the client first, `client = session.client("s3")`, and use it in the pool.',
        )
    of_notebook = default_of_notebook()
    if of_notebook is None:
        if has_run() and user_environment().keys() & set(CREDENTIAL_VARIABLES):
            raise NotForOneProfile(
                "The notebook doesn't have a default session during a run over many profiles.",
                "Wait until the run has ended.",
            )
        of_notebook = boto3.Session()
        set_default_of_notebook(of_notebook)
    return of_notebook
