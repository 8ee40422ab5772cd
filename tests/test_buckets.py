"""`list_buckets`, which returns a DataFrame with fixed columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pandas as pd
import pytest

from ipy_awsprofile import list_buckets, open_session
from ipy_awsprofile.demo.stages.scenario import BUCKETS, ROLE_ACCOUNT
from ipy_awsprofile.errors import AccessDenied, CredentialsExpired

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

TYPES = {"name": "string", "creation_date": "datetime64[us, UTC]", "region": "string"}


def types(frame: pd.DataFrame) -> dict[str, str]:
    """Return the dtype of each column."""
    return {str(name): str(kind) for name, kind in frame.dtypes.items()}


def test_the_scenario(aws: EmbeddedAws) -> None:
    """Each bucket has its name, its date in UTC and its Region, and rows are sorted by name."""
    frame = list_buckets(open_session("RoleBeta"))
    assert types(frame) == TYPES
    assert [tuple(row) for row in frame.itertuples(index=False)] == [
        (name, pd.Timestamp(created), region) for name, (region, created) in BUCKETS.items()
    ]
    assert list(frame.index) == [0, 1, 2]


def test_prefix(aws: EmbeddedAws) -> None:
    """With a prefix, only matching buckets are listed, and the columns stay, even without rows."""
    session = boto3.Session(profile_name="RoleBeta")  # any boto3 session
    assert list(list_buckets(session, prefix="my-s")["name"]) == ["my-second-bucket"]
    assert types(list_buckets(session, prefix="no")) == TYPES


@pytest.mark.slow
def test_more_than_one_page(aws: EmbeddedAws) -> None:
    """All pages are read, and the names are sorted."""
    for number in range(1005):
        aws.create_bucket(
            f"bulk-{number:04}",
            account=ROLE_ACCOUNT,
            creation_date=datetime(2020, 1, 1, tzinfo=UTC),
        )
    frame = list_buckets(open_session("RoleBeta"))
    assert len(frame) == 1008
    assert frame["name"].is_monotonic_increasing
    assert len([call for call in aws.calls if call.action == "s3:ListAllMyBuckets"]) == 2


def test_denied(aws: EmbeddedAws) -> None:
    """The error says that UserAlpha isn't allowed to list buckets."""
    with pytest.raises(AccessDenied, match="`UserAlpha` isn't allowed to call ListBuckets"):
        list_buckets(open_session("UserAlpha"))


def test_expired(aws: EmbeddedAws) -> None:
    """The error of an expired session names the role."""
    session = open_session("RoleBeta")
    aws.expire_sessions()
    with pytest.raises(CredentialsExpired, match="of `RoleBeta` have expired"):
        list_buckets(session)
