"""AssumeRole over HTTP: who may, with which parameters, and what AWS says if not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.demo.policies import AWAY, HOME, allows, denies, policy, root, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients, Clock

ASSUME = allows("sts:AssumeRole")
ANN = f"arn:aws:iam::{HOME}:user/Ann"
NO_POLICY = " because no identity-based policy allows the sts:AssumeRole action"
DENY = " with an explicit deny in an identity-based policy"
SESSION = " because no session policy allows the sts:AssumeRole action"


def refusal(clients: Clients, who: Any, role_arn: str, **more: Any) -> tuple[str, str, int]:
    """Return code, message and HTTP status of an AssumeRole call that fails."""
    # What is wrong with a parameter is for the service to say, not for botocore.
    sts = clients.of("sts", who, config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as caught:
        sts.assume_role(**{"RoleArn": role_arn, "RoleSessionName": "test"} | more)
    error, meta = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], error["Message"], meta["HTTPStatusCode"]


def not_authorized(caller: str, role_arn: str, reason: str = "") -> tuple[str, str, int]:
    """Return AWS's AccessDenied."""
    message = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    return "AccessDenied", message + reason, 403


@pytest.mark.parametrize(
    ("account", "principal", "statements"),
    [
        (HOME, ANN, []),
        (HOME, root(HOME), [ASSUME]),
        (HOME, HOME, [ASSUME]),
        (HOME, "*", [ASSUME]),
        (AWAY, ANN, [ASSUME]),
        (AWAY, root(HOME), [ASSUME]),
        (AWAY, "*", [ASSUME]),
        (AWAY, root(HOME), [allows("sts:*")]),
        (AWAY, root(HOME), [allows("sts:AssumeRole", Resource=f"arn:aws:iam::{AWAY}:role/R*")]),
    ],
)
def test_who_may(
    aws: EmbeddedAws, clients: Clients, account: str, principal: str, statements: list[Any]
) -> None:
    """At home a trust policy that names the user is enough; else both sides must allow."""
    user = aws.create_user("Ann", account=HOME, policy=policy(*statements))
    role = aws.create_role("Role", account=account, trust=trusts(principal))
    answer = clients.of("sts", user).assume_role(RoleArn=role, RoleSessionName="me")
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/Role/me"


@dataclass(frozen=True)
class Denial:
    """A role's account, the principal it trusts, the user's policy, and AWS's reason."""

    account: str
    principal: str
    statements: list[dict[str, Any]]
    reason: str


@pytest.mark.parametrize(
    "case",
    [
        Denial(HOME, root(HOME), [], NO_POLICY),
        Denial(HOME, "*", [], NO_POLICY),
        Denial(HOME, root(AWAY), [], NO_POLICY),
        Denial(HOME, root(AWAY), [ASSUME], ""),
        Denial(HOME, ANN, [denies("sts:AssumeRole")], DENY),
        Denial(HOME, root(HOME), [ASSUME, denies("sts:*")], DENY),
        Denial(AWAY, ANN, [], ""),
        Denial(AWAY, root(HOME), [], ""),
        Denial(AWAY, "*", [], ""),
        Denial(AWAY, root(AWAY), [ASSUME], ""),
        Denial(AWAY, ANN, [ASSUME, denies("sts:AssumeRole")], ""),
        Denial(AWAY, ANN, [allows("sts:AssumeRole", Resource="arn:aws:iam::*:role/Other")], ""),
    ],
)
def test_who_may_not(aws: EmbeddedAws, clients: Clients, case: Denial) -> None:
    """The denial has AWS's text; a reason is given for a role of the caller's own account."""
    user = aws.create_user("Ann", account=HOME, policy=policy(*case.statements))
    role = aws.create_role("Role", account=case.account, trust=trusts(case.principal))
    assert refusal(clients, user, role) == not_authorized(ANN, role, case.reason)


@pytest.mark.parametrize("account", [HOME, AWAY])
@pytest.mark.parametrize("statements", [[], [ASSUME]])
def test_an_unknown_role_is_like_an_untrusting_one(
    aws: EmbeddedAws, clients: Clients, account: str, statements: list[Any]
) -> None:
    """Nobody learns from the answer whether a role exists."""
    user = aws.create_user("Ann", account=HOME, policy=policy(*statements))
    real = aws.create_role("Real", account=account, trust=trusts("333333333333"))
    missing = real.replace("Real", "Gone")
    code, message, status = refusal(clients, user, real)
    assert refusal(clients, user, missing) == (code, message.replace(real, missing), status)


def test_a_deny_in_the_trust_policy_wins(aws: EmbeddedAws, clients: Clients) -> None:
    """A role may shut out one user of an account that it trusts."""
    user = aws.create_user("Ann", account=HOME, policy=policy(ASSUME))
    statements = [*trusts(HOME)["Statement"], *trusts(ANN, effect="Deny")["Statement"]]
    role = aws.create_role("Role", account=AWAY, trust={"Statement": statements})
    assert refusal(clients, user, role) == not_authorized(ANN, role)


@pytest.mark.parametrize(
    ("given", "allowed"),
    [({"ExternalId": "s3cr3t"}, True), ({"ExternalId": "no"}, False), ({}, False)],
)
def test_an_external_id_must_be_given(
    aws: EmbeddedAws, clients: Clients, given: dict[str, str], allowed: bool
) -> None:
    """A trust policy's sts:ExternalId is compared with the request's ExternalId."""
    user = aws.create_user("Ann", account=HOME, policy=policy(ASSUME))
    condition = {"StringEquals": {"sts:ExternalId": "s3cr3t"}}
    role = aws.create_role("Role", account=AWAY, trust=trusts(HOME, Condition=condition))
    if allowed:
        assert clients.assume(user, role, **given)["AccessKeyId"].startswith("ASIA")
    else:
        assert refusal(clients, user, role, **given) == not_authorized(ANN, role)


def malformed(*complaints: str) -> str:
    """Return the service's message about parameters."""
    errors = "error" if len(complaints) == 1 else "errors"
    return f"{len(complaints)} validation {errors} detected: " + "; ".join(complaints)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"DurationSeconds": 10},
            malformed(
                "Value '10' at 'durationSeconds' failed to satisfy constraint: "
                "Member must have value greater than or equal to 900"
            ),
        ),
        (
            {"DurationSeconds": 43201},
            malformed(
                "Value '43201' at 'durationSeconds' failed to satisfy constraint: "
                "Member must have value less than or equal to 43200"
            ),
        ),
        (
            {"DurationSeconds": 3601},
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        (
            {"RoleSessionName": "x"},
            malformed(
                "Value 'x' at 'roleSessionName' failed to satisfy constraint: "
                "Member must have length greater than or equal to 2"
            ),
        ),
        (
            {"RoleSessionName": "x" * 65},
            malformed(
                f"Value '{'x' * 65}' at 'roleSessionName' failed to satisfy constraint: "
                "Member must have length less than or equal to 64"
            ),
        ),
        (
            {"RoleSessionName": "a b"},
            malformed(
                "Value 'a b' at 'roleSessionName' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: [\w+=,.@-]*"
            ),
        ),
        (
            {"RoleSessionName": "ü", "DurationSeconds": 1},
            malformed(
                "Value 'ü' at 'roleSessionName' failed to satisfy constraint: "
                "Member must have length greater than or equal to 2",
                "Value 'ü' at 'roleSessionName' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: [\w+=,.@-]*",
                "Value '1' at 'durationSeconds' failed to satisfy constraint: "
                "Member must have value greater than or equal to 900",
            ),
        ),
        (
            {"RoleArn": "arn:aws:iam::1"},
            malformed(
                "Value 'arn:aws:iam::1' at 'roleArn' failed to satisfy constraint: "
                "Member must have length greater than or equal to 20"
            ),
        ),
        (
            {"RoleArn": f"arn:aws:iam::{AWAY}:user/Somebody"},
            f"arn:aws:iam::{AWAY}:user/Somebody is invalid",
        ),
    ],
)
def test_malformed_parameters(
    aws: EmbeddedAws, clients: Clients, parameters: dict[str, Any], message: str
) -> None:
    """A parameter out of its bounds is a ValidationError with the service's text."""
    user = aws.create_user("Ann", account=HOME, policy=policy(ASSUME))
    role = aws.create_role("Role", account=AWAY, trust=trusts(HOME))
    assert refusal(clients, user, role, **parameters) == ("ValidationError", message, 400)


@pytest.mark.parametrize("name", ["ab", "x" * 64, "me@host.example", "a+b=c,d.e-f_g"])
def test_session_names_that_aws_takes(aws: EmbeddedAws, clients: Clients, name: str) -> None:
    """A session name of 2 to 64 letters out of AWS's set becomes part of the ARN."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    session = clients.assume(user, role, RoleSessionName=name)
    arn = clients.of("sts", session).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{HOME}:assumed-role/Role/{name}"


def test_the_expiration_is_the_duration_from_now(
    aws: EmbeddedAws, clients: Clients, clock: Clock
) -> None:
    """A role's session lasts an hour, or as long as asked within the role's maximum."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn), max_session_duration=43200)
    assert clients.assume(user, role)["Expiration"] == clock.now + timedelta(hours=1)
    half_a_day = clients.assume(user, role, DurationSeconds=43200)
    assert half_a_day["Expiration"] == clock.now + timedelta(hours=12)


def test_chained_roles(aws: EmbeddedAws, clients: Clients) -> None:
    """A role's session assumes the next role, for an hour at most, whatever that role allows."""
    user = aws.create_user("Ann", account=HOME)
    first = aws.create_role("First", account=HOME, trust=trusts(user.arn), policy=policy(ASSUME))
    second = aws.create_role(
        "Second", account=AWAY, trust=trusts(first), max_session_duration=43200
    )
    session = clients.assume(user, first)
    chained = clients.assume(session, second, DurationSeconds=3600)
    arn = clients.of("sts", chained).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{AWAY}:assumed-role/Second/test"
    assert refusal(clients, session, second, DurationSeconds=3601) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
        "chaining.",
        400,
    )


def test_a_role_without_the_permission_cannot_chain(aws: EmbeddedAws, clients: Clients) -> None:
    """The first role's own policy must allow the second hop, as a user's must."""
    user = aws.create_user("Ann", account=HOME)
    first = aws.create_role("First", account=HOME, trust=trusts(user.arn))
    second = aws.create_role("Second", account=AWAY, trust=trusts(HOME))
    caller = f"arn:aws:sts::{HOME}:assumed-role/First/test"
    session = clients.assume(user, first)
    assert refusal(clients, session, second) == not_authorized(caller, second)


def test_a_session_policy_narrows_what_the_role_may(aws: EmbeddedAws, clients: Clients) -> None:
    """A session with AWS's ReadOnlyAccess lists buckets, and cannot write, though its role can."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role(
        "Role", account=HOME, trust=trusts(user.arn), policy=policy(allows("s3:*"))
    )
    aws.create_bucket("the-bucket", account=HOME)
    managed = [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
    session = clients.of("s3", clients.assume(user, role, PolicyArns=managed))
    assert [b["Name"] for b in session.list_buckets()["Buckets"]] == ["the-bucket"]
    with pytest.raises(ClientError) as caught:
        session.put_object(Bucket="the-bucket", Key="key", Body=b"")
    assert caught.value.response["Error"]["Message"] == (
        f"User: arn:aws:sts::{HOME}:assumed-role/Role/test is not authorized to perform: "
        's3:PutObject on resource: "arn:aws:s3:::the-bucket/key" because no session policy allows '
        "the s3:PutObject action"
    )


def test_a_session_policy_may_be_the_customers_own(aws: EmbeddedAws, clients: Clients) -> None:
    """PolicyArns also takes a managed policy of the role's account, whoever the caller is."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("sts:AssumeRole")))
    admin = aws.create_user("Admin", account=AWAY, policy=policy(allows("iam:*")))
    role = aws.create_role(
        "Role", account=AWAY, trust=trusts(user.arn), policy=policy(allows("s3:*"))
    )
    made = clients.of("iam", admin).create_policy(
        PolicyName="Lists", PolicyDocument=json.dumps(policy(allows("s3:List*")))
    )["Policy"]
    session = clients.of("s3", clients.assume(user, role, PolicyArns=[{"arn": made["Arn"]}]))
    assert session.list_buckets()["Buckets"] == []
    with pytest.raises(ClientError, match="AccessDenied"):
        session.create_bucket(Bucket="new-bucket")


def test_a_session_policy_gives_nothing(aws: EmbeddedAws, clients: Clients) -> None:
    """What the role may not do, a session policy cannot add."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    inline = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    session = clients.of("s3", clients.assume(user, role, Policy=inline))
    with pytest.raises(ClientError, match="no identity-based policy allows"):
        session.list_buckets()


def test_a_session_policy_holds_where_the_trust_policy_names_the_role(
    aws: EmbeddedAws, clients: Clients
) -> None:
    """A trust policy stands in for the caller's identity policy, not for its session policy."""
    user = aws.create_user("Ann", account=HOME)
    first = aws.create_role("First", account=HOME, trust=trusts(user.arn))
    second = aws.create_role("Second", account=HOME, trust=trusts(first))
    inline = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}'
    narrow = clients.assume(user, first, Policy=inline)
    caller = f"arn:aws:sts::{HOME}:assumed-role/First/test"
    assert refusal(clients, narrow, second) == not_authorized(caller, second, SESSION)
    assert clients.assume(clients.assume(user, first), second)["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": '{"Statement": [{"Effect": "Allow", "Action": "*"}]}'}, "NotImplemented"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/Nothing"}]}, "InvalidParameterValue"),
        ({"Tags": [{"Key": "team", "Value": "red"}]}, "NotImplemented"),
        ({"SourceIdentity": "Ann"}, "NotImplemented"),
    ],
)
def test_what_is_not_emulated_is_refused(
    aws: EmbeddedAws, clients: Clients, parameters: dict[str, Any], code: str
) -> None:
    """A parameter that would have an effect on AWS, and has none here, is an error."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    assert refusal(clients, user, role, **parameters)[0] == code
