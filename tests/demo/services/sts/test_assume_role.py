"""AssumeRole: permissions, parameters and AWS's errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.clients import not_authorized
from tests.demo.policies import AWAY, HOME, allows, denies, policy, root, trusts

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.demo.clients import Clients, Clock

ASSUME = allows("sts:AssumeRole")
ANN = f"arn:aws:iam::{HOME}:user/Ann"
NO_POLICY = " because no identity-based policy allows the sts:AssumeRole action"
DENY = " with an explicit deny in an identity-based policy"


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
def test_allowed(
    aws: EmbeddedAws, clients: Clients, account: str, principal: str, statements: list[Any]
) -> None:
    """A trust policy that names a user of its account is enough; otherwise, both must allow."""
    user = aws.create_user("Ann", account=HOME, policy=policy(*statements))
    role = aws.create_role("Role", account=account, trust=trusts(principal))
    answer = clients.of("sts", user).assume_role(RoleArn=role, RoleSessionName="me")
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/Role/me"


@dataclass(frozen=True)
class Denial:
    """A role's account, the principal that it trusts, the user's policy, and AWS's reason."""

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
def test_denied(aws: EmbeddedAws, clients: Clients, case: Denial) -> None:
    """The message is the same as AWS's, and has a reason only for roles in the caller's account."""
    user = aws.create_user("Ann", account=HOME, policy=policy(*case.statements))
    role = aws.create_role("Role", account=case.account, trust=trusts(case.principal))
    assert clients.assume_error(user, role) == not_authorized(ANN, role, case.reason)


@pytest.mark.parametrize("account", [HOME, AWAY])
@pytest.mark.parametrize("statements", [[], [ASSUME]])
def test_a_missing_role(
    aws: EmbeddedAws, clients: Clients, account: str, statements: list[Any]
) -> None:
    """The error for a missing role is the same as for a role that doesn't trust the caller."""
    user = aws.create_user("Ann", account=HOME, policy=policy(*statements))
    real = aws.create_role("Real", account=account, trust=trusts("333333333333"))
    missing = real.replace("Real", "Gone")
    code, message, status = clients.assume_error(user, real)
    assert clients.assume_error(user, missing) == (code, message.replace(real, missing), status)


def test_a_deny_in_the_trust_policy_wins(aws: EmbeddedAws, clients: Clients) -> None:
    """A trust policy can deny a user of an account that it trusts."""
    user = aws.create_user("Ann", account=HOME, policy=policy(ASSUME))
    statements = [*trusts(HOME)["Statement"], *trusts(ANN, effect="Deny")["Statement"]]
    role = aws.create_role("Role", account=AWAY, trust={"Statement": statements})
    assert clients.assume_error(user, role) == not_authorized(ANN, role)


@pytest.mark.parametrize(
    ("parameters", "allowed"),
    [({"ExternalId": "s3cr3t"}, True), ({"ExternalId": "no"}, False), ({}, False)],
)
def test_external_id(
    aws: EmbeddedAws, clients: Clients, parameters: dict[str, str], allowed: bool
) -> None:
    """The condition key sts:ExternalId has the value of the parameter ExternalId."""
    user = aws.create_user("Ann", account=HOME, policy=policy(ASSUME))
    condition = {"StringEquals": {"sts:ExternalId": "s3cr3t"}}
    role = aws.create_role("Role", account=AWAY, trust=trusts(HOME, Condition=condition))
    if allowed:
        assert clients.assume(user, role, **parameters)["AccessKeyId"].startswith("ASIA")
    else:
        assert clients.assume_error(user, role, **parameters) == not_authorized(ANN, role)


def malformed(*complaints: str) -> str:
    """Return the service's message about invalid parameters."""
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
    """An invalid parameter causes a ValidationError with the service's message."""
    user = aws.create_user("Ann", account=HOME, policy=policy(ASSUME))
    role = aws.create_role("Role", account=AWAY, trust=trusts(HOME))
    assert clients.assume_error(user, role, **parameters) == ("ValidationError", message, 400)


@pytest.mark.parametrize("name", ["ab", "x" * 64, "me@host.example", "a+b=c,d.e-f_g"])
def test_valid_session_names(aws: EmbeddedAws, clients: Clients, name: str) -> None:
    """A session name of 2 to 64 valid characters becomes part of the session's ARN."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    session = clients.assume(user, role, RoleSessionName=name)
    arn = clients.of("sts", session).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{HOME}:assumed-role/Role/{name}"


def test_the_expiration(aws: EmbeddedAws, clients: Clients, clock: Clock) -> None:
    """A role session expires after an hour, or after the requested duration."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn), max_session_duration=43200)
    assert clients.assume(user, role)["Expiration"] == clock.now + timedelta(hours=1)
    half_a_day = clients.assume(user, role, DurationSeconds=43200)
    assert half_a_day["Expiration"] == clock.now + timedelta(hours=12)


def test_chained_roles(aws: EmbeddedAws, clients: Clients) -> None:
    """A role session can assume another role for an hour at most, even if that role allows more."""
    user = aws.create_user("Ann", account=HOME)
    first = aws.create_role("First", account=HOME, trust=trusts(user.arn), policy=policy(ASSUME))
    second = aws.create_role(
        "Second", account=AWAY, trust=trusts(first), max_session_duration=43200
    )
    session = clients.assume(user, first)
    chained = clients.assume(session, second, DurationSeconds=3600)
    arn = clients.of("sts", chained).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{AWAY}:assumed-role/Second/test"
    assert clients.assume_error(session, second, DurationSeconds=3601) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
        "chaining.",
        400,
    )


def test_a_role_without_the_permission_cannot_chain(aws: EmbeddedAws, clients: Clients) -> None:
    """The identity policy of the first role must allow the second step of a role chain."""
    user = aws.create_user("Ann", account=HOME)
    first = aws.create_role("First", account=HOME, trust=trusts(user.arn))
    second = aws.create_role("Second", account=AWAY, trust=trusts(HOME))
    caller = f"arn:aws:sts::{HOME}:assumed-role/First/test"
    session = clients.assume(user, first)
    assert clients.assume_error(session, second) == not_authorized(caller, second)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": '{"Statement": [{"Effect": "Allow", "Action": "*"}]}'}, "NotImplemented"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/Nothing"}]}, "InvalidParameterValue"),
        ({"ProvidedContexts": [{"ProviderArn": "x", "ContextAssertion": "y"}]}, "NotImplemented"),
    ],
)
def test_parameters_that_are_not_emulated(
    aws: EmbeddedAws, clients: Clients, parameters: dict[str, Any], code: str
) -> None:
    """A parameter that AWS supports but the embedded AWS doesn't causes an error."""
    user = aws.create_user("Ann", account=HOME)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    assert clients.assume_error(user, role, **parameters).code == code
