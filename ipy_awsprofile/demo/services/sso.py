"""IAM Identity Center: who may have which role, and the person who signs in.

https://docs.aws.amazon.com/singlesignon/latest/userguide/what-is.html
"""

from __future__ import annotations

import secrets
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.endpoints import json_refusal
from ipy_awsprofile.demo.iam import accounts
from ipy_awsprofile.demo.iam.callers import find_role
from ipy_awsprofile.demo.principals import Principal
from ipy_awsprofile.demo.services.sso_records import ACCOUNT_ACCESS, Lifetimes
from ipy_awsprofile.demo.services.sso_tokens import SignIns
from ipy_awsprofile.demo.shared_files import write_cache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ipy_awsprofile.demo.sessions import Session
    from ipy_awsprofile.demo.state import State

USER = "ann"


class IdentityCenter:
    """The people, their roles, and their sign-ins.

    A person is a method, `approve` or `deny`, or the page that a sign-in's link leads to.
    `start_url` is what a profile has as `sso_start_url`. It is only a name here: nothing is asked
    there, but the AWS CLI goes on only if it is https and of a domain of AWS.
    """

    start_url = "https://d-0000000000.awsapps.com/start"

    def __init__(self, state: State) -> None:
        self._state = state
        self._roles: dict[tuple[str, str], str] = {}
        self._assigned: set[tuple[str, str, str]] = set()
        self.sign_ins = SignIns(state)

    @property
    def lifetimes(self) -> Lifetimes:
        """How long what is given out from now on is good."""
        return self.sign_ins.lifetimes

    @lifetimes.setter
    def lifetimes(self, lifetimes: Lifetimes) -> None:
        self.sign_ins.lifetimes = lifetimes

    def assign(
        self,
        account: str,
        role_name: str,
        *,
        policy: Mapping[str, Any] | None = None,
        user: str = USER,
    ) -> str:
        """Let a user have a permission set in an account; return the ARN of the role behind it.

        The role is made, with `policy`, for the first user who is assigned.
        https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
        """
        if (account, role_name) not in self._roles:
            self._roles[account, role_name] = _create_role(account, role_name, policy)
        self._assigned.add((user, account, role_name))
        return self._roles[account, role_name]

    def approve(self, user_code: str, user: str = USER) -> None:
        """Let the sign-in with this code go on as a user; KeyError if none waits with it."""
        self.sign_ins.decide(user_code, user=user)

    def deny(self, user_code: str) -> None:
        """Refuse the sign-in with this code; KeyError if none waits with it."""
        self.sign_ins.decide(user_code, denied=True)

    def expire_tokens(self, *, refresh: bool = False) -> int:
        """End all access tokens on the server's side, and with `refresh` what renews them.

        Returns how many were still good. The roles' credentials stay as they are.
        """
        return self.sign_ins.expire(refresh=refresh)

    def assignments(self, user: str) -> list[tuple[str, str]]:
        """Return a user's accounts and role names, as pairs."""
        return sorted((account, role) for who, account, role in self._assigned if who == user)

    def role_session(self, user: str, account: str, role_name: str) -> Session:
        """Give credentials of a role that the user has, or raise the portal's error."""
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

        `sso_session` is the name of the config file's section, None for a profile that has its
        own `sso_start_url`: AWS gives that no refresh token. `expires_in` is in seconds, and of
        the access token; with a negative one it is over already.
        https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
        """
        client = self.sign_ins.register([ACCOUNT_ACCESS] if sso_session else [])
        tokens = self.sign_ins.grant(client, user, expires_in)
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


def _create_role(account: str, role_name: str, policy: Mapping[str, Any] | None) -> str:
    """Make the role of a permission set, with the name, path and trust that AWS gives it."""
    provider = f"arn:aws:iam::{account}:saml-provider/AWSSSO_{secrets.token_hex(8)}_DO_NOT_DELETE"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
    }
    return accounts.create_role(
        f"AWSReservedSSO_{role_name}_{secrets.token_hex(8)}",
        account,
        {"Version": "2012-10-17", "Statement": [statement]},
        policy,
        43200,
        path="/aws-reserved/sso.amazonaws.com/",
    )
