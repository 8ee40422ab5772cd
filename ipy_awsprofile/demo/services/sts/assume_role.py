"""AssumeRole: its parameters, their constraints, and the permission to assume the role.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.iam.callers import Caller, find_role
from ipy_awsprofile.demo.iam.policy import Verdict
from ipy_awsprofile.demo.iam.session_policies import session_policies
from ipy_awsprofile.demo.iam.trust import Trust, evaluate_role
from ipy_awsprofile.demo.principals import Principal, account_of
from ipy_awsprofile.demo.refusals import denied, invalid, not_emulated
from ipy_awsprofile.demo.services.sts.constraints import (
    between,
    length,
    pattern,
    refuse_malformed,
    token_code,
)
from ipy_awsprofile.demo.services.sts.session_attributes import (
    chained,
    malformed,
    needed_actions,
    read_attributes,
)
from ipy_awsprofile.demo.sessions import Attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.sessions import Session
    from ipy_awsprofile.demo.state import State

ACTION = "sts:AssumeRole"
ONE_HOUR = 3600
_ROLE_ARN = re.compile(r"arn:aws:iam::\d{12}:role/.+")
_NOT_EMULATED = {"ProvidedContexts"}


@dataclass(frozen=True, slots=True)
class AssumeRoleRequest:
    """The parameters of one AssumeRole call; `duration` is in seconds."""

    role_arn: str
    session_name: str
    duration: int = ONE_HOUR
    external_id: str | None = None
    mfa_serial: str | None = None
    mfa_code: str | None = None
    policies: tuple[str, ...] = ()
    attributes: Attributes = field(default_factory=Attributes)

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> AssumeRoleRequest:
        """Return a record of a request's parameters. Raises Refusal for an invalid parameter.

        Managed policies that limit the session come from the role's account.
        """
        if unknown := _NOT_EMULATED & params.keys():
            raise not_emulated(min(unknown))
        request = cls(
            role_arn=params.get("RoleArn", ""),
            session_name=params.get("RoleSessionName", ""),
            duration=params.get("DurationSeconds", ONE_HOUR),
            external_id=params.get("ExternalId"),
            mfa_serial=params.get("SerialNumber"),
            mfa_code=params.get("TokenCode"),
        )
        refuse_malformed([*request.complaints(), *malformed(params)])
        if not _ROLE_ARN.fullmatch(request.role_arn):
            raise invalid(f"{request.role_arn} is invalid")
        policies = session_policies(params, account_of(request.role_arn))
        return replace(request, policies=policies, attributes=read_attributes(params))

    def complaints(self) -> list[str]:
        """Return the service's message about each parameter that violates its constraint."""
        return [
            *length(self.role_arn, "roleArn", 20, 2048),
            *length(self.session_name, "roleSessionName", 2, 64),
            *pattern(self.session_name, "roleSessionName", r"[\w+=,.@-]*"),
            *between(self.duration, "durationSeconds", 900, 43200),
            *token_code(self.mfa_code),
        ]

    def context(self) -> dict[str, str]:
        """Return the condition keys that AWS derives from the parameters."""
        keys = {"sts:RoleSessionName": self.session_name}
        if self.external_id is not None:
            keys["sts:ExternalId"] = self.external_id
        if self.attributes.source_identity is not None:
            keys["sts:SourceIdentity"] = self.attributes.source_identity
        keys |= {f"aws:RequestTag/{key}": value for key, value in self.attributes.tags.items()}
        return keys


def assume_role(state: State, caller: Caller, request: AssumeRoleRequest) -> Session:
    """Return the role's credentials for the caller. Raises Refusal as AWS does."""
    inherited = caller.session.attributes if caller.session else Attributes()
    attributes = request.attributes
    context = caller.context(state.clock()) | request.context()
    if state.mfa.check(caller.principal, request.mfa_serial, request.mfa_code):
        context |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0"}
    role = _authorized_role(state, caller, request.role_arn, context)
    for action in needed_actions(attributes, inherited):
        _authorized_role(state, caller, request.role_arn, context, action)
    attributes = chained(attributes, inherited)
    refuse_too_long(request.duration, role, chained=caller.principal.role_arn is not None)
    principal = Principal.session(request.role_arn, request.session_name, role.id)
    return state.sessions.issue(
        principal, request.duration, policies=request.policies, attributes=attributes
    )


def _authorized_role(
    state: State, caller: Caller, role_arn: str, context: Mapping[str, str], action: str = ACTION
) -> Any:
    """Return moto's role if the caller's policies and the role's trust policy allow it.

    A role that doesn't exist gives the same error as a role that doesn't trust the caller.
    """
    now = state.clock()
    role = find_role(role_arn)
    trust = evaluate_role(role, caller.principal, action, context)
    same_account = caller.principal.account == account_of(role_arn)
    own = caller.may(action, role_arn, now)
    if own.verdict is Verdict.NOT_ALLOWED and trust is Trust.NAMED and same_account:
        # The trust policy replaces the identity policy, but not the session policy.
        own = caller.session_allows(action, role_arn, now)
    if own.verdict is not Verdict.ALLOWED:
        # AWS gives no reason for a role in another account.
        raise denied(caller.arn, action, role_arn, own.reason(action) if same_account else "")
    if role is None or trust not in {Trust.NAMED, Trust.DELEGATED}:
        raise denied(caller.arn, action, role_arn)
    return role


def refuse_too_long(duration: int, role: Any, *, chained: bool = False) -> None:
    """Raise the service's ValidationError for a session longer than the role allows."""
    if chained and duration > ONE_HOUR:
        raise invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
            "by role chaining."
        )
    if duration > int(role.max_session_duration or ONE_HOUR):
        raise invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
