"""Sign in to IAM Identity Center or with console credentials, and sign out, as the AWS CLI does.

If the kernel and the browser are on the same machine, the browser opens the sign-in page. AWS then
redirects the browser to the kernel with a code (authorization code grant with PKCE). If the browser
is on another machine, or on request, the user opens a page in any browser. The user compares a code
(device authorization grant) or, for ``aws login``, enters the code that the page shows.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
https://docs.aws.amazon.com/cli/latest/reference/sso/logout.html
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from botocore.utils import SSOTokenLoader

from ipy_awsprofile.audit import note
from ipy_awsprofile.config.files import Config, read_config, version_of
from ipy_awsprofile.config.private import StaysInProcess, remove_file, require_writable
from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.request import SessionRequest, arguments
from ipy_awsprofile.config.sign_ins import (
    SignIn,
    sign_ins,
    sso_cache,
    value_in,
)
from ipy_awsprofile.config.target import Target, login_file, sign_in_file, sign_in_target
from ipy_awsprofile.credentials.botocore_session import unsigned_session
from ipy_awsprofile.credentials.person import SignInStep
from ipy_awsprofile.credentials.providers import sso_token_cache
from ipy_awsprofile.credentials.sts import own_client
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError, CredentialsUnavailable, InvalidOption
from ipy_awsprofile.sessions import sign_in_page
from ipy_awsprofile.sessions.assigned_roles import (
    delete_role_lists,
    known_account_name,
    read_account_names,
)
from ipy_awsprofile.sessions.aws_login import Login, query_in
from ipy_awsprofile.sessions.loopback import LoopbackServer

_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

#: How many seconds to wait longer if AWS asks to slow down.
#: https://www.rfc-editor.org/rfc/rfc8628#section-3.5
_INTERVAL = 5


def forget_roles() -> None:
    """Delete the cached sessions and lists of all sign-ins' roles.

    All sign-ins are affected, because the AWS CLI's files don't say which sign-in a role's session
    belongs to. The sessions and lists are created again when they are needed, without a prompt.
    Raise CredentialsUnavailable if a file can't be deleted.
    """
    with translated(None):
        for file in Path("~/.aws/cli/cache").expanduser().glob("*.json"):
            if value_in(file, "ProviderType") == "sso":
                remove_file(file)
    delete_role_lists()


class Attempt(StaysInProcess):
    """A sign-in that has begun and waits for the user.

    ``profile`` is the profile that signs in, and ``url`` is the page to open. ``step`` is the
    action that the user takes on this page, and ``code`` is the code to compare, or an empty
    string. ``redeem`` stores the sign-in, or returns False if the user hasn't answered. ``redeem``
    is called every ``interval`` seconds or, if ``callback`` is set, when AWS has returned a code.
    ``retry`` says how to begin another attempt.
    """

    retry = "Run the cell again"

    def __init__(
        self,
        target: Target,
        url: str,
        redeem: Callable[[], bool],
        step: SignInStep,
        *,
        callback: Callback | None = None,
        code: str = "",
        interval: int = 0,
        lifetime: int = 600,  # seconds, as in the AWS CLI
    ) -> None:
        self.profile = target.start.name
        self.url = url
        self.step = step
        self.code = code
        self.interval = interval
        self._target = target
        self._redeem = redeem
        self._callback = callback
        self._end = time.monotonic() + lifetime
        self._ends_at = datetime.now(UTC) + timedelta(seconds=lifetime)
        self._file = sign_in_file(target)
        self._version = version_of(self._file)

    @property
    def about(self) -> list[tuple[str, str]]:
        """The rows that show the reason, the account, the role and the end time of the sign-in."""
        start = self._target.start
        sign_in = self._target.sign_in
        account = start.account or ""
        name = known_account_name(account)
        if name:
            account += f" ({name})"
        return [
            ("why", self._why),
            ("portal", sign_in.start_url if sign_in else ""),
            ("account", account),
            ("role", start.text("sso_role_name") or ""),
            ("needed by", self._target.name if self._target.name != self.profile else ""),
            ("valid until", f"{self._ends_at:%H:%M} UTC"),
        ]

    @property
    def _why(self) -> str:
        """The reason why the user has to sign in, or an empty string if the reason isn't known."""
        if value_in(self._file, "accessToken") is None:
            return "no sign-in is stored"
        expires_at = value_in(self._file, "expiresAt")
        # Some tools write other formats, and `aws login` doesn't store when a sign-in ends.
        with suppress(ValueError, TypeError):
            if datetime.fromisoformat(str(expires_at)) < datetime.now(UTC):
                return "the former sign-in has expired"
        return ""

    def question(self) -> dict[str, Any]:
        """Return data for a view of the attempt, in the format of `Ask` in ``picker``."""
        return {
            "kind": "sign_in",
            "profile": self.profile,
            "url": self.url,
            "step": self.step.value,
            "code": self.code,
            "about": [row for row in self.about if row[1]],
        }

    def waiting(self, sleep: Callable[[float], object] = time.sleep) -> Iterator[None]:
        """Wait until the user or another program has signed in. Yield each second.

        Raise CredentialsUnavailable if the user refused the sign-in or didn't complete it in time.
        """
        next_call = time.monotonic() + self.interval
        try:
            while not self._is_stored():
                if time.monotonic() >= self._end:
                    raise self.ended("wasn't completed in time")
                if self.step is not SignInStep.ENTER_CODE and time.monotonic() >= next_call:
                    if self._is_redeemed():
                        return
                    next_call = time.monotonic() + self.interval
                yield
                sleep(1)
        finally:
            self.close()

    def enter(self, text: str) -> None:
        """Complete the sign-in with the code that AWS shows.

        Raise CredentialsUnavailable if the code isn't valid or belongs to a different sign-in.
        """
        if self._callback is None or not self._callback.take(query_in(text)):
            raise CredentialsUnavailable(
                f"This isn't the code for the sign-in of `{self.profile}`.",
                f"{self.retry}, and copy the whole code that the page shows.",
            )
        self._is_redeemed()

    def close(self) -> None:
        """End the attempt, whether or not the user has signed in."""
        if self._callback:
            self._callback.close()

    def ended(self, how: str) -> CredentialsUnavailable:
        """Return the exception to raise if the user has refused or not completed the sign-in."""
        hint = f"{self.retry}."
        if self.step is SignInStep.ALLOW:
            line = f"%aws_profile {arguments(self._target.request)} --login --device-code"
            hint = f"{self.retry}, or run `{line}` to use any browser."
        return CredentialsUnavailable(f"The sign-in of `{self.profile}` {how}.", hint)

    def _is_redeemed(self) -> bool:
        if self._callback:
            if self._callback.is_refused:
                raise self.ended("was refused")
            if not self._callback.code:
                return False
        with translated(self._target):
            is_redeemed = self._redeem()
        if is_redeemed:
            read_account_names(self._target)
            note("sign-in", profile=self.profile)
        return is_redeemed

    def _is_stored(self) -> bool:
        """Return whether another program has stored a sign-in."""
        if version_of(self._file) == self._version:
            return False
        return value_in(self._file, "accessToken") is not None


def begin_sign_in(
    target: Target, *, device_code: bool = False, retry: str = Attempt.retry
) -> Attempt:
    """Start a sign-in with the method that suits the profile and the machine.

    As in the AWS CLI, a sign-in to IAM Identity Center opens a browser on this machine only for an
    [sso-session]. ``retry`` says how the user begins another attempt. Raise AwsProfileError if the
    sign-in can't be started.
    """
    browser = None if device_code else local_browser()
    with translated(target):
        require_writable(sign_in_file(target))  # otherwise, the user would sign in for nothing
        if target.start.kind is ProfileKind.LOGIN_SESSION:
            attempt = _begin_login(target, here=browser is not None)
        else:
            sign_in = target.find_sign_in()
            client = _unsigned_client(target, "sso-oidc", sign_in.region)
            if browser and sign_in.session:
                attempt = _begin_in_browser(target, sign_in, client)
            else:
                attempt = _begin_device(target, sign_in, client)
    attempt.retry = retry
    if browser is None or attempt.step is not SignInStep.ALLOW:
        return attempt
    if browser.open(attempt.url):
        return attempt
    attempt.close()
    return begin_sign_in(target, device_code=True, retry=retry)


def _unsigned_client(target: Target, service: str, region: str | None = None) -> Any:
    """Return a client with the target's settings for calls without credentials."""
    return own_client(unsigned_session(target).create_client(service, region))


class _Registration(StaysInProcess):
    """This program's registration at IAM Identity Center, which is required to get a token."""

    def __init__(self, client: Any, sign_in: SignIn, **parameters: Any) -> None:
        name = f"ipy-awsprofile-{sign_in.session or 'sso'}"
        self._client = client
        self._sign_in = sign_in
        self._response = client.register_client(clientName=name, clientType="public", **parameters)
        self.client_id = self._response["clientId"]
        self.secrets = {"clientId": self.client_id, "clientSecret": self._response["clientSecret"]}

    def redeem(self, grant: str, **parameters: Any) -> None:
        """Write the token to the AWS CLI's file, and delete the former user's cached roles."""
        response = self._client.create_token(**self.secrets, grantType=grant, **parameters)
        expiry = datetime.now(UTC) + timedelta(seconds=response["expiresIn"])
        ends = datetime.fromtimestamp(self._response["clientSecretExpiresAt"], UTC)
        token = {
            "startUrl": self._sign_in.start_url,
            "region": self._sign_in.region,
            "accessToken": response["accessToken"],
            "expiresAt": expiry,
            **self.secrets,
            "registrationExpiresAt": ends,
        }
        if "refreshToken" in response:
            token["refreshToken"] = response["refreshToken"]
        forget_roles()
        loader: Any = SSOTokenLoader(sso_token_cache())
        session = self._sign_in.session or None
        loader.save_token(self._sign_in.start_url, token, session_name=session)


def _begin_device(target: Target, sign_in: SignIn, client: Any) -> Attempt:
    grants: Any = {"grantTypes": [_DEVICE_CODE]}
    if sign_in.session:  # botocore renews only its token
        grants = {"grantTypes": [_DEVICE_CODE, "refresh_token"], "scopes": sign_in.scopes}
    program = _Registration(client, sign_in, **grants)
    device = client.start_device_authorization(**program.secrets, startUrl=sign_in.start_url)

    def redeem() -> bool:
        errors = client.exceptions
        try:
            program.redeem(_DEVICE_CODE, deviceCode=device["deviceCode"])
        except errors.AuthorizationPendingException:
            return False
        except errors.SlowDownException:
            attempt.interval += _INTERVAL
            return False
        except errors.ExpiredTokenException:
            raise attempt.ended("wasn't completed in time") from None
        except errors.AccessDeniedException:
            raise attempt.ended("was refused") from None
        return True

    attempt = Attempt(
        target,
        device["verificationUriComplete"],
        redeem,
        SignInStep.COMPARE_CODE,
        code=device["userCode"],
        interval=device["interval"],
        lifetime=device["expiresIn"],
    )
    return attempt


def _begin_in_browser(target: Target, sign_in: SignIn, client: Any) -> Attempt:
    program = _Registration(
        client,
        sign_in,
        grantTypes=["authorization_code", "refresh_token"],
        redirectUris=["http://127.0.0.1/oauth/callback"],  # any port
        issuerUrl=sign_in.start_url,
        scopes=sign_in.scopes,
    )
    callback = Callback(profile=target.start.name)

    def redeem() -> bool:
        program.redeem(
            "authorization_code",
            redirectUri=callback.uri,
            codeVerifier=callback.verifier,
            code=callback.code,
        )
        return True

    query = callback.query(program.client_id, "S256", scopes=" ".join(sign_in.scopes))
    page = f"{client.meta.endpoint_url.rstrip('/')}/authorize?{query}"
    return Attempt(target, page, redeem, SignInStep.ALLOW, callback=callback)


def _begin_login(target: Target, *, here: bool) -> Attempt:
    login = Login(target.start, _unsigned_client(target, "signin"), same_device=here)
    # A page of AWS shows the code, unless the browser sends it to this machine.
    uri = "" if here else f"{login.base}/v1/sessions/confirmation"
    step = SignInStep.ALLOW if here else SignInStep.ENTER_CODE
    callback = Callback(uri, profile=target.start.name)

    def redeem() -> bool:
        login.redeem(str(callback.code), callback.verifier, callback.uri)
        return True

    query = callback.query(login.client_id, "SHA-256", scope="openid")
    url = f"{login.base}/v1/authorize?{query}"
    return Attempt(target, url, redeem, step, callback=callback)


class Callback(StaysInProcess):
    """Receives AWS's answer to a sign-in and keeps the secret values of the sign-in (PKCE).

    The browser on this machine sends the answer to a page on 127.0.0.1, unless AWS shows the answer
    to the user at another ``uri``. ``profile`` is the profile that signs in.

    https://www.rfc-editor.org/rfc/rfc8252#section-7.3
    """

    def __init__(self, uri: str = "", *, profile: str = "") -> None:
        self.profile = profile
        self._state = secrets.token_urlsafe(32)
        self.verifier = secrets.token_urlsafe(64)
        self.code = ""
        self.is_refused = False
        self.uri = uri
        self._server: LoopbackServer | None = None
        if not uri:
            self._server = LoopbackServer(_Page, self)
            self.uri = f"http://127.0.0.1:{self._server.port}/oauth/callback"

    def query(self, client_id: str, method: str, **scope: str) -> str:
        """Return the query string for the address of the page that the user opens."""
        digest = sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self.uri,
            "state": self._state,
            "code_challenge_method": method,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        }
        return urlencode(query | scope)

    def take(self, query: str) -> bool:
        """Store the code or the refusal from an answer.

        Return whether the answer is for this sign-in.
        """
        answer = dict(parse_qsl(query))
        if not secrets.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            return False
        self.code = self.code or answer.get("code", "")  # ignore reloads of the page
        self.is_refused = not self.code
        return True

    def close(self) -> None:
        """Close the page, unless the interpreter's exit has already ended the page's thread."""
        if self._server and not sys.is_finalizing():
            self._server.end()


class _Page(BaseHTTPRequestHandler):
    timeout = 10
    server: LoopbackServer

    def do_GET(self) -> None:  # the base class requires this name
        """Respond to the browser's request."""
        callback: Callback = self.server.owner
        status = 200
        profile = callback.profile
        outcome = sign_in_page.ALLOWED
        if not callback.take(urlsplit(self.path).query):
            status = 400
            profile = ""
            outcome = sign_in_page.UNKNOWN
        elif callback.is_refused:
            outcome = sign_in_page.REFUSED
        self.send_response(status)
        for name, value in sign_in_page.HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(outcome.page(profile))

    def log_message(self, *_: object) -> None:
        """Don't log the request, because its path contains the code and the notebook shows logs."""


#: Environment variables that indicate that the user works on another machine.
_ELSEWHERE = (
    "SSH_CONNECTION",
    "SSH_TTY",
    "JUPYTERHUB_API_URL",
    "KUBERNETES_SERVICE_HOST",
    "CODESPACES",
    "COLAB_RELEASE_TAG",
)

#: Environment variables of a display or a browser.
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def local_browser() -> webbrowser.BaseBrowser | None:
    """Return this machine's browser, or None if the user can't see a browser on this machine."""
    if any(map(os.environ.get, _ELSEWHERE)):
        return None
    if sys.platform == "linux" and not any(map(os.environ.get, _DISPLAYS)):
        return None
    with suppress(webbrowser.Error):
        return webbrowser.get()
    return None


class SignedOut(NamedTuple):
    """The names of the ended sign-ins, and sentences about tokens that AWS didn't invalidate."""

    names: list[str]
    problems: list[str]


def sign_out(target: Target | None) -> SignedOut:
    """End the sign-in of a target, or all sign-ins, like ``aws sso logout`` and ``aws logout``.

    For IAM Identity Center, invalidate the token at AWS. Delete the token's file and the cached
    sessions of the sign-in's roles, even if AWS can't be reached. AWS can't invalidate tokens of
    ``aws login``, so only the tokens' file is deleted. Sessions that a program already uses remain
    valid until they expire. Raise InvalidOption if the target doesn't have a sign-in, and
    CredentialsUnavailable if a file can't be deleted.

    https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_Logout.html
    """
    if target is None:
        files = dict(_all_files(read_config()))
    else:
        _require_sign_in(target)
        name = target.sign_in.name if target.sign_in else target.start.name
        files = {sign_in_file(target): (name, target)}
    ended = SignedOut([], [])
    for file, (name, owner) in files.items():
        if value_in(file, "accessToken"):
            ended.names.append(name)
            try:
                _revoke(file, name, owner)
            except AwsProfileError as error:
                ended.problems.append(f"The tokens of `{name}` couldn't be revoked: {error}")
            finally:
                with translated(None, name):
                    remove_file(file)
    forget_roles()
    return ended


def _require_sign_in(target: Target) -> None:
    """Raise InvalidOption if a target doesn't have a sign-in that can end."""
    if not target.signs_in:
        raise InvalidOption(
            f"`{target.start}` doesn't have a sign-in, because its kind is `{target.start.kind}`.",
            "`%aws_profile --off` undoes all switches.",
        )


def needs_sign_in(target: Target, ended: Target | None) -> bool:
    """Return whether a target uses the sign-in that has ended.

    If ``ended`` is None, all sign-ins have ended.
    """
    if not target.signs_in:
        return False
    if ended is None:
        return True
    return sign_in_file(target) == sign_in_file(ended)


def _all_files(config: Config) -> Iterator[tuple[Path, tuple[str, Target]]]:
    """Yield each sign-in's file and name, with a target that has the settings for calling AWS."""
    unknown = Target(SessionRequest(), (Profile("default", {}, ProfileKind.SSO),), config, None)
    for file in (*sso_cache().glob("*.json"), *login_file("").parent.glob("*.json")):
        yield file, (file.name, unknown)
    for name, section in config.profiles.items():
        session = section.get("login_session")
        if session:
            yield login_file(session), (name, unknown)
    for sign_in in sign_ins(config).values():
        yield sign_in.token_file, (sign_in.name, sign_in_target(sign_in, config))


def _revoke(file: Path, name: str, target: Target) -> None:
    """Make AWS invalidate an IAM Identity Center token. Raise AwsProfileError if the call fails."""
    region = value_in(file, "region")
    if region is None:  # `aws login` doesn't write it
        return
    with translated(None, name):
        portal = _unsigned_client(target, "sso", region)
        with suppress(portal.exceptions.UnauthorizedException):  # the token has expired
            portal.logout(accessToken=value_in(file, "accessToken"))
