"""Create a link that opens the AWS console with a session's identity.

The link contains a token. Anyone who has the link can use the identity, so it must not be shown,
logged or stored.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.awsrequest import AWSRequest
from botocore.parsers import ResponseParserError

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidOption, ServiceError
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.portable import short_lived
from ipy_awsprofile.sessions.session import credentials_of, timeout_of
from ipy_awsprofile.text import Arn

if TYPE_CHECKING:
    from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials
    from ipy_awsprofile.sessions.session import ProfileSession

#: The domains of the sign-in and of the console in each partition.
#: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_DOMAINS = {
    "aws": ("signin.aws.amazon.com", "console.aws.amazon.com"),
    "aws-cn": ("signin.amazonaws.cn", "console.amazonaws.cn"),
    "aws-us-gov": ("signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com"),
}


class ConsoleLink(StaysInProcess):
    """A link with a token. Its ``repr`` and ``str`` don't contain the token."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def __repr__(self) -> str:
        return "<link to the AWS console>"

    @property
    def url(self) -> str:
        """The link with its token. Pass it only to a browser."""
        return self._url


def console_link(session: ProfileSession, service: str = "") -> ConsoleLink:
    """Return a link that opens a service in the console, in the session's partition and Region.

    The link is valid for 15 minutes, and the console session for as long as the role's session.
    Raises CredentialsUnavailable for long-term keys and for GetSessionToken sessions, InvalidOption
    for an invalid service name, and other subclasses of `AwsProfileError`.
    """
    if not re.fullmatch(r"[a-z0-9-]*", service):
        raise InvalidOption(
            f"`{service}` can't be a service of the console.", "Use its short name, such as `s3`."
        )
    name = session.chain[0]
    identity = who_am_i(session)
    arn = Arn.parse(identity.arn)
    if arn and arn.resource.startswith("user/"):
        raise CredentialsUnavailable(
            f"`{name}` uses long-term keys, which can't open the AWS console.",
            "Switch to a role, or sign in to the console with the user's password.",
        )
    partition = arn.partition if arn else "aws"
    sign_in, console = _DOMAINS.get(partition, _DOMAINS["aws"])
    region = identity.region
    host = f"{region}.{console}" if region else console
    destination = f"https://{host}/{service or 'console'}/home"
    destination += f"?region={region}" if region else ""
    # AWS has no setting for this. Servers that emulate AWS use one endpoint for all services.
    endpoint = session.client_settings().get("endpoint_url")
    base = str(endpoint or f"https://{sign_in}").rstrip("/") + "/federation"
    query = {"Action": "login", "Issuer": "", "Destination": destination}
    with translated(session.chain):
        return ConsoleLink(f"{base}?{urlencode(query | {'SigninToken': _token(session, base)})}")


def _token(session: ProfileSession, base: str) -> str:
    """Return the token that the federation endpoint returns for the session's credentials."""
    if not credentials_of(session).get_frozen_credentials().token:
        raise CredentialsUnavailable(
            f"`{session.chain[0]}` uses long-term keys, which can't open the AWS console.",
            "Switch to a role, or sign in to the console with the user's password.",
        )
    keys, _ = short_lived(session)
    # A client's connections use the user's proxy and certificates, and have time limits.
    sts: Any = guarded(session.client("sts", config=give_up_soon(timeout_of(session))))
    http = sts._endpoint.http_session  # noqa: SLF001  # not public
    response = http.send(_request_for_token(base, keys))
    if response.status_code != HTTPStatus.OK:
        is_refused = (
            HTTPStatus.BAD_REQUEST <= response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
        )
        raise ServiceError(
            f"AWS doesn't open the console for `{session.chain[0]}` (HTTP {response.status_code}).",
            "The console requires a role session. Run `%aws_profile --refresh` to get a new one."
            if is_refused
            else "The service or a proxy failed. Wait a minute, then run the cell again.",
        )
    return _sign_in_token(response.content)


def _request_for_token(base: str, keys: RedactedCredentials) -> Any:
    """Return the request for a token. Errors and logs quote URLs, so the keys are in its body."""
    credentials = {
        "sessionId": keys.access_key,
        "sessionKey": keys.secret_key,
        "sessionToken": keys.token,
    }
    form = {"Action": "getSigninToken", "Session": json.dumps(credentials)}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return AWSRequest("POST", base, headers, urlencode(form)).prepare()


def _sign_in_token(content: bytes) -> str:
    """Return the token from a response. Raises ResponseParserError if it is missing."""
    try:
        token = json.loads(content)["SigninToken"]
    except (ValueError, KeyError, TypeError):
        token = None
    if not (isinstance(token, str) and token):
        raise ResponseParserError("The response isn't one of AWS.")
    return token
