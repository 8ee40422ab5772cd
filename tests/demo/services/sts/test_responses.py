"""GetCallerIdentity, GetSessionToken, and actions that aren't emulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.demo.clients import AwsError, error_of
from tests.demo.policies import HOME, allows, policy, trusts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.demo.clients import Clients, Clock


def test_get_caller_identity(aws: EmbeddedAws, clients: Clients) -> None:
    """GetCallerIdentity requires no permission, and returns the caller's ID, account and ARN."""
    deny = {"Effect": "Deny", "Action": "*"}
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("*"), deny))
    role = aws.create_role("Role", account="222222222222", trust=trusts(HOME))
    identity = clients.of("sts", user).get_caller_identity()
    assert identity["UserId"].startswith("AIDA")
    assert (identity["Account"], identity["Arn"]) == (HOME, f"arn:aws:iam::{HOME}:user/Ann")
    bob = aws.create_user("Bob", account=HOME, policy=policy(allows("sts:AssumeRole")))
    response = clients.of("sts", bob).assume_role(RoleArn=role, RoleSessionName="bob")
    identity = clients.of("sts", response["Credentials"]).get_caller_identity()
    assert identity["Account"] == "222222222222"
    assert identity["Arn"] == "arn:aws:sts::222222222222:assumed-role/Role/bob"
    assert identity["UserId"] == response["AssumedRoleUser"]["AssumedRoleId"]
    role_id, _, name = identity["UserId"].partition(":")
    assert (role_id[:4], name) == ("AROA", "bob")


@pytest.mark.parametrize(
    "call",
    [
        lambda sts: sts.get_federation_token(Name="fed"),
        lambda sts: sts.assume_role_with_saml(
            RoleArn=f"arn:aws:iam::{HOME}:role/Saml",
            PrincipalArn=f"arn:aws:iam::{HOME}:saml-provider/IdP",
            SAMLAssertion="assertion",
        ),
    ],
)
def test_actions_that_are_not_emulated(
    clients: Clients, user: IamUser, call: Callable[[Any], Any]
) -> None:
    """STS refuses actions for which moto would return unusable credentials."""
    error = error_of(call, clients.of("sts", user))
    assert error.code == "NotImplemented"
    assert "doesn't emulate" in error.message


def test_get_session_token_is_for_users(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """GetSessionToken can't be called with temporary credentials."""
    session = clients.of("sts", user).get_session_token()["Credentials"]
    with pytest.raises(ClientError, match="Cannot call GetSessionToken with session credentials"):
        clients.of("sts", session).get_session_token()


@pytest.mark.parametrize("seconds", [900, 129600])
def test_durations_of_get_session_token(
    clients: Clients, clock: Clock, user: IamUser, seconds: int
) -> None:
    """GetSessionToken's credentials are valid for the requested duration, up to 36 hours."""
    sts = clients.of("sts", user)
    expiration = sts.get_session_token(DurationSeconds=seconds)["Credentials"]["Expiration"]
    assert (expiration - clock.now).total_seconds() == seconds
    with pytest.raises(ClientError, match="durationSeconds"):
        sts.get_session_token(DurationSeconds=129601)


def test_what_a_session_of_get_session_token_can_call(aws: EmbeddedAws, clients: Clients) -> None:
    """Without MFA, the session can't call IAM; in STS, it can call only two actions."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("*")), mfa=True)
    sts = clients.of("sts", user)
    plain = sts.get_session_token()["Credentials"]
    code = {"SerialNumber": user.mfa_serial, "TokenCode": aws.mfa_code(str(user.mfa_serial))}
    with_mfa = sts.get_session_token(**code)["Credentials"]
    assert error_of(clients.of("iam", plain).list_users) == AwsError(
        "InvalidClientTokenId", "The security token included in the request is invalid.", 403
    )
    assert clients.of("iam", with_mfa).list_users()["Users"]
    for session in (plain, with_mfa):
        limited = clients.of("sts", session)
        assert limited.get_caller_identity()["Arn"] == user.arn
        refused = error_of(limited.get_federation_token, Name="fed")
        assert refused.code == "AccessDenied"
        assert clients.of("s3", session).list_buckets()["Buckets"] == []
