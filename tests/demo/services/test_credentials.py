"""Signatures, keys and tokens: who is let in at all, and until when."""

from __future__ import annotations

import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.demo.policies import HOME, allows, policy, trusts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.accounts import IamUser
    from tests.demo.clients import Clients, Clock

# A harmless call of each of four protocols: query, REST-XML, EC2's, JSON; and JSON over REST.
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
def user(aws: EmbeddedAws) -> IamUser:
    return aws.create_user("Ann", account=HOME, policy=policy(allows("*")))


@pytest.fixture
def session(aws: EmbeddedAws, clients: Clients, user: IamUser) -> dict[str, Any]:
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn), policy=policy(allows("*")))
    return clients.assume(user, role)


def answer(clients: Clients, service: str, who: Any, **more: Any) -> tuple[str, str, int]:
    """Return code, message and HTTP status of a failing call."""
    with pytest.raises(ClientError) as caught:
        getattr(clients.of(service, who, **more), CALLS[service])()
    error, meta = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], error["Message"], meta["HTTPStatusCode"]


def keys(user: IamUser, **more: str) -> dict[str, str]:
    """Return a user's credentials in the form of an STS answer."""
    return {
        "AccessKeyId": user.access_key_id,
        "SecretAccessKey": user.secret_access_key,
    } | more


@pytest.mark.parametrize("service", CALLS)
def test_who_may_everything_may_it_in_every_protocol(
    clients: Clients, user: IamUser, session: dict[str, Any], service: str
) -> None:
    """A right signature of a user or a session, with a policy for all, is let in."""
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
def test_a_session_ends(
    clients: Clients, clock: Clock, session: dict[str, Any], service: str, expected: Any
) -> None:
    """At its expiration, and not a second before, each service refuses a session in its words."""
    clock.advance(seconds=3599)
    call = getattr(clients.of(service, session), CALLS[service])
    assert call()["ResponseMetadata"]["HTTPStatusCode"] == 200
    clock.advance(seconds=1)
    assert answer(clients, service, session) == expected


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
    """A key that nobody has is refused in the service's words."""
    nobody = {"AccessKeyId": "AKIA" + "A" * 16, "SecretAccessKey": "s" * 40}
    assert answer(clients, service, nobody)[::2] == (code, status)


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
    """A signature made with another secret does not match."""
    assert answer(clients, service, keys(user, SecretAccessKey="s" * 40))[::2] == (code, 403)


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
    """A session with another's token, and a user with any token, is refused."""
    assert answer(clients, service, session | {"SessionToken": "another"}) == expected
    assert answer(clients, service, keys(user, SessionToken="any")) == expected


@pytest.mark.parametrize(
    ("service", "code"), [("sts", "InvalidClientTokenId"), ("s3", "InvalidAccessKeyId")]
)
def test_a_session_without_its_token(
    clients: Clients, session: dict[str, Any], service: str, code: str
) -> None:
    """A session's keys are worth nothing without the token."""
    del session["SessionToken"]
    assert answer(clients, service, session)[0] == code


def test_a_deactivated_key(clients: Clients, user: IamUser) -> None:
    """A user's key that was made inactive, over the wire, signs no more."""
    clients.of("iam", user).update_access_key(
        UserName="Ann", AccessKeyId=user.access_key_id, Status="Inactive"
    )
    assert answer(clients, "sts", user)[0] == "InvalidClientTokenId"


def test_expire_sessions_ends_one_or_all(
    aws: EmbeddedAws, clients: Clients, user: IamUser, session: dict[str, Any]
) -> None:
    """`expire_sessions` ends one session, then the others, and counts only those still good."""
    others = [clients.of("sts", user).get_session_token()["Credentials"] for _ in range(2)]
    assert aws.expire_sessions(session["AccessKeyId"]) == 1
    assert answer(clients, "sts", session)[0] == "ExpiredToken"
    assert clients.of("sts", others[0]).get_caller_identity()["Arn"] == user.arn
    assert aws.expire_sessions() == 2
    assert [answer(clients, "sts", other)[0] for other in others] == ["ExpiredToken"] * 2
    assert aws.expire_sessions() == 0
    assert clients.of("sts", user).get_caller_identity()["Arn"] == user.arn


def test_who_am_i(aws: EmbeddedAws, clients: Clients) -> None:
    """GetCallerIdentity says id, account and ARN of users and of sessions, whatever is denied."""
    deny = {"Effect": "Deny", "Action": "*"}
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("*"), deny))
    role = aws.create_role("Role", account="222222222222", trust=trusts(HOME))
    identity = clients.of("sts", user).get_caller_identity()
    assert identity["UserId"].startswith("AIDA")
    assert (identity["Account"], identity["Arn"]) == (HOME, f"arn:aws:iam::{HOME}:user/Ann")
    bob = aws.create_user("Bob", account=HOME, policy=policy(allows("sts:AssumeRole")))
    answered = clients.of("sts", bob).assume_role(RoleArn=role, RoleSessionName="bob")
    identity = clients.of("sts", answered["Credentials"]).get_caller_identity()
    assert identity["Account"] == "222222222222"
    assert identity["Arn"] == "arn:aws:sts::222222222222:assumed-role/Role/bob"
    assert identity["UserId"] == answered["AssumedRoleUser"]["AssumedRoleId"]
    role_id, _, name = identity["UserId"].partition(":")
    assert (role_id[:4], name) == ("AROA", "bob")


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
    """A request that nobody signed is denied."""
    unsigned = Config(signature_version=UNSIGNED)
    assert answer(clients, service, user, config=unsigned)[::2] == (code, 403)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("list_buckets", {}),
        ("list_objects_v2", {"Bucket": "the-bucket"}),
        ("get_object", {"Bucket": "the-bucket", "Key": "key"}),
    ],
)
def test_a_presigned_url_is_denied(
    aws: EmbeddedAws, clients: Clients, user: IamUser, operation: str, parameters: Any
) -> None:
    """Presigned URLs cannot be checked here, so they are denied."""
    aws.create_bucket("the-bucket", account=HOME)
    s3 = clients.of("s3", user)
    s3.put_object(Bucket="the-bucket", Key="key", Body=b"text")
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(s3.generate_presigned_url(operation, parameters))
    assert caught.value.code == 403


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
def test_what_sts_does_not_do_here(
    clients: Clients, user: IamUser, call: Callable[[Any], Any]
) -> None:
    """STS says that it does not emulate a call, where moto would give a key that is nobody's."""
    with pytest.raises(ClientError, match="does not emulate") as caught:
        call(clients.of("sts", user))
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


@pytest.mark.parametrize("path", ["/moto-api/reset", "/latest/meta-data/iam/security-credentials/"])
def test_the_back_doors_are_shut(aws: EmbeddedAws, path: str) -> None:
    """Moto's own, unsigned paths are not there."""
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(aws.endpoint_url + path, data=b"")
    assert caught.value.code == 404


def test_a_header_does_not_choose_the_account(
    aws: EmbeddedAws, clients: Clients, user: IamUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account follows from the key alone, where moto believes a header or the environment."""
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
    """Who has no policy is denied by each service under the code of its protocol."""
    nobody = aws.create_user("Nobody", account=HOME)
    with pytest.raises(ClientError, match="no identity-based policy allows the") as caught:
        getattr(clients.of(service, nobody), operation)()
    assert caught.value.response["Error"]["Code"] == code


def test_many_threads_at_once(aws: EmbeddedAws, clients: Clients, user: IamUser) -> None:
    """Calls from many threads each get a session of their own, and each is in the list."""
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    sts = clients.of("sts", user)

    def assume(number: int) -> str:
        answered = sts.assume_role(RoleArn=role, RoleSessionName=f"n-{number}")
        arn: str = clients.of("sts", answered["Credentials"]).get_caller_identity()["Arn"]
        return arn

    with ThreadPoolExecutor(8) as pool:
        arns = list(pool.map(assume, range(40)))
    assert arns == [f"arn:aws:sts::{HOME}:assumed-role/Role/n-{n}" for n in range(40)]
    assert sorted(call.arn or "" for call in aws.calls) == sorted([user.arn] * 40 + arns)
    assert aws.expire_sessions() == 40


def test_calls_say_who_came_with_what(
    aws: EmbeddedAws, clients: Clients, user: IamUser, session: dict[str, Any]
) -> None:
    """Each request is one record: the action, the signer's ARN or None, the key or None."""
    aws.calls.clear()
    nobody = {"AccessKeyId": "AKIA" + "A" * 16, "SecretAccessKey": "s" * 40}
    aws.create_bucket("the-bucket", account=HOME)
    clients.of("s3", user).delete_objects(
        Bucket="the-bucket", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]}
    )
    answer(clients, "iam", nobody)
    answer(clients, "s3", user, config=Config(signature_version=UNSIGNED))
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
