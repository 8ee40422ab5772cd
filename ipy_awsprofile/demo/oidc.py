"""An OpenID Connect identity provider, such as an EKS cluster's: it makes and signs tokens.

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
    """An IAM OpenID Connect provider, and the identity provider itself: it makes tokens.

    `issuer` is a URL, such as that of an EKS cluster; nothing is asked there.
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
        """What condition keys begin with: the issuer without its scheme."""
        return self.issuer.partition("://")[2]

    def token(
        self, subject: str, *, audience: str = AUDIENCE, expires_in: int = 3600, **claims: Any
    ) -> str:
        """Make a token for a subject, good for `expires_in` seconds; a negative one is over."""
        now = int(self._clock().timestamp())
        usual = {"iss": self.issuer, "sub": subject, "aud": audience}
        times = {"iat": now, "exp": now + expires_in}
        token = jwt.encode({"alg": _ALGORITHM}, usual | times | claims, self._key)
        return self._keep_secret(token)

    def signed(self, token: str) -> bool:
        """Say whether the token has this provider's signature."""
        try:
            jws.deserialize_compact(token, self._key, algorithms=[_ALGORITHM])
        except JoseError:
            return False
        return True
