"""Cache the accounts and roles of an IAM Identity Center sign-in for a day.

Listing requires a call for each account, so all of the user's kernels share the list. Its file
contains only names and IDs, and only its owner can read it. If the file is invalid, or can't be
read or written, each kernel has its own list, and no error is raised.

https://specifications.freedesktop.org/basedir-spec/latest/
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ipy_awsprofile.config.files import Config, FileVersion, read_config, version_of
from ipy_awsprofile.config.private import replace_file
from ipy_awsprofile.config.sign_ins import SignIn, named_by_account, sign_ins
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.text import AssignedName

#: How long a list is valid, and how far ahead the clock of another machine can be.
_VALID_FOR, _CLOCK_SKEW = timedelta(days=1), timedelta(minutes=5)


class Account(NamedTuple):
    """An account, with the ``domain`` of its email address."""

    id: str
    name: str
    domain: str

    @classmethod
    def described(cls, item: Mapping[str, Any]) -> Account:
        """Return the account in an item of ListAccounts. Raises KeyError."""
        domain = str(item.get("emailAddress") or "").rpartition("@")[2]
        account = str(item["accountId"])
        return cls(account, str(item.get("accountName") or account), domain)


@dataclass(slots=True)
class RoleList:
    """The accounts and roles that have been listed for a sign-in so far.

    ``listed_at`` (UTC) is when the listing started. ``accounts`` is None until the accounts have
    been listed. ``roles`` has the names of the roles in each account, by account ID.
    """

    listed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    accounts: tuple[Account, ...] | None = None
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def with_accounts(self, accounts: Iterable[Account]) -> RoleList:
        """Return a list of these accounts, sorted by name, with the roles listed so far."""
        ordered = tuple(sorted(accounts, key=lambda one: (one.name.casefold(), one.id)))
        known = {one.id: self.roles[one.id] for one in ordered if one.id in self.roles}
        return RoleList(self.listed_at, ordered, known)

    @property
    def is_complete(self) -> bool:
        """Whether the accounts and all of their roles have been listed."""
        return self.accounts is not None and all(one.id in self.roles for one in self.accounts)

    def complete(self) -> tuple[tuple[Account, str], ...] | None:
        """Return each account with each of its roles; None if the list is incomplete."""
        if self.accounts is None or not self.is_complete:
            return None
        return tuple((one, role) for one in self.accounts for role in self.roles[one.id])

    def account(self, account: str) -> Account | None:
        """Return the account with this ID, or None if it hasn't been listed."""
        return next((one for one in self.accounts or () if one.id == account), None)


#: The last list that was read or written, with the file's version at that time, by path.
_known: dict[Path, tuple[FileVersion | None, RoleList | None]] = {}


class RoleListFile:
    """The cache file for a sign-in's list.

    ``session`` is the name of its [sso-session], or empty without one.
    """

    def __init__(self, session: str, start_url: str) -> None:
        digest = sha256(f"{session}\n{start_url}".encode()).hexdigest()[:16]
        self.path = _folder() / f"roles-{digest}.json"

    @classmethod
    def of(cls, sign_in: SignIn) -> RoleListFile:
        """Return the cache file for a sign-in in the config file."""
        return cls(sign_in.session, sign_in.start_url)

    def read(self) -> RoleList | None:
        """Return the list; None if it is missing, invalid, or older than a day."""
        version = version_of(self.path)
        if self.path not in _known or _known[self.path][0] != version:
            _known[self.path] = version, _read(self.path)
        found = _known[self.path][1]
        if found and -_CLOCK_SKEW <= datetime.now(UTC) - found.listed_at < _VALID_FOR:
            return found
        return None

    def write(self, roles: RoleList) -> None:
        """Replace the list atomically, so that other kernels never read a partial list."""
        content = {
            "listed_at": roles.listed_at.isoformat(),
            "accounts": roles.accounts,
            "roles": dict(roles.roles),
        }
        with suppress(OSError):
            replace_file(self.path, json.dumps(content).encode())
        _known[self.path] = version_of(self.path), roles

    def delete(self) -> None:
        """Delete the list for all kernels."""
        _delete(self.path)


def delete_role_lists() -> None:
    """Delete the lists of all sign-ins for all kernels."""
    for path in {*_folder().glob("roles-*.json"), *_known}:
        _delete(path)


def _delete(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
    _known[path] = version_of(path), None


def _read(path: Path) -> RoleList | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        accounts = content["accounts"]
        found = RoleList(
            datetime.fromisoformat(content["listed_at"]).astimezone(UTC),
            None if accounts is None else tuple(Account(*map(_text, one)) for one in accounts),
            {_text(one): tuple(map(_text, roles)) for one, roles in content["roles"].items()},
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def cache_folder() -> Path:
    """Return the user's cache folder, for files that can be created again.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named) if named else Path("~/.cache").expanduser()


def _folder() -> Path:
    return cache_folder() / "ipy_awsprofile"


def accounts_by_name(name: str, accounts: Iterable[Account]) -> list[Account]:
    """Return the accounts with this name. If none match exactly, ignore the case."""
    folded = [one for one in accounts if one.name.casefold() == name.casefold()]
    return [one for one in folded if one.name == name] or folded


def name_with_known_id(name: str, config: Config) -> str:
    """Replace the account name in ``corp:team-dev/Admin`` with its cached ID. Don't call AWS.

    Return the name unchanged if it has a different form, or if the account isn't cached.
    """
    parts = named_by_account(name, config)
    roles = RoleListFile.of(sign_ins(config)[parts.sign_in]).read() if parts else None
    if parts is None or roles is None:
        return name
    found = accounts_by_name(parts.account, roles.accounts or ())
    return str(AssignedName(parts.sign_in, found[0].id, parts.role)) if len(found) == 1 else name


def known_roles(sign_in: SignIn) -> tuple[tuple[Account, str], ...] | None:
    """Return all cached roles, or None if the list is incomplete. Don't call AWS."""
    roles = RoleListFile.of(sign_in).read()
    return roles.complete() if roles else None


def listing_time(sign_in: SignIn) -> datetime | None:
    """Return when a sign-in's roles were listed (UTC); None if the list is incomplete."""
    roles = RoleListFile.of(sign_in).read()
    return roles.listed_at if roles and roles.is_complete else None


def known_account(sign_in: SignIn, account: str) -> Account | None:
    """Return a cached account of a sign-in, or None. Don't call AWS."""
    roles = RoleListFile.of(sign_in).read()
    return roles.account(account) if roles else None


def known_account_name(account: str) -> str | None:
    """Return the cached name of an account from any sign-in, or None. Don't call AWS."""
    with suppress(AwsProfileError):  # a missing name doesn't justify an error about the files
        known = (known_account(one, account) for one in sign_ins(read_config()).values())
        return next((one.name for one in known if one), None)
    return None
