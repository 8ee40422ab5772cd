"""AssumeRoleWithWebIdentity: assume a role with a token from an OpenID Connect provider.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from moto.iam.models import iam_backends

from ipy_awsprofile.demo.iam.callers import find_role
from ipy_awsprofile.demo.iam.trust import Trust, evaluate_role
from ipy_awsprofile.demo.oidc import OidcProvider
from ipy_awsprofile.demo.principals import Principal
from ipy_awsprofile.demo.refusals import Refusal
from ipy_awsprofile.demo.services.sts.assume_role import AssumeRoleRequest, refuse_too_long

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipy_awsprofile.demo.sessions import Session
    from ipy_awsprofile.demo.state import State

ACTION = "sts:AssumeRoleWithWebIdentity"


def create_oidc_provider(
    state: State, issuer: str, account: str, audiences: tuple[str, ...]
) -> OidcProvider:
    """Create a provider in an account."""
    record = iam_backends[account]["aws"].create_open_id_connect_provider(
        issuer, [], list(audiences), []
    )
    provider = OidcProvider(
        record.arn, issuer, audiences, ECKey.generate_key("P-256"), state.clock, state.keep_secret
    )
    state.oidc_providers[provider.arn] = provider
    return provider


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """The identity in a verified token."""

    provider: OidcProvider
    subject: str
    audience: str

    def context(self) -> dict[str, str]:
        """Return the condition keys that AWS derives from the token."""
        return {
            f"{self.provider.name}:sub": self.subject,
            f"{self.provider.name}:aud": self.audience,
        }


def read_token(state: State, token: str, account: str) -> WebIdentity:
    """Verify a token from a provider in the role's account. Raises Refusal as STS does."""
    claims = _claims(token)
    issuer = str(claims.get("iss"))
    arn = f"arn:aws:iam::{account}:oidc-provider/{issuer.partition('://')[2]}"
    provider = state.oidc_providers.get(arn)
    if provider is None:
        raise _invalid(f"No OpenIDConnect provider found in your account for {issuer}")
    if not provider.signed(token):
        raise _invalid("Couldn't verify the signature of the token")
    now, expires = int(state.clock().timestamp()), int(claims.get("exp", 0))
    if now >= expires:
        times = f"current date/time {now} must be before the expiration date/time {expires}"
        raise Refusal("ExpiredTokenException", f"Token expired: {times}", status=400)
    if claims.get("aud") not in provider.audiences:
        raise _invalid("Incorrect token audience")
    return WebIdentity(provider, str(claims.get("sub")), str(claims["aud"]))


def _claims(token: str) -> Mapping[str, Any]:
    try:
        claims = json.loads(jws.extract_compact(token.encode()).payload)
    except (JoseError, ValueError):
        claims = None
    if not isinstance(claims, dict):
        raise _invalid("The ID Token provided is not a valid JWT.")
    return claims


def _invalid(message: str) -> Refusal:
    return Refusal("InvalidIdentityToken", message, status=400)


def assume_role_with_web_identity(
    state: State, request: AssumeRoleRequest, identity: WebIdentity
) -> Session:
    """Return the role's credentials for a verified identity. Raises Refusal as AWS does."""
    role, caller = find_role(request.role_arn), Principal.federated(identity.provider.arn)
    context = request.context() | identity.context()
    if role is None or evaluate_role(role, caller, ACTION, context) is not Trust.NAMED:
        raise Refusal("AccessDenied", f"Not authorized to perform {ACTION}")
    refuse_too_long(request.duration, role)
    principal = Principal.session(request.role_arn, request.session_name, role.id)
    return state.sessions.issue(principal, request.duration, policies=request.policies)
