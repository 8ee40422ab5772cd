"""Secrets of named sessions in DuckDB: other profiles don't use them, and errors name them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.packages import needs
from tests.shells import Shell

pytestmark = [needs("duckdb", "duckdb_extensions")]

SECRETS = 'con.sql("FROM duckdb_secrets()").fetchall()'
READ = "con.sql(\"FROM 's3://my-first-bucket/a.csv'\").fetchall()"


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Return a shell with an object in S3 and a connection with the secret of RoleBeta."""
    shell.good(
        "import duckdb\nimport pandas as pd\nfrom ipy_awsprofile import libraries, open_session\n"
        "%aws_profile RoleBeta\n"
        "pd.DataFrame({'a': [1]}).to_csv('s3://my-first-bucket/a.csv', index=False)\n"
        "%aws_profile --off\ncon = duckdb.connect()\n"
        "libraries.duckdb_secret(open_session('RoleBeta'), con)"
    )
    return shell


def test_a_cell_for_many_profiles(notebook: Shell, aws: EmbeddedAws) -> None:
    """A cell for many profiles can't use a connection's secret, which returns after the cell."""
    names = ",".join(seed_organisation(aws, 2))
    scope = "scope='s3://my-second-bucket/'"
    notebook.good(f"libraries.duckdb_secret(open_session('RoleBeta'), con, {scope})")
    cell = f"%%aws_profiles {names} --no-progress\nlen(con.cursor().{SECRETS.removeprefix('con.')})"
    assert set(notebook.good(cell).result.value) == {0}
    assert len(notebook.good(SECRETS).result) == 2
    assert notebook.good(READ).result == [(1,)]


def test_a_second_secret(notebook: Shell, aws: EmbeddedAws) -> None:
    """A secret that replaces another profile's secret causes a line, and the error names it."""
    (other,) = seed_organisation(aws, 1)
    text = notebook.good(f"libraries.duckdb_secret(open_session('{other}'), con)").text
    assert "The secret of `RoleBeta` in this connection was replaced." in text
    refused = notebook.run(READ)
    assert f"`duckdb` has a secret with the session of `{other}`." in refused.text
    assert "Run `%aws_profile" not in refused.text
    beta = "open_session('RoleBeta'), con, scope='s3://my-first-bucket/'"
    assert "replaced" not in notebook.good(f"libraries.duckdb_secret({beta})").text
    assert notebook.good(READ).result == [(1,)]


def test_a_registered_filesystem(shell: Shell, aws: EmbeddedAws) -> None:
    """After a switch, the lines about a registered filesystem lead to one of the new identity."""
    (other,) = seed_organisation(aws, 1)
    shell.good(
        "import duckdb\nimport pandas as pd\nfrom fsspec import filesystem\n%aws_profile RoleBeta\n"
        "pd.DataFrame({'a': [1]}).to_csv('s3://my-first-bucket/a.csv', index=False)\n"
        f"con = duckdb.connect()\ncon.register_filesystem(filesystem('s3'))\n{READ}"
    )
    assert "`con` keeps the filesystem" in shell.good(f"%aws_profile {other}").text
    assert "Create the library's objects again." in shell.good(READ).text
    refused = shell.run("con.register_filesystem(filesystem('s3'))").text
    (step,) = [code for code in code_in(refused) if code.startswith("con.")]
    assert step == "con.unregister_filesystem('s3')"
    shell.good(f"{step}\ncon.register_filesystem(filesystem('s3'))")
    aws.calls.clear()
    assert "signs" not in shell.run(READ).text
    assert {str(call.arn).split("/")[1] for call in aws.calls} == {"Reader"}
    shell.good("con.close()")
    assert "`con` keeps" not in shell.good("%aws_profile RoleBeta").text


#: The user's own secrets and settings with copied keys: the connection, the beginning of the
#: statement, and the number of lines on the card after the switch.
COPIED = {
    "the default connection": ("duckdb", "CREATE SECRET aws_secret (TYPE s3, ", 2),
    "a connection": ("con", "CREATE SECRET (TYPE s3, ", 2),
    "a bucket": ("con", "CREATE SECRET mine (TYPE s3, SCOPE 's3://my-first-bucket/', ", 2),
    "a name with quotes": ("con", 'CREATE SECRET "a \'b"" c" (TYPE s3, ', 2),
    "settings": ("con", "SET", 1),
}


@pytest.mark.parametrize("case", COPIED)
def test_copied_keys(notebook: Shell, aws: EmbeddedAws, case: str) -> None:
    """The card names a connection with copied keys until its lines have been followed."""
    connection, create, number = COPIED[case]
    notebook.good(
        "%aws_profile RoleBeta\ndel con\ncon = duckdb.connect()\n"
        "from duckdb_extensions import import_extension\nimport_extension('httpfs', con=con)\n"
        "c = session.get_credentials().get_frozen_credentials()"
    )
    server = aws.endpoint_url.removeprefix("http://")
    values = {
        "KEY_ID": "{c.access_key}",
        "SECRET": "{c.secret_key}",
        "SESSION_TOKEN": "{c.token}",
        "REGION": "us-west-2",
        "ENDPOINT": server,
        "URL_STYLE": "path",
        "USE_SSL": "false",
    }
    if create == "SET":
        settings = {"KEY_ID": "access_key_id", "SECRET": "secret_access_key"}
        for name, value in values.items():
            setting = settings.get(name, name.lower())
            notebook.good(f"con.execute(f\"SET s3_{setting}='{value}'\")")
    else:
        keys = ", ".join(f"{name} '{value}'" for name, value in values.items())
        notebook.good(f"{connection}.execute(f'''{create}{keys})''')")
    write = f"{connection}.sql(\"COPY (SELECT 1 AS a) TO 's3://my-first-bucket/b.csv'\")"
    notebook.good(write)

    card = notebook.good("%aws_profile RoleBeta --read-only").text
    assert len(re.findall(r"uses the secret|doesn't follow automatically", card)) == number
    notebook.good("libraries.duckdb_secret(session)")
    card = notebook.good("%aws_profile").text
    steps = code_in("\n".join(line for line in card.splitlines() if line.strip()[:1] == "`"))
    for step in steps:
        if step.startswith((f"{connection}.execute", "libraries.")):
            notebook.good(step)
    card = notebook.good("%aws_profile").text
    assert "`duckdb`" not in card, steps
    assert "`con`" not in card, steps
    refused = notebook.run(write)
    assert "The request was signed as `RoleBeta` (read-only)" in refused.text


def test_long_term_keys(notebook: Shell, aws: EmbeddedAws) -> None:
    """If the active profile has long-term keys, the card's step begins with a switch to a role."""
    card = notebook.good("con = duckdb.connect()\n%aws_profile UserAlpha").text
    (line,) = re.findall("`duckdb` doesn't get long-term keys: switch to a role, .*", card)
    *_, call, _ = code_in(line)
    assert call == "libraries.duckdb_secret(session, con)"
    assert notebook.run(call).error
    notebook.good(f"%aws_profile RoleBeta\n{call}")
    assert notebook.good(READ).result == [(1,)]
    assert "for `con`" not in notebook.good("%aws_profile").text


def test_a_secret_that_duckdb_prefers(notebook: Shell) -> None:
    """A line says that DuckDB prefers the user's own secret to a new secret, and how to drop it."""
    keys = "KEY_ID 'mine', SECRET 'mine'"
    notebook.good(f'con.execute("CREATE SECRET aws_secret (TYPE s3, {keys})")')
    notebook.good(f"con.execute(\"CREATE SECRET other (TYPE s3, {keys}, SCOPE 's3://other/')\")")
    call = "libraries.duckdb_secret(open_session('RoleBeta'), con, scope='s3://my-first-bucket/')"
    assert "uses the secret" not in notebook.good(call).text
    lines = notebook.good("libraries.duckdb_secret(open_session('RoleBeta'), con)").text
    assert re.findall(
        r"`con` uses the secret `(\w+)` for paths that begin with `(.+?)`", lines
    ) == [
        ("aws_secret", "s3://"),
        ("other", "s3://other/"),
    ]
    for step in code_in(lines):
        if step.startswith("con."):
            notebook.good(step)
    (secret,) = notebook.good("con.sql(\"FROM which_secret('s3://', 's3')\").fetchall()").result
    assert secret[0] == "ipy_awsprofile"
    assert (
        "uses" not in notebook.good("libraries.duckdb_secret(open_session('RoleBeta'), con)").text
    )


def test_a_saved_secret(notebook: Shell, tmp_path: Path) -> None:
    """The line about a secret in a file says that the statement deletes the file."""
    notebook.names["folder"] = str(tmp_path)
    notebook.good(
        "con = duckdb.connect(config={'secret_directory': folder})\n"
        "from duckdb_extensions import import_extension\nimport_extension('httpfs', con=con)\n"
        "con.execute(\"CREATE PERSISTENT SECRET mine (TYPE s3, SCOPE 's3://mine/', KEY_ID 'me')\")"
    )
    line = notebook.good("libraries.duckdb_secret(open_session('RoleBeta'), con)").text
    assert "to delete the secret and its file, run" in line
    assert list(tmp_path.glob("*.duckdb_secret"))
    notebook.good(code_in(line)[-1])
    assert not list(tmp_path.glob("*.duckdb_secret"))
