"""Evaluate identity policies and session policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.iam.conditions import Condition, like, parse_conditions
from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


class Verdict(Enum):
    """The result of all policies. An explicit Deny takes precedence; the default is NOT_ALLOWED."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Match:
    """The patterns of an element such as Action (or negated, NotAction), with `*` and `?`."""

    patterns: tuple[str, ...]
    negated: bool = False
    ignore_case: bool = False

    def covers(self, value: str) -> bool:
        """Return whether the element matches a value."""
        found = any(like(p, value, ignore_case=self.ignore_case) for p in self.patterns)
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy, without its principal."""

    allows: bool
    actions: Match
    resources: Match
    conditions: tuple[Condition, ...]

    def applies(self, action: str, resource: str | None, context: Mapping[str, str]) -> bool:
        """Return whether the statement applies to a request.

        moto doesn't report the resources of most services' requests. If the resource is None, an
        Allow statement applies to it, and a Deny statement applies only if it covers all resources.
        """
        known = "*" if resource is None else resource
        return (
            self.actions.covers(action)
            and ((resource is None and self.allows) or self.resources.covers(known))
            and all(condition.holds(context) for condition in self.conditions)
        )


def verdict(
    documents: Iterable[str], action: str, resource: str | None, context: Mapping[str, str]
) -> Verdict:
    """Evaluate identity policies (JSON strings) for one request.

    Raises UnsupportedPolicyError for a policy element that isn't evaluated here.
    """
    statements = [s for document in documents for s in parse_policy(document)]
    effects = {s.allows for s in statements if s.applies(action, resource, context)}
    if False in effects:
        return Verdict.DENIED
    return Verdict.ALLOWED if effects else Verdict.NOT_ALLOWED


@lru_cache(maxsize=256)
def parse_policy(document: str) -> tuple[Statement, ...]:
    """Return the statements of an identity policy. Raises UnsupportedPolicyError."""
    return tuple(map(_identity_statement, statements_of(json.loads(document))))


def _identity_statement(statement: Mapping[str, Any]) -> Statement:
    if unknown := statement.keys() - _ELEMENTS:
        raise UnsupportedPolicyError(f"element {min(unknown)!r}")
    if "Resource" not in statement and "NotResource" not in statement:
        raise UnsupportedPolicyError("an identity statement without a Resource")
    return parse_statement(statement)


def statements_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a policy's statements; a single statement doesn't have to be in a list."""
    statements = document.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def parse_statement(statement: Mapping[str, Any]) -> Statement:
    """Return a statement, with the elements that identity and trust policies share."""
    if statement.get("Effect") not in {"Allow", "Deny"}:
        raise UnsupportedPolicyError(f"Effect {statement.get('Effect')!r}")
    if "Action" not in statement and "NotAction" not in statement:
        raise UnsupportedPolicyError("a statement without an Action")
    return Statement(
        allows=statement["Effect"] == "Allow",
        actions=_match(statement, "Action", ignore_case=True),
        resources=_match(statement, "Resource"),
        conditions=parse_conditions(statement.get("Condition", {})),
    )


def _match(statement: Mapping[str, Any], element: str, *, ignore_case: bool = False) -> Match:
    negated = f"Not{element}" in statement
    patterns = as_list(statement.get(f"Not{element}" if negated else element, "*"))
    if any("${" in pattern for pattern in patterns):
        raise UnsupportedPolicyError(f"policy variable in {element}")
    return Match(tuple(patterns), negated=negated, ignore_case=ignore_case)


def as_list(value: Any) -> list[str]:
    """Return a list of strings; a single string becomes a list."""
    return value if isinstance(value, list) else [value]
