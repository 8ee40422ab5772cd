"""No error message repeats a secret from the request, however the server encodes it."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from ipy_awsprofile.credentials.event_hooks import built_in_hooks
from tests.servers import Answers, echoing_server, odd_server

SECRET = "IQoJb3JpZ2luX2VjE/+secret=of the request<&>"
TOKEN = "aoaAAAAAGdeviceOrBearer-secret-of-the-request:MGUCMQ"


def client(service: str, url: str) -> Any:
    session = Session(event_hooks=built_in_hooks(), include_builtin_handlers=False)
    session.set_credentials("ASIAIOSFODNN7EXAMPLE", "secret/of/the/user", SECRET.replace(" ", ""))
    once = Config(retries={"total_max_attempts": 1})
    return session.create_client(service, "us-east-1", endpoint_url=url, config=once)


CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "sso": ("sso", lambda sso: sso.list_accounts(accessToken=TOKEN)),
    "sso, a role": (
        "sso",
        lambda sso: sso.get_role_credentials(
            accessToken=TOKEN, roleName="Reader", accountId="123456789012"
        ),
    ),
    "sso-oidc, a device": (
        "sso-oidc",
        lambda oidc: oidc.start_device_authorization(
            clientId="client", clientSecret=TOKEN, startUrl="https://d-1234567890.awsapps.com/start"
        ),
    ),
    "sso-oidc, a token": (
        "sso-oidc",
        lambda oidc: oidc.create_token(
            clientId="client", clientSecret="", grantType="device", deviceCode=TOKEN
        ),
    ),
    "sso-oidc, a refresh": (
        "sso-oidc",
        lambda oidc: oidc.create_token(
            clientId="client", clientSecret="", grantType="refresh", refreshToken=TOKEN
        ),
    ),
    "sts": ("sts", lambda sts: sts.get_caller_identity()),
    "sts, a web identity": (
        "sts",
        lambda sts: sts.assume_role_with_web_identity(
            RoleArn="arn:aws:iam::123456789012:role/R",
            RoleSessionName="me",
            WebIdentityToken=TOKEN,
        ),
    ),
    "s3": ("s3", lambda s3: s3.list_buckets()),
}

WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "quoted": quote,
    "all quoted": lambda text: quote(text, safe=""),
    "as HTML": html.escape,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, a byte later": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"xy" + text.encode()).decode(),
    "in short lines": lambda text: "\n".join(re.findall(".{1,20}", text)),
}


def page(text: str) -> str:
    """Return a text as an error of AWS's JSON protocols."""
    return json.dumps({"message": text, "error_description": text, "__type": "Refused"})


def xml(text: str) -> str:
    """Return a text as an error of STS and S3."""
    message = f"<Code>Refused</Code><Message>{html.escape(text)}</Message>"
    return f"<ErrorResponse><Error>{message}</Error></ErrorResponse>"


@pytest.mark.nightly(keep=30)
@pytest.mark.parametrize("status", [403, 502])
@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("call", CALLS)
def test_echoes(call: str, written: str, status: int) -> None:
    """If a server repeats the request in its error, the exception shows no secret."""
    service, run = CALLS[call]
    protocol = xml if service in ("sts", "s3") else page
    refuse = echoing_server(status, lambda sent: protocol(WRITTEN[written](sent)))
    with refuse as url, pytest.raises(ClientError) as caught:
        run(client(service, url))
    shown = f"{caught.value} {caught.value.response}"
    assert "the response repeats the request, so it isn't shown" in shown
    compact = "".join(shown.split())
    for secret in (TOKEN, "".join(SECRET.split())):
        for part in (secret[5:30], WRITTEN[written](secret[6:30])):
            assert "".join(part.split()) not in compact


def test_other_messages_are_shown() -> None:
    """A message without a secret is unchanged, even if an MFA code is part of a number in it."""
    text = "User 123456789012 isn't allowed"
    with echoing_server(403, lambda _sent: xml(text)) as url:
        sts = client("sts", url)
        with pytest.raises(ClientError, match=text):
            sts.get_session_token(SerialNumber="arn:aws:iam::1:mfa/me", TokenCode="345678")


def test_a_code_is_not_shown() -> None:
    """If a message contains the MFA code, the code isn't shown."""
    with echoing_server(403, lambda _sent: xml("wrong code 345678.")) as url:
        sts = client("sts", url)
        with pytest.raises(ClientError) as caught:
            sts.get_session_token(SerialNumber="arn:aws:iam::1:mfa/me", TokenCode="345678")
    assert "345678" not in str(caught.value)


#: Credentials as the SSO portal and the OIDC services return them.
CREDENTIALS = json.dumps(
    {
        **dict.fromkeys(("clientSecret", "accessToken", "refreshToken"), "hush-1"),
        "roleCredentials": {"secretAccessKey": "hush-2", "sessionToken": "hush-3"},
    }
)

UNREADABLE: dict[str, str] = {
    "byte order mark": f"\ufeff{CREDENTIALS}",
    "prefix": f")]}}',\n{CREDENTIALS}",
    "words before": f"Too many requests. {CREDENTIALS}",
    "cut": CREDENTIALS[:-2],
    "twice": CREDENTIALS * 2,
    "not JSON": "accessToken=hush-1&refreshToken=hush-1",
}


@pytest.mark.nightly(keep=20)
@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize("call", [call for call in CALLS if call.startswith("sso")])
def test_unreadable_body(call: str, body: str, status: int) -> None:
    """A body that botocore can't parse isn't quoted, because it can contain credentials."""
    service, run = CALLS[call]
    answers = Answers((status, UNREADABLE[body]))
    with odd_server(answers) as url, pytest.raises(ClientError) as caught:
        run(client(service, url))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert "hush" not in f"{caught.value} {caught.value.response}"
