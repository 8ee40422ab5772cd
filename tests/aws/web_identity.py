"""AssumeRoleWithWebIdentity: assume a role with a token from an OpenID Connect provider.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from werkzeug.wrappers import Request, Response

from ipy_awsprofile.demo.front import Front
from ipy_awsprofile.demo.iam import Iam
from ipy_awsprofile.demo.policies import trusted_as
from ipy_awsprofile.demo.refusals import Refused, invalid
from ipy_awsprofile.demo.sts import issued, request_context, role_session

AUDIENCE = "sts.amazonaws.com"
_ACTION = "sts:AssumeRoleWithWebIdentity"


@dataclass(slots=True)
class OidcProvider:
    """An IAM OpenID Connect provider together with the identity provider that issues its tokens.

    `key` signs them; another key is one that AWS doesn't know.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
    """

    arn: str
    issuer: str
    audiences: tuple[str, ...]
    iam: Iam = field(repr=False)
    key: ECKey = field(repr=False)

    @property
    def name(self) -> str:
        """The issuer without its scheme; the provider's condition keys begin with it."""
        return self.issuer.partition("://")[2]

    def token(
        self, subject: str, *, audience: str = AUDIENCE, expires_in: float = 3600, **claims: Any
    ) -> str:
        """Return a token for a subject, valid for `expires_in` seconds (negative: expired)."""
        now = int(self.iam.clock().timestamp())
        usual = {"iss": self.issuer, "sub": subject, "aud": audience, "iat": now}
        everything = usual | {"exp": now + int(expires_in)} | claims
        return self.iam.keep_secret(jwt.encode({"alg": "ES256"}, everything, self.key))


class WebIdentities:
    """The OpenID Connect providers of all accounts."""

    def __init__(self, front: Front) -> None:
        self._iam = front.iam
        self._providers: dict[str, OidcProvider] = {}
        front.unsigned["POST AssumeRoleWithWebIdentity"] = _ACTION, self._assume_role

    def create_provider(
        self, issuer: str, account: str, audiences: tuple[str, ...]
    ) -> OidcProvider:
        """Create a provider in an account."""
        arn = f"arn:aws:iam::{account}:oidc-provider/{issuer.partition('://')[2]}"
        key = ECKey.generate_key("P-256")
        self._providers[arn] = OidcProvider(arn, issuer, audiences, self._iam, key)
        return self._providers[arn]

    def _assume_role(self, request: Request) -> Response:
        params = request.form
        provider, claims = self._verified(
            params["RoleArn"].split(":")[4], params["WebIdentityToken"]
        )
        role, keys = self._iam.roles.get(params["RoleArn"]), request_context(params)
        keys |= {f"{provider.name}:{key}".lower(): str(claims[key]) for key in ("sub", "aud")}
        if role is None or not trusted_as(role.trust, [provider.arn], _ACTION, keys):
            raise Refused("AccessDenied", f"Not authorized to perform {_ACTION}")
        return issued(
            "AssumeRoleWithWebIdentity",
            role_session(self._iam, role, params),
            SubjectFromWebIdentityToken=claims["sub"],
            Audience=claims["aud"],
            Provider=provider.arn,
        )

    def _verified(self, account: str, token: str) -> tuple[OidcProvider, dict[str, Any]]:
        """Return the provider of a token and its claims. Raises Refused as STS does."""
        for provider in self._providers.values():
            try:
                claims: dict[str, Any] = jwt.decode(
                    token, provider.key, algorithms=["ES256"]
                ).claims
            except (JoseError, ValueError):
                continue
            break
        else:
            raise invalid("Couldn't verify the signature of the token", "InvalidIdentityToken")
        if account not in provider.arn:
            message = f"No OpenIDConnect provider found in your account for {provider.issuer}"
            raise invalid(message, "InvalidIdentityToken")
        now = int(self._iam.clock().timestamp())
        if now >= claims["exp"]:
            times = (
                f"current date/time {now} must be before the expiration date/time {claims['exp']}"
            )
            raise invalid(f"Token expired: {times}", "ExpiredTokenException")
        if claims["aud"] not in provider.audiences:
            raise invalid("Incorrect token audience", "InvalidIdentityToken")
        return provider, claims
