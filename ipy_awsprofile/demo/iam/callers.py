"""Find the user or role session of an access key, and the policies that apply to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.credentials import Credentials
from moto.iam.models import get_account_id_from, iam_backends

from ipy_awsprofile.demo.iam.policy import Verdict, verdict
from ipy_awsprofile.demo.iam.session_policies import default_document
from ipy_awsprofile.demo.principals import Principal, account_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ipy_awsprofile.demo.sessions import Session, SessionStore


class UnknownCallerError(Exception):
    """The credentials are invalid: `reason` is `InvalidId`, `InvalidToken` or `ExpiredToken`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict of a caller's policies, and the kind of policy that decided."""

    verdict: Verdict
    policy: str

    def reason(self, action: str) -> str:
        """Return the reason that AWS adds to the message of an AccessDenied error.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
        """
        if self.verdict is Verdict.DENIED:
            return f" with an explicit deny in {self.policy}"
        kind = self.policy.partition(" ")[2]
        return f" because no {kind} allows the {action} action"


@dataclass(frozen=True, slots=True)
class Caller:
    """The signer of a request, and the signer's credentials."""

    principal: Principal
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session: Session | None = None

    @property
    def arn(self) -> str:
        """The ARN that GetCallerIdentity returns."""
        return self.principal.arn

    def create_credentials(self) -> Credentials:
        """Return the credentials for calculating the expected signature."""
        token = self.session.session_token if self.session else None
        return Credentials(self.access_key_id, self.secret_access_key, token)

    def context(self, now: datetime) -> dict[str, str]:
        """Return the condition keys that AWS derives from the caller's credentials.

        Long-term access keys have no MFA condition keys. For temporary credentials,
        MultiFactorAuthPresent is always true or false. It is false for a role session, even if its
        AssumeRole call had a code.
        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
        """
        keys = self.principal.context()
        if self.session is not None:
            keys |= self.session.attributes.context()
            keys["aws:MultiFactorAuthPresent"] = str(self.session.mfa_at is not None).lower()
            if self.session.mfa_at is not None:
                age = (now - self.session.mfa_at).total_seconds()
                keys["aws:MultiFactorAuthAge"] = str(int(age))
        return keys

    def can_reach(self, service: str, action: str) -> bool:
        """Return whether a service accepts the caller's credentials for an action at all.

        A session from GetSessionToken can't call IAM without MFA, and can call only three STS
        actions.
        https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
        """
        if self.session is None or not self.session.from_session_token:
            return True
        if service == "sts":
            return action in {"AssumeRole", "GetCallerIdentity", "GetScopedCredentials"}
        return service != "iam" or self.session.mfa_at is not None

    def may(self, action: str, resource: str | None, now: datetime) -> Decision:
        """Evaluate the caller's identity and session policies; both must allow the action."""
        own = verdict(identity_policies(self.principal), action, resource, self.context(now))
        if own is not Verdict.ALLOWED:
            return Decision(own, "an identity-based policy")
        return self.session_allows(action, resource, now)

    def session_allows(self, action: str, resource: str | None, now: datetime) -> Decision:
        """Evaluate only the session policies; without session policies, everything is allowed.

        The policies of AssumeRole count as one. Each policy of GetScopedCredentials has to allow
        the action, too.
        """
        session = self.session
        limits = [session.policies, *((one,) for one in session.scopes)] if session else []
        for policies in filter(None, limits):
            limit = verdict(policies, action, resource, self.context(now))
            if limit is not Verdict.ALLOWED:
                return Decision(limit, "a session policy")
        return Decision(Verdict.ALLOWED, "no policy")


def find_caller(sessions: SessionStore, access_key_id: str, token: str | None) -> Caller:
    """Return the owner of an access key. Raises UnknownCallerError if key or token is invalid."""
    if session := sessions.find(access_key_id):
        return _session_caller(sessions, session, token)
    key = iam_backends[get_account_id_from(access_key_id)]["aws"].access_keys.get(access_key_id)
    if key is None or key.status != "Active" or key.user_name is None:
        raise UnknownCallerError("InvalidId")
    if token is not None:
        raise UnknownCallerError("InvalidToken")
    user = iam_backends[get_account_id_from(access_key_id)]["aws"].get_user(key.user_name)
    principal = Principal.user(user.arn, user.id)
    return Caller(principal, access_key_id, key.secret_access_key)


def _session_caller(sessions: SessionStore, session: Session, token: str | None) -> Caller:
    if token is None:
        raise UnknownCallerError("InvalidId")
    if token != session.session_token:
        raise UnknownCallerError("InvalidToken")
    if sessions.is_expired(session):
        raise UnknownCallerError("ExpiredToken")
    return Caller(session.principal, session.access_key_id, session.secret_access_key, session)


def identity_policies(principal: Principal) -> list[str]:
    """Return the JSON strings of all policies of a user (with its groups) or a session's role."""
    if principal.role_arn is not None:
        role = find_role(principal.role_arn)  # None if it was deleted after the session began
        return list(_documents([role] if role else []))
    backend = iam_backends[principal.account]["aws"]
    user = backend.get_user(principal.arn.rpartition("/")[2])
    return list(_documents([user, *backend.get_groups_for_user(user.name)]))


def find_role(role_arn: str) -> Any | None:
    """Return moto's record of a role, or None if the role doesn't exist."""
    roles = iam_backends[account_of(role_arn)]["aws"].get_roles()
    return next((role for role in roles if role.arn == role_arn), None)


def _documents(holders: Iterable[Any]) -> Iterable[str]:
    for holder in holders:
        yield from holder.policies.values()
        yield from map(default_document, holder.managed_policies.values())
