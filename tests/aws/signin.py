"""AWS Sign-In: the service that issues and renews the credentials of `aws login`, and its page.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
https://docs.aws.amazon.com/signin/latest/APIReference/API_CreateOAuth2Token.html
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from ipy_awsprofile.demo.front import Front
from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.identity_center import form, page, write_private
from ipy_awsprofile.demo.refusals import Refused, json_response
from tests.aws.browser_sign_ins import LIFETIME, LOOPBACK, is_proven

SAME_DEVICE = "arn:aws:signin:::devtools/same-device"
CROSS_DEVICE = "arn:aws:signin:::devtools/cross-device"
_QUARTER_OF_AN_HOUR = 900
_TWELVE_HOURS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a refresh token stands for: a user's credentials, for the holder of a key."""

    user: Signer
    key: str
    expires: datetime


class SignIn:
    """AWS Sign-In; `login` acts as a user who runs `aws login`.

    `user` is the user who is signed in to the console in the browser.
    """

    def __init__(self, front: Front, home: Callable[[], Path]) -> None:
        self._iam, self._home = front.iam, home
        self.user: Signer | None = None
        self._grants: dict[str, _Grant] = {}
        self._asked: dict[str, tuple[Mapping[str, str], Signer, datetime]] = {}
        self._key = ECKey.generate_key("P-256")
        front.unsigned |= {
            "POST /v1/token": ("signin:CreateOAuth2Token", self._create_token),
            "GET /v1/authorize": ("signin:Page", self._show),
            "POST /v1/authorize": ("signin:Answer", self._decide),
        }

    def login(self, user: Signer, *, expires_in: int = _QUARTER_OF_AN_HOUR) -> Path:
        """Log in as `aws login` does; return the file in the home folder with the stored login.

        Profiles with the user's ARN as `login_session` use it. `expires_in` is how long the first
        credentials are valid, in seconds; if it is negative, they have expired and must be renewed.
        """
        new = ec.generate_private_key(ec.SECP256R1())
        pem = new.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        key = self._iam.keep_secret(pem.decode())
        grant = _Grant(user, ECKey.import_key(key).thumbprint(), self._now() + _TWELVE_HOURS)
        credentials = self._session(user, expires_in)
        document = {
            "accessToken": {
                "accessKeyId": credentials.access_key_id,
                "secretAccessKey": credentials.secret_access_key,
                "sessionToken": credentials.session_token,
                "accountId": user.account,
                "expiresAt": f"{credentials.expiration:%Y-%m-%dT%H:%M:%SZ}",
            },
            "tokenType": "aws_sigv4",
            "clientId": SAME_DEVICE,
            "refreshToken": self._refresh_token(grant),
            "idToken": self._id_token(user),
            "dpopKey": key,
            "signInRegion": "us-west-2",
        }
        name = f"{sha256(user.arn.encode()).hexdigest()}.json"
        file = self._home() / ".aws" / "login" / "cache" / name
        return write_private(file, json.dumps(document))

    def expire(self) -> None:
        """End all logins. Their credentials stay valid, but can't be renewed."""
        self._grants.clear()

    def _now(self) -> datetime:
        return self._iam.clock()

    def _session(self, user: Signer, seconds: int) -> Signer:
        """Return a session of the user, who has signed in to the console with MFA."""
        return self._iam.create_session(user, seconds, mfa_at=self._now())

    def _new_secret(self) -> str:
        return self._iam.keep_secret(secrets.token_urlsafe(64))

    def _refresh_token(self, grant: _Grant) -> str:
        token = self._new_secret()
        self._grants[token] = grant
        return token

    def _create_token(self, request: Request) -> Response:
        body, proof = request.get_json(force=True), request.headers.get("DPoP", "")
        key = _signing_key(proof)
        if body["grantType"] == "authorization_code":
            user = self._redeem(body)
            grant = _Grant(user, str(key), self._now() + _TWELVE_HOURS)
            return json_response(self._issued(grant) | {"idToken": self._id_token(user)})
        renewed = self._grants.get(body["refreshToken"])
        if renewed is None or self._now() >= renewed.expires:
            raise _refused("TOKEN_EXPIRED", "The refresh token has expired.")
        if key != renewed.key:
            raise _refused("INVALID_REQUEST", "The DPoP proof is not valid.")
        del self._grants[body["refreshToken"]]
        return json_response(self._issued(renewed))

    def _redeem(self, body: Mapping[str, Any]) -> Signer:
        entry = self._asked.pop(body["code"], None)
        if entry is None or not is_proven(entry[0], body) or self._now() >= entry[2]:
            raise _refused("AUTHCODE_EXPIRED", "The authorization code has expired.", 401)
        return entry[1]

    def _issued(self, grant: _Grant) -> dict[str, Any]:
        session = self._session(grant.user, _QUARTER_OF_AN_HOUR)
        return {
            "accessToken": {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
            },
            "tokenType": "aws_sigv4",
            "expiresIn": _QUARTER_OF_AN_HOUR,
            "refreshToken": self._refresh_token(grant),
        }

    def _id_token(self, user: Signer) -> str:
        payload = json.dumps({"sub": user.arn})
        return self._iam.keep_secret(jws.serialize_compact({"alg": "ES256"}, payload, self._key))

    def _show(self, request: Request) -> Response:
        if self.user is None or not _is_valid(request):
            return page("This request to sign in isn't valid.", 400)
        action = f"/v1/authorize?{escape(request.query_string.decode(), quote=True)}"
        return page(f"A program asks to work as {escape(self.user.arn)}.</p>{form(action)}")

    def _decide(self, request: Request) -> Response:
        """Redirect the browser to the program, or show the code for the user to enter there."""
        asked = request.args
        if self.user is None or not _is_valid(request):
            return page("This request to sign in isn't valid.", 400)
        answer = {"state": asked["state"]}
        if request.form.get("answer") == "allow":
            answer["code"] = code = self._new_secret()
            self._asked[code] = asked, self.user, self._now() + LIFETIME
        else:
            answer["error"] = "access_denied"
        if asked["client_id"] == SAME_DEVICE:
            return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}")
        shown = self._iam.keep_secret(base64.b64encode(urlencode(answer).encode()).decode())
        return page(f"Enter this code in the program: <code>{shown}</code></p>")


def _is_valid(request: Request) -> bool:
    asked = request.args
    redirect_uri = asked.get("redirect_uri", "")
    expected = {
        SAME_DEVICE: bool(LOOPBACK.fullmatch(redirect_uri)),
        CROSS_DEVICE: redirect_uri == f"{request.host_url}v1/sessions/confirmation",
    }
    return bool(
        expected.get(asked.get("client_id", ""))
        and asked.get("response_type") == "code"
        and asked.get("code_challenge_method") == "SHA-256"
        and asked.get("scope") == "openid"
        and asked.get("code_challenge")
        and asked.get("state")
    )


def _refused(error: str, message: str, status: int = 403) -> Refused:
    document = {"error": error, "message": message}
    return Refused("AccessDeniedException", message, status, document)


def _signing_key(proof: str) -> str | None:
    """Return the thumbprint of a DPoP proof's key, or None if it didn't sign it (RFC 9449)."""
    try:
        key: Any = ECKey.import_key(jws.extract_compact(proof.encode()).headers()["jwk"])
        jws.deserialize_compact(proof, key, algorithms=["ES256"])
    except (JoseError, KeyError, ValueError):
        return None
    return str(key.thumbprint())
