"""Checks of every request: access key, token, expiration, signature and permission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.demo.clients import AwsError, error_of
from tests.demo.policies import HOME, allows, policy, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.demo.clients import Clients, Clock

# A read-only call for each protocol: query (two services), REST-XML, EC2, JSON, REST-JSON.
CALLS = {
    "sts": "get_caller_identity",
    "iam": "list_users",
    "s3": "list_buckets",
    "ec2": "describe_instances",
    "dynamodb": "list_tables",
    "lambda": "list_functions",
}
EXPIRED = "The security token included in the request is expired"
INVALID = "The security token included in the request is invalid."


@pytest.fixture
def session(aws: EmbeddedAws, clients: Clients, user: IamUser) -> dict[str, Any]:
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn), policy=policy(allows("*")))
    return clients.assume(user, role)


def call_error(clients: Clients, service: str, who: Any, **more: Any) -> AwsError:
    """Return the error of a failed call to a service."""
    return error_of(getattr(clients.of(service, who, **more), CALLS[service]))


def keys(user: IamUser, **more: str) -> dict[str, str]:
    """Return a user's credentials in the form of an STS response, with optional replacements."""
    return {
        "AccessKeyId": user.access_key_id,
        "SecretAccessKey": user.secret_access_key,
    } | more


@pytest.mark.parametrize("service", CALLS)
def test_valid_credentials(
    clients: Clients, user: IamUser, session: dict[str, Any], service: str
) -> None:
    """Users and sessions with all permissions can call services of every protocol."""
    for who in (user, session):
        response = getattr(clients.of(service, who), CALLS[service])()
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("sts", ("ExpiredToken", EXPIRED, 403)),
        ("iam", ("ExpiredToken", EXPIRED, 403)),
        ("ec2", ("ExpiredToken", EXPIRED, 403)),
        ("s3", ("ExpiredToken", "The provided token has expired.", 400)),
        ("dynamodb", ("ExpiredTokenException", EXPIRED, 403)),
        ("lambda", ("ExpiredTokenException", EXPIRED, 403)),
    ],
)
def test_an_expired_session(
    clients: Clients, clock: Clock, session: dict[str, Any], service: str, expected: Any
) -> None:
    """After its expiration, each service refuses a session with the service's own error."""
    clock.advance(seconds=3599)
    call = getattr(clients.of(service, session), CALLS[service])
    assert call()["ResponseMetadata"]["HTTPStatusCode"] == 200
    clock.advance(seconds=1)
    assert call_error(clients, service, session) == expected


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("sts", "InvalidClientTokenId", 403),
        ("iam", "InvalidClientTokenId", 403),
        ("s3", "InvalidAccessKeyId", 403),
        ("ec2", "AuthFailure", 403),
        ("dynamodb", "UnrecognizedClientException", 403),
    ],
)
def test_an_unknown_key(clients: Clients, service: str, code: str, status: int) -> None:
    """Each service refuses an unknown access key with the service's own error."""
    nobody = {"AccessKeyId": "AKIA" + "A" * 16, "SecretAccessKey": "s" * 40}
    error = call_error(clients, service, nobody)
    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("sts", "SignatureDoesNotMatch"),
        ("iam", "SignatureDoesNotMatch"),
        ("s3", "SignatureDoesNotMatch"),
        ("ec2", "AuthFailure"),
        ("dynamodb", "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret(clients: Clients, user: IamUser, service: str, code: str) -> None:
    """Each service refuses a signature created with another secret key."""
    error = call_error(clients, service, keys(user, SecretAccessKey="s" * 40))
    assert (error.code, error.status) == (code, 403)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("sts", ("InvalidClientTokenId", INVALID, 403)),
        (
            "s3",
            ("InvalidToken", "The provided token is malformed or otherwise invalid.", 400),
        ),
    ],
)
def test_a_wrong_token(
    clients: Clients, user: IamUser, session: dict[str, Any], service: str, expected: Any
) -> None:
    """A session's key with a wrong token is refused, and so is a user's key with any token."""
    assert call_error(clients, service, session | {"SessionToken": "another"}) == expected
    assert call_error(clients, service, keys(user, SessionToken="any")) == expected


@pytest.mark.parametrize(
    ("service", "code"), [("sts", "InvalidClientTokenId"), ("s3", "InvalidAccessKeyId")]
)
def test_a_session_without_its_token(
    clients: Clients, session: dict[str, Any], service: str, code: str
) -> None:
    """A session's keys are refused without their token."""
    del session["SessionToken"]
    assert call_error(clients, service, session).code == code


def test_a_deactivated_key(clients: Clients, user: IamUser) -> None:
    """A user's access key is refused after a client deactivates it."""
    clients.of("iam", user).update_access_key(
        UserName="Ann", AccessKeyId=user.access_key_id, Status="Inactive"
    )
    assert call_error(clients, "sts", user).code == "InvalidClientTokenId"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("sts", "MissingAuthenticationToken"),
        ("iam", "MissingAuthenticationToken"),
        ("ec2", "MissingAuthenticationToken"),
        ("s3", "AccessDenied"),
    ],
)
def test_an_unsigned_request(clients: Clients, user: IamUser, service: str, code: str) -> None:
    """Each service denies an unsigned request."""
    unsigned = Config(signature_version=UNSIGNED)
    error = call_error(clients, service, user, config=unsigned)
    assert (error.code, error.status) == (code, 403)


def test_the_account_of_a_request(
    aws: EmbeddedAws, clients: Clients, user: IamUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The access key determines the account, unlike in moto, where a header or a variable does."""
    aws.create_bucket("away-bucket", account="222222222222")
    aws.create_bucket("home-bucket", account=HOME)
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "222222222222")
    s3 = clients.of("s3", user)
    s3.meta.events.register(
        "before-sign.s3",
        lambda request, **_: request.headers.add_header("x-moto-account-id", "222222222222"),
    )
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["home-bucket"]


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("iam", "list_users", "AccessDenied"),
        ("sns", "list_topics", "AccessDenied"),
        ("ec2", "describe_instances", "UnauthorizedOperation"),
        ("dynamodb", "list_tables", "AccessDeniedException"),
        ("lambda", "list_functions", "AccessDeniedException"),
        ("amp", "list_workspaces", "AccessDeniedException"),
    ],
)
def test_a_denial_in_each_protocol(
    aws: EmbeddedAws, clients: Clients, service: str, operation: str, code: str
) -> None:
    """Each service denies a user without policies, with the code of its protocol."""
    nobody = aws.create_user("Nobody", account=HOME)
    error = error_of(getattr(clients.of(service, nobody), operation))
    assert error.code == code
    assert "no identity-based policy allows the" in error.message


def test_the_list_of_calls(
    aws: EmbeddedAws, clients: Clients, user: IamUser, session: dict[str, Any]
) -> None:
    """`calls` records each request's action, and its signer's ARN and access key, or None."""
    aws.calls.clear()
    nobody = {"AccessKeyId": "AKIA" + "A" * 16, "SecretAccessKey": "s" * 40}
    aws.create_bucket("the-bucket", account=HOME)
    clients.of("s3", user).delete_objects(
        Bucket="the-bucket", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]}
    )
    call_error(clients, "iam", nobody)
    call_error(clients, "s3", user, config=Config(signature_version=UNSIGNED))
    clients.of("s3", session).head_bucket(Bucket="the-bucket")
    assert [(call.action, call.arn, call.access_key_id) for call in aws.calls] == [
        ("s3:DeleteObject", user.arn, user.access_key_id),
        ("iam:ListUsers", None, nobody["AccessKeyId"]),
        ("s3:ListAllMyBuckets", None, None),
        (
            "s3:ListBucket",
            f"arn:aws:sts::{HOME}:assumed-role/Role/test",
            session["AccessKeyId"],
        ),
    ]
