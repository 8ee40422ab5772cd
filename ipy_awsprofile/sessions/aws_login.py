"""Sign in with AWS console credentials, like ``aws login`` in AWS CLI 2.32.

This uses the authorization code grant with PKCE. The browser redirects to a page that the kernel
serves, with a code. If the browser is on another machine, AWS shows a code for the user to enter.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
https://docs.aws.amazon.com/signin/latest/APIReference/API_CreateOAuth2Token.html
"""

from __future__ import annotations

import base64
import json
import secrets
import textwrap
import time
import uuid
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from botocore import UNSIGNED, compat
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import LoginInsufficientPermissions, MissingDependencyException
from botocore.utils import LoginTokenLoader

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.credentials.cli_caches import login_files
from ipy_awsprofile.credentials.deadline import ATTEMPT
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.sign_in_files import SignInFile
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.browser_sign_in import BrowserSignIn
from ipy_awsprofile.sessions.oauth_callback import TIME_TO_SIGN_IN, OAuthCallback, Pkce
from ipy_awsprofile.sessions.sign_in_attempt import SignInAttempt
from ipy_awsprofile.text import Arn

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target

_SAME_DEVICE = "arn:aws:signin:::devtools/same-device"
_CROSS_DEVICE = "arn:aws:signin:::devtools/cross-device"


class _Login(StaysInProcess):
    """The URL for the browser and the exchange of the code, shared by both types of sign-in."""

    def __init__(self, target: Target, client_id: str) -> None:
        source = target.chain[-1]
        self.profile = source.name
        self._session = str(target.chain[-1].settings["login_session"])
        self.file = SignInFile.of_login(self._session)
        self._client_id = client_id
        self._key = ProofKey()
        config = give_up_soon(ATTEMPT).merge(Config(signature_version=UNSIGNED))
        core = ProfileBotocoreSession(target)
        self._client = guarded(core.create_client("signin", config=config))
        self.base = _base_of(self._client)
        events = self._client.meta.events
        events.register("before-call.signin.CreateOAuth2Token", self._add_proof)

    def url(self, redirect_uri: str, pkce: Pkce) -> str:
        """Return the URL for the browser."""
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "state": pkce.state,
            "code_challenge_method": "SHA-256",
            "scope": "openid",
            "redirect_uri": redirect_uri,
            "code_challenge": pkce.challenge,
        }
        return f"{self.base}/v1/authorize?{urlencode(query)}"

    def redeem(self, code: str, redirect_uri: str, pkce: Pkce) -> None:
        """Exchange the code, and write the tokens to the AWS CLI's cache file."""
        try:
            response = self._client.create_o_auth2_token(
                tokenInput={
                    "clientId": self._client_id,
                    "grantType": "authorization_code",
                    "code": code,
                    "codeVerifier": pkce.verifier,
                    "redirectUri": redirect_uri,
                }
            )
        except self._client.exceptions.AccessDeniedException as error:
            match error.response.get("error"):
                case "INSUFFICIENT_PERMISSIONS":
                    raise LoginInsufficientPermissions from None
                case "AUTHCODE_EXPIRED":
                    problem = f"The code for the sign-in of `{self.profile}` is no longer valid."
                    raise CredentialsUnavailable(problem, "Sign in again.") from None
            raise
        output = response["tokenOutput"]
        signed_in = _subject_of(output["idToken"])
        if signed_in != self._session:
            raise CredentialsUnavailable(
                f"The browser has signed in as {signed_in}, but the login_session of "
                f"`{self.profile}` is {self._session}. Nothing was stored.",
                f"Sign in again as that user, or run `aws login --profile {quote(self.profile)}` "
                "in a terminal to change the profile.",
            )
        files: Any = login_files()
        loader: Any = LoginTokenLoader(cache=files)
        loader.save_token(self._session, self._document(output))

    def _document(self, output: Any) -> dict[str, Any]:
        expiry = datetime.now(UTC) + timedelta(seconds=output["expiresIn"])
        arn = Arn.parse(self._session)
        names = ("accessKeyId", "secretAccessKey", "sessionToken")
        return {
            "accessToken": {
                **{name: output["accessToken"][name] for name in names},
                "accountId": arn.account if arn else "",
                "expiresAt": expiry,
            },
            "tokenType": output["tokenType"],
            "clientId": self._client_id,
            "refreshToken": output["refreshToken"],
            "idToken": output["idToken"],
            "dpopKey": self._key.pem(),
        }

    def _add_proof(self, params: dict[str, Any], **_: Any) -> None:
        params["headers"]["DPoP"] = self._key.proof(params["url"])


class EnteredSignIn(SignInAttempt):
    """A sign-in that waits for the code that AWS shows in a browser on another machine."""

    code = None

    def __init__(self, login: _Login, chain: tuple[str, ...]) -> None:
        self._pkce = Pkce()
        self._redirect_uri = f"{login.base}/v1/sessions/confirmation"
        url = login.url(self._redirect_uri, self._pkce)
        super().__init__(login.profile, url, TIME_TO_SIGN_IN, login.file)
        self._login = login
        self._chain = chain

    def is_done(self) -> bool:
        """Return False; `enter` completes it. Raises CredentialsUnavailable if it has expired."""
        if self._left <= timedelta():
            raise self._ended("wasn't completed in time")
        return False

    def enter(self, text: str) -> None:
        """Complete the sign-in with the code that AWS shows.

        If another program has signed in meanwhile, the code isn't required. Raises
        CredentialsUnavailable if the code isn't valid or belongs to a different sign-in, and other
        subclasses of `AwsProfileError`.
        """
        code = _code_in(text, self._pkce.state)
        if code is None and self._watch.is_signed_in():
            return
        if code is None:
            raise CredentialsUnavailable(
                f"This isn't the code for the sign-in of `{self.profile}`.",
                "Open the new link, and copy the whole code that the page shows.",
            )
        with translated(self._chain):
            self._login.redeem(code, self._redirect_uri, self._pkce)


def begin_login(target: Target) -> BrowserSignIn:
    """Start a sign-in for a browser on this machine. Raises AwsProfileError."""
    with translated(target.names):
        login = _Login(target, _SAME_DEVICE)
        callback = OAuthCallback()
        pkce, redirect_uri = callback.pkce, callback.redirect_uri

    def redeem(code: str) -> None:
        login.redeem(code, redirect_uri, pkce)

    url = login.url(redirect_uri, pkce)
    return BrowserSignIn(login.profile, url, callback, redeem, target.names, file=login.file)


def begin_entered_login(target: Target) -> EnteredSignIn:
    """Start a sign-in for a browser on another machine. Raises AwsProfileError."""
    with translated(target.names):
        return EnteredSignIn(_Login(target, _CROSS_DEVICE), target.names)


def _base_of(client: Any) -> str:
    """Return the scheme and host of a client's requests, without sending a request."""
    found = []

    def stop(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        found.append(urlsplit(params["url"]))
        headers: Any = {}
        return AWSResponse(params["url"], 200, headers, None), {}

    client.meta.events.register("before-call", stop, unique_id="base")
    client.create_o_auth2_token(tokenInput={"clientId": " ", "grantType": " "})
    client.meta.events.unregister("before-call", unique_id="base")
    return f"{found[0].scheme}://{found[0].netloc}"


def _subject_of(id_token: str) -> str:
    """Return the ARN of the signed-in identity. Raises KeyError if the token doesn't have it."""
    try:
        payload = id_token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(f"{payload}==="))["sub"])
    except (ValueError, IndexError, TypeError):
        raise KeyError("idToken") from None


def _code_in(text: str, state: str) -> str | None:
    """Decode the base64 code that AWS shows; return None if it belongs to another sign-in."""
    try:
        query = parse_qs(base64.b64decode("".join(text.split()), validate=True).decode())
    except ValueError:
        return None
    if not secrets.compare_digest(query.get("state", [""])[0].encode(), state.encode()):
        return None
    return query.get("code", [None])[0]


#: The size in bytes of each coordinate, and of each half of a signature.
_BYTES = 32


class ProofKey(StaysInProcess):
    """A new key pair on the P-256 curve.

    Raises MissingDependencyException if awscrt, which botocore also requires, isn't installed.
    """

    def __init__(self) -> None:
        if getattr(compat, "EC", None) is None:
            raise MissingDependencyException(msg="awscrt")
        from awscrt.crypto import EC, ECType

        self._key: Any = EC.new_generate(ECType.P_256)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def pem(self) -> str:
        """Return the private key in the AWS CLI's storage format."""
        from awscrt.crypto import ECExportFormat

        content = base64.b64encode(self._key.export_key(ECExportFormat.SEC1)).decode()
        lines = textwrap.fill(content, width=64)
        return f"-----BEGIN EC PRIVATE KEY-----\n{lines}\n-----END EC PRIVATE KEY-----\n"

    def proof(self, url: str) -> str:
        """Return the ``DPoP`` header for a POST request to a URL."""
        from awscrt.crypto import EC

        x, y = self._key.get_public_coords()
        jwk = {"kty": "EC", "x": _encoded(x), "y": _encoded(y), "crv": "P-256"}
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
        claims = {"htm": "POST", "htu": url, "iat": int(time.time()), "jti": str(uuid.uuid4())}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(sha256(signed.encode()).digest())
        pair = EC.decode_der_signature_to_padded_pair(signature, pad_to=_BYTES)
        return f"{signed}.{_encoded(pair)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
