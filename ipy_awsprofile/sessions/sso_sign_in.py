"""Sign in to IAM Identity Center (SSO) from a notebook, with the AWS CLI's token files.

This uses the device authorization grant (RFC 8628). AWS returns a URL and a code, and the user
opens the URL in any browser and allows the sign-in, while the kernel polls AWS for the result. The
kernel's machine doesn't need a browser.

https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/Welcome.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore import UNSIGNED
from botocore.config import Config
from botocore.utils import SSOTokenLoader

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.regions import check_region
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.credentials.cli_caches import role_cache, token_files
from ipy_awsprofile.credentials.deadline import ATTEMPT
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.sign_in_files import SignInFile
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidOption, InvalidProfile
from ipy_awsprofile.sessions.role_list import RoleListFile, delete_role_lists
from ipy_awsprofile.sessions.sign_in_attempt import SignInAttempt
from ipy_awsprofile.text import quoted

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target

_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH_TOKEN = "refresh_token"  # noqa: S105  # the name of a grant

#: The default polling interval in seconds, and the increase if AWS asks to slow down.
#: https://www.rfc-editor.org/rfc/rfc8628#section-3.5
_INTERVAL = 5

#: The maximum polling interval in seconds, because the user is waiting.
_LONGEST_INTERVAL = 60


@dataclass(frozen=True, slots=True)
class SsoSettings:
    """A profile's sign-in settings. ``session`` is the name of its [sso-session], or None."""

    profile: str
    start_url: str
    region: str
    session: str | None
    scopes: tuple[str, ...]

    @property
    def file(self) -> SignInFile:
        """The AWS CLI's file with the token."""
        return SignInFile.of_sso(self.start_url, self.session)


def sso_settings(target: Target) -> SsoSettings:
    """Return the sign-in settings of the last profile in the role chain.

    Raises InvalidOption if it doesn't use a sign-in or its Region doesn't exist, and InvalidProfile
    if a setting is missing.
    """
    source, profile = target.chain[-1], target.chain[-1].settings
    if source.kind is not ProfileKind.SSO:
        raise InvalidOption(
            f"`{source.name}` has no sign-in: its kind is `{source.kind}`.",
            "Use a profile with sso_account_id and sso_role_name.",
        )
    session = str(profile.get("sso_session") or "") or None
    shared: Mapping[str, object] = profile
    if session:
        shared = target.config.sso_sessions.get(session) or {}
    start_url, region = shared.get("sso_start_url"), shared.get("sso_region")
    if not (isinstance(start_url, str) and start_url and isinstance(region, str) and region):
        where = f"[sso-session {session}]" if session else f"`{source.name}`"
        raise InvalidProfile(
            f"{where} doesn't say where to sign in: sso_start_url or sso_region is missing.",
            f"`%aws_profile --explain {quoted(source)}` shows its settings.",
        )
    check_region(region)
    scopes = str(shared.get("sso_registration_scopes") or "sso:account:access")
    words = tuple(scope.strip() for scope in scopes.split(",")) if session else ()
    return SsoSettings(source.name, start_url, region, session, words)


class DeviceSignIn(SignInAttempt):
    """A sign-in with a page that shows a ``code``. Create it with `begin_device_sign_in`."""

    code: str
    hint = "Run the cell again for a new code."

    def __init__(
        self, settings: SsoSettings, client: Any, registration: Any, device: Any, chain: Any
    ) -> None:
        url: str = device.get("verificationUriComplete") or device["verificationUri"]
        if not url.startswith(("https://", "http://")):  # the user is going to open it
            raise KeyError("verificationUri")
        lifetime = timedelta(seconds=device["expiresIn"])
        super().__init__(settings.profile, url, lifetime, settings.file)
        self.code = device["userCode"]
        self.interval = min(device.get("interval") or _INTERVAL, _LONGEST_INTERVAL)
        self._chain = chain
        self._errors = client.exceptions
        device_code: str = device["deviceCode"]

        def redeem() -> None:
            response = client.create_token(
                clientId=registration["clientId"],
                clientSecret=registration["clientSecret"],
                grantType=_DEVICE_CODE,
                deviceCode=device_code,
            )
            store_token(settings, registration, response)

        self._redeem = redeem

    def is_done(self) -> bool:
        """Return whether the user has allowed the sign-in. If so, store the token.

        Raises CredentialsUnavailable if the user denied the sign-in, or if the attempt has expired.
        """
        errors = self._errors
        with translated(self._chain):
            try:
                self._redeem()
            except errors.AuthorizationPendingException:
                return False
            except errors.SlowDownException:
                self.interval += _INTERVAL
                return False
            except errors.ExpiredTokenException:
                raise self._ended("wasn't completed in time") from None
            except errors.AccessDeniedException:
                raise self._ended("was refused") from None
        return True


def store_token(settings: SsoSettings, registration: Any, response: Any) -> None:
    """Write a token to the AWS CLI's cache file, and forget what its former user got."""
    client_expiry = datetime.fromtimestamp(registration["clientSecretExpiresAt"], UTC)
    token = {
        "startUrl": settings.start_url,
        "region": settings.region,
        "accessToken": response["accessToken"],
        "expiresAt": datetime.now(UTC) + timedelta(seconds=response["expiresIn"]),
        "clientId": registration["clientId"],
        "clientSecret": registration["clientSecret"],
        "registrationExpiresAt": client_expiry,
    }
    if "refreshToken" in response:
        token["refreshToken"] = response["refreshToken"]
    loader: Any = SSOTokenLoader(cache=token_files())
    forget_roles(settings)
    loader.save_token(settings.start_url, token, session_name=settings.session)


def forget_roles(settings: SsoSettings | None) -> None:
    """Delete the cached sessions and the list of a sign-in's roles, or of all sign-ins.

    Raises CredentialsUnavailable.
    """
    # The file names don't identify the sign-in. Other sign-ins recreate their files unprompted.
    for path in role_cache().rglob("*.json"):
        if _provider_of(path) == "sso":
            delete_file(path)
    if settings:
        RoleListFile(settings.session or "", settings.start_url).delete()
    else:
        delete_role_lists()


def delete_file(path: Path) -> None:
    """Delete a file with credentials. Raises CredentialsUnavailable."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CredentialsUnavailable(
            f"`{path}` can't be deleted: {error.strerror}.", "Delete it to sign out."
        ) from error


def _provider_of(path: Path) -> object:
    try:
        return json.loads(path.read_bytes()).get("ProviderType")
    except (OSError, ValueError, AttributeError):
        return None


def oidc_client(target: Target, settings: SsoSettings) -> Any:
    """Return a client for the IAM Identity Center OIDC service."""
    config = give_up_soon(ATTEMPT).merge(Config(signature_version=UNSIGNED))
    session = ProfileBotocoreSession(target)
    client = session.create_client("sso-oidc", region_name=settings.region, config=config)
    return guarded(client)


def begin_device_sign_in(target: Target) -> DeviceSignIn:
    """Start a sign-in with a URL and a code for the user. Raises AwsProfileError."""
    settings = sso_settings(target)
    with translated(target.names):
        client = oidc_client(target, settings)
        scopes = {"scopes": list(settings.scopes)} if settings.scopes else {}
        grants = [_DEVICE_CODE, *([REFRESH_TOKEN] if settings.scopes else [])]
        registration = client.register_client(
            clientName=f"ipy-awsprofile-{settings.session or 'sso'}",
            clientType="public",
            grantTypes=grants,
            **scopes,
        )
        device = client.start_device_authorization(
            clientId=registration["clientId"],
            clientSecret=registration["clientSecret"],
            startUrl=settings.start_url,
        )
        return DeviceSignIn(settings, client, registration, device, target.names)
