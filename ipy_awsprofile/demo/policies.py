"""Evaluate IAM policies.

If a policy contains an unsupported element, this module raises UnsupportedPolicyError.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

Policy = Mapping[str, Any]

_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "NotAction", "NotResource"}
#: The condition keys that policies can use. The last two occur in AWS's managed policies, but
#: no request to the embedded AWS has them.
_KEYS = re.compile(
    r"aws:(MultiFactorAuth(Age|Present)|Principal(Account|Arn|Type|Tag/.+)|RequestTag/.+|username)"
    r"|(aws|sts):SourceIdentity|sts:(ExternalId|RoleSessionName)|[^:]+\.[^:]+:(aud|sub)"
    r"|aws:CurrentTime|kms:ViaService|s3express:SessionMode",
    re.IGNORECASE,
)


class UnsupportedPolicyError(ValueError):
    """Raised if a policy contains an element that the embedded AWS doesn't support."""


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(re.escape(glob).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _like(expected: str, actual: str) -> bool:
    return _pattern(expected).fullmatch(actual) is not None


def _less(expected: str, actual: str) -> bool:
    return float(actual) < float(expected)


def _since(expected: str, actual: str) -> bool:
    return datetime.fromisoformat(actual) >= datetime.fromisoformat(expected)


#: The functions for condition operators. Policies can also negate these, as in StringNotLike.
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    **dict.fromkeys(("StringEquals", "Bool", "Null"), operator.eq),
    **dict.fromkeys(("StringLike", "ArnLike", "ArnEquals"), _like),
    "NumericLessThan": _less,
    "DateGreaterThanEquals": _since,
}


def listed(value: Any) -> list[Any]:
    """Return a list unchanged, and any other value as a list with one item."""
    if isinstance(value, list):
        return value
    return [value]


def checked(policy: Policy) -> Policy:
    """Return the policy. Raise UnsupportedPolicyError if the policy has an unsupported element."""
    for statement in listed(policy["Statement"]):
        conditions = statement.get("Condition", {})
        unknown: list[str] = [*(statement.keys() - _ELEMENTS - {"Condition"})]
        for name, keys in conditions.items():
            if _base(name) not in _OPERATORS:
                unknown.append(name)
            unknown += [key for key in keys if not _KEYS.fullmatch(key)]
        unknown += re.findall(r"\$\{.*?\}", str(statement))
        if unknown:
            raise UnsupportedPolicyError(f"The embedded AWS doesn't evaluate {unknown[0]!r}.")
    return policy


def effect_of(
    policies: Iterable[Policy], action: str, resource: str | None, context: Mapping[str, str]
) -> Literal["Allow", "Deny"] | None:
    """Return the effect of policies on a request, or None if no statement applies to the request.

    If `resource` is None (unknown), statements that allow the action apply to the request. For an
    unknown resource, statements that deny the action apply only if they deny the action on all
    resources.
    """
    effect: Literal["Allow"] | None = None
    for policy in policies:
        for statement in listed(policy["Statement"]):
            if not _applies(statement, action, resource, context):
                continue
            if statement["Effect"] == "Deny":
                return "Deny"
            effect = "Allow"
    return effect


def trusted_as(
    trust: Policy, names: Iterable[str], action: str, context: Mapping[str, str]
) -> str | None:
    """Return the first of `names` that a trust policy allows to perform an action, or None.

    All names identify the same principal, for example by its ARN, by its account ID and by `*`. If
    the trust policy denies the action to any of the names, the result is None.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    effects: dict[str, str] = {}
    for statement in listed(trust["Statement"]):
        if _applies(statement, action, None, context):
            effects |= dict.fromkeys(_named(statement["Principal"]), statement["Effect"])
    present = [name for name in names if name in effects]
    if not present or "Deny" in map(effects.get, present):
        return None
    return present[0]


def _named(principal: Any) -> Iterator[str]:
    kinds = principal
    if not isinstance(principal, dict):
        kinds = {"AWS": principal}
    for values in kinds.values():
        for value in listed(values):
            yield re.sub(r"^arn:aws:iam::(\d+):root$", r"\1", value)


def _applies(
    statement: Mapping[str, Any], action: str, resource: str | None, context: Mapping[str, str]
) -> bool:
    if not _covers(statement, "Action", action.lower(), str.lower):
        return False
    is_any = resource is None and statement["Effect"] == "Allow"
    if not is_any and not _covers(statement, "Resource", resource or "*"):
        return False
    for name, keys in statement.get("Condition", {}).items():
        for key, expected in keys.items():
            if not _holds(name, listed(expected), context.get(key.lower())):
                return False
    return True


def _covers(
    statement: Mapping[str, Any], element: str, value: str, change: Callable[[str], str] = str
) -> bool:
    is_negated = f"Not{element}" in statement
    if is_negated:
        element = f"Not{element}"
    patterns = listed(statement.get(element, "*"))
    is_matched = any(_like(change(pattern), value) for pattern in patterns)
    return is_matched is not is_negated


def _base(name: str) -> str:
    return name.removesuffix("IfExists").replace("Not", "", 1)


def _holds(name: str, expected: list[Any], actual: str | None) -> bool:
    if name == "Null":
        actual = str(actual is None).lower()
    if actual is None:
        return name.endswith("IfExists") or "Not" in name
    holds = _OPERATORS[_base(name)]
    is_true_for_any = any(holds(_text(value), actual) for value in expected)
    is_negated = "Not" in name
    return is_true_for_any is not is_negated


def _text(value: object) -> str:
    """Return a value from a policy as a string in the form that requests use, such as ``true``."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
