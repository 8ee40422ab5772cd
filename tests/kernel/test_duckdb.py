"""DuckDB's secrets follow each switch if they were created for the active session."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any
from weakref import ref

import duckdb
import pytest

from tests.kernel.conftest import BUCKET

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

CSV = f"s3://{BUCKET}/cities.csv"


@pytest.fixture
def connected(notebook: Shell) -> Shell:
    """Switch to RoleBeta, and create its secret in a connection."""
    notebook.good("import duckdb; from ipy_awsprofile import libraries\n%aws_profile RoleBeta")
    notebook.good("con = duckdb.connect(); libraries.duckdb_secret(session, con)")
    return notebook


def signers(aws: EmbeddedAws, connection: Any) -> set[str]:
    """Return the roles with which a connection reads, or an empty set if it has no secret."""
    aws.calls.clear()
    if not connection.execute(f"FROM which_secret('{CSV}', 's3')").fetchall():
        return set()  # DuckDB would call the real AWS
    connection.execute(f"FROM '{CSV}'").fetchall()
    return {str(call.arn).split("/")[1] for call in aws.calls if call.action.startswith("s3:")}


def test_all_connections_follow(aws: EmbeddedAws, connected: Shell) -> None:
    """A switch replaces the secret of each connection, and of the default connection."""
    connected.good("libraries.duckdb_secret(session)\ncursor = con.cursor()")
    for role in ("RoleGamma", "RoleBeta"):
        assert "duckdb" not in connected.good(f"%aws_profile {role}").text.lower()
        for connection in (connected.names["con"], connected.names["cursor"], duckdb):
            assert signers(aws, connection) == {role}


def test_another_session(aws: EmbeddedAws, connected: Shell) -> None:
    """A secret for a session that was opened by name doesn't change."""
    connected.good("libraries.duckdb_secret(open_session('RoleBeta'), con)")
    for switch in ("%aws_profile RoleGamma", "%aws_profile UserAlpha", "%aws_profile --off"):
        connected.good(switch)
        assert signers(aws, connected.names["con"]) == {"RoleBeta"}


@pytest.mark.parametrize("end", ["%aws_profile UserAlpha", "%unload_ext ipy_awsprofile"])
def test_dropped(aws: EmbeddedAws, connected: Shell, end: str) -> None:
    """Without short-lived credentials to replace it, the secret is dropped."""
    connected.good(end)
    assert signers(aws, connected.names["con"]) == set()


def test_refresh(aws: EmbeddedAws, connected: Shell) -> None:
    """A refresh renews the secret."""
    secret = "SELECT secret_string FROM duckdb_secrets()"
    before = connected.names["con"].execute(secret).fetchall()
    connected.good("%aws_profile --refresh")
    assert connected.names["con"].execute(secret).fetchall() != before
    assert signers(aws, connected.names["con"]) == {"RoleBeta"}


#: States that a connection can be in during a switch, and the code that ends each state.
BUSY = {
    "closed": ("con.close()", "con = duckdb.connect(); libraries.duckdb_secret(session, con)"),
    "in a transaction": ("con.begin()", "con.commit()"),
    "with a result": ("con.execute('FROM range(3)')", "assert len(con.fetchall()) == 3"),
}


@pytest.mark.parametrize("state", BUSY)
def test_busy_connections(aws: EmbeddedAws, connected: Shell, state: str) -> None:
    """A switch succeeds whatever a connection does, and its next query uses the new role."""
    start, end = BUSY[state]
    connected.good(f"{start}\n%aws_profile RoleGamma\n{end}")
    assert signers(aws, connected.names["con"]) == {"RoleGamma"}


def test_connections_are_not_kept(connected: Shell) -> None:
    """A connection that has a secret can be garbage-collected."""
    connection = ref(connected.names["con"])
    connected.good("con = None\n%aws_profile RoleGamma")
    gc.collect()
    assert connection() is None
