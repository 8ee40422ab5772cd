"""The Condition element of a policy: its operators, and their result for an absent key.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Compare = Callable[[str, str], bool]

# Other keys never have a value here, so a negated operator would match every request.
KNOWN_KEYS = {
    key.lower(): key
    for key in (
        "aws:MultiFactorAuthAge",
        "aws:MultiFactorAuthPresent",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalType",
        "aws:userid",
        "aws:username",
        "aws:SourceIdentity",
        "sts:ExternalId",
        "sts:RoleSessionName",
        "sts:SourceIdentity",
        # Absent on AWS, too, unless another service calls KMS for the caller.
        "kms:ViaService",
        # AWS's policy ReadOnlyAccess uses it. It is absent on AWS too without directory buckets.
        "s3express:SessionMode",
    )
}
# A claim of a web identity token: the issuer without its scheme, a colon, and the claim's name.
_CLAIM = re.compile(r"[^:]+\.[^:]+:(?:aud|sub)", re.IGNORECASE)
_TAG = re.compile(r"aws:(?:PrincipalTag|RequestTag)/.+", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _pattern(glob: str, *, ignore_case: bool) -> re.Pattern[str]:
    expression = re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    """Return whether a value matches a pattern; `*` matches any text, `?` any single character."""
    return _pattern(pattern, ignore_case=ignore_case).fullmatch(value) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """Return whether each of an ARN's six parts matches; a `*` doesn't match across parts."""
    wanted, given = pattern.split(":", 5), value.split(":", 5)
    return len(wanted) == len(given) and all(map(like, wanted, given))


def _numeric(compare: Callable[[float, float], bool]) -> Compare:
    def holds(expected: str, actual: str) -> bool:
        try:
            return compare(float(actual), float(expected))
        except ValueError:  # as on AWS, a value that isn't a number doesn't match
            return False

    return holds


def _same_ignoring_case(expected: str, actual: str) -> bool:
    return expected.casefold() == actual.casefold()


_POSITIVE: Mapping[str, Compare] = {
    "StringEquals": operator.eq,
    "StringEqualsIgnoreCase": _same_ignoring_case,
    "StringLike": like,
    "ArnEquals": _arn_like,  # AWS documents it as identical to ArnLike
    "ArnLike": _arn_like,
    "Bool": _same_ignoring_case,
    "NumericEquals": _numeric(operator.eq),
    "NumericLessThan": _numeric(operator.lt),
    "NumericLessThanEquals": _numeric(operator.le),
    "NumericGreaterThan": _numeric(operator.gt),
    "NumericGreaterThanEquals": _numeric(operator.ge),
}
_NEGATED: Mapping[str, Compare] = {
    "StringNotEquals": operator.eq,
    "StringNotEqualsIgnoreCase": _same_ignoring_case,
    "StringNotLike": like,
    "ArnNotEquals": _arn_like,
    "ArnNotLike": _arn_like,
    "NumericNotEquals": _numeric(operator.eq),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator, one key, and one or more expected values."""

    operator: str
    key: str
    values: tuple[str, ...]
    if_exists: bool = False

    def holds(self, context: Mapping[str, str]) -> bool:
        """Return whether a request's context meets the condition; keys ignore case."""
        actual = {key.lower(): value for key, value in context.items()}.get(self.key.lower())
        if self.operator == "Null":
            return ("true" if actual is None else "false") in self.values
        if actual is None:
            return self.if_exists or self.operator in _NEGATED
        if self.operator in _NEGATED:
            return not any(_NEGATED[self.operator](value, actual) for value in self.values)
        return any(_POSITIVE[self.operator](value, actual) for value in self.values)


def parse_conditions(block: Mapping[str, Mapping[str, object]]) -> tuple[Condition, ...]:
    """Return the conditions in a Condition element; a request must meet all of them.

    Raises UnsupportedPolicyError for an unknown operator or key, and for a policy variable.
    """
    return tuple(
        _condition(name, key, values)
        for name, keys in block.items()
        for key, values in keys.items()
    )


def _condition(name: str, key: str, values: object) -> Condition:
    base = name.removesuffix("IfExists")
    if base not in _POSITIVE and base not in _NEGATED and name != "Null":
        raise UnsupportedPolicyError(f"condition operator {name!r}")
    if key.lower() not in KNOWN_KEYS and not (_CLAIM.fullmatch(key) or _TAG.fullmatch(key)):
        raise UnsupportedPolicyError(f"condition key {key!r}")
    expected = tuple(_text(value) for value in (values if isinstance(values, list) else [values]))
    if any("${" in value for value in expected):
        raise UnsupportedPolicyError(f"policy variable in the condition on {key!r}")
    known = KNOWN_KEYS.get(key.lower(), key)
    return Condition(base, known, expected, if_exists=name != base)


def _text(value: object) -> str:
    """Return a JSON value as AWS compares it: true and 3600 become "true" and "3600"."""
    return str(value).lower() if isinstance(value, bool) else str(value)
