"""The record has a row for each call of boto3, aiobotocore and the libraries that use them."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import time_machine

from ipy_awsprofile.calls import recorder
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

BUCKET = "calls-of-mine"

#: Code that calls AWS, and the client's name in the record.
WAYS = {
    "client": ("session.client('s3').head_bucket(Bucket=BUCKET)", "boto3"),
    "default session": ("boto3.client('s3').head_bucket(Bucket=BUCKET)", "boto3"),
    "resource": ("session.resource('s3').Bucket(BUCKET).creation_date", "boto3"),
    "paginator": (
        "list(session.client('s3').get_paginator('list_objects_v2').paginate(Bucket=BUCKET))",
        "boto3",
    ),
    "waiter": ("session.client('s3').get_waiter('bucket_exists').wait(Bucket=BUCKET)", "boto3"),
    "upload in threads": (
        "import io\nfile = io.BytesIO(b'x' * 9_000_000)\n"
        "session.client('s3').upload_fileobj(file, BUCKET, 'a/b')",
        "boto3",
    ),
    "thread": (
        "import threading\nt = threading.Thread(target=lambda: "
        "session.client('s3').head_bucket(Bucket=BUCKET))\nt.start(); t.join()",
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
    "smart_open": (
        "import smart_open\n"
        "with smart_open.open(f's3://{BUCKET}/s/o', 'w') as file: file.write('x')",
        "smart_open",
    ),
}


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Open a notebook that uses RoleBeta, with a bucket, and a client created before recording."""
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    shell.names.update(BUCKET=BUCKET)
    shell.good("%aws_profile RoleBeta")
    shell.good("import boto3; before = session.client('s3')")
    return shell


def recorded(notebook: Shell, code: str) -> list[dict[str, object]]:
    """Run code in a cell, and return the rows of its calls."""
    notebook.good("%aws_calls clear")
    notebook.good(code)
    notebook.good("rows = %aws_calls")
    rows: list[dict[str, object]] = notebook.names["rows"].to_dict("records")
    return rows


@pytest.mark.parametrize("way", WAYS)
def test_every_call_is_a_row(notebook: Shell, aws: EmbeddedAws, way: str) -> None:
    """The rows match the calls that AWS saw, and each row names the identity and the client."""
    code, client = WAYS[way]
    notebook.good("%aws_calls on")
    notebook.good(code)  # for a library's one-time calls, such as for a bucket's Region
    aws.calls.clear()
    rows = [row for row in recorded(notebook, code) if row["operation"] != "AssumeRole"]
    seen = [call.action for call in aws.calls if call.action != "sts:AssumeRole"]
    assert sorted(str(row["action"]) for row in rows) == sorted(seen)
    assert {row["client"] for row in rows} == {client}
    assert {(row["profile"], row["account"], row["role"]) for row in rows} == {
        ("RoleBeta", ROLE_ACCOUNT, "RoleBeta")
    }
    assert {row["outcome"] for row in rows} <= {"ok", "failed"}  # such as for a missing bucket
    assert all(row["request_id"] and row["attempts"] == 1 for row in rows)


def test_a_client_from_before(notebook: Shell) -> None:
    """A client created before the recording is recorded until the recording stops."""
    notebook.good("%aws_calls on")
    assert len(recorded(notebook, "before.list_buckets()")) == 1
    notebook.good("%aws_calls off")
    notebook.good("before.list_buckets()")
    notebook.good("rows = %aws_calls")
    assert len(notebook.names["rows"]) == 1


def test_nothing_is_replaced_while_off(notebook: Shell) -> None:
    """Stopping a recording or unloading the extension restores botocore's methods."""
    from botocore.client import BaseClient

    def state() -> dict[str, Any]:
        return {name: value for name, value in vars(BaseClient).items() if callable(value)}

    own = state()
    notebook.good("%aws_calls on")
    assert state() != own
    notebook.good("%aws_calls off")
    assert state() == own
    notebook.good("%aws_calls on\n%aws_calls on\n%unload_ext ipy_awsprofile")
    assert state() == own
    assert "__init_subclass__" not in vars(BaseClient)


def test_presigned(notebook: Shell) -> None:
    """Presigned URLs and forms have rows without a call, and a form's row is incomplete."""
    notebook.good("%aws_calls on")
    (url,) = recorded(
        notebook,
        "u = before.generate_presigned_url('get_object', Params={'Bucket': BUCKET, 'Key': 'a/b'})",
    )
    assert (url["outcome"], url["action"]) == ("presigned", "s3:GetObject")
    assert (url["resource"], url["complete"]) == (f"arn:aws:s3:::{BUCKET}/a/*", True)
    (form,) = recorded(notebook, "f = before.generate_presigned_post(BUCKET, 'a/b')")
    assert (form["outcome"], form["complete"]) == ("presigned", False)


def test_denied(notebook: Shell) -> None:
    """A denied call's row has the principal and the reason from AWS's message."""
    notebook.good("%aws_calls on")
    code = (
        "client = boto3.Session(profile_name='UserAlpha').client('s3')\n"
        "try: client.list_buckets()\n"
        "except client.exceptions.ClientError: pass"
    )
    (row,) = recorded(notebook, code)
    assert (row["outcome"], row["profile"]) == ("denied", "UserAlpha")
    assert (row["account"], row["role"]) == (USER_ACCOUNT, "user/UserAlpha")
    assert row["action"] == "s3:ListAllMyBuckets"
    assert str(row["error"]).startswith("AccessDenied: because no identity-based policy allows")
    notebook.good("refused = %aws_calls --denied")
    assert len(notebook.names["refused"]) == 1


def test_failed(notebook: Shell) -> None:
    """A failed call's row has only the error code, because a message can quote a parameter."""
    notebook.good("%aws_calls on")
    code = (
        "try: before.get_object(Bucket=BUCKET, Key='nowhere')\n"
        "except Exception: pass\n"
        "try: before.get_object(Bucket=BUCKET)\n"
        "except Exception: pass"
    )
    rows = recorded(notebook, code)
    assert [(row["outcome"], row["error"]) for row in rows] == [
        ("failed", "NoSuchKey"),
        ("failed", "ParamValidationError"),
    ]


def test_our_own_calls(notebook: Shell, aws: EmbeddedAws) -> None:
    """A switch's own calls have rows, but draft policies leave them out."""
    notebook.good("%aws_calls on")
    aws.calls.clear()
    rows = recorded(notebook, "%aws_profile --refresh")
    assert [row["action"] for row in rows] == [call.action for call in aws.calls]
    assert {row["client"] for row in rows} == {"ipy_awsprofile"}
    error = notebook.refused("%aws_calls --policy")
    assert "None of the recorded calls needs a permission" in str(error)


@pytest.mark.parametrize(
    ("code", "action", "by"),
    [
        ("with scoped(session, read_only=True): pass", "sts:GetScopedCredentials", "RoleBeta"),
        ("open_session('RoleBeta', session_name='me')", "sts:AssumeRole", "UserAlpha"),
        ("who_am_i(open_session('UserAlpha'))", None, None),
        ("%aws_profile RoleBeta --session-name me", None, None),
        ("%%aws_profile RoleBeta --session-name me\n1", None, None),
        ("with using_profile('RoleBeta', session_name='me'): pass", None, None),
        ("%%aws_profiles RoleBeta --no-progress\n1", None, None),
    ],
)
def test_permissions_to_open_sessions(
    notebook: Shell, code: str, action: str | None, by: str | None
) -> None:
    """Drafts have the permissions of code that opens a session, but no permissions of a switch."""
    notebook.good("from ipy_awsprofile import open_session, scoped, using_profile, who_am_i")
    notebook.good(f"%aws_calls on\n{code}" if not code.startswith("%%") else "%aws_calls on")
    if code.startswith("%%"):
        notebook.good(code)
    ran = notebook.run("%aws_calls --policy")
    if action is None:
        assert "None of the recorded calls needs a permission" in str(ran.error)
    else:
        assert action in ran.text
        assert ran.text.startswith(f"Draft policy for {by}")


def test_renewals_of_a_session(notebook: Shell, aws: EmbeddedAws) -> None:
    """A renewal adds nothing to a draft, even if the user's code causes it."""
    notebook.good("s3 = session.client('s3')\n%aws_calls on")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=58), tick=True):
        rows = recorded(notebook, "s3.list_buckets()")
    assert "sts:AssumeRole" in [row["action"] for row in rows]
    assert "sts:AssumeRole" not in notebook.good("%aws_calls --policy").text


@pytest.mark.slow
def test_a_client_that_does_not_sign(notebook: Shell, aws: EmbeddedAws) -> None:
    """The row of an unsigned call has no identity, even after calls with other sessions."""
    notebook.good("%aws_calls on")
    notebook.good("%%aws_profiles RoleBeta\nsession.client('s3').list_buckets()")
    code = (
        "import gc\ngc.collect()\n"
        "from botocore import UNSIGNED\nfrom botocore.config import Config\n"
        "config = Config(signature_version=UNSIGNED)\n"
        "try: session.client('s3', config=config).list_objects_v2(Bucket=BUCKET)\n"
        "except Exception: pass"
    )
    (row,) = recorded(notebook, code)
    assert aws.calls[-1].arn is None
    assert row["operation"] == "ListObjectsV2"
    assert [row[name] for name in ("profile", "account", "role")] == [None] * 3


@pytest.mark.slow
def test_many_threads(notebook: Shell) -> None:
    """Calls from several threads are all recorded."""
    notebook.good("%aws_calls on")
    notebook.good("%aws_calls clear")
    client = notebook.names["before"]
    threads = [
        threading.Thread(target=lambda: [client.head_bucket(Bucket=BUCKET) for _ in range(5)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notebook.good("rows = %aws_calls")
    assert Counter(notebook.names["rows"]["operation"])["HeadBucket"] == 40


SECRET = "hush-" * 6


def test_no_secret_is_recorded(notebook: Shell, aws: EmbeddedAws) -> None:
    """The record contains no bodies, object keys, parameter values or credentials."""
    notebook.good("%aws_calls on")
    notebook.names["secret"] = SECRET
    notebook.good("%aws_calls clear")
    notebook.good(
        """
import boto3
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
    notebook.good("rows = %aws_calls")
    rows = notebook.names["rows"]
    assert len(rows) >= 6
    assert recorder._built.get() is None
    everything = rows.to_json(date_format="iso") + repr(
        notebook.ip.magics_manager.registry["AwsProfileMagics"].calls.log.needs()
    )
    assert "hush" not in everything
    assert [secret for secret in aws.secrets() if secret in everything] == []


def test_it_never_breaks_a_call(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the recorder doesn't make the call fail."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    notebook.good("%aws_calls on")
    monkeypatch.setattr(recorder, "actions_of", fail)
    notebook.good("before.list_buckets()")
    monkeypatch.undo()
    assert boto3.DEFAULT_SESSION is not None
