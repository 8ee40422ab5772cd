"""Keys that code has copied from a session keep their identity, and the notebook says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from ipy_awsprofile.demo.stages import Scenario, seed_organisation
from ipy_awsprofile.errors import NotForOneProfile, StaleIdentity
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

_COPY = "import boto3, s3fs\nkeys = session.get_credentials()\n"

#: Code that copies a session's keys into an object, and code that writes with the object.
COPIES = {
    "client": (
        "boto3.client('s3', aws_access_key_id=keys.access_key, "
        "aws_secret_access_key=keys.secret_key, aws_session_token=keys.token)",
        "kept.put_object(Bucket='my-first-bucket', Key='copied', Body=b'')",
    ),
    "session": (
        "boto3.Session(keys.access_key, keys.secret_key, keys.token)",
        "kept.client('s3').put_object(Bucket='my-first-bucket', Key='copied', Body=b'')",
    ),
    "s3fs": (
        "s3fs.S3FileSystem(key=keys.access_key, secret=keys.secret_key, token=keys.token)",
        "kept.pipe('my-first-bucket/copied', b'')",
    ),
}

#: The same objects without copied keys.
WITHOUT_KEYS = {
    "client": "boto3.client('s3')",
    "session": "boto3.Session()",
    "s3fs": "s3fs.S3FileSystem()",
}


def _writers(aws: EmbeddedAws) -> list[str]:
    """Return the roles that have written an object, in the order of the calls."""
    calls = [call for call in aws.calls if call.action == "s3:PutObject"]
    return [str(call.arn).split("/")[1] for call in calls]


@pytest.mark.parametrize("kind", COPIES)
def test_copied_keys_after_a_switch(shell: Shell, aws: EmbeddedAws, kind: str) -> None:
    """After a switch, an object with copied keys gets a line, and a limited identity refuses it."""
    create, write = COPIES[kind]
    seed_organisation(aws, 1)
    shell.good(f"%aws_profile RoleBeta\n{_COPY}kept = {create}")
    assert "Copied keys" not in shell.good(f"{write}\nNone").text
    shell.good("%aws_profile UserAlpha")
    text = shell.good(f"{write}\nNone").text
    assert "as RoleBeta, but `UserAlpha` is active. Copied keys keep their identity." in text
    assert _writers(aws) == ["RoleBeta", "RoleBeta"]

    card = shell.good("%aws_profile RoleBeta --read-only").text
    assert "`kept` still signs as RoleBeta: " in card
    refused = shell.run(write).error
    assert isinstance(refused, StaleIdentity)
    assert "Leave out the keys" in refused.hint
    assert len(_writers(aws)) == 2
    # Both the card's step and the error's step give the limited identity.
    if kind == "client":
        shell.good(code_in(card)[-1])
        assert "AccessDenied" in str(shell.run(write).error)
    else:
        assert "create it again without the copied keys." in card
    for code in (WITHOUT_KEYS[kind], create):
        shell.good(f"{_COPY}kept = {code}")
        denied = shell.run(write)
        assert "AccessDenied" in denied.text
        assert "(read-only)" in denied.text
    assert "`kept`" not in shell.good("%aws_profile").text


@pytest.mark.parametrize("kind", COPIES)
def test_copied_keys_that_have_expired(
    shell: Shell, aws: EmbeddedAws, clock: time_machine.Traveller, kind: str
) -> None:
    """If copied keys have expired, the line says that they aren't renewed, and what works."""
    create, write = COPIES[kind]
    shell.good(f"%aws_profile RoleBeta\n{_COPY}kept = {create}")
    clock.shift(timedelta(hours=2))
    text = shell.run(write).text
    assert "(ExpiredToken). Keys that your code has copied from a session aren't renewed." in text
    aws.calls.clear()
    for code in (WITHOUT_KEYS[kind], create):
        shell.good(f"{_COPY}kept = {code}\n{write}\nNone")
    assert _writers(aws) == ["RoleBeta", "RoleBeta"]


def test_frozen_keys_that_sign(shell: Shell, aws: EmbeddedAws) -> None:
    """Code that signs requests itself with frozen keys from before a switch gets a line."""
    sign = (
        "from botocore.auth import SigV4Auth\nfrom botocore.awsrequest import AWSRequest\n"
        "def sign(keys):\n"
        "    request = AWSRequest('GET', 'https://example.com')\n"
        "    SigV4Auth(keys, 's3', 'us-west-2').add_auth(request)\n"
    )
    freeze = "keys = session.get_credentials().get_frozen_credentials()\n"
    shell.good(f"%aws_profile RoleBeta\n{sign}{freeze}")
    assert "Copied keys" not in shell.good("sign(keys)").text
    shell.good("%aws_profile UserAlpha")
    text = shell.good("sign(keys)").text
    assert "as RoleBeta, but `UserAlpha` is active. Copied keys keep their identity." in text
    assert "Copied keys" not in shell.good(f"{freeze}sign(keys)").text


def test_keys_copied_in_code_for_many_profiles(shell: Shell, aws: EmbeddedAws) -> None:
    """Code for many profiles can use copies of a profile's own keys, but no other keys."""
    names = seed_organisation(aws, 2)
    create, _ = COPIES["client"]
    shell.good(f"%aws_profile RoleBeta\n{_COPY}kept = {create}")
    cell = f"%%aws_profiles {','.join(names)}\n"
    shell.good(f"{cell}keys = session.get_credentials()\n{create}.list_buckets()['Buckets']")
    callers = {call.arn for call in aws.calls if call.action == "s3:ListAllMyBuckets"}
    assert len(callers) == 2
    failed = shell.run(f"{cell}kept.list_buckets()")
    assert NotForOneProfile.__name__ in str(failed.error)
    assert {call.arn for call in aws.calls if call.action == "s3:ListAllMyBuckets"} == callers


def test_profiles_with_the_same_keys(shell: Shell, aws: EmbeddedAws, scenario: Scenario) -> None:
    """Copied keys that the active profile has, too, belong to the active profile."""
    for name in ("first", "second"):
        aws.write_profile(
            name, region="us-west-2", role_arn=scenario.role_arn, source_profile="UserAlpha"
        )
    create, _ = COPIES["client"]
    shell.good(f"%aws_profile first\n{_COPY}kept = {create}\nkey = keys.access_key")
    card = shell.good("%aws_profile second")
    assert "`kept`" not in card.text
    assert shell.good("session.get_credentials().access_key == key").result is True
    assert "Copied keys" not in shell.good("_ = kept.list_buckets()").text
    shell.good("%aws_profile UserAlpha")
    text = shell.good("_ = kept.list_buckets()").text
    assert "as second, but `UserAlpha` is active." in text


def test_long_term_keys_in_code(shell: Shell, scenario: Scenario) -> None:
    """Long-term keys in code are the user's own choice, even if a profile has them, too."""
    shell.names["keys"] = scenario.user.settings()
    shell.good("%aws_profile UserAlpha\n%aws_profile RoleBeta --read-only\nimport boto3")
    ran = shell.good("_ = boto3.client('sts', **keys).get_caller_identity()")
    assert "Copied keys" not in ran.text
