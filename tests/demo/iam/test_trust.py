"""Evaluation of trust policies: principals, conditions and unsupported elements."""

from __future__ import annotations

from typing import Any

import pytest

from ipy_awsprofile.demo.iam.trust import Trust, evaluate
from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError
from ipy_awsprofile.demo.principals import Principal
from tests.demo.policies import AWAY, HOME, root, trusts

USER = Principal.user(f"arn:aws:iam::{HOME}:user/Ann")
SESSION = Principal.session(f"arn:aws:iam::{HOME}:role/team/Reader", "ann")
EC2 = Principal.service("ec2.amazonaws.com")


@pytest.mark.parametrize(
    ("principal", "element", "expected"),
    [
        (USER, {"AWS": root(HOME)}, Trust.DELEGATED),
        (USER, {"AWS": HOME}, Trust.DELEGATED),
        (USER, {"AWS": [root(AWAY), HOME]}, Trust.DELEGATED),
        (USER, "*", Trust.DELEGATED),
        (USER, {"AWS": "*"}, Trust.DELEGATED),
        (USER, {"AWS": USER.arn}, Trust.NAMED),
        (USER, {"AWS": [HOME, USER.arn]}, Trust.NAMED),
        (USER, {"AWS": root(AWAY)}, Trust.NO_MATCH),
        (USER, {"AWS": AWAY}, Trust.NO_MATCH),
        (USER, {"AWS": f"arn:aws:iam::{HOME}:user/Bob"}, Trust.NO_MATCH),
        (USER, {"AWS": f"arn:aws:iam::{HOME}:role/Ann"}, Trust.NO_MATCH),
        (USER, {"AWS": f"arn:aws:iam::{AWAY}:user/Ann"}, Trust.NO_MATCH),
        (USER, {"Service": "ec2.amazonaws.com"}, Trust.NO_MATCH),
        (USER, {"Federated": "cognito-identity.amazonaws.com"}, Trust.NO_MATCH),
        (SESSION, {"AWS": f"arn:aws:iam::{HOME}:role/team/Reader"}, Trust.NAMED),
        (SESSION, {"AWS": f"arn:aws:sts::{HOME}:assumed-role/Reader/ann"}, Trust.NAMED),
        (SESSION, {"AWS": f"arn:aws:sts::{HOME}:assumed-role/Reader/bob"}, Trust.NO_MATCH),
        (SESSION, {"AWS": f"arn:aws:iam::{HOME}:role/Reader"}, Trust.NO_MATCH),
        (SESSION, {"AWS": HOME}, Trust.DELEGATED),
        (EC2, {"Service": "ec2.amazonaws.com"}, Trust.NAMED),
        (EC2, {"Service": ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]}, Trust.NAMED),
        (EC2, {"AWS": HOME, "Service": "ec2.amazonaws.com"}, Trust.NAMED),
        (EC2, {"Service": "lambda.amazonaws.com"}, Trust.NO_MATCH),
        (EC2, "*", Trust.NO_MATCH),
    ],
)
def test_which_principal_is_trusted_and_how(
    principal: Principal, element: object, expected: Trust
) -> None:
    """A trust policy names the principal, delegates to its account, or doesn't match."""
    assert evaluate(trusts(element), principal, "sts:AssumeRole", {}) is expected


ABSENT = None  # the request doesn't have the key
KEY = "sts:ExternalId"
MFA = "aws:MultiFactorAuthPresent"
AGE = "aws:MultiFactorAuthAge"
ARN = "aws:PrincipalArn"


@pytest.mark.parametrize(
    ("operator", "key", "expected", "actual", "holds"),
    [
        ("StringEquals", KEY, "a", "a", True),
        ("StringEquals", KEY, "a", "A", False),
        ("StringEquals", KEY, ["b", "a"], "a", True),
        ("StringEquals", KEY, "a*", "ab", False),
        ("StringEquals", KEY, "a", ABSENT, False),
        ("StringEquals", "STS:externalid", "a", "a", True),
        ("StringEqualsIfExists", KEY, "a", ABSENT, True),
        ("StringEqualsIfExists", KEY, "a", "b", False),
        ("StringNotEquals", KEY, "a", "b", True),
        ("StringNotEquals", KEY, ["a", "b"], "b", False),
        ("StringNotEquals", KEY, "a", ABSENT, True),
        ("StringEqualsIgnoreCase", KEY, "aB", "Ab", True),
        ("StringNotEqualsIgnoreCase", KEY, "aB", "Ab", False),
        ("StringLike", KEY, "a*c?", "abbcd", True),
        ("StringLike", KEY, "a*c?", "abbc", False),
        ("StringLike", KEY, "a.c", "abc", False),
        ("StringLike", KEY, "*", ABSENT, False),
        ("StringNotLike", KEY, "a*", "abc", False),
        ("StringNotLike", KEY, "a*", ABSENT, True),
        ("ArnEquals", ARN, "arn:aws:iam::*:user/*", USER.arn, True),
        ("ArnLike", ARN, f"arn:aws:iam::{HOME}:user/A?n", USER.arn, True),
        ("ArnLike", ARN, "arn:*:user/Ann", USER.arn, False),
        ("ArnNotEquals", ARN, USER.arn, USER.arn, False),
        ("ArnNotLike", ARN, "arn:aws:iam::*:role/*", USER.arn, True),
        ("Bool", MFA, "true", "true", True),
        ("Bool", MFA, True, "true", True),
        ("Bool", MFA, "true", "false", False),
        ("Bool", MFA, "true", ABSENT, False),
        ("Bool", MFA, "false", ABSENT, False),
        ("BoolIfExists", MFA, "true", ABSENT, True),
        ("BoolIfExists", MFA, "true", "false", False),
        ("Null", KEY, "true", ABSENT, True),
        ("Null", KEY, "true", "a", False),
        ("Null", KEY, "false", "a", True),
        ("Null", KEY, False, ABSENT, False),
        ("NumericEquals", AGE, 30, "30.0", True),
        ("NumericNotEquals", AGE, "30", "31", True),
        ("NumericLessThan", AGE, "30", "30", False),
        ("NumericLessThan", AGE, "300", "30", True),
        ("NumericLessThanEquals", AGE, "30", "30", True),
        ("NumericGreaterThan", AGE, "30", "31", True),
        ("NumericGreaterThanEquals", AGE, "30", "29", False),
        ("NumericLessThan", AGE, "3600", ABSENT, False),
        ("NumericLessThanIfExists", AGE, "3600", ABSENT, True),
        ("NumericEquals", AGE, "many", "30", False),
    ],
)
def test_conditions_are_those_of_aws(
    operator: str, key: str, expected: object, actual: str | None, holds: bool
) -> None:
    """Each operator compares values and handles absent keys as AWS does."""
    context = {} if actual is None else {key.upper(): actual}
    document = trusts(HOME, Condition={operator: {key: expected}})
    assert (evaluate(document, USER, "sts:AssumeRole", context) is Trust.DELEGATED) is holds


def test_all_conditions_must_hold() -> None:
    """A request must meet the conditions of all operators and keys."""
    both = {"StringEquals": {KEY: "a", "sts:RoleSessionName": "n"}, "Bool": {MFA: "true"}}
    document = trusts(HOME, Condition=both)
    context = {KEY: "a", "sts:RoleSessionName": "n", MFA: "true"}
    assert evaluate(document, USER, "sts:AssumeRole", context) is Trust.DELEGATED
    for key in context:
        assert evaluate(document, USER, "sts:AssumeRole", context | {key: "x"}) is Trust.NO_MATCH


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("sts:AssumeRole", Trust.DELEGATED),
        ("STS:assumerole", Trust.DELEGATED),
        ("sts:*", Trust.DELEGATED),
        ("*", Trust.DELEGATED),
        (["sts:TagSession", "sts:AssumeRole"], Trust.DELEGATED),
        ("sts:AssumeRoleWithSAML", Trust.NO_MATCH),
        ("sts:TagSession", Trust.NO_MATCH),
    ],
)
def test_the_action_must_match(action: object, expected: Trust) -> None:
    """The Action element is a pattern that ignores case."""
    assert evaluate(trusts(HOME, Action=action), USER, "sts:AssumeRole", {}) is expected


def test_an_explicit_deny_wins() -> None:
    """A Deny for the account overrides an Allow that names the user, in any order."""
    allow, deny = trusts(USER.arn), trusts(HOME, effect="Deny")
    statements = [*allow["Statement"], *deny["Statement"]]
    for ordered in (statements, statements[::-1]):
        assert evaluate({"Statement": ordered}, USER, "sts:AssumeRole", {}) is Trust.DENIED


def test_a_deny_with_a_condition() -> None:
    """A Deny applies only to requests that meet its conditions."""
    deny = trusts(HOME, effect="Deny", Condition={"Bool": {MFA: "false"}})["Statement"]
    document = {"Statement": [*trusts(HOME)["Statement"], *deny]}
    assert evaluate(document, USER, "sts:AssumeRole", {MFA: "true"}) is Trust.DELEGATED
    assert evaluate(document, USER, "sts:AssumeRole", {MFA: "false"}) is Trust.DENIED


def test_a_deny_alone() -> None:
    """Without an Allow, a principal isn't trusted even if no Deny matches."""
    assert evaluate(trusts(AWAY, effect="Deny"), USER, "sts:AssumeRole", {}) is Trust.NO_MATCH


def test_a_single_statement() -> None:
    """A Statement can be a single object instead of a list."""
    document = {"Statement": trusts(HOME)["Statement"][0]}
    assert evaluate(document, USER, "sts:AssumeRole", {}) is Trust.DELEGATED


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"NotPrincipal": {"AWS": HOME}}, "NotPrincipal"),
        ({"Resource": "*"}, "Resource"),
        ({"NotAction": "sts:*"}, "NotAction"),
        ({"Effect": "Maybe"}, "Maybe"),
        ({"Principal": "everyone"}, "everyone"),
        ({"Principal": {"CanonicalUser": "79a5"}}, "CanonicalUser"),
        ({"Principal": {"AWS": "AIDAEXAMPLE"}}, "AIDAEXAMPLE"),
        ({"Principal": {"AWS": f"arn:aws:iam::{HOME}:user/*"}}, "user/"),
        ({"Principal": {"AWS": f"arn:aws:iam::{HOME}:group/Staff"}}, "group/"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, "IpAddress"),
        ({"Condition": {"ForAnyValue:StringEquals": {KEY: "a"}}}, "ForAnyValue"),
        ({"Condition": {"NullIfExists": {KEY: "true"}}}, "NullIfExists"),
        ({"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}}, "aws:SourceVpc"),
        ({"Condition": {"StringEquals": {KEY: "${aws:username}"}}}, "variable"),
    ],
)
def test_what_is_not_evaluated_is_refused(change: dict[str, Any], complaint: str) -> None:
    """An element, operator, condition key or principal that isn't supported raises an error."""
    with pytest.raises(UnsupportedPolicyError, match=complaint):
        evaluate(trusts(HOME, **change), USER, "sts:AssumeRole", {})


@pytest.mark.parametrize("missing", ["Principal", "Action"])
def test_a_statement_needs_its_elements(missing: str) -> None:
    """A trust statement without a principal or an action raises an error."""
    statement = {k: v for k, v in trusts(HOME)["Statement"][0].items() if k != missing}
    with pytest.raises(UnsupportedPolicyError, match=missing):
        evaluate({"Statement": [statement]}, USER, "sts:AssumeRole", {})
