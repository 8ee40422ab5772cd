"""Every kind of identity can be limited, as AWS confirms, or the error says why it can't.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import allow
from ipy_awsprofile.errors import InvalidOption, UnexpectedAccount
from ipy_awsprofile.sessions.session import ProfileSession, open_session, who_am_i
from ipy_awsprofile.switch.switcher import Switcher
from tests.demo.clients import Clock
from tests.kinds import ACCOUNT, KINDS, in_its_place

#: The kinds whose role is limited when it is assumed. All other kinds are narrowed afterwards.
BY_ROLE = {
    "role with source_profile",
    "chain of three",
    "chain of five",
    "self-referencing",
    "external_id",
    "mfa_serial",
    "credential_source Environment",
    "credential_source Ec2InstanceMetadata",
    "credential_source EcsContainer",
    "web identity as a source",
    "credential_process as a source",
    "SSO as a source",
}


@pytest.fixture(autouse=True)
def _bucket(aws: EmbeddedAws) -> None:
    aws.create_bucket("data", account=ACCOUNT, region="us-west-2")


def s3_of(aws: EmbeddedAws, session: ProfileSession) -> Any:
    """Return an S3 client with the endpoint, which not every kind's files name."""
    return session.client("s3", region_name="us-west-2", endpoint_url=aws.endpoint_url)


@pytest.mark.nightly(keep=8)
@pytest.mark.parametrize("name", KINDS)
def test_limits(  # noqa: PLR0917  # fixtures
    aws: EmbeddedAws,
    values: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    clock: Clock,
    tmp_path: Path,
    name: str,
) -> None:
    """Each kind can be limited to reading, a policy, a time or an account, and keeps its ARN."""
    kind = KINDS[name]
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(allow("s3:ListAllMyBuckets")))

    def code(_question: object) -> str:
        clock.advance(seconds=30)  # AWS accepts each code once
        return aws.mfa_code(values["mfa_serial"])

    def opened(**options: Any) -> ProfileSession:
        return open_session(kind.profile, mfa_prompter=code, fresh=True, **options)

    with in_its_place(aws, values, monkeypatch, kind):
        arn, seen = kind.arn.format(**values), len(aws.calls)
        reader = opened(read_only=True)
        assert who_am_i(reader, ask=True).arn == arn
        s3 = s3_of(aws, reader)
        assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["data"]
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket="data", Key="k")
        narrowed = [call for call in aws.calls[seen:] if call.action == "sts:GetScopedCredentials"]
        assert bool(narrowed) is (name not in BY_ROLE)

        lister = opened(policy=file)
        assert who_am_i(lister, ask=True).arn == arn
        assert s3_of(aws, lister).list_buckets()["Buckets"]
        with pytest.raises(ClientError, match="AccessDenied"):
            s3_of(aws, lister).get_bucket_location(Bucket="data")

        if name == "login session":  # its credentials last 15 minutes
            clock.advance(seconds=1)
            with pytest.raises(InvalidOption, match="exceeds the remaining session lifetime"):
                opened(duration="15m")
        else:
            identity = who_am_i(opened(duration="15m"))
            assert identity.arn == arn
            assert identity.expiry
            assert abs(identity.expiry - clock() - timedelta(minutes=15)) < timedelta(seconds=2)

        switcher, person = Switcher(None), Person(mfa_prompter=code)
        try:
            for account in ("999999999999", ACCOUNT):
                request = SwitchRequest(
                    profile=kind.profile, expect_account=account, read_only=True
                )
                if account == ACCOUNT:
                    assert switcher.switch(request, person=person).arn == arn
                else:
                    with pytest.raises(UnexpectedAccount):
                        switcher.switch(request, person=person)
                    assert switcher.identity() is None
        finally:
            switcher.close()
