"""Temporary credentials, which can expire on the server, and which many threads get at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.demo.clients import error_of
from tests.demo.policies import HOME, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.demo.clients import Clients


def test_expire_sessions_ends_one_or_all(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """`expire_sessions` expires one session or all, and returns how many were valid."""
    sts = clients.of("sts", user)
    first, *others = [sts.get_session_token()["Credentials"] for _ in range(3)]
    asking = [clients.of("sts", session).get_caller_identity for session in (first, *others)]
    assert aws.expire_sessions(first["AccessKeyId"]) == 1
    assert error_of(asking[0]).code == "ExpiredToken"
    assert asking[1]()["Arn"] == user.arn
    assert aws.expire_sessions() == 2
    assert [error_of(ask).code for ask in asking] == ["ExpiredToken"] * 3
    assert aws.expire_sessions() == 0
    assert sts.get_caller_identity()["Arn"] == user.arn


@pytest.mark.slow
def test_many_threads_at_once(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """Each of many concurrent calls gets its own session, and is in the list of calls."""
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    sts = clients.of("sts", user)

    def assume(number: int) -> str:
        response = sts.assume_role(RoleArn=role, RoleSessionName=f"n-{number}")
        arn: str = clients.of("sts", response["Credentials"]).get_caller_identity()["Arn"]
        return arn

    with ThreadPoolExecutor(8) as pool:
        arns = list(pool.map(assume, range(40)))
    assert arns == [f"arn:aws:sts::{HOME}:assumed-role/Role/n-{n}" for n in range(40)]
    assert sorted(call.arn or "" for call in aws.calls) == sorted([user.arn] * 40 + arns)
    assert aws.expire_sessions() == 40
