"""Parse ARNs, names of IAM Identity Center roles, and patterns for profiles and accounts.

This module doesn't import botocore, so that the extension loads fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple, Self


class Arn(NamedTuple):
    """The parts of an ARN (``arn:partition:service:region:account:resource``), which can be empty.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """

    partition: str = ""
    service: str = ""
    region: str = ""
    account: str = ""
    resource: str = ""

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Return the parts of an ARN. All parts are empty if the string isn't an ARN."""
        scheme, *parts = (text or "").split(":", len(cls._fields))
        if scheme != "arn" or len(parts) != len(cls._fields):
            return cls()
        return cls(*parts)

    @property
    def role(self) -> str:
        """The role's name with its path, or an empty string if the ARN isn't a role's ARN."""
        kind, _, name = self.resource.partition("/")
        return name if kind == "role" else ""


class RoleName(NamedTuple):
    """An account's ID and a role's name without its path, which is unique in the account.

    ``is_assigned`` is True for a role in IAM Identity Center, False for any other role, and None if
    this isn't known.
    """

    account: str
    role: str
    is_assigned: bool | None = None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the role that a string names, or None.

        The string is ``ACCOUNT_ID/ROLE``, or the ARN of a role or of a role's session. IAM
        Identity Center creates a role with a longer name for each role that it assigns.
        """
        by_account = re.fullmatch(rf"({_ID})/([\w+=,.@-]+)", text, re.ASCII)
        if by_account:
            return cls(by_account[1], by_account[2])
        match = _ROLE_IN_ARN.fullmatch(text)
        if match is None:
            return None
        account, name = match["account"], match["role"] or match["of_session"]
        created = _CREATED_ROLE.fullmatch(name)
        return cls(account, created[1] if created else name, created is not None)


#: The ARN of a role, or of a role's session, which doesn't contain the role's path.
_ROLE_IN_ARN = re.compile(
    r"arn:[\w-]+:(?:iam|sts)::(?P<account>[0-9]{12}):"
    r"(?:role/(?:[^/]+/)*(?P<role>[^/]+)|assumed-role/(?P<of_session>[^/]+)/.+)"
)

#: https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
_CREATED_ROLE = re.compile("AWSReservedSSO_(.+)_[0-9a-f]{16}")


class AssignedName(NamedTuple):
    """The parts of a name for an IAM Identity Center role, such as ``corp:123456789012/Admin``.

    ``account`` is the account ID, or the account's name if the ID hasn't been looked up yet.
    """

    sign_in: str
    account: str
    role: str

    def __str__(self) -> str:
        return f"{self.sign_in}:{self.account}/{self.role}"

    @classmethod
    def parse(cls, name: str, sign_in: str | None = None) -> Self | None:
        """Return the parts of a role's name with an account ID, or None for any other name.

        If ``sign_in`` is set, the role's name must begin with this sign-in's name, and can contain
        the name of an account instead of its ID.
        """
        before = rf"(.+):({_ID})"
        if sign_in is not None:
            before = rf"({re.escape(sign_in)}):(.+)"
        match = re.fullmatch(rf"{before}/([\w+=,.@-]+)", name, re.ASCII | re.DOTALL)
        return cls(*match.groups()) if match else None

    @property
    def has_id(self) -> bool:
        """Whether the account is an ID instead of a name."""
        return is_account_id(self.account)


#: An account ID.
_ID = "[0-9]{12}"

#: The end of the name under which other programs find a limited session of the kernel.
IN_KERNEL = "-in-kernel"


def is_account_id(text: str) -> bool:
    """Return whether a string is an account ID."""
    return re.fullmatch(_ID, text) is not None


def account_text(account: str | int) -> str:
    """Return an account ID as a string, with leading zeros and without hyphens."""
    if isinstance(account, int):
        return f"{account:012}"
    return re.sub(r"^(\d{4})-(\d{4})-(\d{4})$", r"\1\2\3", account)


def has_wildcard(text: str) -> bool:
    """Return whether a pattern contains a wildcard and so must match a whole name."""
    return not set("*?[").isdisjoint(text)


def fits(patterns: Iterable[str], *names: str) -> bool:
    """Return whether any of the patterns matches any of the names as a whole, ignoring case."""
    folded = [name.casefold() for name in names]
    return any(fnmatchcase(name, text.casefold()) for text in patterns for name in folded)


def alternatives(pattern: str) -> list[str]:
    """Return the comma-separated parts of a pattern, except for empty parts."""
    return list(filter(None, (part.strip() for part in pattern.split(","))))


def matches(pattern: str | None, fields: Iterable[str | None]) -> bool:
    """Return whether every word of a pattern matches at least one of the fields, ignoring case.

    A word with wildcards must match the whole first field, which is the name. If commas separate
    several patterns, one of the patterns must match.
    """
    folded = [field.casefold() for field in fields if field]
    if pattern is None or not pattern.strip():
        return True
    return any(_has_words(part.split(), folded) for part in alternatives(pattern.casefold()))


def _has_words(words: Iterable[str], fields: Sequence[str]) -> bool:
    """Return whether every word matches at least one of the fields, as described in `matches`."""
    for word in words:
        if has_wildcard(word):
            is_fitting = fits([word], fields[0])
        else:
            is_fitting = any(word in field for field in fields)
        if not is_fitting:
            return False
    return True


#: The end of a role's ARN, or of the ARN of a role session, which doesn't contain the role's path.
_PART_OF_ARN = re.compile(
    r"(?P<account>\d{12}):"
    r"(?:role/(?P<path>[\w+=,.@/-]+)|assumed-role/(?P<session>[^/]+)/.*|(?P<name>[\w+=,.@-]+))$"
)


def advice_for_arn(written: str) -> str:
    """Return a hint that completes the part of a role's ARN that the user has written."""
    account, name = "ACCOUNT", "NAME"
    part = _PART_OF_ARN.search(written)
    if part:
        account = part["account"]
        name = part["path"] or part["session"] or part["name"]
    return f"Write the whole ARN: `arn:aws:iam::{account}:role/{name}`."
