"""AWS Sign-In: the service that issues and renews the credentials of `aws login`.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
https://docs.aws.amazon.com/signin/latest/APIReference/API_CreateOAuth2Token.html
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from ipy_awsprofile.demo.endpoints import Endpoint, json_answer, json_refusal
from ipy_awsprofile.demo.principals import Principal
from ipy_awsprofile.demo.services.console_codes import SAME_DEVICE, ConsoleCodes
from ipy_awsprofile.demo.shared_files import write_cache

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from werkzeug.wrappers import Request, Response

    from ipy_awsprofile.demo.endpoints import Endpoints
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from ipy_awsprofile.demo.refusals import Refusal
    from ipy_awsprofile.demo.state import State

_QUARTER_OF_AN_HOUR, _TWELVE_HOURS = 900, 43200


@dataclass(frozen=True, slots=True)
class _Grant:
    """The grant of a refresh token: a user's credentials, for the holder of a key."""

    principal: Principal
    key: str
    expires: datetime


class SignInService:
    """AWS Sign-In; the method `login` acts as a user who runs `aws login`.

    `codes.user` is the user signed in to the console in the browser.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.codes = ConsoleCodes(state)
        self._lock = threading.Lock()
        self._grants: dict[str, _Grant] = {}
        self._key = ECKey.generate_key("P-256")

    def endpoints(self) -> Endpoints:
        """Return the endpoints of the service and of its page."""
        return {
            ("POST", "/v1/token"): Endpoint("signin:CreateOAuth2Token", self._create_token),
            ("GET", "/v1/authorize"): Endpoint("signin:Page", self.codes.show),
            ("POST", "/v1/authorize"): Endpoint("signin:Answer", self.codes.decide),
        }

    def login(self, user: IamUser, *, expires_in: int = _QUARTER_OF_AN_HOUR) -> Path:
        """Log in as `aws login` does; return the file in `home` with the stored login.

        Profiles with the user's ARN as `login_session` use it. `expires_in` is how long the first
        credentials are valid, in seconds; if it is negative, they have expired and must be renewed.
        """
        principal = Principal.user(user.arn, user.id)
        pem = _new_key()
        expires = self._state.clock() + timedelta(seconds=_TWELVE_HOURS)
        session = self._state.sessions.issue(principal, expires_in)
        document = {
            "accessToken": {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
                "accountId": user.account,
                "expiresAt": session.expiration,
            },
            "tokenType": "aws_sigv4",
            "clientId": SAME_DEVICE,
            "refreshToken": self._grant(
                _Grant(principal, ECKey.import_key(pem).thumbprint(), expires)
            ),
            "idToken": self._id_token(user),
            "dpopKey": self._state.keep_secret(pem),
        }
        name = f"{sha256(user.arn.encode()).hexdigest()}.json"
        return write_cache(self._state.home / ".aws" / "login" / "cache" / name, document)

    def expire(self) -> int:
        """End all logins; return how many. Their credentials stay valid, but can't be renewed."""
        ended = len(self._grants)
        self._grants.clear()
        return ended

    def _grant(self, grant: _Grant) -> str:
        token = self._state.new_secret()
        self._grants[token] = grant
        return token

    def _use(self, token: str, proof: str) -> _Grant:
        """Consume a refresh token; the proof must be signed with the key of its login."""
        with self._lock:
            grant = self._grants.get(token)
            if grant is None or self._state.clock() >= grant.expires:
                message = "The refresh token has expired."
                raise _refused("AccessDeniedException", "TOKEN_EXPIRED", message)
            if _signing_key(proof) != grant.key:
                message = "The DPoP proof is not valid."
                raise _refused("AccessDeniedException", "INVALID_REQUEST", message)
            return self._grants.pop(token)

    def _create_token(self, request: Request) -> Response:
        body = request.get_json(force=True, silent=True) or {}
        proof = request.headers.get("DPoP", "")
        match body.get("grantType"):
            case "refresh_token":
                return json_answer(self._issued(self._use(body.get("refreshToken", ""), proof)))
            case "authorization_code":
                return json_answer(self._redeemed(body, proof))
            case _:
                message = "The grant type is not valid."
                raise _refused("ValidationException", "INVALID_REQUEST", message, 400)

    def _redeemed(self, body: dict[str, Any], proof: str) -> dict[str, Any]:
        key, user = _signing_key(proof), self.codes.redeem(body)
        if key is None:
            message = "The DPoP proof is not valid."
            raise _refused("AccessDeniedException", "INVALID_REQUEST", message)
        if user is None:
            message = "The authorization code has expired."
            raise _refused("AccessDeniedException", "AUTHCODE_EXPIRED", message, 401)
        expires = self._state.clock() + timedelta(seconds=_TWELVE_HOURS)
        issued = self._issued(_Grant(Principal.user(user.arn, user.id), key, expires))
        return issued | {"idToken": self._id_token(user)}

    def _id_token(self, user: IamUser) -> str:
        """Return an ID token that identifies the signed-in user."""
        payload = json.dumps({"sub": user.arn})
        return self._state.keep_secret(jws.serialize_compact({"alg": "ES256"}, payload, self._key))

    def _issued(self, grant: _Grant) -> dict[str, Any]:
        session = self._state.sessions.issue(grant.principal, _QUARTER_OF_AN_HOUR)
        return {
            "accessToken": {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
            },
            "tokenType": "aws_sigv4",
            "expiresIn": _QUARTER_OF_AN_HOUR,
            "refreshToken": self._grant(grant),
        }


def _new_key() -> str:
    """Return a new key for DPoP proofs, in the AWS CLI's format."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode()


def _refused(code: str, error: str, message: str, status: int = 403) -> Refusal:
    return json_refusal(code, {"error": error, "message": message}, status)


def _signing_key(proof: str) -> str | None:
    """Return the thumbprint of a DPoP proof's key, or None if it didn't sign it (RFC 9449)."""
    try:
        key: Any = ECKey.import_key(jws.extract_compact(proof.encode()).headers()["jwk"])
        jws.deserialize_compact(proof, key, algorithms=["ES256"])
    except (JoseError, KeyError, ValueError):
        return None
    thumbprint: str = key.thumbprint()
    return thumbprint
