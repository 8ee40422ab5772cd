"""The notebook's own variables: where the session goes, and who else there signs requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell


@contextmanager
def session_variable(shell: InteractiveShell, name: str, session: boto3.Session) -> Iterator[None]:
    """Let a variable of the notebook hold the session.

    Afterwards the variable is what it was before, or gone if it wasn't there. If the user has
    bound the name to something else in between, that stays.
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
    """Find the variables that hold a boto3 client, resource or session, with its credentials.

    Nothing is resolved for that: a session that hasn't needed its credentials yet is left out.
    """
    import boto3.resources.base
    import boto3.session
    import botocore.client

    def credentials_of(value: Any) -> Any:
        # botocore shows neither publicly, and its public way would go and fetch credentials.
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
        # Names with an underscore in front are IPython's own: _, __, _1, _oh.
        if not name.startswith("_") and (credentials := credentials_of(value)) is not None:
            yield name, credentials
