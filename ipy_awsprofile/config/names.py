"""The names of roles: their ARNs, and the names of roles of IAM Identity Center.

This module imports nothing from botocore, so that the extension loads fast.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self


class Arn(NamedTuple):
    """The parts of an ARN, ``arn:partition:service:region:account:resource``. Some can be empty.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """

    partition: str = ""
    service: str = ""
    region: str = ""
    account: str = ""
    resource: str = ""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the parts of an ARN, or None if the text isn't an ARN."""
        scheme, *parts = text.split(":", len(cls._fields))
        if scheme != "arn" or len(parts) != len(cls._fields):
            return None
        return cls(*parts)

    @property
    def role(self) -> str:
        """The role's name with its path, or an empty text if this isn't a role ARN."""
        kind, _, name = self.resource.partition("/")
        return name if kind == "role" else ""


class AssignedName(NamedTuple):
    """The parts of the name of a role without a profile, such as ``corp:123456789012/Admin``.

    ``account`` is the account ID, or the account's name until the ID is looked up.
    """

    sign_in: str
    account: str
    role: str

    def __str__(self) -> str:
        return f"{self.sign_in}:{self.account}/{self.role}"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return the parts of a role's name with an account ID, or None for any other name."""
        match = re.fullmatch(r"(.+):([0-9]{12})/([\w+=,.@-]+)", name, re.ASCII)
        return cls(*match.groups()) if match else None

    @property
    def has_id(self) -> bool:
        """Whether the account is an ID."""
        return re.fullmatch("[0-9]{12}", self.account) is not None


def account_text(account: str | int) -> str:
    """Return an account ID as text, with leading zeros and without the hyphens of AWS's pages."""
    if isinstance(account, int):
        return f"{account:012}"
    return re.sub(r"^(\d{4})-(\d{4})-(\d{4})$", r"\1\2\3", account)
