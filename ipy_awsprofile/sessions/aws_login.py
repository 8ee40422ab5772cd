"""Get and store the credentials of ``aws login``, as version 2.32 of the AWS CLI does.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
https://docs.aws.amazon.com/signin/latest/APIReference/API_CreateOAuth2Token.html
"""

from __future__ import annotations

import base64
import json
import textwrap
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore import compat, credentials
from botocore.exceptions import MissingDependencyException
from botocore.utils import LoginTokenLoader, get_login_token_cache_directory

from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.profiles import Profile
from ipy_awsprofile.credentials.sts import CliFiles
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.text import in_terminal


def query_in(text: str) -> str:
    """Return the query string in AWS's code, or an empty string if the code isn't valid."""
    with suppress(ValueError):
        return base64.b64decode("".join(text.split()), validate=True).decode()
    return ""


def create_key() -> tuple[Any, bytes]:
    """Return a new key of awscrt, as botocore reads it from the AWS CLI's file, and its export.

    AWS renews a sign-in only for the key that began it, and a generated key has other coordinates
    than the same key that was read: awscrt drops a generated coordinate's leading zeros.

    https://www.rfc-editor.org/rfc/rfc9449#section-5
    """
    from awscrt.crypto import EC, ECExportFormat, ECType

    while True:
        exported = EC.new_generate(ECType.P_256).export_key(ECExportFormat.SEC1)
        # awscrt can't read 1 of 256 keys, because it also drops a private key's leading zeros.
        with suppress(RuntimeError):
            return EC.new_key_from_der_data(exported), exported


class Login(StaysInProcess):
    """A sign-in for a profile, with a new key.

    The key signs this package's requests and, after the sign-in, botocore's requests. ``base`` is
    the scheme and host of AWS's pages. The constructor raises MissingDependencyException if awscrt,
    which botocore also requires, isn't installed.
    """

    def __init__(self, profile: Profile, client: Any, *, same_device: bool) -> None:
        if getattr(compat, "EC", None) is None:
            raise MissingDependencyException(msg="awscrt")
        device = "same-device" if same_device else "cross-device"
        self.client_id = f"arn:aws:signin:::devtools/{device}"
        self._profile = profile.name
        self._session = str(profile.settings["login_session"])
        self._client = client
        key, self._exported_key = create_key()
        # These functions of botocore aren't public.
        module: Any = credentials
        sign = module._build_add_dpop_header_handler(key)  # noqa: SLF001
        client.meta.events.register("before-call.signin.CreateOAuth2Token", sign)
        operation = client.meta.service_model.operation_model("CreateOAuth2Token")
        base, *_ = client._resolve_endpoint_ruleset(operation, {}, {})  # noqa: SLF001
        self.base = base.rstrip("/")

    def redeem(self, code: str, verifier: str, redirect_uri: str) -> None:
        """Exchange a code for credentials, and write them to the AWS CLI's file.

        Raise CredentialsUnavailable if the user has signed in as another user, or one of botocore's
        exceptions if the call fails.
        """
        try:
            response = self._client.create_o_auth2_token(
                tokenInput={
                    "clientId": self.client_id,
                    "grantType": "authorization_code",
                    "code": code,
                    "codeVerifier": verifier,
                    "redirectUri": redirect_uri,
                }
            )
        except self._client.exceptions.AccessDeniedException as error:
            raise CredentialsUnavailable(
                f"AWS refused the sign-in of `{self._profile}`: {error.response.get('message')}",
                "Sign in again.",
            ) from None
        self._store(response["tokenOutput"])

    def _store(self, output: Any) -> None:
        payload = output["idToken"].split(".")[1]
        signed_in = json.loads(base64.urlsafe_b64decode(f"{payload}==="))["sub"]
        if signed_in != self._session:
            raise CredentialsUnavailable(
                f"The browser has signed in as {signed_in}, but the login_session of "
                f"`{self._profile}` is {self._session}. Nothing was stored.",
                "Sign in again as that user, or run `aws login --profile "
                f"{in_terminal(self._profile)}` in a terminal to change the profile.",
            )
        key = base64.b64encode(self._exported_key).decode()
        lines = textwrap.fill(key, width=64)
        expiry = datetime.now(UTC) + timedelta(seconds=output["expiresIn"])
        # botocore's `load_cached_credentials` and `refresh_credentials` read these fields.
        document = {
            "accessToken": {
                **output["accessToken"],
                "accountId": Arn.parse(self._session).account,
                "expiresAt": f"{expiry:%Y-%m-%dT%H:%M:%SZ}",
            },
            "tokenType": output["tokenType"],
            "clientId": self.client_id,
            "refreshToken": output["refreshToken"],
            "idToken": output["idToken"],
            "dpopKey": f"-----BEGIN EC PRIVATE KEY-----\n{lines}\n-----END EC PRIVATE KEY-----\n",
            "signInRegion": self._client.meta.region_name,  # the only one that renews it
        }
        files: Any = CliFiles(get_login_token_cache_directory())
        loader: Any = LoginTokenLoader(files)
        loader.save_token(self._session, document)
