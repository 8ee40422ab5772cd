"""The record has a row for each call of boto3, aiobotocore and the libraries built on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import wrapt
from botocore.client import BaseClient

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from tests.rotation import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

BUCKET = "calls-of-mine"

#: Code that calls AWS, and the client's name in the record.
WAYS = {
    "default session": ("boto3.client('s3').head_bucket(Bucket=BUCKET)", "boto3"),
    "client from before": ("before.head_bucket(Bucket=BUCKET)", "boto3"),
    "our function": ("from ipy_awsprofile import list_buckets\nlist_buckets(session)", "boto3"),
    "paginator": (
        "list(before.get_paginator('list_objects_v2').paginate(Bucket=BUCKET))",
        "boto3",
    ),
    "waiter": ("before.get_waiter('bucket_exists').wait(Bucket=BUCKET)", "boto3"),
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
    "s3fs": ("import s3fs\ns3fs.S3FileSystem().ls(BUCKET, refresh=True)", "s3fs"),
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
    rows: list[dict[str, Any]] = notebook.good("%aws_calls").result.to_dict("records")
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


@pytest.mark.parametrize("code", OUTCOMES)
def test_outcomes(notebook: Shell, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row says what came of a call, with an error's code. Without a call, there is no row."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    rows = rows_of(notebook, code)
    assert [(row["outcome"], row["error"]) for row in rows] == OUTCOMES[code]


def test_denied(notebook: Shell, aws: EmbeddedAws) -> None:
    """A denied call's row has AWS's message, and the account is unknown if AWS wasn't asked."""
    batch = aws.create_user("batch", account=ROLE_ACCOUNT)
    keys: dict[str, Any] = keys_of(batch)
    aws.write_profile("batch", **keys)
    code = "boto3.Session(profile_name='batch').client('s3').list_buckets()"
    (row,) = rows_of(notebook, code)
    assert (row["profile"], row["account"]) == ("batch", "unknown")
    assert row["error"].startswith("AccessDenied: User: arn:aws:iam::")
    assert row["error"].endswith(
        "because no identity-based policy allows the s3:ListAllMyBuckets action"
    )
    frame = notebook.good("before.list_buckets()\n%aws_calls").result
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
        ("AssumeRole", "UserAlpha"),
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


@pytest.mark.parametrize("code", IDENTITIES)
def test_identities(notebook: Shell, code: str) -> None:
    """A row names the profile that made the call. The calls of a switch itself have no rows."""
    rows = rows_of(notebook, code)
    assert [(row["operation"], row["profile"]) for row in rows] == IDENTITIES[code]
    accounts = {row["account"] for row in rows if row["profile"] == "RoleBeta"}
    assert accounts <= {ROLE_ACCOUNT}


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
    assert list(shell.good("%aws_calls").result["operation"]) == ["ListBuckets"] * 2
    shell.good(f"%aws_calls off\n{call}")
    assert len(shell.good("%aws_calls").result) == 2


def test_no_secret_is_recorded(notebook: Shell, aws: EmbeddedAws) -> None:
    """The record contains no bodies, object keys, parameter values or credentials."""
    notebook.names["secret"] = "hush-" * 6
    notebook.good(
        """
before.put_object(Bucket=BUCKET, Key='k/' + secret, Body=secret, Metadata={'m': secret})
for service, call, params in (
    ('ssm', 'put_parameter', dict(Name='/app/x', Value=secret, Type='String')),
    ('secretsmanager', 'create_secret', dict(Name='s', SecretString=secret)),
    ('dynamodb', 'execute_statement', dict(Statement=f"SELECT * FROM t WHERE a='{secret}'")),
    ('dynamodb', 'get_item', dict(TableName='t', Key={'k': {'S': secret}})),
    ('s3', 'get_object', dict(Bucket=BUCKET, Key='k/x', SSECustomerKey=secret[:32].ljust(32, 'x'),
                              SSECustomerAlgorithm='AES256')),
):
    try: getattr(session.client(service), call)(**params)
    except Exception: pass
"""
    )
    rows = notebook.good("%aws_calls").result
    assert len(rows) >= 6
    everything = rows.to_json(date_format="iso") + repr(
        list(notebook.ip.magics_manager.registry["AwsProfileMagics"].calls.calls)
    )
    assert "hush" not in everything
    assert [secret for secret in aws.secrets() if secret in everything] == []
