"""The callers of requests: users, role sessions, AWS services and holders of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Principal:
    """A principal, as policies name it.

    `arn` is what GetCallerIdentity returns: the user's ARN, or for a session
    `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`. A session also has `role_arn`. A service
    has no account, and its `arn` is its name, such as `ec2.amazonaws.com`. For the holder of a
    token, `arn` is the identity provider's ARN. `kind` is the key in a Principal element.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """

    account: str
    arn: str
    user_id: str = ""
    role_arn: str | None = None
    kind: Literal["AWS", "Service", "Federated"] = "AWS"

    @classmethod
    def user(cls, arn: str, user_id: str = "") -> Principal:
        """Return the principal of an IAM user."""
        return cls(account=account_of(arn), arn=arn, user_id=user_id)

    @classmethod
    def session(cls, role_arn: str, session_name: str, role_id: str = "") -> Principal:
        """Return the principal of a role session, whose ARN doesn't contain the role's path."""
        account, role_name = account_of(role_arn), role_arn.rpartition("/")[2]
        return cls(
            account=account,
            arn=f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}",
            user_id=f"{role_id}:{session_name}",
            role_arn=role_arn,
        )

    @classmethod
    def service(cls, name: str) -> Principal:
        """Return the principal of an AWS service, such as `ec2.amazonaws.com`."""
        return cls(account="", arn=name, kind="Service")

    @classmethod
    def federated(cls, provider_arn: str) -> Principal:
        """Return the principal of any holder of a token from an identity provider."""
        return cls(account=account_of(provider_arn), arn=provider_arn, kind="Federated")

    def context(self) -> dict[str, str]:
        """Return the condition keys that AWS derives from the principal alone.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        """
        if self.kind != "AWS":
            return {}
        keys = {
            "aws:PrincipalAccount": self.account,
            "aws:PrincipalArn": self.role_arn or self.arn,
            "aws:PrincipalType": "AssumedRole" if self.role_arn else "User",
            "aws:userid": self.user_id,
        }
        if self.role_arn is None:
            keys["aws:username"] = self.arn.rpartition("/")[2]
        return keys


def account_of(arn: str) -> str:
    """Return the account ID, the fifth part of an ARN."""
    return arn.split(":")[4]
