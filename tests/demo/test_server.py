"""The HTTP server: its address, paths and latency."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest
from botocore.config import Config

from tests.demo.policies import HOME, allows, policy

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients


def test_it_listens_on_loopback_only(aws: EmbeddedAws) -> None:
    """The endpoint is a port on 127.0.0.1."""
    assert aws.endpoint_url.startswith("http://127.0.0.1:")


def test_it_is_silent(
    aws: EmbeddedAws, clients: Clients, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither starting nor a request prints anything."""
    clients.of("sts", aws.create_user("Ann", account=HOME)).get_caller_identity()
    assert tuple(capfd.readouterr()) == ("", "")


def test_latency(aws: EmbeddedAws, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request waits for `latency` seconds."""
    waits: list[float] = []
    monkeypatch.setattr("ipy_awsprofile.demo.server.sleep", waits.append)
    sts = clients.of("sts", aws.create_user("Ann", account=HOME))
    assert aws.latency == 0
    sts.get_caller_identity()
    aws.latency = 0.25
    sts.get_caller_identity()
    assert waits == [0, 0.25]


@pytest.mark.parametrize("path", ["/moto-api/reset", "/latest/meta-data/iam/security-credentials/"])
def test_unsigned_paths_of_moto(aws: EmbeddedAws, path: str) -> None:
    """The server returns 404 for paths that moto would answer without a signature."""
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(aws.endpoint_url + path, data=b"")
    assert caught.value.code == 404


def test_a_bucket_named_like_a_path(aws: EmbeddedAws, clients: Clients) -> None:
    """A signed request for a path that the sign-in page uses goes to S3."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    aws.create_bucket("device", account=HOME)
    s3 = clients.of("s3", user, config=Config(s3={"addressing_style": "path"}))
    assert s3.list_objects_v2(Bucket="device")["KeyCount"] == 0
