"""A Region that is misspelled, that is missing, or that the account hasn't enabled."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_awsprofile.errors import CredentialsRejected, EndpointUnreachable, InvalidOption
from ipy_awsprofile.sessions.session import open_session, who_am_i
from tests.aws import EmbeddedAws
from tests.servers import Answers, closed_port, odd_server

KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush\n"


@pytest.mark.parametrize("misspelled", ["us-wset-2", "uswest2", "us-west-2a"])
@pytest.mark.parametrize("place", ["file", "option", "variable"])
def test_misspelled_region(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, misspelled: str, place: str
) -> None:
    """The error names the Region that is meant, instead of the network."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    region, origin = None, "See config:2."
    if place == "file":
        shared_files[0].write_text(f"[profile p]\nregion = {misspelled}\n{KEYS}")
    else:
        shared_files[0].write_text(f"[profile p]\nregion = us-east-1\n{KEYS}")
    if place == "option":
        region, origin = misspelled, ""
    if place == "variable":
        monkeypatch.setenv("AWS_DEFAULT_REGION", misspelled)
        origin = "The Region comes from AWS_DEFAULT_REGION."
    with pytest.raises(EndpointUnreachable) as caught:
        who_am_i(open_session("p", region=region, timeout=0.2))
    hint = caught.value.hint
    assert f"`{misspelled}` is" in hint
    assert "`us-west-2`" in hint
    assert hint.endswith(origin)
    assert "network" not in hint


def test_network(shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """For a Region that exists, the hint is about the network."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    shared_files[0].write_text(f"[profile p]\nregion = us-west-2\n{KEYS}")
    with pytest.raises(EndpointUnreachable) as caught:
        who_am_i(open_session("p", timeout=0.2))
    assert caught.value.hint.startswith("Check the network")


REJECTED = (
    "<ErrorResponse><Error><Code>InvalidClientTokenId</Code>"
    "<Message>The security token included in the request is invalid.</Message></Error>"
    "</ErrorResponse>"
)


@pytest.mark.parametrize("region", ["af-south-1", "us-west-2"])
def test_region_that_is_not_enabled(
    shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    """If AWS rejects keys in a Region that accounts must enable, the hint names the Region."""
    url = f"http://sts.{region}.amazonaws.com"
    shared_files[0].write_text(f"[profile p]\nregion = {region}\nendpoint_url = {url}\n{KEYS}")
    with odd_server(Answers((403, REJECTED))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with pytest.raises(CredentialsRejected) as caught:
            who_am_i(open_session("p"))
    enabled = (
        "The Region `af-south-1` might not be enabled in your account. The access key is unknown"
    )
    assert caught.value.hint.startswith(enabled) == (region == "af-south-1")
    assert "the secret is wrong" in caught.value.hint


def test_no_region(aws: EmbeddedAws) -> None:
    """Without a Region, a switch is refused, even if a role's session is cached."""
    role = "arn:aws:iam::123456789012:role/RoleBeta"
    aws.write_profile("Nowhere", role_arn=role, source_profile="UserAlpha")
    for _ in range(2):
        with pytest.raises(InvalidOption, match="`Nowhere` has no valid AWS Region") as caught:
            open_session("Nowhere")
        assert "`%aws_profile Nowhere --region …`" in caught.value.hint
        assert who_am_i(open_session("Nowhere", region="us-west-2")).region == "us-west-2"
