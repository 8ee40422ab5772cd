"""The notebook's variables: the one with the session, and others that sign requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell


@contextmanager
def session_variable(shell: InteractiveShell, name: str, session: boto3.Session) -> Iterator[None]:
    """Assign the session to a variable of the notebook.

    Afterwards the variable has its value from before, or is deleted if it didn't exist. If the user
    has assigned something else meanwhile, that is kept.
    """
    before = {name: shell.user_ns[name]} if name in shell.user_ns else {}
    shell.push({name: session})
    try:
        yield
    finally:
        shell.drop_by_id({name: session})
        if name not in shell.user_ns:
            shell.push(before)


def signers(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names of boto3 clients, resources and sessions, each with its credentials.

    This doesn't resolve credentials: a session that hasn't needed any yet is left out.
    """
    import boto3.resources.base
    import boto3.session
    import botocore.client

    def credentials_of(value: Any) -> Any:
        # botocore has no public attribute for these; its public method would resolve credentials.
        match value:
            case boto3.resources.base.ServiceResource():
                return credentials_of(value.meta.client)
            case botocore.client.BaseClient():
                return value._request_signer._credentials  # type: ignore[attr-defined]  # noqa: SLF001
            case boto3.session.Session():
                return value._session._credentials  # type: ignore[attr-defined]  # noqa: SLF001
            case _:
                return None

    for name, value in list(namespace.items()):
        # Names that begin with an underscore are IPython's: _, __, _1, _oh.
        if not name.startswith("_") and (credentials := credentials_of(value)) is not None:
            yield name, credentials
