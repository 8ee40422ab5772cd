"""Refuse signatures as another identity in a run over many profiles, and after an interrupted run.

Each row has the name of one profile, so its data must not come from another profile. A client of
the notebook or of another row is detected when it signs, even if a global, a module, a cache or an
older pool holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import ref

from ipy_awsprofile.bindings.gate import Signature, watch_signatures
from ipy_awsprofile.bindings.owner import is_users_choice
from ipy_awsprofile.bindings.row_owners import RowOwner, can_be_its_thread, row_owner
from ipy_awsprofile.errors import AwsProfileError, NotForOneProfile
from ipy_awsprofile.sessions.run_isolation import has_run, is_of_a_pool, session_here

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.bindings.owners import Owners


@contextmanager
def signatures_of_rows(owners: Owners | None) -> Iterator[None]:
    """Refuse signatures as the notebook or as another row in a ``with`` block, in a run's threads.

    ``owners`` knows the notebook's credentials, and is None in a worker. Pool threads count as
    threads of the run, because the run can have given them work.
    """

    def refuse_signature(signature: Signature) -> None:
        if owner := row_owner(signature.credentials):
            _refuse_other_row(owner, signature)
        elif owners and owners.of(signature.credentials) and works_for_a_run():
            raise NotForOneProfile(
                f"A client from the notebook would sign {signature.operation} with the notebook's "
                "identity, not with the profile's.",
                f'Use `session.client("{signature.service}")`. A function gets the profile\'s '
                "session as an argument.",
            )

    def refuse_session(session: Any, _credentials: Any) -> None:
        is_chosen = is_users_choice(session.instance_variables().get("profile"))
        if not is_chosen and works_for_a_run():
            raise NotForOneProfile(
                "A new session without a profile, such as `boto3.Session()`, would use the "
                "notebook's identity.",
                "Use `session`. In a run, `boto3.client` uses it, too.",
            )

    end = watch_signatures(refuse_signature, refuse_session)
    try:
        yield
    finally:
        end()


def _refuse_other_row(owner: RowOwner, signature: Signature) -> None:
    """Raise NotForOneProfile if this thread works for a run, but not for the row of this owner."""
    if not works_for_a_run() or can_be_its_thread(owner, session := _session_of_row()):
        return
    whom = owner.difference(session)
    whose = f"`{session.profile_name}`" if session else "another profile"
    raise NotForOneProfile(
        f"A client that signs as {whom} would sign {signature.operation} for {whose}.",
        f'Create a client for each profile, `session.client("{signature.service}")`: don\'t keep '
        "it in a global variable or a cache.",
    )


def works_for_a_run() -> bool:
    """Return whether this thread works for a profile of a run, or may have been started by it."""
    try:
        return session_here() is not None or (has_run() and is_of_a_pool())
    except NotForOneProfile:  # a thread that was started in the run
        return True


def _session_of_row() -> boto3.Session | None:
    """Return the session of the row that this thread works for, or None if the row is unknown."""
    with suppress(NotForOneProfile):
        return session_here()
    return None


def refuse_until_returned(
    credentials: Iterable[ref[Any]], functions: Iterable[Future[Any]]
) -> None:
    """Refuse signatures of an interrupted run until its functions have returned.

    Python can't end a thread, so a function can continue in its thread, but without AWS.
    ``credentials`` are those of the run's rows.
    """
    waiting, ended = set(functions), tuple(credentials)
    if not waiting:
        return

    def refuse(signature: Signature) -> None:
        signers = [signature.credentials]
        if row := _session_of_row():  # it could also sign with a client of the notebook
            signers.append(row.get_credentials())
        if any(one() in signers for one in ended):
            raise AwsProfileError("The run over many profiles was interrupted.", "Run it again.")

    end = watch_signatures(refuse)

    def returned(future: Future[Any]) -> None:
        waiting.discard(future)
        if not waiting:
            end()

    for future in tuple(waiting):
        future.add_done_callback(returned)
