"""Objects and settings from before a switch: a line says what they use and what to do."""

from __future__ import annotations

import fsspec.config
import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from ipy_awsprofile.errors import StaleIdentity
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

#: Objects that are created before there are credentials, and code that uses them.
OBJECTS = {
    "client": ("boto3.client('s3', region_name='us-west-2')", "kept.list_buckets() and None"),
    "resource": ("boto3.resource('s3', region_name='us-west-2')", "list(kept.buckets.all())"),
    "s3fs": ("s3fs.S3FileSystem()", "kept.ls('')"),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_without_credentials(shell: Shell, aws: EmbeddedAws, kind: str) -> None:
    """An object from before there were credentials is on the card and in the error's line."""
    code, use = OBJECTS[kind]
    shell.good(f"import boto3, s3fs\nkept = {code}")
    first = shell.run(use)
    assert "Unable to locate credentials" in str(first.error)
    assert "No profile is active, so" in first.text
    card = shell.good("%aws_profile RoleBeta").text
    assert "`kept` has no credentials: " in card
    again = shell.run(use)
    assert "no credentials, although `RoleBeta` was active. Create" in again.text
    in_cell = shell.run(f"%%aws_profile RoleBeta --read-only\n{use}")
    assert "no credentials, although `RoleBeta, read-only` was active." in in_cell.text
    if kind == "client":
        shell.good(code_in(card)[-1])
    elif kind == "resource":
        shell.good(f"kept = {code_in(again.text)[-1]}")
    else:
        shell.good(f"kept = {code}")
    shell.good(use)
    assert str(aws.calls[-1].arn).split("/")[1] == "RoleBeta"
    assert "no credentials" not in shell.good("%aws_profile").text


def test_region_of_a_client_from_before(shell: Shell, aws: EmbeddedAws) -> None:
    """The code for a client from before the first switch names only a Region of the user's code."""
    shell.good("import boto3\nplain, own = boto3.client('s3'), boto3.client('sqs', 'eu-west-1')")
    said = shell.run("plain.list_buckets()").text
    assert 'create it again with `session.client("s3")`' in said
    card = shell.good("%aws_profile RoleBeta --region eu-central-1").text
    statements = [code for code in code_in(card) if "client(" in code]
    shell.good("\n".join(statements))
    assert shell.names["plain"].meta.region_name == "eu-central-1"
    assert shell.names["own"].meta.region_name == "eu-west-1"


def test_objects_without_signatures(shell: Shell, aws: EmbeddedAws) -> None:
    """An object that doesn't sign on purpose isn't listed."""
    shell.good(
        "import boto3, s3fs\nfrom botocore import UNSIGNED\nfrom botocore.config import Config\n"
        "config = Config(signature_version=UNSIGNED)\n"
        "client = boto3.client('s3', region_name='us-west-2', config=config)\n"
        "files = s3fs.S3FileSystem(anon=True)"
    )
    assert "no credentials" not in shell.good("%aws_profile RoleBeta").text


def test_sessions_of_several_switches(shell: Shell, aws: EmbeddedAws) -> None:
    """If code uses the session of a former switch, the line shows the code to keep using it."""
    (other,) = seed_organisation(aws, 1)
    shell.good(
        "from ipy_awsprofile import open_session\nsessions = {}\n"
        f"for name in ('RoleBeta', '{other}'):\n"
        "    %aws_profile {name}\n"
        "    sessions[name] = session"
    )
    who = "['RoleBeta'].client('sts').get_caller_identity()['Arn']"
    text = shell.good(f"sessions{who}").text
    assert f"as RoleBeta, but `{other}` is active." in text
    (opened,) = [code for code in code_in(text) if code.startswith("open_session")]
    shell.good(f"sessions['RoleBeta'] = {opened}")
    ran = shell.good(f"sessions{who}")
    assert ":assumed-role/RoleBeta/" in ran.result
    assert "is active" not in ran.text
    shell.good(f"former = session\n%aws_profile {other} --read-only")
    assert "open_session" not in str(getattr(shell.run("former.client('s3')").error, "hint", ""))
    # If all sessions have the same limit, the line's code keeps it, too.
    shell.good(f"%aws_profile {other} --read-only\nlimited = session")
    shell.good("%aws_profile RoleBeta --read-only")
    account = ".client('sts').get_caller_identity()['Account']"
    hint = getattr(shell.run(f"limited{account}").error, "hint", "")
    (opened,) = [code for code in code_in(hint) if code.startswith("open_session")]
    assert opened == f"open_session('{other}', read_only=True)"
    assert shell.good(f"{opened}{account}").result in shell.names["limited"].arn


@pytest.mark.parametrize(
    ("make", "use"),
    [
        ("s3.get_waiter('bucket_exists')", "kept.wait(Bucket='my-first-bucket')"),
        ("s3.get_paginator('list_objects_v2').paginate(Bucket='my-first-bucket')", "list(kept);"),
    ],
)
def test_objects_of_a_client(shell: Shell, aws: EmbeddedAws, make: str, use: str) -> None:
    """A waiter and pages from before a switch get a line that says to create them again, too."""
    shell.good(f"%aws_profile RoleBeta\ns3 = session.client('s3')\nkept = {make}")
    shell.good("%aws_profile RoleBeta --read-only")
    error = shell.run(use).error
    assert isinstance(error, StaleIdentity)
    assert "create the waiter or the pages again with it." in error.hint
    (code,) = code_in(error.hint)
    shell.good(f"s3 = {code}\nkept = {make}")
    aws.calls.clear()
    shell.good(use)
    assert {str(call.arn).split("/")[1] for call in aws.calls} == {"RoleBeta"}


# fsspec -------------------------------------------------------------------------------------------


def test_the_default_profile_of_fsspec(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A switch replaces the profile in fsspec's default arguments, and `--off` restores it."""
    monkeypatch.setitem(fsspec.config.conf, "s3", {})  # which the test changes
    (other,) = seed_organisation(aws, 1)
    conf = "fsspec.config.conf['s3']"
    shell.good(f"import fsspec, s3fs\n{conf} = {{'profile': '{other}', 'use_ssl': False}}")
    shell.good("s3fs.S3FileSystem().ls('')")
    assert str(aws.calls[-1].arn).split("/")[1] == "Reader"
    shell.good("%aws_profile RoleBeta")
    shell.good("s3fs.S3FileSystem().ls('')")
    assert str(aws.calls[-1].arn).split("/")[1] == "RoleBeta"
    assert shell.good(conf).result == {"use_ssl": False}
    text = shell.good(f"{conf} = {{'profile': '{other}'}}").text
    assert "was changed after the switch: `s3://` paths use that." in text
    shell.good(code_in(text)[-1])
    assert shell.good(conf).result == {}
    shell.good("%aws_profile --off")
    assert "profile" in shell.good(conf).result


def test_the_profile_of_fsspec_in_the_environment(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A switch replaces FSSPEC_S3_PROFILE for later imports and processes, until `--off`."""
    monkeypatch.setenv("FSSPEC_S3_PROFILE", "UserAlpha")
    variable = "os.environ.get('FSSPEC_S3_PROFILE')"
    shell.good("import os\n%aws_profile RoleBeta")
    assert shell.good(variable).result is None
    shell.good("%aws_profile --off")
    assert shell.good(variable).result == "UserAlpha"
