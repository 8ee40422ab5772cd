"""The paths of IAM Identity Center: the OIDC service, the access portal, and the sign-in page.

https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/Welcome.html
https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/Welcome.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.endpoints import Endpoint, json_answer, json_refusal
from ipy_awsprofile.demo.services.sso.page import Page
from ipy_awsprofile.demo.services.sso.paging import page_of
from ipy_awsprofile.demo.services.sso.records import refused

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

    from ipy_awsprofile.demo.endpoints import Endpoints
    from ipy_awsprofile.demo.services.sso.identity_center import IdentityCenter
    from ipy_awsprofile.demo.services.sso.records import Client, Tokens


def sso_endpoints(center: IdentityCenter) -> Endpoints:
    """Return the endpoints of both services and of the page."""
    oidc, portal, page = _Oidc(center), _Portal(center), Page(center)
    return {
        ("POST", "/client/register"): Endpoint("sso-oidc:RegisterClient", oidc.register),
        ("POST", "/device_authorization"): Endpoint(
            "sso-oidc:StartDeviceAuthorization", oidc.authorize
        ),
        ("POST", "/token"): Endpoint("sso-oidc:CreateToken", oidc.create_token),
        ("GET", "/federation/credentials"): Endpoint("sso:GetRoleCredentials", portal.credentials),
        ("GET", "/assignment/accounts"): Endpoint("sso:ListAccounts", portal.accounts),
        ("GET", "/assignment/roles"): Endpoint("sso:ListAccountRoles", portal.roles),
        ("POST", "/logout"): Endpoint("sso:Logout", portal.logout),
        ("GET", "/authorize"): Endpoint("sso:Page", center.codes.show),
        ("POST", "/authorize"): Endpoint("sso:Answer", center.codes.decide),
        ("GET", "/device"): Endpoint("sso:Page", page.show),
        ("POST", "/device"): Endpoint("sso:Answer", page.decide),
    }


class _Oidc:
    def __init__(self, center: IdentityCenter) -> None:
        self._center, self._tokens = center, center.tokens

    def register(self, request: Request) -> Response:
        client = self._tokens.register(_body(request).get("scopes", []))
        expires = int(client.expires.timestamp())
        return json_answer(
            {
                "clientId": client.id,
                "clientSecret": client.secret,
                "clientIdIssuedAt": expires - self._center.lifetimes.registration,
                "clientSecretExpiresAt": expires,
            }
        )

    def authorize(self, request: Request) -> Response:
        body = _body(request)
        client = self._client(body)
        if body.get("startUrl") != self._center.start_url:
            raise refused("InvalidRequestException", "Invalid start url provided")
        device = self._tokens.begin(client)
        page = f"{request.host_url}device"
        return json_answer(
            {
                "deviceCode": device.code,
                "userCode": device.user_code,
                "verificationUri": page,
                "verificationUriComplete": f"{page}?user_code={device.user_code}",
                "expiresIn": self._center.lifetimes.device_code,
                "interval": self._center.lifetimes.interval,
            }
        )

    def create_token(self, request: Request) -> Response:
        body = _body(request)
        client = self._client(body)
        match body.get("grantType"):
            case "urn:ietf:params:oauth:grant-type:device_code":
                return self._issued(self._tokens.redeem(client, body.get("deviceCode", "")))
            case "authorization_code":
                return self._issued(self._center.codes.redeem(client, body))
            case "refresh_token":
                return self._issued(self._tokens.refresh(client, body.get("refreshToken", "")))
            case _:
                raise refused("UnsupportedGrantTypeException")

    def _client(self, body: dict[str, Any]) -> Client:
        return self._tokens.client(body.get("clientId", ""), body.get("clientSecret", ""))

    def _issued(self, tokens: Tokens) -> Response:
        document = {
            "accessToken": tokens.access,
            "tokenType": "Bearer",
            "expiresIn": self._center.lifetimes.access_token,
        }
        return json_answer(document | ({"refreshToken": tokens.refresh} if tokens.refresh else {}))


class _Portal:
    def __init__(self, center: IdentityCenter) -> None:
        self._center = center

    def _user(self, request: Request) -> str:
        if self._center.is_throttled():
            message = "HTTP 429 Unknown Code"
            raise json_refusal("TooManyRequestsException", {"message": message}, 429)
        return self._center.tokens.user(request.headers.get("x-amz-sso-bearer-token", ""))

    def credentials(self, request: Request) -> Response:
        user, wanted = self._user(request), request.args
        session = self._center.role_session(
            user, wanted.get("account_id", ""), wanted.get("role_name", "")
        )
        credentials = {
            "accessKeyId": session.access_key_id,
            "secretAccessKey": session.secret_access_key,
            "sessionToken": session.session_token,
            "expiration": int(session.expiration.timestamp() * 1000),
        }
        return json_answer({"roleCredentials": credentials})

    def logout(self, request: Request) -> Response:
        self._user(request)
        self._center.tokens.end(request.headers.get("x-amz-sso-bearer-token", ""))
        return json_answer({})

    def accounts(self, request: Request) -> Response:
        return page_of("accountList", self._center.accounts(self._user(request)), request)

    def roles(self, request: Request) -> Response:
        asked = request.args.get("account_id")
        roles = [
            {"accountId": account, "roleName": role}
            for account, role in self._center.assignments(self._user(request))
            if account == asked
        ]
        return page_of("roleList", roles, request)


def _body(request: Request) -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise refused("InvalidRequestException")
    return body
