"""Sign-in to IAM Identity Center in a browser on this machine, as version 2 of the AWS CLI does it.

The authorization code grant with PKCE: the browser comes back to a page of the kernel with a code,
so that nobody has to compare one.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ipy_awsprofile.config.stays_in_process import StaysInProcess
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.oauth_callback import TIME_TO_SIGN_IN, OAuthCallback
from ipy_awsprofile.sessions.sso_sign_in import (
    REFRESH_TOKEN,
    oidc_client,
    sso_settings,
    store_token,
)

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target

_AUTHORIZATION_CODE = "authorization_code"


class BrowserSignIn(StaysInProcess):
    """A sign-in that waits for a person at the browser.

    ``profile`` is the profile that signs in, ``url`` is the address that the browser opens, and
    ``expiry`` (UTC) is when the attempt expires, by the clock as it is now. There is no ``code`` to
    compare.
    """

    code = ""

    def __init__(
        self,
        profile: str,
        url: str,
        callback: OAuthCallback,
        redeem: Callable[[str], None],
        chain: tuple[str, ...],
    ) -> None:
        self.profile = profile
        self.url = url
        self.expiry = datetime.now(UTC) + TIME_TO_SIGN_IN
        # The clock can be set meanwhile.
        self._end = time.monotonic() + TIME_TO_SIGN_IN.total_seconds()
        self._callback = callback
        self._redeem = redeem
        self._chain = chain

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.profile} until {self.expiry:%H:%M:%S} UTC>"

    def is_done(self) -> bool:
        """Return whether the browser has come back, and store what the code is worth if so.

        Raises CredentialsUnavailable if the person has refused, or if the attempt has expired.
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

    def waiting(self, sleep: Callable[[float], None] = time.sleep) -> Iterator[timedelta]:
        """Wait until it is done, and yield the time left each second.

        Raises what `is_done` raises.
        """
        try:
            while not self.is_done():
                yield self._left
                sleep(1)
        finally:
            self.close()

    @property
    def _left(self) -> timedelta:
        return timedelta(seconds=self._end - time.monotonic())

    def close(self) -> None:
        """End the attempt, whether or not it is done."""
        self._callback.close()

    def _ended(self, how: str) -> CredentialsUnavailable:
        return CredentialsUnavailable(
            f"The sign-in of `{self.profile}` {how}.",
            "Run the cell again, or `%aws_profile NAME --login --device-code` to use another "
            "browser.",
        )


def begin_browser_sign_in(target: Target) -> BrowserSignIn:
    """Begin a sign-in for a browser on this machine. Raises AwsProfileError."""
    settings = sso_settings(target)
    with translated(target.chain):
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

    return BrowserSignIn(settings.profile, url, callback, redeem, target.chain)
