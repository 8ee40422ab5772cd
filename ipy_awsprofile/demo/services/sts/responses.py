"""The STS actions that return credentials, and GetCallerIdentity.

https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from ipy_awsprofile.demo.iam.callers import Caller, find_caller
from ipy_awsprofile.demo.iam.unsupported import UnsupportedPolicyError
from ipy_awsprofile.demo.principals import account_of
from ipy_awsprofile.demo.refusals import Refusal, not_emulated
from ipy_awsprofile.demo.services.sts.assume_role import AssumeRoleRequest, assume_role
from ipy_awsprofile.demo.services.sts.constraints import between, refuse_malformed, token_code
from ipy_awsprofile.demo.services.sts.scoped_credentials import (
    get_scoped_credentials,
    scoped_response,
)
from ipy_awsprofile.demo.services.sts.web_identity import ACTION as WEB_IDENTITY
from ipy_awsprofile.demo.services.sts.web_identity import assume_role_with_web_identity, read_token
from ipy_awsprofile.demo.state import Call

if TYPE_CHECKING:
    from ipy_awsprofile.demo.sessions import Session
    from ipy_awsprofile.demo.state import State

_TWELVE_HOURS = 43200


class StsResponse(TokenResponse):  # type: ignore[misc]  # moto is untyped
    """The response to one request to STS; moto calls the method with the action's name."""

    state: ClassVar[State]
    params: dict[str, Any]

    def _caller(self) -> Caller:
        token = self.headers.get("X-Amz-Security-Token")
        return find_caller(self.state.sessions, self.get_access_key(), token)

    def assume_role(self) -> ActionResult:
        """Answer AssumeRole."""
        caller = self._caller()
        try:
            request = AssumeRoleRequest.read(self.params)
            session = assume_role(self.state, caller, request)
        except UnsupportedPolicyError as error:
            raise Refusal("NotImplemented", str(error), status=501) from error
        return ActionResult(_assumed(session))

    def assume_role_with_web_identity(self) -> ActionResult:
        """Answer AssumeRoleWithWebIdentity."""
        try:
            request = AssumeRoleRequest.read(self.params)
            token, account = self.params.get("WebIdentityToken", ""), account_of(request.role_arn)
            identity = read_token(self.state, token, account)
            session = assume_role_with_web_identity(self.state, request, identity)
        except UnsupportedPolicyError as error:
            raise Refusal("NotImplemented", str(error), status=501) from error
        about = {
            "SubjectFromWebIdentityToken": identity.subject,
            "Audience": identity.audience,
            "Provider": identity.provider.arn,
        }
        return ActionResult(_assumed(session) | about)

    def _authenticate_and_authorize_action(self, iam_request: type, resource: str = "*") -> None:
        """Check the signature; AssumeRoleWithWebIdentity has a token instead."""
        if f"sts:{self._get_action()}" == WEB_IDENTITY:
            self.state.calls.append(Call(WEB_IDENTITY, None, None))
        else:
            super()._authenticate_and_authorize_action(iam_request, resource)

    def get_session_token(self) -> ActionResult:
        """Answer GetSessionToken with credentials for the user, and the MFA of this call."""
        caller = self._caller()
        if caller.session is not None:
            message = "Cannot call GetSessionToken with session credentials"
            raise Refusal("AccessDenied", message)
        duration = self.params.get("DurationSeconds", _TWELVE_HOURS)
        serial, code = self.params.get("SerialNumber"), self.params.get("TokenCode")
        refuse_malformed([*between(duration, "durationSeconds", 900, 129600), *token_code(code)])
        with_mfa = self.state.mfa.check(caller.principal, serial, code)
        session = self.state.sessions.issue(
            caller.principal,
            duration,
            mfa_at=self.state.clock() if with_mfa else None,
            from_session_token=True,
        )
        return ActionResult({"Credentials": session.credentials()})

    def get_scoped_credentials(self) -> ActionResult:
        """Answer GetScopedCredentials with the caller's session, limited further."""
        try:
            session = get_scoped_credentials(self.state, self._caller(), self.params)
        except UnsupportedPolicyError as error:
            raise Refusal("NotImplemented", str(error), status=501) from error
        return ActionResult(scoped_response(session))

    def get_caller_identity(self) -> ActionResult:
        """Answer GetCallerIdentity."""
        principal = self._caller().principal
        return ActionResult(
            {"UserId": principal.user_id, "Account": principal.account, "Arn": principal.arn}
        )

    def _not_emulated(self) -> NoReturn:
        """Refuse an action that moto answers with unusable credentials."""
        raise not_emulated(self._get_action())

    get_federation_token = _not_emulated


def _assumed(session: Session) -> dict[str, Any]:
    """Return the part of the response that is the same for all actions that assume a role."""
    role = session.principal
    answer: dict[str, Any] = {
        "Credentials": session.credentials(),
        "AssumedRoleUser": {"AssumedRoleId": role.user_id, "Arn": role.arn},
    }
    if session.attributes.source_identity is not None:
        answer["SourceIdentity"] = session.attributes.source_identity
    if session.policies:
        answer["PackedPolicySize"] = 1 + sum(map(len, session.policies)) * 100 // 2048
    return answer
