"""Sign in to IAM Identity Center in a browser on this machine, like version 2 of the AWS CLI.

This uses the authorization code grant with PKCE. The browser redirects to a page that the kernel
serves, with a code, so the user doesn't have to compare codes.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.sessions.oauth_callback import TIME_TO_SIGN_IN, OAuthCallback
from ipy_awsprofile.sessions.sign_in_attempt import SignInAttempt
from ipy_awsprofile.sessions.sso_sign_in import (
    REFRESH_TOKEN,
    oidc_client,
    sso_settings,
    store_token,
)

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.credentials.sign_in_files import SignInFile

_AUTHORIZATION_CODE = "authorization_code"


class BrowserSignIn(SignInAttempt):
    """A sign-in that waits for the user in a browser on this machine, without a ``code``."""

    hint = (
        "Run the cell again, or `%aws_profile NAME --login --device-code` to use another browser."
    )

    def __init__(
        self,
        profile: str,
        url: str,
        callback: OAuthCallback,
        redeem: Callable[[str], None],
        chain: tuple[str, ...],
        *,
        file: SignInFile,
    ) -> None:
        super().__init__(profile, url, TIME_TO_SIGN_IN, file)
        self._callback = callback
        self._redeem = redeem
        self._chain = chain

    def is_done(self) -> bool:
        """Return whether the browser has returned a code. If it has, store the token.

        Raises CredentialsUnavailable if the user denied the sign-in, or if the attempt has expired.
        """
        if self._callback.is_refused:
            raise self._ended("was refused")
        if self._left <= timedelta():
            raise self._ended("wasn't completed in time")
        if self._callback.code is None:
            return False
        with translated(self._chain):
            self._redeem(self._callback.code)
        return True

    def close(self) -> None:
        """Close the page that the browser redirects to."""
        self._callback.close()


def begin_browser_sign_in(target: Target) -> BrowserSignIn:
    """Start a sign-in for a browser on this machine. Raises AwsProfileError."""
    settings = sso_settings(target)
    with translated(target.names):
        client = oidc_client(target, settings)
        registration = client.register_client(
            clientName=f"ipy-awsprofile-{settings.session}",
            clientType="public",
            grantTypes=[_AUTHORIZATION_CODE, REFRESH_TOKEN],
            redirectUris=[OAuthCallback.REGISTERED],
            issuerUrl=settings.start_url,
            scopes=list(settings.scopes),
        )
        callback = OAuthCallback()
        query = {
            "response_type": "code",
            "client_id": registration["clientId"],
            "redirect_uri": callback.redirect_uri,
            "state": callback.pkce.state,
            "code_challenge_method": "S256",
            "code_challenge": callback.pkce.challenge,
            "scopes": " ".join(settings.scopes),
        }
        url = f"{client.meta.endpoint_url.rstrip('/')}/authorize?{urlencode(query)}"

    def redeem(code: str) -> None:
        response = client.create_token(
            clientId=registration["clientId"],
            clientSecret=registration["clientSecret"],
            grantType=_AUTHORIZATION_CODE,
            redirectUri=callback.redirect_uri,
            codeVerifier=callback.pkce.verifier,
            code=code,
        )
        store_token(settings, registration, response)

    return BrowserSignIn(settings.profile, url, callback, redeem, target.names, file=settings.file)
