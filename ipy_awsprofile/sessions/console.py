"""Create a link that opens the AWS console with a session's identity.

The link contains a token. Anyone who has the link can use the identity, so don't show, log or store
the link.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from botocore.awsrequest import AWSRequest
from botocore.session import Session

from ipy_awsprofile.audit import note, require_allowed
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidOption, ServiceError
from ipy_awsprofile.sessions.issuing import renew_keys
from ipy_awsprofile.sessions.session import (
    check_session,
    fetch_identity,
    own_client_of,
    settings_of,
)
from ipy_awsprofile.text import letters_of, misspelled, quoted

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession

#: The domains of the sign-in and of the console in each partition.
#: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_DOMAINS = {
    "aws": ("signin.aws.amazon.com", "console.aws.amazon.com"),
    "aws-cn": ("signin.amazonaws.cn", "console.amazonaws.cn"),
    "aws-us-gov": ("signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com"),
}


#: What the organization's policy can forbid, as its refusal says it.
CONSOLE = "links to the AWS console"


#: The service in an address of the console, of an object or of a resource.
_IN_ADDRESS = re.compile(r"(?:https?://[\w.-]*console\.[\w.-]+/|arn:[\w-]+:|(?=s3://))([a-z0-9-]+)")
_NAME = re.compile(r"[a-z0-9-]+")
_VERSION = re.compile(r"v?\d+$")

#: How similar a misspelled name must be to a service, because botocore doesn't know all names.
_LIKE_SERVICE = 0.85


def require_service(typed: str) -> None:
    """Raise InvalidOption if a typed name can't be a service's name in the console.

    The console and botocore use different names for some services, such as ``dynamodbv2``, so most
    names that botocore doesn't know are accepted.
    """
    if typed in read_config().profiles:
        raise InvalidOption(
            f"`{typed}` is a profile, but `--console` takes the name of a service.",
            f"Run `%aws_profile {quoted(typed)}`, and then `%aws_profile --console`.",
        )
    meant = _meant_service(typed, Session().get_available_services())
    if not meant and _NAME.fullmatch(typed):
        return
    hint = (
        "The name is the first part of the path in the console's address, such as `s3` in "
        "`https://console.aws.amazon.com/s3/home`."
    )
    if meant:
        hint = f"Did you mean `%aws_profile --console {meant}`?"
    raise InvalidOption(f"`{typed}` isn't the name of a service in the console.", hint)


def _meant_service(typed: str, services: list[str]) -> str:
    """Return the service that the user meant by a wrong name, or an empty string."""
    address = _IN_ADDRESS.match(typed)
    if address:
        return address[1]
    known = {letters_of(each): each for each in services}
    letters = letters_of(typed)
    if letters in known:
        return "" if _NAME.fullmatch(typed) else known[letters]
    # The console has `dynamodbv2` and `eventbridge`, and botocore `dynamodb` and `eventbridgev2`.
    if _VERSION.sub("", letters) in {_VERSION.sub("", each) for each in known}:
        return ""
    return next(iter(misspelled(typed, services, _LIKE_SERVICE)), "")


def console_link(session: ProfileSession, service: str = "") -> str:
    """Return a link that opens a service in the console, in the session's partition and Region.

    Pass the link only to a browser. The link is valid for 15 minutes, and the console session lasts
    as long as the role's session. Raise CredentialsUnavailable if the session isn't a role's
    session, NotAllowed if the organization's policy forbids links to the console, or another
    subclass of `AwsProfileError` if a call fails.
    """
    require_allowed("console", CONSOLE)
    check_session(session, "a link to the console")
    identity = fetch_identity(session)
    arn = Arn.parse(identity.arn)  # AWS-compatible servers can omit it
    if not identity.temporary or arn.resource.startswith("user/"):
        raise CredentialsUnavailable(
            f"`{session.chain[0]}` isn't a role, and only a role's session can open the console.",
            "Switch to a role, or sign in to the console with the user's password.",
        )
    note("console", profile=session.chain[0], arn=identity.arn, detail=service)
    sign_in, console = _DOMAINS.get(arn.partition, _DOMAINS["aws"])
    page = f"{console}/{quote(service or 'console')}/home"
    destination = f"https://{page}"
    if identity.region:
        destination = f"https://{identity.region}.{page}?region={identity.region}"
    # AWS has no setting for this. Servers that emulate AWS use one endpoint for all services.
    endpoint = settings_of(session)[0].get("endpoint_url")
    base = str(endpoint or f"https://{sign_in}").rstrip("/") + "/federation"
    query = {"Action": "login", "Issuer": "", "Destination": destination}
    with translated(session.target):
        return f"{base}?{urlencode(query | {'SigninToken': _fetch_token(session, base)})}"


def _fetch_token(session: ProfileSession, base: str) -> str:
    """Return the token that the federation endpoint returns for the session's credentials."""
    keys = renew_keys(session)
    names = {
        "sessionId": keys.access_key,
        "sessionKey": keys.secret_key,
        "sessionToken": keys.token,
    }
    # Errors and logs quote URLs, so the keys are in the body.
    form = urlencode({"Action": "getSigninToken", "Session": json.dumps(names)})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    # A client's connections use the user's proxy and certificates, and have time limits.
    sts = own_client_of(session, "sts")
    http = sts._endpoint.http_session  # noqa: SLF001  # not public
    response = http.send(AWSRequest("POST", base, headers, form).prepare())
    try:
        return str(json.loads(response.content)["SigninToken"])
    except (ValueError, KeyError, TypeError):
        raise ServiceError(
            f"AWS refused to open the console for `{session.chain[0]}` "
            f"(HTTP {response.status_code}).",
            "Run `%aws_profile --refresh` to get a new session of the role, then try again. An "
            "endpoint outside AWS may not have a console.",
        ) from None
