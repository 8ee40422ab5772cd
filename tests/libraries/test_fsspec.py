"""pandas reads and writes with the session that `storage_options` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pandas as pd
import pytest

from ipy_awsprofile import open_session, storage_options, who_am_i
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import CredentialsUnavailable
from tests.libraries.s3 import BUCKET, ROWS, signers

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.sessions.session import ProfileSession
    from ipy_awsprofile.switch.switcher import Switcher


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_pandas(aws: EmbeddedAws, session: ProfileSession, kind: str) -> None:
    """With a session's `storage_options`, pandas uses its profile, even for Parquet files."""
    url, options = f"s3://{BUCKET}/cities.{kind}", storage_options(session)
    write: Callable[..., None] = getattr(pd.DataFrame(ROWS), f"to_{kind}")
    write(url, index=False, storage_options=options)
    read: Callable[..., pd.DataFrame] = getattr(pd, f"read_{kind}")
    assert read(url, storage_options=options).to_dict("list") == ROWS
    (arn,) = signers(aws)
    assert str(arn).rpartition("/")[0] == who_am_i(session).arn.rpartition("/")[0]


@pytest.mark.parametrize("read_only", [False, True])
def test_pandas_with_the_active_identity(
    aws: EmbeddedAws, switcher: Switcher, read_only: bool
) -> None:
    """Without a session, `storage_options` uses the active identity, even if it is read-only."""
    boto3.Session(profile_name="RoleBeta").client("s3").put_object(
        Bucket=BUCKET, Key="a.csv", Body=b"city\nOslo\n"
    )
    identity = switcher.switch(
        SwitchRequest(profile="RoleBeta", read_only=read_only, session_name="active")
    )
    aws.calls.clear()
    options = storage_options()
    assert pd.read_csv(f"s3://{BUCKET}/a.csv", storage_options=options)["city"][0] == "Oslo"
    assert signers(aws) == {identity.arn}
    if read_only:
        with pytest.raises(PermissionError):
            pd.DataFrame(ROWS).to_csv(f"s3://{BUCKET}/b.csv", storage_options=options)


def test_storage_options_hold_no_secret(session: ProfileSession) -> None:
    """Storage options contain only a profile's name and its Region."""
    assert storage_options(open_session("RoleBeta", region="eu-west-1")) == {
        "profile": "RoleBeta",
        "client_kwargs": {"region_name": "eu-west-1"},
    }


def test_a_name_is_not_enough(session: ProfileSession) -> None:
    """A session that its profile's name can't reopen is refused, and so is a missing session."""
    narrow = open_session("RoleBeta", read_only=True)
    for refused in (narrow, boto3.Session()):
        with pytest.raises(CredentialsUnavailable, match="name of a profile isn't enough"):
            storage_options(refused)
    with pytest.raises(CredentialsUnavailable, match="No profile is active"):
        storage_options()
