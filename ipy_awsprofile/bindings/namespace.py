"""The notebook's variables, including the session's variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.transaction import ABSENT, TRANSACTION, Transaction

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell

#: IPython's variables, in addition to names that begin with an underscore: _, __, _1, _oh.
_IPYTHONS = {"In", "Out", "exit", "quit", "get_ipython"}


def variables(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the user's variables, without IPython's own and without modules."""
    return {
        name: value
        for name, value in list(namespace.items())
        if not (name.startswith("_") or name in _IPYTHONS or issubclass(type(value), ModuleType))
    }


@contextmanager
def session_variable(
    shell: InteractiveShell,
    name: str,
    session: boto3.Session,
    transaction: Transaction = TRANSACTION,
) -> Iterator[None]:
    """Assign the session to a variable of the notebook.

    Afterwards, the variable gets its previous value, or is deleted if it didn't exist. A different
    value that the user has assigned in the meantime stays.
    """
    place = f"the notebook's variable {name}"

    def value() -> Any:
        return transaction.read(place, lambda: shell.user_ns.get(name, ABSENT))

    def assign(value: Any) -> None:
        if value is not ABSENT:
            shell.push({name: value})
        elif name in shell.user_ns:
            shell.drop_by_id({name: shell.user_ns[name]})

    before = value()
    transaction.write(place, session, assign)
    try:
        yield
    finally:
        if any(value() is one for one in (session, ABSENT)):
            transaction.write(place, before, assign)
