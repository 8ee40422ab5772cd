"""A session or profile that a library doesn't accept: the line's code uses the same identity."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import add_role, seed_organisation
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.packages import needs
from tests.shells import Shell

CSV = "s3://my-first-bucket/sales.csv"
SETUP = "import boto3, pandas as pd, s3fs\nfrom ipy_awsprofile import open_session"


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Return a notebook of RoleGamma with a file in S3, which RoleBeta can't read."""
    add_role(aws, "RoleGamma", "s3:*")
    add_role(aws, "RoleDelta", "s3:*")
    shell.good(f"{SETUP}\n%aws_profile RoleGamma --quiet")
    shell.good(f"pd.DataFrame({{'a': [1]}}).to_csv('{CSV}', index=False)")
    return shell


def line_of(notebook: Shell, code: str) -> str:
    """Return the line below the error of code."""
    ran = notebook.run(code)
    assert ran.error is not None
    return "\n".join(output["text/plain"] for output in ran.displayed).strip()


def readers(notebook: Shell, aws: EmbeddedAws, code: str) -> set[str]:
    """Return the roles whose sessions read from S3 in code that must succeed."""
    aws.calls.clear()
    notebook.good(code)
    return {str(call.arn).split("/")[1] for call in aws.calls if call.action.startswith("s3:")}


@pytest.mark.parametrize("parameter", ["session", "boto3_session"])
def test_sessions_for_pandas(notebook: Shell, aws: EmbeddedAws, parameter: str) -> None:
    """Pandas gets the options of another session, and no options for the active session."""
    call = f"pd.read_csv('{CSV}', {parameter}=session)"
    assert f"Leave out `{parameter}`" in line_of(notebook, call)
    assert readers(notebook, aws, f"pd.read_csv('{CSV}')") == {"RoleGamma"}
    notebook.good("delta = open_session('RoleDelta')")
    line = line_of(notebook, call.replace("=session", "=delta"))
    imported, argument = code_in(line)
    notebook.good(imported)
    assert readers(notebook, aws, f"pd.read_csv('{CSV}', {argument})") == {"RoleDelta"}
    notebook.good("delta = open_session('RoleDelta', read_only=True)")
    imported, statement, left_out = code_in(line_of(notebook, call.replace("=session", "=delta")))
    assert "read_only=True" in statement
    assert left_out == parameter
    block = f"{imported}\n{statement}\n    pd.read_csv('{CSV}')"
    assert readers(notebook, aws, block) == {"RoleDelta"}
    unknown = line_of(notebook, call.replace("=session", "=open_session('RoleDelta')"))
    assert f"To use this identity, leave out `{parameter}`." in unknown


def test_profiles_for_pandas(notebook: Shell, aws: EmbeddedAws) -> None:
    """The name of another profile as an argument of pandas gets a block with this profile."""
    line = line_of(notebook, f"pd.read_csv('{CSV}', profile='RoleDelta')")
    imported, statement, left_out = code_in(line)
    assert left_out == "profile"
    block = f"{imported}\n{statement}\n    pd.read_csv('{CSV}')"
    assert readers(notebook, aws, block) == {"RoleDelta"}
    line = line_of(notebook, f"pd.read_csv('{CSV}', profile='RoleGamma')")
    assert line == "`s3://` paths use the active identity, `RoleGamma`. Leave out `profile`."


def test_sessions_for_s3fs(notebook: Shell, aws: EmbeddedAws) -> None:
    """A filesystem with a boto3 session gets code for the same identity."""
    call = "fs = s3fs.S3FileSystem(session={})\nfs.ls('my-first-bucket')"
    assert "Leave out `session`." in line_of(notebook, call.format("session"))
    assert readers(notebook, aws, call.format("None")) == {"RoleGamma"}
    notebook.good("delta = open_session('RoleDelta')")
    imported, filesystem = code_in(line_of(notebook, call.format("delta")))
    code = f"{imported}\ns3fs.{filesystem}.ls('my-first-bucket')"
    assert readers(notebook, aws, code) == {"RoleDelta"}
    line = line_of(notebook, call.format("session.client('s3')"))
    assert "To use this identity, leave out `session`." in line


def test_profiles_for_s3fs(notebook: Shell, aws: EmbeddedAws) -> None:
    """boto3's parameter for a profile gets the parameter of s3fs."""
    call = "s3fs.S3FileSystem({}='RoleDelta').ls('my-first-bucket')"
    *_, right, wrong = code_in(line_of(notebook, call.format("profile_name")))
    assert (right, wrong) == ("profile", "profile_name")
    assert readers(notebook, aws, call.format("profile")) == {"RoleDelta"}
    read = f"pd.read_csv('{CSV}', storage_options={{}})"
    inner = "{'client_kwargs': {'profile': 'RoleDelta'}}"
    assert "Move it out of `client_kwargs`." in line_of(notebook, read.format(inner))
    assert readers(notebook, aws, read.format("{'profile': 'RoleDelta'}")) == {"RoleDelta"}


@pytest.mark.parametrize("name", ["region", "region_name"])
def test_regions_for_s3fs(notebook: Shell, aws: EmbeddedAws, name: str) -> None:
    """A Region among the options of s3fs gets the option for its clients, in the same notation."""
    made = "s3fs.S3FileSystem({}).ls('my-first-bucket')"
    *_, code = code_in(line_of(notebook, made.format(f"{name}='us-west-2'")))
    assert readers(notebook, aws, made.format(code)) == {"RoleGamma"}
    read = f"pd.read_csv('{CSV}', storage_options={{}})"
    *_, code = code_in(line_of(notebook, read.format(f"{{{name!r}: 'us-west-2'}}")))
    assert readers(notebook, aws, read.format(f"{{{code}}}")) == {"RoleGamma"}


def test_keys_for_s3fs(notebook: Shell, aws: EmbeddedAws) -> None:
    """If code passes keys under boto3's names, the line says that s3fs uses the active identity."""
    read = f"pd.read_csv('{CSV}', storage_options={{'aws_access_key_id': 'AKIA'}})"
    assert "s3fs uses the active identity, `RoleGamma`." in line_of(notebook, read)


def test_methods_of_related_services(notebook: Shell) -> None:
    """A method of CloudWatch Logs that is called on a client for CloudWatch gets its service."""
    line = line_of(notebook, "session.client('cloudwatch').describe_log_groups()")
    assert '`.client("logs")`' in line


def test_profiles_that_boto3_cannot_find(notebook: Shell, aws: EmbeddedAws) -> None:
    """If a read-only notebook hides the config file with keys, pandas and s3fs get a block."""
    aws.write_profile("Eve", aws_access_key_id="AKIAEVE", aws_secret_access_key="secret")
    notebook.good("from ipy_awsprofile import storage_options, using_profile")
    notebook.good("options = storage_options(open_session('RoleGamma'))")
    notebook.good("%aws_profile RoleDelta --read-only --quiet")
    read = f"pd.read_csv('{CSV}'{{}})"
    made = "s3fs.S3FileSystem(profile_name='RoleGamma').ls('my-first-bucket')"
    for code in (read.format(", storage_options=options"), made, made.replace("_name", "")):
        line = line_of(notebook, code)
        statement = next(each for each in code_in(line) if each.startswith("with "))
        assert "read_only=True" in statement
        block = f"{statement}\n    {read.format('')}"
        assert readers(notebook, aws, block) == {"RoleGamma"}
    line = line_of(notebook, "boto3.Session(profile_name='RoleGamma')")
    assert "Use `open_session('RoleGamma', read_only=True)`" in line
    line = line_of(notebook, "boto3.client('s3', profile_name='RoleGamma')")
    assert "write `open_session('RoleGamma', read_only=True).client(…)`" in line
    assert "profile_name='RoleGamma'" not in line


@pytest.mark.parametrize("method", ["client", "resource"])
def test_sessions_for_boto3(notebook: Shell, aws: EmbeddedAws, method: str) -> None:
    """A session as an argument of a function of boto3 gets the session's own method."""
    notebook.good("delta = open_session('RoleDelta')")
    (code,) = code_in(line_of(notebook, f"boto3.{method}('s3', session=delta)"))
    assert code == f"delta.{method}('s3')"
    for arguments in ("delta, 's3'", "'s3', delta"):
        assert code_in(line_of(notebook, f"boto3.{method}({arguments})")) == [code]
    call = f"{code}.list_buckets()" if method == "client" else f"list({code}.buckets.all())"
    assert readers(notebook, aws, call) == {"RoleDelta"}
    line = line_of(notebook, f"boto3.{method}('s3', session='RoleDelta')")
    assert f"open_session('RoleDelta').{method}(…)" in line


@needs("polars", "pyarrow")
def test_sessions_for_polars_and_pyarrow(notebook: Shell, aws: EmbeddedAws) -> None:
    """A session in place of a provider or filesystem gets the code for the same identity."""
    parquet = CSV.replace("csv", "parquet")
    notebook.good("import polars as pl, pyarrow.parquet as pq")
    notebook.good(f"pl.DataFrame({{'a': [1]}}).write_parquet('{parquet}')")
    notebook.good("delta = open_session('RoleDelta')")
    path = parquet.removeprefix("s3://")
    for read, other, parameter in (
        (f"pl.read_parquet('{parquet}'{{}})", "", "credential_provider"),
        (f"pq.read_table('{parquet}'{{}})", f"pq.read_table('{path}'{{}})", "filesystem"),
        (f"pd.read_parquet('{parquet}'{{}})", f"pd.read_parquet('{path}'{{}})", "filesystem"),
    ):
        line = line_of(notebook, read.format(f", {parameter}=session"))
        assert line.endswith(f"Leave out `{parameter}`.")
        assert readers(notebook, aws, read.format("")) == {"RoleGamma"}
        line = line_of(notebook, read.format(f", {parameter}=delta"))
        (code,) = [each for each in code_in(line) if each.endswith("(delta)")]
        notebook.good("from ipy_awsprofile import libraries")
        assert readers(notebook, aws, (other or read).format(f", {code}")) == {"RoleDelta"}


def test_profiles_for_deltalake(notebook: Shell, aws: EmbeddedAws) -> None:
    """As the page says, deltalake ignores a profile in its options, and follows a block."""
    notebook.good("import deltalake\nfrom ipy_awsprofile import using_profile")
    table = CSV.replace("sales.csv", "delta")
    notebook.good(f"deltalake.write_deltalake('{table}', pd.DataFrame({{'a': [1]}}))")
    read = f"deltalake.DeltaTable('{table}'{{}}).to_pandas()"
    options = ", storage_options={'AWS_PROFILE': 'RoleDelta'}"
    assert readers(notebook, aws, read.format(options)) == {"RoleGamma"}
    block = f"with using_profile('RoleDelta'):\n    {read.format('')}"
    assert readers(notebook, aws, block) == {"RoleDelta"}


@needs("awswrangler")
def test_profiles_for_awswrangler(notebook: Shell, aws: EmbeddedAws) -> None:
    """The name of a profile as awswrangler's session gets a session of the profile."""
    notebook.good("import awswrangler as wr")
    call = f"wr.s3.list_objects('{CSV}', {{}})"
    *_, argument = code_in(line_of(notebook, call.format("boto3_session='RoleDelta'")))
    assert readers(notebook, aws, call.format(argument)) == {"RoleDelta"}
    line = line_of(notebook, call.format("boto3_session='RoleGamma'"))
    assert line == "`RoleGamma` is the active identity. Leave out `boto3_session`."


def test_a_session_as_options(shell: Shell, aws: EmbeddedAws) -> None:
    """A session in place of a library's options gets the call that returns options for it."""
    (other,) = seed_organisation(aws, 1)
    shell.good("import pandas as pd\nfrom ipy_awsprofile import open_session")
    shell.good(f"%aws_profile RoleBeta\nother = open_session('{other}')")
    read = "pd.read_csv('s3://{}/a.csv', storage_options={})"
    text = shell.run(read.format("my-first-bucket", "other")).text
    imported, options = code_in(text[text.index("The options are a dict") :])[:2]
    written = options.removeprefix("storage_options=")
    shell.good(imported)
    aws.calls.clear()
    shell.run(read.format(f"{other}-1", written))
    assert {str(call.arn).split("/")[1] for call in aws.calls if call.arn} == {
        "Reader",
        "UserAlpha",
    }
