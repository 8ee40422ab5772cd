"""DuckDB's secrets, which are credentials that a connection keeps.

https://duckdb.org/docs/stable/configuration/secrets_manager
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

_SECRETS = "SELECT name, secret_string FROM duckdb_secrets() WHERE type = 's3'"


def secret_keys(namespace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the access key ID of each S3 secret of the notebook's connections.

    The connections are those in variables and the one of ``duckdb.sql``. A connection that can't be
    asked now, for example because it is closed, is left out.
    """
    duckdb: Any = sys.modules.get("duckdb")
    if not hasattr(duckdb, "DuckDBPyConnection"):
        return
    connections = [duckdb.default_connection()]
    connections += [one for one in list(namespace.values()) if type(one) is type(connections[0])]
    for connection in connections:
        with suppress(duckdb.Error):
            # A cursor: the result of the user's last query stays.
            for name, secret in connection.cursor().execute(_SECRETS).fetchall():
                if found := re.search(r"\bkey_id=([^;]+)", secret):
                    yield name, found[1]
