"""IAM Identity Center: its users, their roles, and their sign-ins.

https://docs.aws.amazon.com/singlesignon/latest/userguide/what-is.html
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.endpoints import json_refusal
from ipy_awsprofile.demo.iam.callers import find_role
from ipy_awsprofile.demo.iam.users_and_roles import create_role
from ipy_awsprofile.demo.principals import Principal
from ipy_awsprofile.demo.services.sso.authorization_code import AuthorizationCodes
from ipy_awsprofile.demo.services.sso.records import ACCOUNT_ACCESS, Lifetimes
from ipy_awsprofile.demo.services.sso.tokens import SsoTokens
from ipy_awsprofile.demo.shared_files import write_cache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ipy_awsprofile.demo.sessions import Session
    from ipy_awsprofile.demo.state import State

USER = "ann"


class IdentityCenter:
    """The users, their roles, and their tokens.

    Allow or deny a sign-in with the methods `approve` and `deny`, or on the page that its link
    opens. `start_url` is the `sso_start_url` of profiles. Nothing connects to it, but the AWS CLI
    requires https and an AWS domain.
    """

    start_url = "https://d-0000000000.awsapps.com/start"

    def __init__(self, state: State) -> None:
        self._state = state
        self._roles: dict[tuple[str, str], str] = {}
        self._assigned: set[tuple[str, str, str]] = set()
        self._names: dict[str, tuple[str, str]] = {}
        #: The number of requests per second that the access portal answers before it throttles.
        self.calls_per_second: int | None = None
        self._answered: deque[float] = deque()
        self._counting = threading.Lock()
        self.tokens = SsoTokens(state)
        #: The page and the codes of sign-ins in a browser on the program's machine.
        self.codes = AuthorizationCodes(state, self.tokens, USER)

    def is_throttled(self) -> bool:
        """Return whether the last second had too many requests, and otherwise count this one."""
        with self._counting:
            now = time.monotonic()
            while self._answered and now - self._answered[0] >= 1:
                self._answered.popleft()
            if self.calls_per_second is not None and len(self._answered) >= self.calls_per_second:
                return True
            self._answered.append(now)
            return False

    @property
    def lifetimes(self) -> Lifetimes:
        """The validity periods of everything that is issued from now on."""
        return self.tokens.lifetimes

    @lifetimes.setter
    def lifetimes(self, lifetimes: Lifetimes) -> None:
        self.tokens.lifetimes = lifetimes

    def assign(
        self,
        account: str,
        role_name: str,
        *,
        policy: Mapping[str, Any] | None = None,
        user: str = USER,
    ) -> str:
        """Assign a permission set in an account to a user; return the ARN of its role.

        The first assignment creates the role, with `policy` as its identity policy.
        https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
        """
        if (account, role_name) not in self._roles:
            self._roles[account, role_name] = _create_sso_role(account, role_name, policy)
        self._assigned.add((user, account, role_name))
        return self._roles[account, role_name]

    def name_account(self, account: str, name: str, email: str) -> None:
        """Set an account's name, which doesn't have to be unique, and its e-mail address."""
        self._names[account] = name, email

    def approve(self, user_code: str, user: str = USER) -> None:
        """Allow the sign-in with this code for a user. Raises KeyError if the code isn't valid."""
        self.tokens.decide(user_code, user=user)

    def deny(self, user_code: str) -> None:
        """Deny the sign-in with this code. Raises KeyError if the code isn't valid."""
        self.tokens.decide(user_code, denied=True)

    def expire_tokens(self, *, refresh: bool = False) -> int:
        """Expire all access tokens on the server, and with `refresh` the refresh tokens too.

        Returns how many were still valid. The roles' credentials stay valid.
        """
        return self.tokens.expire(refresh=refresh)

    def assignments(self, user: str) -> list[tuple[str, str]]:
        """Return a user's accounts and role names, as pairs."""
        return sorted((account, role) for who, account, role in self._assigned if who == user)

    def accounts(self, user: str) -> list[dict[str, str]]:
        """Return a user's accounts, as the portal describes them."""
        listed = []
        for account in dict(self.assignments(user)):
            name, email = self._names.get(account, (f"Account {account}", f"{account}@example.com"))
            listed.append({"accountId": account, "accountName": name, "emailAddress": email})
        return listed

    def role_session(self, user: str, account: str, role_name: str) -> Session:
        """Return credentials for a user's role. Raises the portal's error if it isn't assigned."""
        if (account, role_name) not in self.assignments(user):
            raise json_refusal("ForbiddenException", {"message": "No access"}, 403)
        role_arn = self._roles[account, role_name]
        role = find_role(role_arn)
        principal = Principal.session(role_arn, user, role.id if role else "")
        return self._state.sessions.issue(principal, self.lifetimes.role)

    def sign_in(
        self,
        sso_session: str | None = None,
        *,
        region: str = "us-east-1",
        user: str = USER,
        expires_in: int | None = None,
    ) -> Path:
        """Sign in as `aws sso login` does; return the file in `home` with the token.

        `sso_session` is the name of the section in the config file, or None for a profile that
        itself has `sso_start_url`; for such a profile AWS issues no refresh token. `expires_in` is
        how long the access token is valid, in seconds; if it is negative, the token has expired.
        https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
        """
        client = self.tokens.register([ACCOUNT_ACCESS] if sso_session else [])
        tokens = self.tokens.grant(client, user, expires_in)
        document = {
            "startUrl": self.start_url,
            "region": region,
            "accessToken": tokens.access,
            "expiresAt": tokens.access_expires,
            "clientId": client.id,
            "clientSecret": client.secret,
            "registrationExpiresAt": client.expires,
        }
        if tokens.refresh is not None:
            document["refreshToken"] = tokens.refresh
        key = sha1((sso_session or self.start_url).encode(), usedforsecurity=False).hexdigest()
        return write_cache(self._state.home / ".aws" / "sso" / "cache" / f"{key}.json", document)


def _create_sso_role(account: str, role_name: str, policy: Mapping[str, Any] | None) -> str:
    """Create the role of a permission set, with the same name, path and trust policy as on AWS."""
    provider = f"arn:aws:iam::{account}:saml-provider/AWSSSO_{secrets.token_hex(8)}_DO_NOT_DELETE"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
    }
    return create_role(
        f"AWSReservedSSO_{role_name}_{secrets.token_hex(8)}",
        account,
        {"Version": "2012-10-17", "Statement": [statement]},
        policy,
        43200,
        path="/aws-reserved/sso.amazonaws.com/",
    )
