"""polars reads as the session, also while the session is being renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from ipy_awsprofile.bindings.polars import polars
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session
from tests.renewing import renew_at_each_use

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

BUCKET = "polars-of-mine"


@pytest.mark.parametrize("always_renewed", [True, False])
def test_polars_gets_one_session(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, *, always_renewed: bool
) -> None:
    """Access key, secret and token belong together, even if each use renews the session."""
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    session = open_session("RoleBeta", duration="15m")
    session.client("s3").put_object(Bucket=BUCKET, Key="cities.csv", Body=b"city\nOslo\n")
    if always_renewed:
        renew_at_each_use(session)
    with polars(session):
        aws.calls.clear()
        for _ in range(3):
            assert pl.read_csv(f"s3://{BUCKET}/cities.csv")["city"].to_list() == ["Oslo"]
    assert {call.arn for call in aws.calls if call.action.startswith("s3:")} == {
        who_am_i(session).arn
    }
