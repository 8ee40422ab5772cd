"""What a call is made for: whose credentials it has, and the actions that it needs on resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ipy_awsprofile.calls.actions import Action, actions_of
from ipy_awsprofile.calls.denials import Denied
from ipy_awsprofile.calls.log import Call, Need
from ipy_awsprofile.calls.resources import Resource
from ipy_awsprofile.config.arn import Arn


class Who(NamedTuple):
    """Whose credentials a call has, as far as it is known."""

    profile: str | None
    account: str | None
    role: str | None = None
    partition: str = "aws"

    def of(self, arn: str | None) -> Who:
        """Return the same with what a principal's ARN says; as it is without an ARN."""
        parts = Arn.parse(arn or "")
        if parts is None:
            return self
        kind, _, name = parts.resource.partition("/")
        role = name.partition("/")[0] if kind == "assumed-role" else parts.resource
        return Who(self.profile, parts.account, role, parts.partition)


class Made(NamedTuple):
    """What a call was made for, before its result is known."""

    who: Who
    region: str | None
    service: str
    operation: str
    needs: tuple[tuple[Action, Resource], ...]
    client: str


def unknown_needs(signing_name: str, operation: str) -> tuple[tuple[Action, Resource], ...]:
    """Return what an operation needs if its parameters aren't known."""
    anything = Resource("*", complete=False)
    return tuple((action, anything) for action in actions_of(signing_name, operation))


def needs_of(made: Made, call: Call, denied: Denied | None) -> Iterator[Need]:
    """Yield what a call needed; AWS's message about a denied call says it best."""
    need = Need(
        profile=call.profile,
        account=call.account,
        role=call.role,
        action=call.action,
        resource=call.resource,
        outcome=call.outcome,
        origin="denial",
        complete=call.complete,
    )
    if denied:
        yield need
        return
    for action, resource in made.needs:
        yield need._replace(
            action=action.name,
            resource=resource.arn,
            origin=action.origin,
            complete=resource.complete,
        )
