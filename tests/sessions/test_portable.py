"""A portable session can go to another process, and carries short-lived credentials."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import list_buckets, open_session, who_am_i
from ipy_awsprofile.sessions.portable import portable
from tests.workers import empty_home

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws


def test_in_a_worker(aws: EmbeddedAws, tmp_path: Path) -> None:
    """Without files, it has the same identity, Region, endpoint and S3 settings."""
    with aws.config_file.open("a") as file:
        file.write(f"\n[services local]\ns3 =\n  endpoint_url = {aws.endpoint_url}\n")
    aws.write_profile(
        "Placed",
        source_profile="UserAlpha",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        region="eu-west-3",
        services="local",
        s3={"addressing_style": "virtual"},
        endpoint_url=aws.endpoint_url,
    )
    session = open_session("Placed")
    aws.config_file.write_text("")  # the session keeps the settings that it was opened with
    sent = pickle.dumps(portable(session))
    with empty_home(tmp_path / "worker"):
        opened = pickle.loads(sent).open()
        identity = who_am_i(opened)
        assert len(list_buckets(opened)) == 3
        meta = opened.client("s3").meta
    assert (identity.arn, identity.chain) == (who_am_i(session).arn, ("Placed", "UserAlpha"))
    assert (meta.region_name, meta.endpoint_url) == ("eu-west-3", aws.endpoint_url)
    assert meta.config.s3["addressing_style"] == "virtual"


def test_no_secret_is_shown(aws: EmbeddedAws) -> None:
    """The reprs of a portable session and of the session that it opens show no secret."""
    session = open_session("RoleBeta")
    record = portable(session)
    shown = f"{record} {record!r} {record.open()!r} {[record]}"
    assert "RoleBeta" in shown
    assert [secret for secret in aws.secrets() if secret in shown] == []
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(session)
