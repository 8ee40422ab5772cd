"""The card and the gate name an identity by its difference from the active one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("--session-name one", "--session-name two", "RoleBeta with the session name one"),
        ("--session-name one", "", "RoleBeta with the session name one"),
        ("", "--session-name two", "RoleBeta without a session name"),
        ("--session-name one", "--session-name one --region eu-west-1", ""),
        ("", "--refresh", ""),
    ],
)
def test_session_name(aws: EmbeddedAws, shell: Shell, first: str, second: str, named: str) -> None:
    """The card and the gate name a client's role session name if it isn't the active one."""
    shell.good(f"%aws_profile RoleBeta {first}")
    shell.good("s3 = session.client('s3')")
    card = shell.good(f"%aws_profile {'' if second == '--refresh' else 'RoleBeta'} {second}").text
    used = shell.good("s3.list_buckets()").text
    if named:
        assert f"`s3` still signs as {named}" in card
        assert f"signs ListBuckets as {named}, but `RoleBeta` is active" in used
        names = [str(call.arn).rpartition("/")[2] for call in aws.calls]
        assert (names[-1] == "one") is ("one" in named)
    else:
        assert "still signs" not in card
        assert "signs ListBuckets" not in used
