"""Below an error that AWS's refusal caused, a line says who signed, and what to do.

Each library fails as in any notebook, against the embedded AWS.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from textwrap import indent
from typing import Any, NamedTuple

import pytest
import time_machine

from ipy_awsprofile.demo.stages import (
    ROLE_ACCOUNT,
    USER_ACCOUNT,
    Scenario,
    add_role,
    allow,
    trusting,
)
from ipy_awsprofile.errors import AwsProfileError
from tests.aws import EmbeddedAws
from tests.identity_center import write_analyst, write_session
from tests.kernel.test_caches import REDSHIFT
from tests.kernel.test_places import LIBRARIES
from tests.packages import has, needs
from tests.servers import Answers, odd_server
from tests.shells import Ran, Shell


class Use(NamedTuple):
    """How a library reads and writes, and how it says that AWS has ended the session.

    Without ``ended``, botocore makes the call again with a new session.
    """

    read: str
    write: str = ""
    ended: str = ""
    is_certain: bool = True


#: Without a secret, DuckDB would call AWS's own address.
DUCKDB = """
import duckdb
from ipy_awsprofile import libraries
if session is not None:
    libraries.duckdb_secret(session)
else:
    server = ENDPOINT.removeprefix("http://")
    duckdb.execute(
        "CREATE OR REPLACE SECRET ipy_awsprofile (TYPE s3, REGION 'us-west-2', "
        f"ENDPOINT '{server}', USE_SSL false, URL_STYLE path)"
    )
duckdb.sql(f"FROM '{CSV}'").fetchall()
"""

USES = {
    "boto3": Use(
        "boto3.client('s3').list_objects_v2(Bucket=BUCKET)",
        "boto3.client('s3').put_object(Bucket=BUCKET, Key='a', Body=b'')",
    ),
    "aiobotocore": Use(
        LIBRARIES["aiobotocore"],
        LIBRARIES["aiobotocore"].replace(
            "list_objects_v2(Bucket=BUCKET)", "put_object(Bucket=BUCKET, Key='a', Body=b'')"
        ),
    ),
    "s3fs": Use(
        "import s3fs; s3fs.S3FileSystem().cat(CSV)",
        "import s3fs; s3fs.S3FileSystem().pipe(CSV, b'city')",
    ),
    "pandas": Use(
        "import pandas as pd; pd.read_csv(CSV)",
        "import pandas as pd; pd.DataFrame({'city': ['Oslo']}).to_csv(CSV)",
    ),
    "awswrangler": Use(
        "import awswrangler as wr; wr.s3.list_objects(ROOT + '/')",
        "import awswrangler as wr; wr.s3.delete_objects([CSV])",
    ),
    "smart_open": Use(
        "import smart_open; smart_open.open(CSV).read()",
        "import smart_open\nwith smart_open.open(f'{ROOT}/d.csv', 'w') as file: file.write('a')",
    ),
    "Dask": Use(
        "import dask.dataframe as dd; dd.read_parquet(PARQUET).compute(scheduler='sync')",
        "import dask.dataframe as dd, pandas as pd\n"
        "frame = dd.from_pandas(pd.DataFrame({'a': [1]}), npartitions=1)\n"
        "frame.to_parquet(f'{ROOT}/dask', compute_kwargs={'scheduler': 'sync'})",
    ),
    "MLflow": Use(
        LIBRARIES["MLflow"],
        "from pathlib import Path\nfrom tempfile import mkdtemp\n"
        "from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository\n"
        "file = Path(mkdtemp(), 'a.txt')\nfile.write_text('a')\n"
        "S3ArtifactRepository(ROOT).log_artifact(file)",
    ),
    "pyarrow": Use(
        LIBRARIES["pyarrow"],
        "import pyarrow as pa, pyarrow.parquet as pq\n"
        "pq.write_table(pa.table({'a': [1]}), f'{ROOT}/b.parquet')",
        ended="AWS Error UNKNOWN",
        is_certain=False,
    ),
    "pandas.read_parquet": Use(
        "import pandas as pd; pd.read_parquet(PARQUET)",
        "import pandas as pd; pd.DataFrame({'a': [1]}).to_parquet(f'{ROOT}/e.parquet')",
        ended="AWS Error UNKNOWN",
        is_certain=False,
    ),
    "PyIceberg": Use(
        LIBRARIES.get("PyIceberg", ""),
        "from pyiceberg.io.pyarrow import PyArrowFileIO\n"
        "files = PyArrowFileIO({'s3.endpoint': ENDPOINT, 's3.region': 'us-west-2'})\n"
        "with files.new_output(f'{ROOT}/f').create(overwrite=True) as file: file.write(b'a')",
        ended="AWS Error UNKNOWN",
        is_certain=False,
    ),
    "polars": Use(
        "import polars as pl; pl.read_parquet(PARQUET)",
        "import polars as pl; pl.DataFrame({'a': [1]}).write_parquet(f'{ROOT}/c.parquet')",
        ended="400 Bad Request",
    ),
    "deltalake": Use(
        "import deltalake; deltalake.DeltaTable(f'{ROOT}/delta')",
        LIBRARIES["deltalake"],
        ended="400 Bad Request",
    ),
    "obstore": Use(
        LIBRARIES["obstore"],
        LIBRARIES["obstore"].replace("get(", "put(").replace("'cities.csv').bytes()", "'a', b'a')"),
        ended="400 Bad Request",
    ),
    "DuckDB": Use(
        DUCKDB,
        DUCKDB.replace("f\"FROM '{CSV}'\").fetchall()", "f\"COPY (SELECT 1) TO '{ROOT}/g.csv'\")"),
        ended="HTTP 400",
        is_certain=False,
    ),
}
for library in ("awswrangler", "DuckDB", "PyIceberg"):
    if not has(library.lower()):
        del USES[library]


#: The beginning of the line about a library that doesn't report which identity signed a request.
UNCERTAIN = "Unless your code passed other credentials or none, the request"


def line_below(ran: Ran) -> str:
    """Return the line below the error of a cell, or an empty text."""
    assert ran.error is not None
    return "\n".join(output["text/plain"] for output in ran.displayed).strip()


@pytest.mark.parametrize("library", USES)
def test_each_library(
    aws: EmbeddedAws,
    notebook: Shell,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
) -> None:
    """The wrong account, a read-only session, an ended one and no profile each have their line.

    After a sign-in has expired with nobody there, the error or the line says so. What the line
    proposes works.
    """
    use = USES[library]
    notebook.names["session"] = None
    notebook.good("%aws_profile RoleBeta\n%aws_profile RoleGamma --read-only")
    if use.write:
        line = line_below(notebook.run(use.write))
        if not use.is_certain:  # the line is certain only if the error has AWS's message
            line = line.replace(UNCERTAIN, "The request")
        assert line.startswith("The request was signed as `RoleGamma` (read-only) in the account")
        assert line.endswith(" To write, run `%aws_profile RoleGamma --write`.")
        notebook.good("%aws_profile RoleGamma --write")
        notebook.good(use.write)
        if library == "awswrangler":
            notebook.good("boto3.client('s3').put_object(Bucket=BUCKET, Key='cities.csv')")
    notebook.good("%aws_profile RoleBeta")
    aws.iam.expire_sessions()
    ended = notebook.run(use.read)
    if not use.ended:
        assert ended.error is None
    else:
        assert use.ended in str(ended.error)
        assert line_below(ended) == (
            "AWS has ended the session of `RoleBeta` (ExpiredToken), so it was renewed. "
            "Run the cell again."
        )
    notebook.good(use.read)
    notebook.good("%aws_profile UserAlpha")
    refused = notebook.run(use.read)
    line = line_below(refused)
    request = "The request" if use.is_certain else UNCERTAIN
    if isinstance(refused.error, AwsProfileError):  # long-term keys never leave the kernel
        assert line == ""
    else:
        assert line == (
            f"{request} was signed as `UserAlpha` in the account 231179739868. "
            "`%aws_profile RoleBeta` switches back to the profile from before."
        )
    notebook.good("%aws_profile --off")
    monkeypatch.delenv("AWS_PROFILE")
    line = line_below(notebook.run(use.read))
    assert line.startswith("No profile is active")
    assert "Run `%aws_profile NAME`" in line
    write_analyst(aws)
    aws.sso.sign_in("corp")
    notebook.good(f"%aws_profile Analyst\n{use.read}")
    clock.shift(timedelta(hours=12))
    expired = notebook.run(use.read)
    if isinstance(expired.error, AwsProfileError):
        assert "The sign-in of `Analyst` is missing or has expired." in expired.text
        assert "Run `%aws_profile " in expired.text
    else:
        assert line_below(expired) == (
            "The sign-in of `Analyst` is missing or has expired. Run `%aws_profile --refresh`."
        )


DAFT = """
import daft; from daft.io import IOConfig, S3Config
to_aws = IOConfig(s3=S3Config(endpoint_url=ENDPOINT, region_name="us-west-2", use_ssl=False))
"""


@needs("daft")
def test_daft(aws: EmbeddedAws, notebook: Shell) -> None:
    """Daft may sign as a former identity, so the line says who is active and what helps.

    A file that doesn't exist has no line.
    """
    keeps = "`daft` keeps the credentials of its first read until the kernel is restarted."
    notebook.good(f"{DAFT}\n%aws_profile UserAlpha")
    for use in (
        "daft.read_parquet(PARQUET, io_config=to_aws)",
        "daft.read_parquet(f'{ROOT}/*.parquet', io_config=to_aws)",
        "daft.from_pydict({'a': [1]}).write_parquet(f'{ROOT}/d', io_config=to_aws)",
    ):
        line = line_below(notebook.run(use))
        assert line == f"`UserAlpha` in the account {USER_ACCOUNT} is active. {keeps}", use
    notebook.good("%aws_profile --off")
    line = line_below(notebook.run("daft.read_parquet(PARQUET, io_config=to_aws)"))
    assert line == f"No profile is active. {keeps}"
    with odd_server(Answers((404, ""))) as notebook.names["ENDPOINT"]:
        nothing = notebook.run(f"{DAFT}daft.read_parquet(PARQUET, io_config=to_aws)")
        assert line_below(nothing) == ""


#: Connections of databases. Only Redshift itself is replaced, and returns its user.
DATABASES = {
    "redshift-connector": f"{REDSHIFT}\nconnect()",
    "PyAthena": """
import sqlalchemy
server = "awsathena+rest://@athena.us-west-2.amazonaws.com:443/default"
engine = sqlalchemy.create_engine(
    f"{server}?s3_staging_dir=s3%3A%2F%2F{BUCKET}%2Fathena&region_name=us-west-2",
    connect_args={"endpoint_url": ENDPOINT},
)
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("SELECT 1"))
""",
}
if not has("pyathena"):
    del DATABASES["PyAthena"]


@pytest.mark.parametrize("library", DATABASES)
def test_databases(notebook: Shell, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """A database whose service refuses a connection has the line, by way of SQLAlchemy, too."""
    action = "redshift:GetClusterCredentials"
    if library == "PyAthena":
        action = "athena:StartQueryExecution"
    notebook.good("%aws_profile RoleBeta\n%aws_profile UserAlpha")
    line = line_below(notebook.run(DATABASES[library]))
    assert line.startswith(f"The request was signed as `UserAlpha` in the account {USER_ACCOUNT}. ")
    assert f"It lacks `{action}`" in line
    notebook.good("%aws_profile --off")
    monkeypatch.delenv("AWS_PROFILE")
    line = line_below(notebook.run(DATABASES[library]))
    assert line == "No profile is active, so AWS got no credentials. Run `%aws_profile NAME`."


# boto3 --------------------------------------------------------------------------------------------

LIST = "boto3.client('s3').list_objects_v2(Bucket=BUCKET)"
PUT = "boto3.client('s3').put_object(Bucket=BUCKET, Key='a', Body=b'')"


def test_missing_permission(aws: EmbeddedAws, notebook: Shell) -> None:
    """The line has AWS's action and resource, and `%aws_calls --denied` while it records calls."""
    add_role(aws, "Reader", "s3:ListBucket")
    notebook.good("%aws_profile Reader")
    lacks = "It lacks `s3:PutObject` on `arn:aws:s3:::cities-of-mine/a`"
    line = line_below(notebook.run(PUT))
    assert line == f"The request was signed as `Reader` in the account {ROLE_ACCOUNT}. {lacks}."
    notebook.good("%aws_calls on")
    line = line_below(notebook.run(PUT))
    assert line.endswith(f". {lacks}, and `%aws_calls --denied` lists such calls.")
    denied = notebook.good("%aws_calls --denied").result
    assert list(denied.action) == ["s3:PutObject"]


def test_explicit_deny(aws: EmbeddedAws, notebook: Shell) -> None:
    """An explicit deny can be an ended session, so the line proposes a new one, which is opened."""
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    aws.iam.create_role(
        "Revoked",
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy={"Version": "2012-10-17", "Statement": [deny]},
    )
    notebook.good(
        f"%aws_profile --role-arn arn:aws:iam::{ROLE_ACCOUNT}:role/Revoked "
        "--source-profile UserAlpha"
    )
    before = notebook.names["session"]
    line = line_below(notebook.run(PUT))
    assert line.endswith("run `%aws_profile --refresh` to get a new session.")
    notebook.good("%aws_profile --refresh")
    assert notebook.names["session"] is not before


def test_other_signers(aws: EmbeddedAws, notebook: Shell, scenario: Scenario) -> None:
    """The line names who signed, even if it isn't the active profile, and proposes nothing then."""
    notebook.good("%aws_profile RoleBeta")
    notebook.names["keys"] = scenario.user.settings()
    line = line_below(notebook.run("boto3.client('s3', **keys).head_bucket(Bucket=BUCKET)"))
    assert line == "The request was signed with your code's own keys, not as `RoleBeta`."
    line = line_below(
        notebook.run("boto3.Session(profile_name='UserAlpha').client('s3').list_buckets()")
    )
    assert line == "The request was signed as `UserAlpha`."
    line = line_below(
        notebook.run(
            "from botocore import UNSIGNED; from botocore.config import Config\n"
            "anonymous = Config(signature_version=UNSIGNED)\n"
            "boto3.client('s3', config=anonymous).head_bucket(Bucket=BUCKET)"
        )
    )
    assert line == "The request was sent without credentials, not as `RoleBeta`."
    notebook.good("import os; os.environ['AWS_BEARER_TOKEN_BEDROCK'] = 'mine'")
    ask = "boto3.client('bedrock').list_foundation_models()"
    line = line_below(notebook.run(ask))
    assert "The request was sent with the API key in `AWS_BEARER_TOKEN_BEDROCK`, not as" in line
    notebook.good(line.split("`")[-2])
    assert "The request was signed as `RoleBeta`" in line_below(notebook.run(ask))
    line = line_below(notebook.run(f"%%aws_profile UserAlpha\n{LIST}")).splitlines()[-1]
    assert line == "The request was signed as `UserAlpha` in the account 231179739868."
    notebook.good("%aws_profile --off")
    line = line_below(notebook.run(LIST))  # the default profile
    assert line == "The request was signed as `UserAlpha`. Run `%aws_profile NAME`."
    own = "boto3.client('s3', **keys)"
    line = line_below(notebook.run(f"{own}.head_bucket(Bucket=BUCKET)"))
    assert line == "The request was signed with your code's own keys."
    aws.iam.replace_key(scenario.user)
    line = line_below(notebook.run(f"{own}.list_objects_v2(Bucket=BUCKET)"))
    assert line == "AWS doesn't accept your code's own keys (InvalidAccessKeyId)."


def test_a_read_only_session_of_another_service(aws: EmbeddedAws, notebook: Shell) -> None:
    """A sign-in's read-only session can't read from all services; what the line says works."""
    write_session(aws)
    aws.sso.assign(ROLE_ACCOUNT, "Everything", policy=allow("*"))
    settings: Any = {"sso_account_id": ROLE_ACCOUNT, "sso_role_name": "Everything"}
    aws.write_profile("Everything", sso_session="corp", region="us-west-2", **settings)
    aws.sso.sign_in("corp")
    notebook.good("%aws_profile Everything --read-only")
    read = "boto3.client('glue').get_triggers()"
    line = line_below(notebook.run(read))
    assert line.endswith(" To do this, run `%aws_profile Everything --write`.")
    notebook.good(re.findall("`(%[^`]+)`", line)[0])
    notebook.good(read)


def test_two_lent_identities(notebook: Shell) -> None:
    """If libraries got the keys of two identities in a cell, the line names both."""
    cell = "with using_profile('RoleBeta', session_name='lent'):\n"
    cell += f"    {LIBRARIES['pyarrow']}\n"
    cell += "with using_profile('RoleGamma', read_only=True):\n"
    cell += indent(USES["pyarrow"].write, "    ")
    line = line_below(notebook.run(cell)).splitlines()[-1]
    assert line.startswith("The request was signed as `RoleBeta` or `RoleGamma`.")


def test_protected_profiles_are_not_proposed(notebook: Shell) -> None:
    """Neither `--write` nor a switch back is proposed for a protected profile."""
    notebook.good("%config AwsProfileMagics.protected = ['RoleBeta']")
    notebook.good("%aws_profile RoleBeta --read-only --yes")
    line = line_below(notebook.run(PUT))
    signed = f"signed as `RoleBeta` (read-only) in the account {ROLE_ACCOUNT}."
    assert line == f"The request was {signed}"
    notebook.good("%aws_profile UserAlpha")
    line = line_below(notebook.run(LIST))
    assert line == "The request was signed as `UserAlpha` in the account 231179739868."


def test_limits_of_the_code(notebook: Shell, tmp_path: Path) -> None:
    """If the limits of a session in the code deny a request, no switch is proposed."""
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(allow("s3:ListAllMyBuckets")))
    put = "s.client('s3').put_object(Bucket='my-first-bucket', Key='k', Body=b'')"
    notebook.good("from ipy_awsprofile import open_session, scoped, using_profile")
    for code in (
        f"with scoped('RoleBeta', read_only=True) as s:\n    {put}",
        f"with using_profile('RoleBeta', policy='{policy}') as s:\n    {put}",
        f"s = open_session('RoleBeta', policy='{policy}')\n{put}",
    ):
        for switch in ("%aws_profile --off", "%aws_profile RoleBeta"):
            notebook.good(switch)
            line = line_below(notebook.run(code))
            assert "The session's limits, for example from `--policy`" in line
            assert "Run `%aws_profile" not in line


@pytest.mark.skipif(not has("polars"), reason="needs polars")
def test_options_from_before_a_switch(notebook: Shell) -> None:
    """The line about options of a read-only session names its limit, not a missing permission."""
    notebook.good("import polars as pl\nfrom ipy_awsprofile import libraries")
    notebook.good("%aws_profile RoleBeta --read-only\noptions = libraries.polars_options(session)")
    notebook.good("%aws_profile RoleBeta")
    write = "pl.DataFrame({'a': [1]}).write_csv('s3://my-first-bucket/o.csv', **options)"
    line = line_below(notebook.run(write))
    assert "signed as `RoleBeta` (read-only)" in line
    assert "lacks" not in line
    notebook.good(write.replace("**options", ""))


def test_one_line_below_what_ends_a_cell(notebook: Shell) -> None:
    """A cell has one line. A caught error, one of ours, and the setting False have none."""
    notebook.good("%aws_profile UserAlpha")
    twice = f"try:\n    {LIST}\nexcept Exception as error:\n    {PUT}"
    assert line_below(notebook.run(twice)).count("The request was signed") == 1
    caught = f"try:\n    {LIST}\nexcept Exception as error:\n    caught = error"
    assert notebook.good(caught).displayed == ()
    assert line_below(notebook.run("raise RuntimeError('later') from caught")) != ""
    assert line_below(notebook.run(f"{caught}\n1 / 0")) == ""
    assert line_below(notebook.run(f"try:\n    {LIST}\nexcept Exception:\n    misspelled")) == ""
    notebook.good("from ipy_awsprofile import list_buckets")
    notebook.refused("list_buckets(session)")
    notebook.good("%config AwsProfileMagics.explain_denied = False")
    assert line_below(notebook.run(LIST)) == ""


def test_a_service_that_rejects_every_session(aws: EmbeddedAws, notebook: Shell) -> None:
    """A session is renewed once, and the line says that the new one isn't accepted either."""
    body = "<Error><Code>ExpiredToken</Code><Message>no</Message></Error>"
    notebook.good("%aws_profile RoleBeta")
    with odd_server(answers := Answers((400, body))) as notebook.names["url"]:
        aws.calls.clear()
        s3 = "boto3.client('s3', endpoint_url=url)"
        for _ in range(2):
            line = line_below(notebook.run(f"{s3}.list_objects_v2(Bucket=BUCKET)"))
            assert line == (
                "AWS doesn't accept the session of `RoleBeta` (ExpiredToken), although it is new."
            )
    assert answers.asked == 3
    assert [call.action for call in aws.calls].count("sts:AssumeRole") == 1


def test_a_wrong_clock(aws: EmbeddedAws, notebook: Shell) -> None:
    """A wrong clock is named, and nothing is renewed."""
    body = (
        "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time "
        "and the current time is too large.</Message></Error>"
    )
    notebook.good("%aws_profile RoleBeta")
    with odd_server(Answers((403, body))) as notebook.names["url"]:
        aws.calls.clear()
        refused = notebook.run("boto3.client('s3', endpoint_url=url).list_buckets()")
    assert line_below(refused) == (
        "AWS refused the request because this machine's clock is wrong. "
        "Set the clock, then run the cell again."
    )
    assert aws.calls == []


def test_keys_in_a_file(aws: EmbeddedAws, notebook: Shell, scenario: Scenario) -> None:
    """Keys that AWS doesn't know anymore can't be renewed, and the line names their profile."""
    notebook.good("%aws_profile UserAlpha")
    aws.iam.replace_key(scenario.user)
    assert line_below(notebook.run(LIST)) == (
        "AWS doesn't accept the keys of `UserAlpha` (InvalidAccessKeyId). "
        "Renew the keys at their source."
    )


def test_a_child_with_an_ended_session(aws: EmbeddedAws, notebook: Shell) -> None:
    """If AWS has ended the session of a program that fails, the line says so, and it works again.

    A program that fails for another reason has no line.
    """
    listing = "import boto3; boto3.client('s3').list_objects_v2(Bucket='cities-of-mine')"
    child = f'subprocess.run([sys.executable, "-c", {listing!r}], check=True)'
    notebook.good("%aws_profile RoleBeta --session-name lent")
    assert line_below(notebook.run(child.replace("cities-of-mine", "nobody-has-this"))) == ""
    aws.iam.expire_sessions()
    assert line_below(notebook.run(child)) == (
        "AWS has ended the session of `RoleBeta` (ExpiredToken), so it was renewed. "
        "Run the cell again."
    )
    notebook.good(child)


def test_all_sessions_of_a_chain_are_ended(aws: EmbeddedAws, notebook: Shell) -> None:
    """If AWS has ended the source's session as well, both are renewed, and the call goes on."""
    source = add_role(aws, "Source", "sts:AssumeRole")
    aws.iam.create_role(
        "Target", account=ROLE_ACCOUNT, trust=trusting(source), policy=allow("s3:*")
    )
    aws.write_profile(
        "Target",
        source_profile="Source",
        role_arn=f"arn:aws:iam::{ROLE_ACCOUNT}:role/Target",
        region="us-west-2",
    )
    notebook.good(f"%aws_profile Target\n{LIST}")
    aws.iam.expire_sessions()
    notebook.good(LIST)


# What isn't AWS's refusal -------------------------------------------------------------------------

#: Errors that have nothing to do with who signs.
OTHER_ERRORS = {
    "a name": "misspelled",
    "a type": "1 + 'a'",
    "a syntax error at run time": "exec('1 +')",
    "an assertion": "assert False, 'AccessDenied'",
    "a key": "{}['403']",
    "a text": "raise RuntimeError('An error occurred (AccessDenied) when calling PutObject')",
    "a file that doesn't exist": "open('/nowhere/at/all')",
    "the local disk": "raise PermissionError(13, 'Permission denied', '/etc/shadow')",
    "a forbidden text": "raise PermissionError('Forbidden')",
    "a process": "subprocess.run([sys.executable, '-c', 'raise SystemExit(1)'], check=True)",
    "a file for pandas": "import pandas as pd; pd.read_csv('/nowhere.csv')",
    "a file for polars": "import polars as pl; pl.read_csv('/nowhere.csv')",
    "a file for pyarrow": "import pyarrow.parquet as pq; pq.read_table('/nowhere.parquet')",
    "a table for deltalake": "import deltalake; deltalake.DeltaTable('/nowhere')",
    "a file for DuckDB": "import duckdb; duckdb.sql(\"FROM '/nowhere.csv'\")",
    "SQL": "import duckdb; duckdb.sql('SELEC 1')",
    "another site": "import urllib.request; urllib.request.urlopen(url)",
    "another site for pandas": "import pandas as pd; pd.read_csv(url)",
    "another site for obstore": "import obstore; from obstore.store import HTTPStore\n"
    "options = {'client_options': {'allow_http': True}, 'retry_config': {'max_retries': 0}}\n"
    "obstore.get(HTTPStore.from_url(url, **options), 'a.csv').bytes()",
    "another site for requests": "import requests; requests.get(url).raise_for_status()",
    "a bucket": "boto3.client('s3').list_objects_v2(Bucket='nobody-has-this')",
    "a bucket for HEAD": "boto3.client('s3').head_bucket(Bucket='nobody-has-this')",
    "a bucket for pandas": "import pandas as pd; pd.read_csv('s3://nobody-has-this/a.csv')",
    "a bucket for polars": "import polars as pl; pl.read_parquet('s3://nobody-has-this/a.parquet')",
    "a bucket for pyarrow": "import pandas as pd; pd.read_parquet('s3://nobody-has-this/a.parquet')",
    "an object": "boto3.client('s3').get_object(Bucket=BUCKET, Key='nothing')",
    "an object for s3fs": "import s3fs; s3fs.S3FileSystem().cat(f'{BUCKET}/nothing')",
    "a parameter": "boto3.client('s3').list_objects_v2()",
    "a Region": "boto3.client('s3', region_name='nowhere!')",
    "an endpoint": "from botocore.config import Config\n"
    "boto3.client('s3', endpoint_url='http://127.0.0.1:1', config=Config(retries={"
    "'total_max_attempts': 1})).list_buckets()",
    "a profile": "boto3.Session(profile_name='nobody')",
    "a value of AWS": "boto3.client('sts').assume_role(RoleArn='nonsense-nonsense-nonsense', "
    "RoleSessionName='a')",
}


def test_other_errors(notebook: Shell) -> None:
    """No line is below an error that isn't AWS's refusal."""
    notebook.good("%aws_profile RoleBeta")
    with odd_server(Answers((403, "<Error><Code>AccessDenied</Code></Error>"))) as url:
        notebook.names["url"] = url
        for situation, code in OTHER_ERRORS.items():
            assert line_below(notebook.run(code)) == "", situation
