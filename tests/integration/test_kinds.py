"""Every kind of profile gets the right identity from AWS, renews itself and can be limited.

https://docs.aws.amazon.com/sdkref/latest/guide/creds-config-files.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from ipy_awsprofile import open_session, who_am_i
from ipy_awsprofile.demo.stages import allow
from ipy_awsprofile.sessions.session import ProfileSession
from tests.aws import EmbeddedAws
from tests.kinds import ACCOUNT, KINDS, create_ann, in_its_place, opened, prepared, sign_in

ASSUMED, SIGNED_IN = "sts:AssumeRole", "sso:GetRoleCredentials"

#: The calls to STS or the portal for the credentials of a kind. All other kinds need none.
CALLS = {
    "role with source_profile": [ASSUMED],
    "chain of three": [ASSUMED] * 3,
    "self-referencing": [ASSUMED],
    "external_id": [ASSUMED],
    "mfa_serial": [ASSUMED],
    "credential_source Environment": [ASSUMED],
    "credential_source Ec2InstanceMetadata": [ASSUMED],
    "credential_source EcsContainer": [ASSUMED],
    "web identity": ["sts:AssumeRoleWithWebIdentity"],
    "web identity as a source": ["sts:AssumeRoleWithWebIdentity", ASSUMED],
    "sso-session": [SIGNED_IN],
    "legacy SSO": [SIGNED_IN],
    "SSO as a source": [SIGNED_IN, ASSUMED],
}


@pytest.fixture
def values(aws: EmbeddedAws) -> dict[str, str]:
    """Create the resources that the texts of the kinds name, and return their values."""
    ann = create_ann(aws)
    sign_in(aws, ann)
    return prepared(aws, ann, token_lasts=timedelta(hours=12))


@pytest.mark.parametrize("name", KINDS)
def test_kind(
    aws: EmbeddedAws,
    values: dict[str, str],
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """A kind has its identity after as few calls as possible, and hours later in each client."""
    kind = KINDS[name]
    arn = kind.arn.format(**values)
    aws.calls.clear()
    with opened(aws, values, monkeypatch, kind) as session:
        sts: Any = session.client("sts")
        assert sts.get_caller_identity()["Arn"] == arn
        actions = [call.action for call in aws.calls if call.action.startswith(("sts:", "sso:"))]
        assert actions == [*CALLS.get(name, []), "sts:GetCallerIdentity"]
        first = who_am_i(session)
        assert first.arn == arn
        clock.shift(timedelta(hours=2))
        if name == "legacy SSO":  # AWS issues no refresh token
            aws.sso.sign_in(None)
        assert sts.get_caller_identity()["Arn"] == arn
        renewed = who_am_i(session)
    assert renewed.arn == arn
    if kind.place or name in CALLS or name == "login session":
        assert first.expiry
        assert renewed.expiry
        assert first.expiry < datetime.now(UTC) < renewed.expiry


def assert_lasts(time: timedelta, open_it: Callable[[], ProfileSession]) -> None:
    """Assert that a session lasts for a time from the moment when it was opened."""
    before = datetime.now(UTC)
    expiry = who_am_i(open_it()).expiry
    assert expiry
    assert before - timedelta(seconds=1) < expiry - time <= datetime.now(UTC)


def is_denied(call: Callable[..., object], **parameters: Any) -> bool:
    """Return whether AWS denies a call."""
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDenied"
    return False


#: One kind for each way in which AWS limits a session.
LIMITED = (
    "static keys",
    "role with source_profile",
    "mfa_serial",
    "an instance's own role",
    "web identity",
    "sso-session",
    "login session",
)


@pytest.mark.parametrize("name", LIMITED)
def test_limits(  # noqa: PLR0917  # fixtures
    aws: EmbeddedAws,
    values: dict[str, str],
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
) -> None:
    """A kind can be limited to reading, a policy or a time, as AWS confirms, and keeps its ARN."""
    kind, file = KINDS[name], tmp_path / "policy.json"
    file.write_text(json.dumps(allow("s3:ListAllMyBuckets")))
    aws.create_bucket("data", account=ACCOUNT, region="us-west-2")

    def code(_question: object) -> str:
        clock.shift(timedelta(seconds=30))  # AWS accepts each code once
        return aws.iam.mfa_code(values["mfa_serial"])

    def limited(**options: Any) -> ProfileSession:
        session = open_session(kind.profile, mfa_prompter=code, fresh=True, **options)
        assert who_am_i(session, ask=True).arn == kind.arn.format(**values)
        return session

    with in_its_place(aws, values, monkeypatch, kind):
        reader: Any = limited(read_only=True).client("s3")
        assert [bucket["Name"] for bucket in reader.list_buckets()["Buckets"]] == ["data"]
        assert is_denied(reader.put_object, Bucket="data", Key="k")
        narrowed = "sts:GetScopedCredentials" in aws.actions
        assert narrowed is (ASSUMED not in CALLS.get(name, []))
        lister: Any = limited(policy=file).client("s3")
        assert lister.list_buckets()["Buckets"]
        assert is_denied(lister.get_bucket_location, Bucket="data")
        if name != "login session":  # its credentials last only 15 minutes
            assert_lasts(timedelta(minutes=15), lambda: limited(duration="15m"))
