"""DuckDB's secrets, which are credentials that a connection keeps.

https://duckdb.org/docs/stable/configuration/secrets_manager
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

_SECRETS = "SELECT name, secret_string FROM duckdb_secrets() WHERE type = 's3'"


def secret_keys(namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the access key ID of each S3 secret of the notebook's connections.

    The connections are those in variables and the one of ``duckdb.sql``.
    """
    for connection in connections([sys.modules.get("duckdb"), *namespace.values()]):
        yield from secrets_of(connection)


def connections(values: Iterable[object]) -> Iterator[Any]:
    """Yield the values that are connections; for the module, the one of ``duckdb.sql``."""
    duckdb: Any = sys.modules.get("duckdb")
    if not hasattr(duckdb, "DuckDBPyConnection"):
        return
    for value in values:
        if value is sys.modules["duckdb"]:
            yield duckdb.default_connection()
        elif type(value) is duckdb.DuckDBPyConnection:
            yield value


def secrets_of(connection: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and the access key ID of each S3 secret of a connection.

    A connection that can't be asked now, for example because it is closed, has none.
    """
    duckdb: Any = sys.modules["duckdb"]
    with suppress(duckdb.Error):
        # A cursor: the result of the user's last query stays.
        for name, secret in connection.cursor().execute(_SECRETS).fetchall():
            if found := re.search(r"\bkey_id=([^;]+)", secret):
                yield name, found[1]
