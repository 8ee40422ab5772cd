"""Draft a minimal policy from the recorded calls, for each account and role.

A draft contains only what was recorded, and never claims to be complete. The Sid of each statement
says how its actions are known.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ipy_awsprofile.calls.log import CallLog, Need
from ipy_awsprofile.text import number_of

#: AWS's limits for a session policy and for a managed policy, in characters.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MOST_IN_SESSION, MOST_IN_MANAGED = 2048, 6144

#: The first part of a statement's Sid, which can contain only letters and digits.
_SIDS = {"denial": "DeniedByAws", "table": "Table", "same name": "SameName", "guess": "Guess"}

#: If an action is known in several ways, the draft names the first of these.
_BEST = ("same name", "table", "denial", "guess")

#: Actions that don't need permission.
_ALWAYS_ALLOWED = {"sts:GetCallerIdentity", "sts:GetSessionToken"}

_LONE = re.compile(r'\[\s+("[^"]*")\s+\]')

NOT_VISIBLE = (
    "Not visible: calls that AWS makes for you (for KMS keys, and for roles that are passed to a "
    "service), conditions, child processes, and libraries that don't use botocore, such as polars "
    "and DuckDB."
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft policy for an identity, with notes about it.

    ``profile``, ``account`` and ``role`` are as in the DataFrame of the calls.
    """

    profile: str | None
    account: str | None
    role: str | None
    policy: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """A description of the identity."""
        who = self.role or self.profile or "an unknown identity"
        return f"{who} in {self.account}" if self.account else who

    def json(self) -> str:
        """Return the policy as JSON, with single-value lists on one line."""
        return _LONE.sub(r"[\1]", json.dumps(self.policy, indent=2)) + "\n"


def drafts(log: CallLog) -> list[Draft]:
    """Return a draft for each account and role with recorded calls, sorted by both."""
    by_identity: dict[tuple[str | None, str | None], list[Need]] = defaultdict(list)
    for need in log.needs():
        if need.action not in _ALWAYS_ALLOWED:
            by_identity[need.account, need.role or need.profile].append(need)
    named = sorted(by_identity.items(), key=lambda item: tuple(map(str, item[0])))
    return [_draft(needs, log.needs_left_out) for _, needs in named]


def _draft(needs: list[Need], left_out: int) -> Draft:
    policy = {"Version": "2012-10-17", "Statement": list(_statements(needs))}
    first = needs[0]
    notes = (*_notes(needs, policy), NOT_VISIBLE)
    if left_out:
        missing = f"It leaves out {number_of(left_out, 'permission')}, because there are too many."
        notes = (missing, *notes)
    return Draft(first.profile, first.account, first.role, policy, notes)


def _statements(needs: Iterable[Need]) -> Iterator[dict[str, Any]]:
    """Yield the statements, grouping resources that need the same actions."""
    origins: dict[tuple[str, str], str] = {}
    for need in sorted(needs, key=lambda need: _BEST.index(need.origin)):
        origins.setdefault((need.resource, need.action), need.origin)
    actions: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (resource, action), origin in origins.items():
        actions[origin, resource].add(action)
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (origin, resource), found in sorted(actions.items()):
        resources[origin, tuple(sorted(found))].append(resource)
    numbers: dict[str, int] = defaultdict(int)
    for (origin, names), arns in sorted(resources.items(), key=_order):
        numbers[origin] += 1
        yield {
            "Sid": f"{_SIDS[origin]}{numbers[origin]}",
            "Effect": "Allow",
            "Action": list(names),
            "Resource": sorted(arns),
        }


def _order(item: tuple[tuple[str, tuple[str, ...]], list[str]]) -> tuple[int, tuple[str, ...]]:
    (origin, names), _ = item
    return list(_SIDS).index(origin), names


def _notes(needs: list[Need], policy: dict[str, Any]) -> Iterator[str]:
    size = len(json.dumps(policy, separators=(",", ":")))
    if size > MOST_IN_MANAGED:
        yield (
            f"It has {size} characters, and a managed policy can have {MOST_IN_MANAGED}. Split it, "
            "or use wildcards in its resources."
        )
    elif size > MOST_IN_SESSION:
        yield (
            f"It has {size} characters. That fits a managed policy, but not a session policy "
            f"(`--policy FILE`), which can have {MOST_IN_SESSION}."
        )
    wide = sorted({need.action for need in needs if not need.complete})
    if wide:
        shown = ", ".join(wide[:5]) + (" …" if len(wide) > 5 else "")  # noqa: PLR2004
        yield f"The resource of {number_of(len(wide), 'action')} isn't fully known: {shown}."
    if any(need.origin == "guess" for need in needs):
        yield "AWS's reference doesn't have the actions in the `Guess` statements: check them."
