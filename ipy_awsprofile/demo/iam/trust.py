"""Role trust policies: whether a principal may assume a role, and how the policy names it.

In the role's account, a trust policy that names the principal is sufficient, without an identity
policy that allows the call. If the trust policy names only the account, the caller's identity
policy must allow the call, too. From another account, the caller's identity policy must always
allow the call.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.iam.policy import Statement, as_list, parse_statement, statements_of
from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.principals import Principal

_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Condition"}
_ACCOUNT = re.compile(r"(?:arn:aws:iam::)?(\d{12})(?::root)?")
_NAMED = re.compile(
    r"arn:aws:iam::\d{12}:(?:user|role)/[^*?]+|arn:aws:sts::\d{12}:assumed-role/[^*?/]+/[^*?/]+"
)
_ROLE = "*"  # a trust policy has no Resource, because it belongs to one role


class Trust(Enum):
    """The result of a trust policy for a principal."""

    NAMED = "the policy names the principal itself"
    DELEGATED = "the policy trusts the principal's whole account, or everyone"
    NO_MATCH = "no statement allows the principal"
    DENIED = "a statement denies the principal"


@dataclass(frozen=True, slots=True)
class TrustStatement:
    """One statement of a trust policy, and its principals as (type, value) pairs."""

    statement: Statement
    principals: frozenset[tuple[str, str]]

    def match(self, principal: Principal) -> Trust:
        """Return how the statement's Principal element names a principal, or NO_MATCH."""
        if principal.kind != "AWS":
            named = (principal.kind, principal.arn) in self.principals
            return Trust.NAMED if named else Trust.NO_MATCH
        aws = {value for kind, value in self.principals if kind == "AWS"}
        if aws & {principal.arn, principal.role_arn}:
            return Trust.NAMED
        return Trust.DELEGATED if aws & {principal.account, "*"} else Trust.NO_MATCH


def evaluate(
    document: Mapping[str, Any], principal: Principal, action: str, context: Mapping[str, str]
) -> Trust:
    """Evaluate a trust policy for a principal.

    `action` is for example `sts:AssumeRole`. `context` has the values of the request's condition
    keys, such as `sts:ExternalId` or `aws:MultiFactorAuthPresent`, as strings; keys that the
    request doesn't have are left out. Raises UnsupportedPolicyError as `parse_trust` does.
    """
    return _evaluate(parse_trust(document), principal, action, context)


def evaluate_role(
    role: Any | None, principal: Principal, action: str, context: Mapping[str, str]
) -> Trust:
    """Evaluate the trust policy in moto's record of a role; return NO_MATCH without a role."""
    statements = _parse_text(role.assume_role_policy_document) if role else ()
    return _evaluate(statements, principal, action, context)


def _evaluate(
    statements: tuple[TrustStatement, ...],
    principal: Principal,
    action: str,
    context: Mapping[str, str],
) -> Trust:
    found = {
        (candidate.statement.allows, match)
        for candidate in statements
        if (match := candidate.match(principal)) is not Trust.NO_MATCH
        and candidate.statement.applies(action, _ROLE, context)
    }
    if any(not allows for allows, _ in found):
        return Trust.DENIED
    matches = {match for _, match in found}
    return next((m for m in (Trust.NAMED, Trust.DELEGATED) if m in matches), Trust.NO_MATCH)


def parse_trust(document: Mapping[str, Any]) -> tuple[TrustStatement, ...]:
    """Return a trust policy's statements.

    Raises UnsupportedPolicyError for a policy element that isn't evaluated here.
    """
    return tuple(map(_trust_statement, statements_of(document)))


@lru_cache(maxsize=256)
def _parse_text(document: str) -> tuple[TrustStatement, ...]:
    return parse_trust(json.loads(document))


def _trust_statement(statement: Mapping[str, Any]) -> TrustStatement:
    if unknown := statement.keys() - _ELEMENTS:
        raise UnsupportedPolicyError(f"element {min(unknown)!r} in a trust policy")
    if "Principal" not in statement:
        raise UnsupportedPolicyError("a trust statement without a Principal")
    principals = frozenset(_principals(statement["Principal"]))
    return TrustStatement(parse_statement(statement), principals)


def _principals(element: object) -> list[tuple[str, str]]:
    if element == "*":
        return [("AWS", "*")]
    if not isinstance(element, dict):
        raise UnsupportedPolicyError(f"Principal {element!r}")
    if unknown := element.keys() - {"AWS", "Service", "Federated"}:
        raise UnsupportedPolicyError(f"Principal type {min(unknown)!r}")
    return [
        (kind, _aws_principal(value) if kind == "AWS" else value)
        for kind, values in element.items()
        for value in as_list(values)
    ]


def _aws_principal(value: str) -> str:
    """Return an account's ID, or the ARN of a user, role or session, or `*`."""
    if account := _ACCOUNT.fullmatch(value):
        return account[1]
    if value == "*" or _NAMED.fullmatch(value):
        return value
    raise UnsupportedPolicyError(f"Principal {value!r}")
