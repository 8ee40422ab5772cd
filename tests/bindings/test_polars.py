"""polars reads as the session, even while the session is being renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.io.cloud.credential_provider._builder import (
    AutoInit,
    CredentialProviderBuilderImpl,
)

from ipy_awsprofile.bindings.polars import no_default_of_polars, polars
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.renewing import renew_at_each_use
from tests.roles import add_role

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

BUCKET = "polars-of-mine"


@pytest.fixture(params=["current", "before 2.1"])
def _versions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the installed polars, and simulate a version before 2.1, which has no cache keys."""
    if request.param == "before 2.1":
        for kind in (AutoInit, CredentialProviderBuilderImpl):
            monkeypatch.delattr(kind, "stable_cache_key", raising=False)


@pytest.mark.usefixtures("_versions")
@pytest.mark.parametrize("always_renewed", [True, False])
def test_polars_gets_one_session(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, *, always_renewed: bool
) -> None:
    """The access key, secret and token belong to one session, even if each use renews it."""
    session = open_session("RoleBeta", duration="15m")
    put_cities(aws, monkeypatch)
    if always_renewed:
        renew_at_each_use(session)
    with polars(session):
        aws.calls.clear()
        for _ in range(3):
            assert pl.scan_csv(f"s3://{BUCKET}/cities.csv").collect()["city"].to_list() == ["Oslo"]
    assert {call.arn for call in aws.calls if call.action.startswith("s3:")} == {
        who_am_i(session).arn
    }


@pytest.mark.usefixtures("_versions")
def test_polars_follows_each_session(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars uses each new session in turn, and refuses to read in a run."""
    add_role(aws, "RoleGamma", "s3:*")
    put_cities(aws, monkeypatch)
    for role in ("RoleBeta", "RoleGamma", "RoleBeta"):
        session = open_session(role)
        with polars(session):
            aws.calls.clear()
            pl.scan_csv(f"s3://{BUCKET}/cities.csv").collect()
            with no_default_of_polars(), pytest.raises(NotForOneProfile):
                pl.scan_csv(f"s3://{BUCKET}/cities.csv").collect()
        arns = {call.arn for call in aws.calls if call.action.startswith("s3:")}
        assert arns == {who_am_i(session).arn}


def put_cities(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a file into a bucket, and allow polars to read it without TLS."""
    aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    s3 = open_session("RoleBeta").client("s3")
    s3.put_object(Bucket=BUCKET, Key="cities.csv", Body=b"city\nOslo\n")
