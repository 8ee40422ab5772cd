"""Secrets of named sessions in DuckDB: other profiles don't use them, and errors name them."""

from __future__ import annotations

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
