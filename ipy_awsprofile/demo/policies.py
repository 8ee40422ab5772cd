"""What IAM policies allow. A policy element that isn't evaluated here is an error, never ignored.

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
#: The condition keys that a request can have here. Of those in AWS's managed policies, the last two
#: are absent on AWS, too, from the requests that are made here.
_KEYS = re.compile(
    r"aws:(MultiFactorAuth(Age|Present)|Principal(Account|Arn|Type|Tag/.+)|RequestTag/.+|username)"
    r"|(aws|sts):SourceIdentity|sts:(ExternalId|RoleSessionName)|[^:]+\.[^:]+:(aud|sub)"
    r"|aws:CurrentTime|kms:ViaService|s3express:SessionMode",
    re.IGNORECASE,
)


class UnsupportedPolicyError(ValueError):
    """A policy has an element that the embedded AWS doesn't evaluate."""


@lru_cache(maxsize=4096)
def _pattern(glob: str) -> re.Pattern[str]:
    return re.compile(re.escape(glob).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _like(expected: str, actual: str) -> bool:
    return _pattern(expected).fullmatch(actual) is not None


def _less(expected: str, actual: str) -> bool:
    return float(actual) < float(expected)


def _since(expected: str, actual: str) -> bool:
    return datetime.fromisoformat(actual) >= datetime.fromisoformat(expected)


#: Each operator can be negated, as in StringNotLike.
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    **dict.fromkeys(("StringEquals", "Bool", "Null"), operator.eq),
    **dict.fromkeys(("StringLike", "ArnLike", "ArnEquals"), _like),
    "NumericLessThan": _less,
    "DateGreaterThanEquals": _since,
}


def listed(value: Any) -> list[Any]:
    """Return a list; a policy can have a single value instead."""
    return value if isinstance(value, list) else [value]


def checked(policy: Policy) -> Policy:
    """Return the policy. Raises UnsupportedPolicyError for what isn't evaluated here."""
    for statement in listed(policy["Statement"]):
        conditions = statement.get("Condition", {})
        unknown = [
            *(statement.keys() - _ELEMENTS - {"Condition"}),
            *(name for name in conditions if _base(name) not in _OPERATORS),
            *(key for keys in conditions.values() for key in keys if not _KEYS.fullmatch(key)),
            *re.findall(r"\$\{.*?\}", str(statement)),
        ]
        if unknown:
            raise UnsupportedPolicyError(f"The embedded AWS doesn't evaluate {unknown[0]!r}.")
    return policy


def effect_of(
    policies: Iterable[Policy], action: str, resource: str | None, context: Mapping[str, str]
) -> Literal["Allow", "Deny"] | None:
    """Return the effect of policies on one request, or None if no statement applies.

    A resource of None isn't known: an Allow applies to it, and a Deny if it is for all resources.
    """
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in listed(policy["Statement"])
        if _applies(statement, action, resource, context)
    }
    return "Deny" if "Deny" in effects else "Allow" if effects else None


def trusted_as(
    trust: Policy, names: Iterable[str], action: str, context: Mapping[str, str]
) -> str | None:
    """Return the first of a principal's names whom a trust policy lets do the action, or None.

    The names are for example its ARN, its account and `*`.
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
    kinds = principal if isinstance(principal, dict) else {"AWS": principal}
    for value in (value for values in kinds.values() for value in listed(values)):
        account = re.fullmatch(r"arn:aws:iam::(\d+):root", value)
        yield account[1] if account else value


def _applies(
    statement: Mapping[str, Any], action: str, resource: str | None, context: Mapping[str, str]
) -> bool:
    is_any = resource is None and statement["Effect"] == "Allow"
    return (
        _covers(statement, "Action", action.lower(), str.lower)
        and (is_any or _covers(statement, "Resource", resource or "*"))
        and all(
            _holds(name, listed(expected), context.get(key.lower()))
            for name, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def _covers(
    statement: Mapping[str, Any], element: str, value: str, change: Callable[[str], str] = str
) -> bool:
    is_negated = f"Not{element}" in statement
    patterns = listed(statement.get(f"Not{element}" if is_negated else element, "*"))
    return any(_like(change(pattern), value) for pattern in patterns) is not is_negated


def _base(name: str) -> str:
    return name.removesuffix("IfExists").replace("Not", "", 1)


def _holds(name: str, expected: list[Any], actual: str | None) -> bool:
    if name == "Null":
        actual = str(actual is None).lower()
    if actual is None:
        return name.endswith("IfExists") or "Not" in name
    values = [str(value).lower() if isinstance(value, bool) else str(value) for value in expected]
    return any(_OPERATORS[_base(name)](value, actual) for value in values) is not ("Not" in name)
