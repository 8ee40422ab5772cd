"""Who signs a request: an IAM user, a session of a role, or an AWS service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The one that policies are asked about.

    `arn` is what GetCallerIdentity says: the user's ARN, or for a session
    `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`. A session also has `role_arn`; a service
    has neither account nor role, and its `arn` is its name, such as `ec2.amazonaws.com`.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """

    account: str
    arn: str
    user_id: str = ""
    role_arn: str | None = None
    is_service: bool = False

    @classmethod
    def user(cls, arn: str, user_id: str = "") -> Principal:
        """Make the principal of an IAM user from its ARN."""
        return cls(account=account_of(arn), arn=arn, user_id=user_id)

    @classmethod
    def session(cls, role_arn: str, session_name: str, role_id: str = "") -> Principal:
        """Make the principal of a role's session; a role's path is not part of its ARN."""
        account, role_name = account_of(role_arn), role_arn.rpartition("/")[2]
        return cls(
            account=account,
            arn=f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}",
            user_id=f"{role_id}:{session_name}",
            role_arn=role_arn,
        )

    @classmethod
    def service(cls, name: str) -> Principal:
        """Make the principal of an AWS service, such as `ec2.amazonaws.com`."""
        return cls(account="", arn=name, is_service=True)

    def context(self) -> dict[str, str]:
        """Return the condition keys that AWS derives from the principal alone.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        """
        if self.is_service:
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
    """Return the account id, the fifth part of an ARN."""
    return arn.split(":")[4]
