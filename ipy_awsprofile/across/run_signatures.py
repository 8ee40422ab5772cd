"""Who may sign in a run over many profiles: each profile's own session, and until the run ends.

A row has the name of one profile, so its data must not come from another one. Whatever holds a
client of the notebook, such as a global, a module or an older pool, is noticed when it signs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any
from weakref import ref

from ipy_awsprofile.bindings.gate import Signature, watch_signatures
from ipy_awsprofile.bindings.session_of_thread import default_of_notebook, is_of_a_pool
from ipy_awsprofile.errors import AwsProfileError, NotForOneProfile
from ipy_awsprofile.sessions.working import session_here

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher


def refuse_the_notebooks(switcher: Switcher) -> Callable[[], None]:
    """Let nothing sign as the notebook in a thread that works for a run; return what ends this.

    The notebook's credentials are those of all switches, and of boto3's default session. The
    threads of a pool count as the run's, which can have given them work.
    """
    default: Any = default_of_notebook()
    of_default = default._session._credentials if default else None  # noqa: SLF001

    def watch(signature: Signature) -> None:
        used = signature.credentials
        if (used is of_default or used in switcher.credentials) and _works_for_a_run():
            raise NotForOneProfile(
                f"A client of the notebook would sign {signature.operation}, in the name of each "
                "profile.",
                f'Use the profile\'s own: `session.client("{signature.service}")`.',
            )

    return watch_signatures(watch)


def _works_for_a_run() -> bool:
    try:
        return session_here() is not None or is_of_a_pool()
    except NotForOneProfile:  # a thread that was started in the run
        return True


def refuse_until_returned(
    credentials: Iterable[ref[Any]], functions: Iterable[Future[Any]]
) -> None:
    """Refuse signatures with credentials of a run that was interrupted.

    Python can't end a thread: a function that goes on in one does so without AWS, until it returns.
    """
    waiting, ended = set(functions), tuple(credentials)
    if not waiting:
        return

    def refuse(signature: Signature) -> None:
        if any(signature.credentials is one() for one in ended):
            raise AwsProfileError("The run over many profiles was interrupted.", "Run it again.")

    end = watch_signatures(refuse)

    def returned(future: Future[Any]) -> None:
        waiting.discard(future)
        if not waiting:
            end()

    for future in tuple(waiting):
        future.add_done_callback(returned)
