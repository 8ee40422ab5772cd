"""DuckDB's secrets follow each switch if they were created for the active session."""

from __future__ import annotations

import gc
import re
from typing import TYPE_CHECKING, Any
from weakref import ref

import duckdb
import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.sessions.duckdb_secret import SECRETS
from ipy_awsprofile.sessions.session import open_session
from tests.roles import add_role

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

BUCKET = "duckdb-of-mine"
CREATED = "from ipy_awsprofile import libraries; import duckdb; con = duckdb.connect()\n"
SECRET = f"{CREATED}libraries.duckdb_secret(session, con)"


@pytest.fixture
def notebook(aws: EmbeddedAws, shell: Shell) -> Shell:
    """Switch to RoleBeta, with a bucket that RoleGamma can read, too."""
    add_role(aws, "RoleGamma", "s3:*")
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    s3 = open_session("RoleBeta").client("s3")
    s3.put_object(Bucket=BUCKET, Key="cities.csv", Body=b"city\nOslo\n")
    shell.good("%aws_profile RoleBeta")
    return shell


def signers(aws: EmbeddedAws, connection: Any) -> set[str]:
    """Return the roles with which a connection reads, or an empty set if it has no secret."""
    aws.calls.clear()
    path = f"s3://{BUCKET}/cities.csv"
    if not connection.execute(f"FROM which_secret('{path}', 's3')").fetchall():
        return set()  # DuckDB would call the real AWS
    connection.execute(f"FROM '{path}'").fetchall()
    calls = [call for call in aws.calls if call.action.startswith("s3:")]
    return {str(call.arn).split("/")[1] for call in calls}


def named(notebook: Shell, line: str = "%aws_profile") -> list[str]:
    """Return the card's lines about DuckDB's secrets."""
    card = notebook.good(line).text
    return [row for row in card.splitlines() if "DuckDB secret" in row or "DuckDB conn" in row]


def test_switches(aws: EmbeddedAws, notebook: Shell) -> None:
    """Each switch replaces the secrets of all connections, and the card names none of them."""
    notebook.good(f"{SECRET}\nsecond = duckdb.connect(); libraries.duckdb_secret(session, second)")
    notebook.good("libraries.duckdb_secret(session); cursor = con.cursor()")
    connections = [*map(notebook.names.get, ("con", "second", "cursor")), duckdb]
    for role in ("RoleGamma", "RoleBeta"):
        assert named(notebook, f"%aws_profile {role}") == []
        assert [signers(aws, connection) for connection in connections] == [{role}] * 4


def test_scope(aws: EmbeddedAws, notebook: Shell) -> None:
    """The secret uses the scope's profile, and then the notebook's profile again."""
    notebook.good(SECRET)
    connection = notebook.names["con"]
    notebook.good(
        f"%%aws_profile RoleGamma\ncon.sql(\"FROM 's3://{BUCKET}/cities.csv'\").fetchall()"
    )
    roles = {str(call.arn).split("/")[1] for call in aws.calls if call.action == "s3:GetObject"}
    assert roles == {"RoleGamma"}
    assert signers(aws, connection) == {"RoleBeta"}


@pytest.mark.slow
def test_off(aws: EmbeddedAws, notebook: Shell) -> None:
    """`--off` drops the secret, and the next switch creates it again."""
    notebook.good(SECRET)
    connection = notebook.names["con"]
    notebook.good("%aws_profile --off")
    assert signers(aws, connection) == set()
    notebook.good("%aws_profile RoleGamma")
    assert signers(aws, connection) == {"RoleGamma"}


def test_unload(aws: EmbeddedAws, notebook: Shell) -> None:
    """Unloading the extension drops the secret."""
    notebook.good(SECRET)
    notebook.good("%unload_ext ipy_awsprofile")
    assert signers(aws, notebook.names["con"]) == set()


@pytest.mark.slow
def test_only_session(aws: EmbeddedAws, notebook: Shell) -> None:
    """With ``--only-session``, the secret keeps its identity, and the card doesn't name it."""
    notebook.good(SECRET)
    assert named(notebook, "%aws_profile RoleGamma --only-session") == []
    assert signers(aws, notebook.names["con"]) == {"RoleBeta"}


def test_secret_of_the_variable_alone(notebook: Shell) -> None:
    """A secret for the session of ``--only-session`` doesn't follow, and the card names it."""
    notebook.good(f"%aws_profile RoleGamma --only-session\n{SECRET}")
    assert named(notebook) == []
    (row,) = named(notebook, "%aws_profile RoleBeta")
    assert "still signs as" in row


def test_refresh(aws: EmbeddedAws, notebook: Shell) -> None:
    """A refresh renews the secret."""
    notebook.good(SECRET)
    connection = notebook.names["con"]
    before = connection.sql("SELECT secret_string FROM duckdb_secrets()").fetchall()
    notebook.good("%aws_profile --refresh")
    assert connection.sql("SELECT secret_string FROM duckdb_secrets()").fetchall() != before
    assert signers(aws, connection) == {"RoleBeta"}


@pytest.mark.slow
def test_other_session(aws: EmbeddedAws, notebook: Shell) -> None:
    """A secret for a session opened by name doesn't change, and the card doesn't name it."""
    notebook.good(f"{CREATED}from ipy_awsprofile import open_session")
    notebook.good("libraries.duckdb_secret(open_session('RoleBeta'), con)")
    for role in ("UserAlpha", "RoleGamma", "RoleBeta", "RoleGamma"):
        assert named(notebook, f"%aws_profile {role}") == []
        assert signers(aws, notebook.names["con"]) == {"RoleBeta"}


def test_long_term_keys(aws: EmbeddedAws, notebook: Shell) -> None:
    """If the profile has long-term keys, a switch drops the secret, and the card says why."""
    notebook.good(SECRET)
    (row,) = named(notebook, "%aws_profile UserAlpha")
    assert "was dropped from your DuckDB connections: These are long-term keys" in row
    assert signers(aws, notebook.names["con"]) == set()
    assert named(notebook, "%aws_profile RoleGamma") == []
    assert signers(aws, notebook.names["con"]) == {"RoleGamma"}


def test_dropped_by_the_user(aws: EmbeddedAws, notebook: Shell) -> None:
    """If the user has dropped a secret, a switch doesn't create it again."""
    notebook.good(f"{SECRET}\ncon.execute('DROP SECRET ipy_awsprofile')\n%aws_profile RoleGamma")
    assert signers(aws, notebook.names["con"]) == set()


@pytest.mark.slow
def test_run_over_many_profiles(aws: EmbeddedAws, notebook: Shell) -> None:
    """A run drops the notebook's secret, and a secret from the function uses the row's profile."""
    notebook.good(SECRET)
    notebook.good(
        "from ipy_awsprofile import across_profiles\n"
        "holder = {'con': con}\n"
        "def function(session):\n"
        "    own = duckdb.connect(); libraries.duckdb_secret(session, own)\n"
        f"    own.execute(\"FROM 's3://{BUCKET}/cities.csv'\").fetchall()\n"
        "    return holder['con'].execute('SELECT count(*) FROM duckdb_secrets()').fetchone()[0]"
    )
    frame = notebook.good("across_profiles(['RoleGamma'], function, progress=False)").result
    assert list(frame["value"]) == [0]
    roles = {str(call.arn).split("/")[1] for call in aws.calls if call.action == "s3:GetObject"}
    assert roles == {"RoleGamma"}
    assert len(SECRETS.following()) == 1
    assert signers(aws, notebook.names["con"]) == {"RoleBeta"}


#: States that a connection can be in during a switch, and the code that ends each state.
BUSY = {
    "closed": ("con.close()", ""),
    "in a transaction": ("con.begin()", "con.commit()"),
    "in an aborted transaction": (
        "con.begin()\ntry: con.execute(\"SELECT error('')\")\nexcept duckdb.Error: pass",
        "con.rollback()",
    ),
    "with a result": ("con.execute('FROM range(3)')", "assert len(con.fetchall()) == 3"),
    "running": (
        "import threading; started, goes_on = threading.Event(), threading.Event()\n"
        "def wait(number): started.set(); goes_on.wait(60); return number\n"
        "function = con.create_function('wait', wait, ['BIGINT'], 'BIGINT')\n"
        "thread = threading.Thread(target=con.execute, args=['SELECT wait(1)'])\n"
        "thread.start(); started.wait(60)",
        "goes_on.set(); thread.join()",
    ),
}


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("state", BUSY)
def test_busy_connections(aws: EmbeddedAws, notebook: Shell, state: str) -> None:
    """A switch succeeds whatever a connection does, and its next query uses the new role."""
    start, end = BUSY[state]
    notebook.good(f"{SECRET}\n{start}")
    assert named(notebook, "%aws_profile RoleGamma") == []
    notebook.good(end)
    if state != "closed":
        assert signers(aws, notebook.names["con"]) == {"RoleGamma"}


@pytest.mark.slow
def test_secret_of_an_open_transaction(aws: EmbeddedAws, notebook: Shell) -> None:
    """The card names a secret that a switch can't replace, until a refresh replaces it."""
    notebook.good(f"{SECRET}\nholder = [con]; del con; holder[0].begin()\nNone")
    notebook.good("libraries.duckdb_secret(session, holder[0])")
    (row,) = named(notebook, "%aws_profile RoleGamma")
    assert "still signs as RoleBeta: end its transaction" in row
    notebook.good("holder[0].commit()")
    assert named(notebook, "%aws_profile --refresh") == []
    assert signers(aws, notebook.names["holder"][0]) == {"RoleGamma"}


@pytest.mark.slow
def test_connections_are_not_kept(notebook: Shell) -> None:
    """A connection that has a secret can be garbage-collected."""
    notebook.good(SECRET)
    connection = ref(notebook.names["con"])
    notebook.good("con = None")
    gc.collect()
    assert connection() is None
    assert SECRETS.following() == []


#: Names and scopes of the user's secrets that DuckDB prefers to ours.
PREFERRED = {"aaa": "", "zzz": f", SCOPE 's3://{BUCKET}'"}


@pytest.mark.slow
@pytest.mark.parametrize("name", PREFERRED)
@pytest.mark.parametrize("connection", ["con", "duckdb"])
def test_secrets_of_the_user(aws: EmbeddedAws, notebook: Shell, connection: str, name: str) -> None:
    """If you follow the card's advice about your own secret, DuckDB uses the new identity."""
    notebook.good(f"{CREATED}from ipy_awsprofile.sessions.duckdb_secret import secret_options")
    notebook.good("libraries.duckdb_secret(session, con); options = secret_options(session)")
    statement = f"CREATE SECRET {name} (TYPE s3{PREFERRED[name]}, "
    values = "', '.join(f'{key} ${key}' for key in options)"
    notebook.good(f"{connection}.execute({statement!r} + {values} + ')', options)")
    (row,) = named(notebook, "%aws_profile RoleGamma")
    used = notebook.names[connection]
    assert signers(aws, used) == {"RoleBeta"}
    for code in re.findall("`([^`]+)`", row)[1:]:
        notebook.good(code)
    assert named(notebook) == []
    assert signers(aws, used) == {"RoleGamma"}


@pytest.mark.slow
def test_credential_chain(aws: EmbeddedAws, notebook: Shell) -> None:
    """The advice also works for a secret of DuckDB's own credential chain."""
    notebook.good(f"{CREATED}import duckdb_extensions")
    for extension in ("httpfs", "aws"):
        notebook.good(f"duckdb_extensions.import_extension('{extension}', con=con)")
    place = aws.endpoint_url.partition("//")[2]
    notebook.good(
        'con.execute("CREATE SECRET mine (TYPE s3, PROVIDER credential_chain, '
        f"URL_STYLE 'path', USE_SSL false, ENDPOINT '{place}')\")"
    )
    assert signers(aws, notebook.names["con"]) == {"RoleBeta"}
    (row,) = named(notebook, "%aws_profile RoleGamma")
    for code in re.findall("`([^`]+)`", row)[1:]:
        notebook.good(code)
    assert named(notebook) == []
    assert signers(aws, notebook.names["con"]) == {"RoleGamma"}


@pytest.mark.slow
def test_persistent_secret(aws: EmbeddedAws, notebook: Shell, tmp_path: Path) -> None:
    """The advice about a persistent secret doesn't remove its file."""
    notebook.good(f"{CREATED}con.execute(\"SET secret_directory = '{tmp_path}/secrets'\")")
    notebook.good("from ipy_awsprofile.sessions.duckdb_secret import secret_options")
    notebook.good("libraries.duckdb_secret(session, con)")
    notebook.good(
        "options = secret_options(session)\n"
        f"con.execute(\"CREATE PERSISTENT SECRET mine (TYPE s3, SCOPE 's3://{BUCKET}', \""
        " + ', '.join(f'{key} ${key}' for key in options) + ')', options)"
    )
    (row,) = named(notebook, "%aws_profile RoleGamma")
    for code in re.findall("`([^`]+)`", row)[1:]:
        notebook.good(code)
    assert signers(aws, notebook.names["con"]) == {"RoleGamma"}
    assert len(list((tmp_path / "secrets").iterdir())) == 1
