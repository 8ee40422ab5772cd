"""`%aws_calls` records the calls of boto3, aiobotocore and the libraries built on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wrapt
from botocore.client import BaseClient

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, add_role, allow
from tests.aws import EmbeddedAws
from tests.shells import Shell

BUCKET = "calls-of-mine"
LIST = "session.client('s3').list_buckets()"

#: Code that calls AWS, and the client's name in the record.
WAYS = {
    "boto3": (
        "from ipy_awsprofile import list_buckets\nlist_buckets(session)\n"
        "boto3.client('s3').head_bucket(Bucket=BUCKET)\n"
        "list(before.get_paginator('list_objects_v2').paginate(Bucket=BUCKET))\n"
        "before.get_waiter('bucket_exists').wait(Bucket=BUCKET)",
        "boto3",
    ),
    "upload in threads": (
        "import io\nbefore.upload_fileobj(io.BytesIO(b'x' * 9_000_000), BUCKET, 'a/b')",
        "boto3",
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor as Pool\n"
        "with Pool(8) as pool: list(pool.map(lambda _: before.list_buckets(), range(40)))",
        "boto3",
    ),
    "aiobotocore": (
        "import aiobotocore.session\n"
        "async with aiobotocore.session.get_session().create_client('s3') as client:\n"
        "    await client.head_bucket(Bucket=BUCKET)",
        "boto3",
    ),
    "pandas": (
        "import pandas as pd\npd.DataFrame({'a': [1]}).to_csv(f's3://{BUCKET}/t/x.csv')\n"
        "pd.read_csv(f's3://{BUCKET}/t/x.csv')",
        "s3fs",
    ),
    "awswrangler": (
        "import awswrangler as wr\nwr.s3.list_objects(f's3://{BUCKET}/')",
        "awswrangler",
    ),
}


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Open a notebook that uses RoleBeta, with a bucket and a client, and record its calls."""
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    shell.names.update(BUCKET=BUCKET)
    shell.good("%aws_profile RoleBeta")
    shell.good("import boto3; before = session.client('s3')\n%aws_calls on")
    return shell


def rows_of(notebook: Shell, code: str) -> list[dict[str, Any]]:
    """Run code in a cell, which can fail, and return the rows of its calls."""
    notebook.good("%aws_calls clear")
    notebook.run(code)
    rows: list[dict[str, Any]] = notebook.good("%aws_calls --all").result.to_dict("records")
    return rows


@pytest.mark.parametrize("way", WAYS)
def test_every_call_is_a_row(notebook: Shell, aws: EmbeddedAws, way: str) -> None:
    """The rows are the calls that AWS saw, and each row names the identity and the client."""
    code, client = WAYS[way]
    if client == "awswrangler":
        pytest.importorskip("awswrangler")
    notebook.good(code)  # for a library's one-time calls, such as for a bucket's Region
    aws.calls.clear()
    rows = rows_of(notebook, code)
    seen = [call for call in aws.calls if call.action != "sts:AssumeRole"]
    rows = [row for row in rows if row["operation"] != "AssumeRole"]
    assert sorted(row["action"] for row in rows) == sorted(call.action for call in seen)
    assert {row["client"] for row in rows} == {client}
    assert {(row["profile"], row["account"]) for row in rows} == {("RoleBeta", ROLE_ACCOUNT)}
    assert {row["outcome"] for row in rows} <= {"ok", "failed"}  # such as for a missing bucket
    assert all(row["request_id"] for row in rows)


#: Code, and the outcome and error of each row that it adds.
OUTCOMES = {
    "before.list_buckets()": [("ok", "")],
    "before.get_object(Bucket=BUCKET, Key='nowhere')": [("failed", "NoSuchKey")],
    "before.get_object(Bucket=BUCKET)": [],
    "before.generate_presigned_url('get_object', Params={'Bucket': BUCKET, 'Key': 'a/b'})": [],
    "session.client('s3', endpoint_url='http://127.0.0.1:9').list_buckets()": [
        ("unanswered", "EndpointConnectionError")
    ],
    "boto3.client('s3', aws_access_key_id='none', aws_secret_access_key='x').list_buckets()": [
        ("refused", "InvalidAccessKeyId")
    ],
}


def test_outcomes(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row says what came of a call, with an error's code."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for code, outcomes in OUTCOMES.items():
        rows = rows_of(notebook, code)
        assert [(row["outcome"], row["error"]) for row in rows] == outcomes, code


def test_denied(notebook: Shell, aws: EmbeddedAws) -> None:
    """A denied call's row has AWS's message, and the account is unknown if AWS wasn't asked."""
    batch = aws.iam.create_user("batch", account=ROLE_ACCOUNT)
    keys: dict[str, Any] = batch.settings()
    aws.write_profile("batch", **keys)
    code = "boto3.Session(profile_name='batch').client('s3').list_buckets()"
    (row,) = rows_of(notebook, code)
    assert (row["profile"], row["account"]) == ("batch", "unknown")
    assert row["error"].startswith("AccessDenied: User: arn:aws:iam::")
    assert row["error"].endswith(
        "because no identity-based policy allows the s3:ListAllMyBuckets action"
    )
    frame = notebook.good("before.list_buckets()\n%aws_calls --all").result
    assert len(frame[frame.account != ROLE_ACCOUNT]) == 1
    assert len(notebook.good("%aws_calls --denied").result) == 1


#: Code, and the operations and profiles in its rows.
IDENTITIES = {
    "%aws_profile --refresh": [],
    "%%aws_profile RoleBeta --session-name me\nsession.client('s3').list_buckets()": [
        ("ListBuckets", "RoleBeta")
    ],
    "%%aws_profiles RoleBeta --no-progress\nsession.client('s3').list_buckets()": [
        ("ListBuckets", "RoleBeta")
    ],
    "import s3fs\ns3fs.S3FileSystem(profile='RoleBeta', skip_instance_cache=True).ls(BUCKET)": [
        ("AssumeRole", "unknown"),
        ("ListObjectsV2", "RoleBeta"),
    ],
    "from ipy_awsprofile import scoped\nwith scoped(session, read_only=True) as reader:\n"
    "    reader.client('s3').list_buckets()": [("ListBuckets", "RoleBeta")],
    "k = session.get_credentials().get_frozen_credentials()\n"
    "boto3.client('s3', aws_access_key_id=k.access_key, aws_secret_access_key=k.secret_key,\n"
    "             aws_session_token=k.token).list_buckets()": [("ListBuckets", "RoleBeta")],
    "from botocore import UNSIGNED; from botocore.config import Config\n"
    "boto3.client('s3', config=Config(signature_version=UNSIGNED)).list_objects(Bucket=BUCKET)": [
        ("ListObjects", "anonymous")
    ],
}


def test_identities(notebook: Shell) -> None:
    """A row names the profile that made the call. The calls of a switch itself have no rows."""
    for code, identities in IDENTITIES.items():
        rows = rows_of(notebook, code)
        assert [(row["operation"], row["profile"]) for row in rows] == identities, code
        accounts = {row["account"] for row in rows if row["profile"] == "RoleBeta"}
        # Nothing has asked STS about the session of s3fs.
        assert accounts <= ({"unknown"} if "s3fs" in code else {ROLE_ACCOUNT})


def test_an_api_key(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is sent with the API key for Bedrock doesn't have the profile's row."""
    ask = "boto3.client('bedrock-runtime').converse(modelId='m', messages=[])"
    (row,) = rows_of(notebook, ask)
    assert (row["profile"], row["account"]) == ("RoleBeta", ROLE_ACCOUNT)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "mine")
    (row,) = rows_of(notebook, ask)
    assert (row["operation"], row["profile"], row["account"]) == ("Converse", "unknown", "unknown")
    assert ROLE_ACCOUNT not in str(row)


def traced(wrapped: Callable[..., Any], _: object, args: Any, kwargs: Any) -> Any:
    """Call a method as X-Ray's and OpenTelemetry's wrappers do."""
    return wrapped(*args, **kwargs)


@pytest.mark.parametrize("is_first", [True, False])
def test_beside_tracing(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    """Calls, switches, recording and `off` work with a tracing library, loaded before or after."""
    before = BaseClient.__dict__["_make_api_call"]
    monkeypatch.setattr(BaseClient, "_make_api_call", before)  # restored after the test
    cells = ["%aws_profile RoleBeta\n%aws_calls on", "trace()"]
    shell.names["trace"] = lambda: wrapt.wrap_function_wrapper(
        "botocore.client", "BaseClient._make_api_call", traced
    )
    for cell in reversed(cells) if is_first else cells:
        shell.good(cell)
    call = "session.client('s3').list_buckets()"
    shell.good(f"{call}\n%aws_profile --off\n%aws_profile RoleBeta\n{call}")
    assert list(shell.good("%aws_calls --all").result["operation"]) == ["ListBuckets"] * 2
    shell.good(f"%aws_calls off\n{call}")
    assert len(shell.good("%aws_calls").result) == 2


def test_no_secret_is_recorded(notebook: Shell, aws: EmbeddedAws) -> None:
    """The record contains no bodies, object keys, parameter values or credentials."""
    notebook.names["secret"] = "hush-" * 6
    notebook.good(
        "before.put_object(Bucket=BUCKET, Key='k/' + secret, Body=secret, Metadata={'m': secret})"
    )
    notebook.run("session.client('ssm').put_parameter(Name='/app/x', Value=secret, Type='String')")
    notebook.names["sql"] = f"SELECT * FROM t WHERE a = '{notebook.names['secret']}'"
    notebook.run("session.client('dynamodb').execute_statement(Statement=sql)")
    rows = notebook.good("%aws_calls --all").result
    assert len(rows) == 3
    everything = rows.to_json(date_format="iso") + repr(
        list(notebook.ip.magics_manager.registry["AwsProfileMagics"].calls.calls)
    )
    assert "hush" not in everything
    assert [secret for secret in aws.iam.secrets if secret in everything] == []


# The magic ---


def test_on_off_clear(shell: Shell, aws: EmbeddedAws) -> None:
    """The card says whether calls are being recorded, how many there are, and which aren't."""
    shell.good("%aws_profile RoleBeta")
    assert "`%aws_calls on`" in shell.refused("%aws_calls").hint
    shown = shell.good("%aws_calls on")
    assert shown.text.startswith("Recording AWS calls  (0 calls)")
    assert "polars and DuckDB, aren't recorded" in shown.text
    assert "ipy-awsprofile-card" in shown.html
    assert len(shell.good("%aws_calls").result) == 0
    shell.good(LIST)
    assert shell.good("%aws_calls off").text.startswith("Not recording AWS calls  (1 call)")
    shell.good(LIST)
    assert len(shell.good("%aws_calls").result) == 1
    assert "(0 calls)" in shell.good("%aws_calls clear").text


def test_setting(shell: Shell, aws: EmbeddedAws) -> None:
    """The setting has the same effect as `on` and `off`, and shows their current state."""
    shell.good("%config AwsProfileMagics.record_calls = True")
    shell.good(f"%aws_profile RoleBeta\n{LIST}")
    assert list(shell.good("%aws_calls --all").result["operation"]) == ["ListBuckets"]
    shell.good("%aws_calls off")
    assert "False" in shell.good("%config AwsProfileMagics.record_calls").text


def test_the_dataframe(shell: Shell, aws: EmbeddedAws) -> None:
    """It has whole seconds and the cells' numbers; without `--all`, it has fewer columns."""
    shell.good("%aws_profile RoleBeta\n%aws_calls on\nfrom ipy_awsprofile import recorded_calls")
    code = f"{LIST}\nsession.client('s3').head_bucket(Bucket='my-first-bucket')"
    count = shell.ip.run_cell(code, store_history=True).execution_count
    frame = shell.good("recorded_calls()").result
    assert str(frame["time"].dtype) == "datetime64[s, UTC]"
    assert list(frame["cell"]) == [count] * 2
    assert list(frame["action"]) == ["s3:ListAllMyBuckets", "s3:ListBucket"]
    columns = ["time", "cell", "profile", "action", "resource", "outcome", "error"]
    assert list(shell.good("%aws_calls").result) == columns
    assert shell.good("%aws_calls --all").result.equals(frame)


# Drafts -------------------------------------------------------------------------------------------


#: Code that makes calls, the statements of their draft, and a part of the card's text.
DRAFTS: dict[str, tuple[dict[str, str], str]] = {
    "s3.get_object(Bucket='my-first-bucket')": ({}, "hasn't made any calls"),
    "boto3.client('s3', aws_access_key_id='no', aws_secret_access_key='x').list_buckets()": (
        {},
        "hasn't made any calls",
    ),
    "boto3.Session(profile_name='UserAlpha').client('s3').list_buckets()": (
        {},
        "Denied, and not in the draft: `s3:ListAllMyBuckets`. AccessDenied: User: arn:aws:iam::",
    ),
    "s3.put_object(Bucket='elsewhere', Key='x/y.csv')": (
        {},
        "Denied, and not in the draft: `s3:PutObject` on `arn:aws:s3:::elsewhere/x/*`. "
        "AccessDenied: Access Denied",
    ),
    "s3.put_object(Bucket='my-first-bucket', Key='x.csv')": (
        {"s3:PutObject": "arn:aws:s3:::my-first-bucket/*"},
        "also match names that weren't used: `arn:aws:s3:::my-first-bucket/*`",
    ),
    "s3.put_object(Bucket='my-first-bucket', Key='a*b c/x.csv')": (
        {"s3:PutObject": "arn:aws:s3:::my-first-bucket/a*b?c/*"},
        "`*` and `?` also match names that weren't used: `arn:aws:s3:::my-first-bucket/a*b?c/*`",
    ),
    "s3.head_object(Bucket='my-first-bucket', Key='a/none')": (
        {
            "s3:GetObject": "arn:aws:s3:::my-first-bucket/a/*",
            "s3:ListBucket": "arn:aws:s3:::my-first-bucket",
        },
        "The draft leaves out conditions",
    ),
}


def test_drafts(shell: Shell, aws: EmbeddedAws) -> None:
    """A draft allows what AWS answered, and its notes say what else it allows or leaves out."""
    aws.create_bucket("elsewhere", account=USER_ACCOUNT)
    shell.good("%aws_profile RoleBeta\nimport boto3; s3 = session.client('s3')\n%aws_calls on")
    for code, (statements, says) in DRAFTS.items():
        shell.good("%aws_calls clear")
        shell.run(code)
        shown = shell.run("%aws_calls --policy").text
        assert says in shown
        allowed: dict[str, str] = {}
        if "{" in shown:
            policy, _ = json.JSONDecoder().raw_decode(shown[shown.index("{") :])
            for statement in policy["Statement"]:
                allowed |= dict.fromkeys(statement["Action"], statement["Resource"][0])
        assert allowed == statements, code


@pytest.fixture
def builder(aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create the profile Builder, which may do anything; return the folder of its drafts."""
    add_role(aws, "Builder", "*")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_draft_of_each_identity(shell: Shell, builder: Path) -> None:
    """Each profile has its own draft; a file gets the active one's."""
    shell.good(f"%aws_calls on\n%aws_profile RoleBeta\n{LIST}\n%aws_profile Builder")
    error = shell.refused("%aws_calls --policy draft.json")
    assert "The active identity hasn't made any calls" in str(error)
    shell.good("session.client('iam').list_roles()")
    shown = shell.good("%aws_calls --policy")
    assert "Draft policy for RoleBeta in 123456789012" in shown.text
    assert "Draft policy for Builder in 123456789012" in shown.text
    assert "<pre" in shown.html
    assert "Wrote the draft policy for Builder" in shell.good("%aws_calls --policy draft.json").text
    written = json.loads((builder / "draft.json").read_text())
    assert written["Statement"][0]["Action"] == ["iam:ListRoles"]
    assert "can't be written" in str(shell.refused("%aws_calls --policy nowhere/draft.json"))
    for text in ("$draft", "{draft}"):  # not defined, so IPython leaves them as they are
        error = shell.refused(f"%aws_calls --policy {text}")
        assert "isn't the name of a file" in str(error)
        assert "isn't defined. Define it first" in error.hint


def test_a_draft_without_a_switch(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The draft of the credentials that boto3 finds itself is written, too."""
    monkeypatch.chdir(tmp_path)
    user = aws.iam.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    for name, value in user.settings().items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    shell.good("%aws_calls on")
    shell.good("import boto3; boto3.client('s3', region_name='us-west-2').list_buckets()")
    shell.good("%aws_calls --policy draft.json")
    assert "s3:ListAllMyBuckets" in (tmp_path / "draft.json").read_text()


#: Code that prepares a loop, and code that needs one action more than the methods' names say.
PREPARED = (
    "s3 = session.client('s3')\n"
    "s3.put_object(Bucket='my-first-bucket', Key='sales/x.csv', Body=b'1')\n"
    "s3.put_bucket_versioning(Bucket='my-second-bucket',"
    " VersioningConfiguration={'Status': 'Enabled'})"
)
LOOP = (
    "s3 = session.client('s3')\n"
    "s3.get_object(Bucket='my-first-bucket', Key='sales/x.csv')\n"
    "s3.list_objects_v2(Bucket='my-first-bucket')\n"
    "s3.copy_object(Bucket='my-second-bucket', Key='kept/x',"
    " CopySource='my-first-bucket/sales/x.csv')\n"
    "version = s3.head_object(Bucket='my-second-bucket', Key='kept/x')['VersionId']\n"
    "s3.delete_object(Bucket='my-second-bucket', Key='kept/x', VersionId=version)"
)


def test_the_loop(shell: Shell, builder: Path) -> None:
    """A cell works with its draft as session policy, and not if the draft lacks an action."""
    shell.good(f"%aws_profile Builder\n{PREPARED}")
    shell.good(f"%aws_calls on\n{LOOP}\n%aws_calls --policy draft.json")
    shell.good(f"%aws_profile Builder --policy draft.json\n{LOOP}")
    assert "s3:ListAllMyBuckets" in str(shell.run(LIST).error)
    text = (builder / "draft.json").read_text()
    (builder / "draft.json").write_text(text.replace("s3:DeleteObjectVersion", "s3:GetObjectAcl"))
    shell.good("%aws_profile Builder --policy draft.json")
    assert "s3:DeleteObjectVersion" in str(shell.run(LOOP).error)
