"""AWS Sign-In's page, with codes for `aws login` on the same machine and on another."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from botocore import credentials
from botocore.exceptions import ClientError

from ipy_awsprofile.demo.services.console_codes import CROSS_DEVICE, SAME_DEVICE
from tests.demo.clients import unsigned_client
from tests.demo.policies import HOME, allows, policy

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.demo.clients import Clock

pytest.importorskip("awscrt", reason="needs botocore[crt]")

VERIFIER = "v" * 43
CALLBACK = "http://127.0.0.1:9/oauth/callback"


@pytest.fixture
def user(aws: EmbeddedAws) -> IamUser:
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
    aws.signin.codes.user = user
    return user


class _Stay(urllib.request.HTTPRedirectHandler):
    """Doesn't follow redirects."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def query(client_id: str = SAME_DEVICE, **changes: str) -> dict[str, str]:
    """Return the query of an authorization request, as the AWS CLI sends it."""
    challenge = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode()
    return {
        "response_type": "code",
        "client_id": client_id,
        "state": "s",
        "code_challenge_method": "SHA-256",
        "scope": "openid",
        "redirect_uri": CALLBACK,
        "code_challenge": challenge.rstrip("="),
    } | changes


def answered(
    aws: EmbeddedAws, asked: dict[str, str], answer: str = "allow"
) -> dict[str, list[str]]:
    """Answer on the page as the user, and return the query that the program gets."""
    form = urlencode({"answer": answer}).encode()
    address = f"{aws.endpoint_url}/v1/authorize?{urlencode(asked)}"
    try:
        with urllib.request.build_opener(_Stay).open(address, form) as response:
            page = response.read().decode()
    except urllib.error.HTTPError as error:
        return parse_qs(urlsplit(error.headers["Location"]).query)
    shown = page.partition("<code>")[2].partition("</code>")[0]
    return parse_qs(base64.b64decode(shown).decode())


def redeem(aws: EmbeddedAws, code: str, proof: str | None = None, **changes: str) -> Any:
    """Exchange a code, with the given proof or a new key's, and return the tokens."""
    from awscrt.crypto import EC, ECType

    client, sign = (
        unsigned_client(aws, "signin"),
        vars(credentials)["_build_add_dpop_header_handler"],
    )
    sign = sign(EC.new_generate(ECType.P_256))

    def add(params: dict[str, Any], **event: Any) -> None:
        sign(params=params, **event)
        if proof is not None:
            params["headers"]["DPoP"] = proof

    client.meta.events.register("before-call.signin.CreateOAuth2Token", add)
    body = {
        "clientId": SAME_DEVICE,
        "grantType": "authorization_code",
        "code": code,
        "codeVerifier": VERIFIER,
        "redirectUri": CALLBACK,
    }
    return client.create_o_auth2_token(tokenInput=body | changes)["tokenOutput"]


def test_same_device(aws: EmbeddedAws, user: IamUser) -> None:
    """The browser returns the code to the program, whose tokens name the user and are secrets."""
    answer = answered(aws, query())
    assert answer["state"] == ["s"]
    output = redeem(aws, answer["code"][0])
    payload = output["idToken"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(f"{payload}=="))["sub"] == user.arn
    assert (output["tokenType"], output["expiresIn"]) == ("aws_sigv4", 900)
    keys = output["accessToken"]
    secret = {keys["secretAccessKey"], keys["sessionToken"], output["refreshToken"]}
    assert secret | {output["idToken"], answer["code"][0]} <= aws.secrets()
    actions = [call.action for call in aws.calls]
    assert actions == ["signin:Answer", "signin:CreateOAuth2Token"]


def test_another_device(aws: EmbeddedAws, user: IamUser) -> None:
    """The page shows a state and a code, which the user enters in the program."""
    confirmation = f"{aws.endpoint_url}/v1/sessions/confirmation"
    answer = answered(aws, query(CROSS_DEVICE, redirect_uri=confirmation))
    assert answer["state"] == ["s"]
    more = {"clientId": CROSS_DEVICE, "redirectUri": confirmation}
    assert redeem(aws, answer["code"][0], **more)["accessToken"]["accessKeyId"]


def test_denied(aws: EmbeddedAws, user: IamUser) -> None:
    """If the user denies the sign-in, the program gets an error instead of a code."""
    assert answered(aws, query(), "deny") == {"state": ["s"], "error": ["access_denied"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://example.com/oauth/callback"},
        {"client_id": "x"},
        {"client_id": CROSS_DEVICE},
        {"code_challenge_method": "plain"},
        {"scope": ""},
    ],
)
def test_requests_that_are_not_valid(
    aws: EmbeddedAws, user: IamUser, changes: dict[str, str]
) -> None:
    """An invalid request is refused with an error, even when its form is submitted."""
    address = f"{aws.endpoint_url}/v1/authorize?{urlencode(query() | changes)}"
    for form in (None, urlencode({"answer": "allow"}).encode()):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(address, form)
    with urllib.request.urlopen(f"{aws.endpoint_url}/v1/authorize?{urlencode(query())}") as page:
        assert user.arn in page.read().decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"codeVerifier": "w" * 43},
        {"redirectUri": CALLBACK.replace("9", "8")},
        {"clientId": CROSS_DEVICE},
        {"code": "x"},
    ],
)
def test_codes_that_are_not_valid(aws: EmbeddedAws, user: IamUser, changes: dict[str, str]) -> None:
    """A code is valid for one program, one address and one verifier only."""
    code = answered(aws, query())["code"][0]
    with pytest.raises(ClientError, match="AccessDenied") as caught:
        redeem(aws, **({"code": code} | changes))
    response: Any = caught.value.response
    assert response["error"] == "AUTHCODE_EXPIRED"


def test_a_code_works_once_and_in_time(aws: EmbeddedAws, user: IamUser, clock: Clock) -> None:
    """A code is refused if it was used before, has expired, or comes without a valid proof."""
    code = answered(aws, query())["code"][0]
    redeem(aws, code)
    late = answered(aws, query())["code"][0]
    clock.advance(minutes=10)
    unproved = answered(aws, query())["code"][0]
    for each, proof in ((code, None), (late, None), (unproved, "rubbish")):
        with pytest.raises(ClientError, match="AccessDenied"):
            redeem(aws, each, proof)
