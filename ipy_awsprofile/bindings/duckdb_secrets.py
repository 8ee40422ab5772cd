"""DuckDB's secrets, which are credentials that a connection keeps.

Secrets that this package created for the active session follow a switch. The card lists the user's
own secrets.

https://duckdb.org/docs/stable/configuration/secrets_manager
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.transaction import TRANSACTION, Transaction
from ipy_awsprofile.sessions.duckdb_secret import NAME, SECRETS, Secret, secrets_of

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession


@contextmanager
def duckdb_secrets(
    session: ProfileSession | None, transaction: Transaction = TRANSACTION
) -> Iterator[None]:
    """Make secrets created by `libraries.duckdb_secret` follow the session in a ``with`` block.

    Afterwards, they follow the former session again, or are dropped if there was none.
    """
    before = transaction.read(_PLACE, lambda: SECRETS.session)
    transaction.write(_PLACE, session, SECRETS.follow)
    try:
        yield
    finally:
        transaction.write(_PLACE, before, SECRETS.follow)


_PLACE = "DuckDB's secrets"


def secrets_in(values: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Secret]]:
    """Yield the S3 secrets of the connections among named values, each with one of the names.

    The ``duckdb`` module represents the connection that ``duckdb.sql`` uses. Connections that can't
    be queried, for example because they are closed, are skipped.
    """
    duckdb: Any = sys.modules.get("duckdb")
    if not hasattr(duckdb, "DuckDBPyConnection"):
        return
    asked: list[Any] = []
    for name, value in values:
        connection: Any = duckdb.default_connection() if value is duckdb else value
        if type(connection) is duckdb.DuckDBPyConnection and connection not in asked:
            asked.append(connection)
            with suppress(duckdb.Error):
                shown = "duckdb" if value is duckdb else name
                yield from [(shown, secret) for secret in secrets_of(connection)]


def secrets_of_notebook(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Secret]]:
    """Yield the S3 secrets of the notebook's connections, each with the name of a variable.

    The name is empty for a connection that isn't in a variable but has a secret that this package
    created.
    """
    variables = list(namespace.items())
    variables.sort(key=lambda one: one[0].startswith("_"))  # cell results last
    others = [("", connection) for connection in SECRETS.following()]
    yield from secrets_in([("duckdb", sys.modules.get("duckdb")), *variables, *others])


def how_to_replace(name: str, secret: Secret) -> str:
    """Return how to replace the secret of a variable's connection with the session's secret.

    If several secrets match a path equally well, DuckDB uses the first by name. Therefore, the user
    must drop the other secret.

    https://duckdb.org/docs/stable/configuration/secrets_manager
    """
    if not name:
        return "end its transaction, and run `%aws_profile --refresh`"
    imported = "import duckdb; from ipy_awsprofile import libraries"
    if secret.is_persistent:
        without = "con = duckdb.connect(config={'allow_persistent_secrets': False})"
        return f"`{imported}`, then `{without}` and `libraries.duckdb_secret(session, con)`"
    call = f"libraries.duckdb_secret(session{'' if name == 'duckdb' else f', {name}'})"
    if secret.name == NAME:
        return f"`{imported}`, then call `{call}`"
    statement = f'DROP SECRET "{secret.name}"'
    return f"`{imported}`, then call `{call}` and `{name}.execute({statement!r})`"
