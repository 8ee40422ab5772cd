"""AssumeRole: what is asked, whether it is well-formed, whether it is allowed.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.iam import trust
from ipy_awsprofile.demo.iam.callers import Caller, find_role
from ipy_awsprofile.demo.iam.policy import Verdict
from ipy_awsprofile.demo.iam.session_policies import session_policies
from ipy_awsprofile.demo.iam.trust import Trust
from ipy_awsprofile.demo.principals import Principal, account_of
from ipy_awsprofile.demo.refusals import denied, invalid, not_emulated
from ipy_awsprofile.demo.services.constraints import (
    between,
    length,
    pattern,
    refuse_malformed,
    token_code,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.sessions import Session
    from ipy_awsprofile.demo.state import State

ACTION = "sts:AssumeRole"
ONE_HOUR = 3600
_ROLE_ARN = re.compile(r"arn:aws:iam::\d{12}:role/.+")
_NOT_EMULATED = {"Tags", "TransitiveTagKeys", "SourceIdentity", "ProvidedContexts"}


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

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> AssumeRoleRequest:
        """Make the record from the wire's parameters, or refuse them as the service does.

        Managed policies that narrow the session are those of the role's account.
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
        refuse_malformed(request.complaints())
        if not _ROLE_ARN.fullmatch(request.role_arn):
            raise invalid(f"{request.role_arn} is invalid")
        policies = session_policies(params, account_of(request.role_arn))
        return replace(request, policies=policies)

    def complaints(self) -> list[str]:
        """Return what the service says about each parameter that breaks its constraint."""
        return [
            *length(self.role_arn, "roleArn", 20, 2048),
            *length(self.session_name, "roleSessionName", 2, 64),
            *pattern(self.session_name, "roleSessionName", r"[\w+=,.@-]*"),
            *between(self.duration, "durationSeconds", 900, 43200),
            *token_code(self.mfa_code),
        ]

    def context(self) -> dict[str, str]:
        """Return the condition keys that come from the parameters."""
        keys = {"sts:RoleSessionName": self.session_name}
        if self.external_id is not None:
            keys["sts:ExternalId"] = self.external_id
        return keys


def assume_role(state: State, caller: Caller, request: AssumeRoleRequest) -> Session:
    """Give the caller credentials of the role, or raise the Refusal that AWS gives."""
    context = caller.context(state.clock()) | request.context()
    if state.mfa.check(caller.principal, request.mfa_serial, request.mfa_code):
        context |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0"}
    role = _authorized_role(state, caller, request.role_arn, context)
    refuse_too_long(request.duration, role, chained=caller.principal.role_arn is not None)
    principal = Principal.session(request.role_arn, request.session_name, role.id)
    return state.sessions.issue(principal, request.duration, policies=request.policies)


def _authorized_role(
    state: State, caller: Caller, role_arn: str, context: Mapping[str, str]
) -> Any:
    """Return moto's role if both sides allow it: the caller's policies and the trust policy.

    A role that does not exist trusts nobody: the answer does not tell the two apart.
    """
    now = state.clock()
    role = find_role(role_arn)
    statements = trust.parse_trust_text(role.assume_role_policy_document) if role else ()
    ground = trust.evaluate_parsed(statements, caller.principal, ACTION, context)
    at_home = caller.principal.account == account_of(role_arn)
    own = caller.may(ACTION, role_arn, now)
    if own.verdict is Verdict.NOT_ALLOWED and ground is Trust.NAMED and at_home:
        # The trust policy stands in for an identity policy, but not for a session policy.
        own = caller.session_lets(ACTION, role_arn, now)
    if own.verdict is not Verdict.ALLOWED:
        # Another account's role is not spoken of: there AWS gives no reason.
        raise denied(caller.arn, ACTION, role_arn, own.because(ACTION) if at_home else "")
    if role is None or ground not in {Trust.NAMED, Trust.DELEGATED}:
        raise denied(caller.arn, ACTION, role_arn)
    return role


def refuse_too_long(duration: int, role: Any, *, chained: bool = False) -> None:
    """Raise the service's ValidationError for a session longer than the role's may be."""
    if chained and duration > ONE_HOUR:
        raise invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
            "by role chaining."
        )
    if duration > int(role.max_session_duration or ONE_HOUR):
        raise invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
