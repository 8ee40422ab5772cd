"""Emulate IAM Identity Center: sign-ins with a device code, and the roles assigned to each user.

https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/Welcome.html
https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/Welcome.html
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha1
from html import escape
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from ipy_awsprofile.config.private import replace_file
from ipy_awsprofile.demo.refusals import Refused, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from werkzeug.wrappers import Request

    from ipy_awsprofile.demo.front import Front

#: The user who allows sign-ins on the web page.
USER = "ann"

#: How many seconds a client's registration, a device code, and each kind of token are valid.
_REGISTRATION = 90 * 24 * 3600
_CODE = 600
_ACCESS_TOKEN = 3600
_REFRESH_TOKEN = 8 * 3600

#: Clients that register with this scope also get refresh tokens.
_ACCOUNT_ACCESS = "sso:account:access"


@dataclass(slots=True)
class SignIn:
    """A sign-in that a program has started, and that a user can allow or deny."""

    client_id: str
    expires: datetime
    user_code: str = ""
    user: str = ""
    is_denied: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """The user and the client to which a token was issued, and the time when the token expires."""

    user: str
    client_id: str
    expires: datetime


class IdentityCenter:
    """An emulation of IAM Identity Center for an embedded AWS.

    To allow or deny a sign-in, call `approve` or `deny`, or open the sign-in's link in a browser.
    Use the value of `start_url` for the setting `sso_start_url` in profiles. `start_url` has the
    scheme https and an AWS domain because the AWS CLI requires both, but no program connects to
    this URL.
    """

    start_url = "https://d-0000000000.awsapps.com/start"

    def __init__(self, front: Front, home: Callable[[], Path]) -> None:
        self.iam = front.iam
        self._home = home
        self._roles: dict[tuple[str, str], str] = {}
        self._assigned: set[tuple[str, str, str]] = set()
        self._names: dict[str, tuple[str, str]] = {}
        self.scopes: dict[str, list[str]] = {}
        self.sign_ins: dict[str, SignIn] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        front.unsigned |= {
            "POST /client/register": ("sso-oidc:RegisterClient", self._register_client),
            "POST /device_authorization": ("sso-oidc:StartDeviceAuthorization", self._start),
            "POST /token": ("sso-oidc:CreateToken", self._create_token),
            "GET /device": ("sso:Page", self._show),
            "POST /device": ("sso:Answer", self._decide),
            "GET /federation/credentials": ("sso:GetRoleCredentials", self._get_role_credentials),
            "GET /assignment/accounts": ("sso:ListAccounts", self._list_accounts),
            "GET /assignment/roles": ("sso:ListAccountRoles", self._list_account_roles),
            "POST /logout": ("sso:Logout", self._logout),
        }

    def assign(
        self,
        account: str,
        role_name: str,
        *,
        policy: Mapping[str, Any] | None = None,
        user: str = USER,
    ) -> str:
        """Assign a permission set in an account to a user, and return the ARN of the set's role.

        The first assignment of a permission set creates the role, with `policy` as the role's
        identity policy.

        https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
        """
        if (account, role_name) not in self._roles:
            name = f"AWSReservedSSO_{role_name}_{secrets.token_hex(8)}"
            saml = {"Federated": f"arn:aws:iam::{account}:saml-provider/AWSSSO_DO_NOT_DELETE"}
            statement = {"Effect": "Allow", "Principal": saml, "Action": "sts:AssumeRoleWithSAML"}
            self._roles[account, role_name] = self.iam.create_role(
                f"aws-reserved/sso.amazonaws.com/{name}",
                account=account,
                trust={"Statement": statement},
                policy=policy,
            )
        self._assigned.add((user, account, role_name))
        return self._roles[account, role_name]

    def assignments(self, user: str) -> list[tuple[str, str]]:
        """Return the roles assigned to a user as sorted pairs of account ID and role name."""
        return sorted((account, role) for who, account, role in self._assigned if who == user)

    def name_account(self, account: str, name: str, email: str) -> None:
        """Set an account's name and email address. Several accounts can have the same name."""
        self._names[account] = name, email

    def sign_in(
        self,
        sso_session: str | None = None,
        *,
        region: str = "us-east-1",
        user: str = USER,
        expires_in: int = _ACCESS_TOKEN,
    ) -> Path:
        """Sign in as `aws sso login` does, and return the path of the token's cache file.

        `sso_session` is the name of an `sso-session` section in the config file. `sso_session` is
        None for profiles that set `sso_start_url` themselves. AWS doesn't issue refresh tokens for
        profiles that set `sso_start_url` themselves. `expires_in` is the number of seconds until
        the access token expires. If `expires_in` is negative, the token has already expired.

        https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
        """
        scopes = []
        if sso_session:
            scopes.append(_ACCOUNT_ACCESS)
        client = self._new_client(scopes)
        tokens = self._new_tokens(client["clientId"], user, expires_in)
        document = {
            "startUrl": self.start_url,
            "region": region,
            "accessToken": tokens["accessToken"],
            "expiresAt": _iso(self._in(expires_in)),
            "registrationExpiresAt": _iso(self._in(_REGISTRATION)),
            **client,
        }
        if "refreshToken" in tokens:
            document["refreshToken"] = tokens["refreshToken"]
        key = sha1((sso_session or self.start_url).encode(), usedforsecurity=False).hexdigest()
        file = self._home() / ".aws" / "sso" / "cache" / f"{key}.json"
        return write_private(file, json.dumps(document))

    def approve(self, user_code: str, user: str = USER) -> None:
        """Allow the sign-in with this code as `user`. Raise KeyError if the code isn't valid."""
        self._waiting(user_code).user = user

    def deny(self, user_code: str) -> None:
        """Deny the sign-in with this code. Raise KeyError if the code isn't valid."""
        self._waiting(user_code).is_denied = True

    def _waiting(self, user_code: str) -> SignIn:
        for sign_in in self.sign_ins.values():
            if sign_in.user_code == user_code and self.iam.clock() < sign_in.expires:
                return sign_in
        raise KeyError(user_code)

    def expire_tokens(self, *, refresh: bool = False) -> None:
        """Expire all access tokens on the server and, if `refresh` is true, all refresh tokens.

        Role credentials that were obtained with the token remain valid after the token expires.
        """
        self._access.clear()
        if refresh:
            self._refresh.clear()

    def _in(self, seconds: int) -> datetime:
        return self.iam.clock() + timedelta(seconds=seconds)

    def new_secret(self) -> str:
        """Return a new random token or code, after recording it as an issued secret."""
        return self.iam.keep_secret(secrets.token_urlsafe(64))

    # The OIDC service

    def _register_client(self, request: Request) -> Response:
        client = self._new_client(request.get_json(force=True).get("scopes", []))
        expires = int(self._in(_REGISTRATION).timestamp())
        return json_response({**client, "clientSecretExpiresAt": expires})

    def _new_client(self, scopes: list[str]) -> dict[str, str]:
        client = {"clientId": secrets.token_urlsafe(16), "clientSecret": self.new_secret()}
        self.scopes[client["clientId"]] = scopes
        return client

    def _start(self, request: Request) -> Response:
        """Answer a StartDeviceAuthorization request, which starts a sign-in with a device code.

        https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_StartDeviceAuthorization.html
        """
        body = request.get_json(force=True)
        if body["startUrl"] != self.start_url:
            raise oidc_refused("InvalidRequest", "Invalid start url provided")
        letters = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(8))
        code = self.new_secret()
        user_code = f"{letters[:4]}-{letters[4:]}"
        self.sign_ins[code] = SignIn(body["clientId"], self._in(_CODE), user_code)
        page = f"{request.host_url}device"
        link = {"verificationUriComplete": f"{page}?user_code={user_code}"}
        codes = {"deviceCode": code, "userCode": user_code, "verificationUri": page}
        return json_response({**codes, **link, "expiresIn": _CODE, "interval": 1})

    def _create_token(self, request: Request) -> Response:
        """Answer a CreateToken request, which exchanges a code or a refresh token for new tokens.

        https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
        """
        body = request.get_json(force=True)
        client_id = body["clientId"]
        if body["grantType"] == "refresh_token":
            return json_response(
                self._new_tokens(client_id, self._refreshing(body["refreshToken"]))
            )
        code = body.get("deviceCode") or body["code"]
        sign_in = self.sign_ins.get(code)
        if sign_in is None or sign_in.client_id != client_id:
            raise oidc_refused("InvalidGrant", "Invalid code provided")
        if self.iam.clock() >= sign_in.expires:
            raise oidc_refused("ExpiredToken", "Device code has expired")
        if sign_in.is_denied:
            raise oidc_refused("AccessDenied", "Access denied")
        if not sign_in.user:
            raise oidc_refused("AuthorizationPending", "Authorization is still pending")
        del self.sign_ins[code]
        return json_response(self._new_tokens(client_id, sign_in.user))

    def _refreshing(self, token: str) -> str:
        """Return the user that a refresh token was issued to, and invalidate the token.

        Raise Refused if the refresh token isn't valid.
        """
        grant = self._refresh.pop(token, None)
        if grant is None or self.iam.clock() >= grant.expires:
            raise oidc_refused("InvalidGrant", "Invalid refresh token provided")
        return grant.user

    def _new_tokens(
        self, client_id: str, user: str, seconds: int = _ACCESS_TOKEN
    ) -> dict[str, Any]:
        access = self.new_secret()
        self._access[access] = Grant(user, client_id, self._in(seconds))
        tokens = {"accessToken": access, "tokenType": "Bearer", "expiresIn": seconds}
        if _ACCOUNT_ACCESS not in self.scopes[client_id]:
            return tokens
        refresh = self.new_secret()
        self._refresh[refresh] = Grant(user, client_id, self._in(_REFRESH_TOKEN))
        return tokens | {"refreshToken": refresh}

    # The access portal

    def user_of(self, access_token: str) -> str:
        """Return the user that an access token was issued to.

        Raise Refused if the access token isn't valid.
        """
        grant = self._access.get(access_token)
        if grant is None or self.iam.clock() >= grant.expires:
            raise _portal_refused(
                "UnauthorizedException", "Session token not found or invalid", 401
            )
        return grant.user

    def _user(self, request: Request) -> str:
        return self.user_of(request.headers["x-amz-sso-bearer-token"])

    def _get_role_credentials(self, request: Request) -> Response:
        user = self._user(request)
        assigned = request.args["account_id"], request.args["role_name"]
        if assigned not in self.assignments(user):
            raise _portal_refused("ForbiddenException", "No access", 403)
        session = self.iam.create_role_session(self._roles[assigned], user)
        credentials = {
            "accessKeyId": session.access_key_id,
            "secretAccessKey": session.secret_access_key,
            "sessionToken": session.session_token,
            "expiration": int(self._in(3600).timestamp()) * 1000,
        }
        return json_response({"roleCredentials": credentials})

    def _list_accounts(self, request: Request) -> Response:
        accounts = dict.fromkeys(account for account, _ in self.assignments(self._user(request)))
        items: list[dict[str, str]] = []
        for account in accounts:
            name, email = self._names.get(account, (account, ""))
            items.append({"accountId": account, "accountName": name, "emailAddress": email})
        return _page("accountList", items, request)

    def _list_account_roles(self, request: Request) -> Response:
        account = request.args["account_id"]
        items: list[dict[str, str]] = []
        for owner, name in self.assignments(self._user(request)):
            if owner == account:
                items.append({"accountId": account, "roleName": name})
        return _page("roleList", items, request)

    def _logout(self, request: Request) -> Response:
        self._user(request)
        ended = self._access[request.headers["x-amz-sso-bearer-token"]].client_id
        for grants in (self._access, self._refresh):
            for token, grant in list(grants.items()):
                if grant.client_id == ended:
                    del grants[token]
        return json_response({})

    # The page

    def _show(self, request: Request) -> Response:
        code = escape(request.args.get("user_code", ""))
        asked = "A program asks to sign in as you. Allow it only if the program shows this code:"
        field = f'<p><input name="user_code" value="{code}" aria-label="Code" required></p>'
        return page(f"{asked}</p>{form('/device', field)}")

    def _decide(self, request: Request) -> Response:
        decide = self.deny
        decided = "Denied"
        if request.form["answer"] == "allow":
            decide = self.approve
            decided = "Allowed"
        try:
            decide(request.form["user_code"].strip().upper())
        except KeyError:
            return page("No sign-in with this code is waiting. It may have expired.", 400)
        return page(f"{decided}. You can close this page.")


def oidc_refused(code: str, description: str, status: int = 400) -> Refused:
    """Return the OIDC service's error for a code such as `ExpiredToken`.

    The response's body contains the code in the form `expired_token`.
    """
    error = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code).lower()
    document = {"error": error, "error_description": description}
    return Refused(f"{code}Exception", description, status, document)


def _portal_refused(code: str, message: str, status: int) -> Refused:
    return Refused(code, message, status, {"message": message})


def _page(name: str, items: Sequence[Mapping[str, str]], request: Request) -> Response:
    """Return a response that contains the page of `items` that a request asks for."""
    start = int(request.args.get("next_token", 0))
    end = start + int(request.args.get("max_result", 20))
    document: dict[str, object] = {name: items[start:end]}
    if end < len(items):
        document["nextToken"] = str(end)
    return json_response(document)


def form(action: str, fields: str = "") -> str:
    """Return an HTML form with the buttons Allow and Deny, which submit the form to `action`."""
    return (
        f'<form method="post" action="{action}">{fields}<p>'
        '<button name="answer" value="allow">Allow</button>\n'
        '<button name="answer" value="deny">Deny</button></p></form>'
    )


def page(body: str, status: int = 200) -> Response:
    """Return a response that contains a web page of the embedded AWS."""
    html = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sign in to the embedded AWS</title>
<body style="font-family: sans-serif; max-width: 32em; margin: 4em auto">
<h1>Embedded AWS</h1>
<p>{body}
<p>This page replaces AWS's sign-in page. It runs on your own machine, without an AWS account.
"""
    return Response(html, status, content_type="text/html; charset=utf-8")


def write_private(path: Path, text: str) -> Path:
    """Write a file that only the current user can read, and return the file's path."""
    replace_file(path, text.encode())
    return path


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
