"""An OpenID Connect identity provider, such as an EKS cluster's, which issues signed tokens.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.sessions import Clock

AUDIENCE = "sts.amazonaws.com"
_ALGORITHM = "ES256"


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """An IAM OpenID Connect provider together with the identity provider that issues its tokens.

    `issuer` is a URL, such as an EKS cluster's issuer URL. Nothing connects to it.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
    """

    arn: str
    issuer: str
    audiences: tuple[str, ...]
    _key: ECKey = field(repr=False)
    _clock: Clock = field(repr=False)
    _keep_secret: Callable[[str], str] = field(repr=False)

    @property
    def name(self) -> str:
        """The issuer without its scheme; the provider's condition keys begin with it."""
        return self.issuer.partition("://")[2]

    def token(
        self, subject: str, *, audience: str = AUDIENCE, expires_in: int = 3600, **claims: Any
    ) -> str:
        """Return a token for a subject, valid for `expires_in` seconds (negative: expired)."""
        now = int(self._clock().timestamp())
        usual = {"iss": self.issuer, "sub": subject, "aud": audience}
        times = {"iat": now, "exp": now + expires_in}
        token = jwt.encode({"alg": _ALGORITHM}, usual | times | claims, self._key)
        return self._keep_secret(token)

    def signed(self, token: str) -> bool:
        """Return whether the token has this provider's signature."""
        try:
            jws.deserialize_compact(token, self._key, algorithms=[_ALGORITHM])
        except JoseError:
            return False
        return True
