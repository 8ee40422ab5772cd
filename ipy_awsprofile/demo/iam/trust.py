"""Role trust policies: whether a principal may assume the role, and on what ground.

The ground matters. In the role's own account a trust policy that names the principal is enough;
one that names the account only lets the account's administrators decide, so the caller's own
policy must allow the call as well. So must it, always, from another account.

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
_ROLE = "*"  # a trust policy has no Resource: it is about its own role


class Trust(Enum):
    """What a trust policy says about a principal."""

    NAMED = "the policy names the principal itself"
    DELEGATED = "the policy trusts the principal's whole account, or everyone"
    NO_MATCH = "no statement allows the principal"
    DENIED = "a statement denies the principal"


@dataclass(frozen=True, slots=True)
class TrustStatement:
    """One statement of a trust policy and the principals it speaks of, as (type, value) pairs."""

    statement: Statement
    principals: frozenset[tuple[str, str]]

    def ground(self, principal: Principal) -> Trust:
        """Say whether the statement's Principal element covers a principal, and how."""
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

    `action` is such as `sts:AssumeRole`; `context` holds the request's condition keys, such as
    `sts:ExternalId` or `aws:MultiFactorAuthPresent`, as texts; a key that the request does not
    have is left out. Raises UnsupportedPolicyError as `parse_trust` does.
    """
    return evaluate_parsed(parse_trust(document), principal, action, context)


def evaluate_parsed(
    statements: tuple[TrustStatement, ...],
    principal: Principal,
    action: str,
    context: Mapping[str, str],
) -> Trust:
    """Evaluate a trust policy that was read before."""
    found = {
        (candidate.statement.allows, ground)
        for candidate in statements
        if (ground := candidate.ground(principal)) is not Trust.NO_MATCH
        and candidate.statement.applies(action, _ROLE, context)
    }
    if any(not allows for allows, _ in found):
        return Trust.DENIED
    grounds = {ground for _, ground in found}
    return next((g for g in (Trust.NAMED, Trust.DELEGATED) if g in grounds), Trust.NO_MATCH)


@lru_cache(maxsize=256)
def parse_trust_text(document: str) -> tuple[TrustStatement, ...]:
    """Read a trust policy from its JSON text, as moto keeps it."""
    return parse_trust(json.loads(document))


def parse_trust(document: Mapping[str, Any]) -> tuple[TrustStatement, ...]:
    """Read a trust policy; raise UnsupportedPolicyError for anything it would not evaluate."""
    return tuple(map(_trust_statement, statements_of(document)))


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
    """Write an account as its id; keep a user, a role, a session and `*` as they are."""
    if account := _ACCOUNT.fullmatch(value):
        return account[1]
    if value == "*" or _NAMED.fullmatch(value):
        return value
    raise UnsupportedPolicyError(f"Principal {value!r}")
