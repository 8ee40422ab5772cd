"""The identity of a call, and the actions that it needs on resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ipy_awsprofile.calls.actions import Action, actions_of
from ipy_awsprofile.calls.denials import Denied
from ipy_awsprofile.calls.log import Call, Need
from ipy_awsprofile.calls.resources import Resource
from ipy_awsprofile.text import Arn


class Who(NamedTuple):
    """The identity of a call, as far as it is known."""

    profile: str | None
    account: str | None
    role: str | None = None
    partition: str = "aws"

    def of(self, arn: str | None) -> Who:
        """Return the identity with the details of a principal's ARN, if there is an ARN."""
        parts = Arn.parse(arn or "")
        if parts is None:
            return self
        kind, _, name = parts.resource.partition("/")
        role = name.partition("/")[0] if kind == "assumed-role" else parts.resource
        return Who(self.profile, parts.account, role, parts.partition)


class Made(NamedTuple):
    """The details of a call before its result is known.

    ``is_drafted`` is whether draft policies include its needs.
    """

    who: Who
    region: str | None
    service: str
    operation: str
    needs: tuple[tuple[Action, Resource], ...]
    client: str
    is_drafted: bool = True


def unknown_needs(signing_name: str, operation: str) -> tuple[tuple[Action, Resource], ...]:
    """Return the needs of an operation with unknown parameters."""
    anything = Resource("*", complete=False)
    return tuple((action, anything) for action in actions_of(signing_name, operation))


def needs_of(made: Made, call: Call, denied: Denied | None) -> Iterator[Need]:
    """Yield the needs of a call. If AWS's message about a denial has details, use only these."""
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
