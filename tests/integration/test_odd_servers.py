"""Servers that are slow, or that aren't AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import EndpointUnreachable, ServiceError
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session
from tests.servers import Answers, odd_server, silent_server
from tests.shells import Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.stages.scenario import Scenario


@pytest.mark.slow
def test_endpoint_too_slow(aws: EmbeddedAws) -> None:
    """If an endpoint doesn't answer, the call fails after the timeout."""
    with silent_server() as url:
        aws.write_profile(
            "Slow",
            role_arn="arn:aws:iam::123456789012:role/Slow",
            source_profile="UserAlpha",
            region="us-west-2",
            endpoint_url=url,
        )
        with pytest.raises(EndpointUnreachable, match="didn't respond in time for `Slow`"):
            open_session("Slow", timeout=0.2)


@pytest.mark.slow
def test_endpoint_too_slow_for_the_identity(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The call for a user's identity has the same timeout."""
    with silent_server() as url:
        aws.write_profile(
            "Slow",
            region="us-west-2",
            endpoint_url=url,
            aws_access_key_id=scenario.user.access_key_id,
            aws_secret_access_key=scenario.user.secret_access_key,
        )
        session = open_session("Slow", timeout=0.2)
        with pytest.raises(EndpointUnreachable, match="didn't respond in time for `Slow`"):
            who_am_i(session)


def test_latency_within_bounds(aws: EmbeddedAws) -> None:
    """An endpoint that is slow, but answers within the timeout, works."""
    aws.latency = 0.3
    assert who_am_i(open_session("RoleBeta", timeout=5)).account == ROLE_ACCOUNT


ANSWERS = {
    "405": (405, "<html>Method Not Allowed</html>"),
    "405 without a body": (405, ""),
    "no Error": (400, "<Oops/>"),
    "no code": (400, "<ErrorResponse><Error><Message>hm</Message></Error></ErrorResponse>"),
    "no message": (400, "<ErrorResponse><Error><Code>Odd</Code></Error></ErrorResponse>"),
    "null message": (
        400,
        "<ErrorResponse><Error><Code>Odd</Code><Message/></Error></ErrorResponse>",
    ),
    "no XML": (400, "{"),
    "JSON": (400, '{"message": null}'),
    "several lines": (
        400,
        "<ErrorResponse><Error><Code>Odd</Code><Message>a\nb</Message></Error></ErrorResponse>",
    ),
    "200 and no XML": (200, "hello"),
    "200 and nothing": (200, ""),
    "200 and something else": (200, "<Other/>"),
}


@pytest.mark.parametrize("profile", ["Odd", "OddUser"])
def test_odd_answers(shell: Shell, aws: EmbeddedAws, scenario: Scenario, profile: str) -> None:
    """Any unusable response raises one of our errors, and nothing changes."""
    identity = shell.good("%aws_profile RoleBeta").text
    config = aws.config_file.read_text()
    for answer in ANSWERS.values():
        with odd_server(Answers(answer)) as url:
            aws.config_file.write_text(config)
            aws.write_profile(
                "Odd",
                role_arn="arn:aws:iam::123456789012:role/Odd",
                source_profile="UserAlpha",
                region="us-west-2",
                endpoint_url=url,
            )
            aws.write_profile(
                "OddUser",
                aws_access_key_id=scenario.user.access_key_id,
                aws_secret_access_key=scenario.user.secret_access_key,
                region="us-west-2",
                endpoint_url=url,
            )
            error = shell.refused(f"%aws_profile {profile}")
        assert isinstance(error, ServiceError), answer
        assert shell.good("%aws_profile").text == identity
