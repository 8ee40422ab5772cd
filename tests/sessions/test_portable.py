"""A portable session can go to another process, and carries short-lived credentials."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import list_buckets, open_session, who_am_i
from ipy_awsprofile.sessions.portable import portable
from tests.shells import run_python
from tests.workers import empty_home

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws


def test_session_is_not_pickled(aws: EmbeddedAws) -> None:
    """A profile's session can't be pickled."""
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(open_session("RoleBeta"))


def test_no_secret_is_shown(aws: EmbeddedAws) -> None:
    """Neither the portable session nor the session that it opens shows a secret."""
    record = portable(open_session("RoleBeta"))
    shown = f"{record} {record!r} {record.open()!r} {[record]}"
    assert "RoleBeta" in shown
    assert [secret for secret in aws.secrets() if secret in shown] == []
    assert str(record.keys.access_key) not in shown


def test_client_settings(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A portable session keeps its Region, endpoint and S3 settings without its profile."""
    with aws.config_file.open("a") as file:
        file.write(f"\n[services local]\ns3 =\n  endpoint_url = {aws.endpoint_url}\n")
    aws.write_profile(
        "Placed",
        source_profile="UserAlpha",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        region="eu-west-3",
        services="local",
        s3={"addressing_style": "virtual"},
        ca_bundle=str(tmp_path / "no.pem"),
        endpoint_url=aws.endpoint_url,
    )
    session = open_session("Placed")
    aws.config_file.write_text("")  # the session keeps the settings that it was opened with
    record = portable(session)
    with empty_home(tmp_path / "worker"):
        client = record.open().client("s3")
        sqs = record.open().resource("sqs")
    assert client.meta.region_name == "eu-west-3"
    assert client.meta.endpoint_url == aws.endpoint_url
    assert client.meta.config.s3["addressing_style"] == "virtual"
    assert sqs.meta.client.meta.endpoint_url == aws.endpoint_url
    assert "ca_bundle" not in record.settings


def test_identity(aws: EmbeddedAws) -> None:
    """`who_am_i` and `list_buckets` work with a session from a portable one."""
    session = portable(open_session("RoleBeta")).open()
    identity = who_am_i(session)
    assert (identity.profile, identity.chain) == ("RoleBeta", ("RoleBeta", "UserAlpha"))
    assert len(list_buckets(session)) == 3


def test_few_imports() -> None:
    """Importing portable sessions imports neither pandas nor IPython."""
    heavy = "sorted({'pandas', 'IPython', 'ipywidgets'} & set(sys.modules))"
    assert run_python(f"import sys, ipy_awsprofile.sessions.portable; print({heavy})") == "[]\n"
