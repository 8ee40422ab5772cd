"""List, find and resolve the IAM Identity Center roles that are assigned to the user.

Listing roles requires a call for each account, so the list is cached for a day in a file that all
of the user's kernels share. The file keeps account names for longer. The file contains only names
and IDs.

https://docs.aws.amazon.com/singlesignon/latest/userguide/useraccess.html
https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/Welcome.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, TypeVar

from botocore.config import Config as ClientConfig
from botocore.exceptions import UnauthorizedSSOTokenError
from botocore.tokens import SSOTokenProvider
from botocore.utils import SSOTokenLoader

from ipy_awsprofile.config.files import Config, FileVersion, read_config, version_of
from ipy_awsprofile.config.names import AssignedName, matches
from ipy_awsprofile.config.private import (
    cache_folder,
    read_private_file,
    replace_file,
    require_writable,
)
from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.config.request import SessionRequest, arguments
from ipy_awsprofile.config.sign_ins import (
    SignIn,
    find_sign_in,
    sign_ins,
)
from ipy_awsprofile.config.target import Target, sign_in_target, target_of
from ipy_awsprofile.credentials.botocore_session import (
    give_up_soon,
    provider_clients,
    unsigned_session,
)
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.credentials.providers import shared_sign_in, sso_token_cache
from ipy_awsprofile.credentials.sts import own_client
from ipy_awsprofile.credentials.translation import reading, translated
from ipy_awsprofile.errors import AwsProfileError, InvalidOption, SignInRequired
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.text import did_you_mean, quoted

Result = TypeVar("Result")

_VALID_FOR = timedelta(days=1)

#: The file of all kernels. Increase its number if the format changes.
_CACHE_FILE = "roles-1.json"

_WORKERS = 16
_RETRIES: Any = {"mode": "adaptive", "total_max_attempts": 10}

#: botocore slows all threads down to the rate that AWS allows. With so many attempts, it also waits
#: more than a minute for a portal that can't be reached, so list the accounts without this config.
_MANY_CALLS = ClientConfig(max_pool_connections=_WORKERS, retries=_RETRIES)


class _Cache(TypedDict):
    """The cached accounts and roles of each sign-in, and the names of accounts by account ID."""

    lists: Mapping[str, Any]
    names: Mapping[str, str]


class Account(NamedTuple):
    """An account, with the ``domain`` of its email address."""

    id: str
    name: str
    domain: str


def account_of(account_id: str, name: str, email: str) -> Account:
    """Return an `Account` with values from AWS's response.

    If ``name`` is empty, the ID is used as the name.
    """
    return Account(account_id, name or account_id, email.rpartition("@")[2])


def by_name(account: Account) -> tuple[str, str]:
    """Return a key that sorts accounts by name."""
    return account.name.casefold(), account.id


@dataclass(frozen=True, slots=True)
class RoleList:
    """The accounts of a sign-in by account ID, with the names of the roles listed so far."""

    listed_at: datetime
    accounts: Mapping[str, Account]
    roles: Mapping[str, Sequence[str]]

    def named(self, name: str) -> list[Account]:
        """Return the accounts whose ID or name is ``name``.

        If no account matches exactly, compare the names case-insensitively.
        """
        exact: list[Account] = []
        similar: list[Account] = []
        for account in self.accounts.values():
            if name in (account.id, account.name):
                exact.append(account)
            elif account.name.casefold() == name.casefold():
                similar.append(account)
        return exact or similar


def list_accounts(target: Target) -> RoleList:
    """List the accounts of a target's sign-in, and return them with the roles cached so far.

    Raise SignInRequired if the sign-in is missing or has expired, or another subclass of
    `AwsProfileError` if a call fails.
    """
    portal = _Portal(target)
    listed = RoleList(datetime.now(UTC), portal.accounts(), {})
    cached = cached_list(portal.sign_in)
    if cached:
        listed = replace(cached, accounts=listed.accounts)
    return _keep(portal.sign_in, listed)


def list_roles(target: Target, report: Callable[[int, int], object]) -> RoleList:
    """List all accounts and roles of a target's sign-in.

    ``report`` is called with the number of accounts whose roles were listed and the number of all
    accounts. After an error or Ctrl-C, the cache is unchanged. Raise the same errors as
    `list_accounts`.
    """
    started = datetime.now(UTC)
    roles = {}
    accounts = _Portal(target).accounts()
    portal = _Portal(target, _MANY_CALLS)
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="list-roles")
    try:
        for account, names in zip(accounts, pool.map(portal.roles, accounts), strict=True):
            roles[account] = names
            report(len(roles), len(accounts))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return _keep(portal.sign_in, RoleList(started, accounts, roles))


class _Portal:
    """The access portal of a target's sign-in, for the user who has signed in."""

    def __init__(self, target: Target, config: ClientConfig | None = None) -> None:
        sign_in = target.find_sign_in()
        self.sign_in = sign_in
        self._target = target
        with translated(target):
            # Before the user signs in, and before the calls for all accounts.
            require_writable(_cache_file())
            client = unsigned_session(target).create_client(
                "sso", region_name=sign_in.region, config=config
            )
        self._client = own_client(client)

        def read_token() -> str:
            with translated(target), reading("sso"):
                return _access_token(sign_in, target)

        self._token = shared_sign_in(sign_in.token_file, read_token)

    def accounts(self) -> dict[str, Account]:
        """Return the accounts in which the user has a role, by ID, sorted by name."""
        accounts: list[Account] = []
        for item in self._items("list_accounts", "accountList"):
            name = item.get("accountName", "")
            accounts.append(account_of(item["accountId"], name, item.get("emailAddress", "")))
        accounts.sort(key=by_name)
        return {account.id: account for account in accounts}

    def roles(self, account: str) -> tuple[str, ...]:
        """Return the names of the user's roles in an account."""
        items = self._items("list_account_roles", "roleList", accountId=account)
        return tuple(sorted(item["roleName"] for item in items))

    def _items(self, operation: str, name: str, **parameters: str) -> list[Any]:
        with translated(self._target):
            pages = self._client.get_paginator(operation).paginate(
                accessToken=self._token, PaginationConfig={"PageSize": 100}, **parameters
            )
            try:
                return [item for page in pages for item in page[name]]
            except self._client.exceptions.UnauthorizedException:
                raise UnauthorizedSSOTokenError from None


def _access_token(sign_in: SignIn, target: Target) -> str:
    """Return the access token from the AWS CLI's file.

    If the sign-in is an [sso-session], botocore renews the token.
    """
    files = sso_token_cache()
    if not sign_in.session:
        return str(SSOTokenLoader(files)(sign_in.start_url)["accessToken"])
    clients: Any = provider_clients(target, give_up_soon())
    provider: Any = SSOTokenProvider(clients, files, profile_name=target.start.name)
    return str(provider.load_token().get_frozen_token().token)


def cached_list(sign_in: SignIn) -> RoleList | None:
    """Return the cached list, or None if the list is missing or more than a day old.

    This function doesn't call AWS.
    """
    document = _read_cache()["lists"].get(_key(sign_in))
    if document is None:
        return None
    listed_at = datetime.fromisoformat(document["listed_at"])
    if datetime.now(UTC) - listed_at > _VALID_FOR:
        return None
    accounts = {key: Account(*values) for key, values in document["accounts"].items()}
    return RoleList(listed_at, accounts, document["roles"])


def complete_list(sign_in: SignIn) -> RoleList | None:
    """Return the cached list if it contains the roles of all accounts, and otherwise None."""
    cached = cached_list(sign_in)
    if cached is None:
        return None
    is_complete = cached.accounts.keys() <= cached.roles.keys()
    return cached if is_complete else None


def known_account_name(account: str) -> str | None:
    """Return an account's name, or None if no sign-in has listed the account so far.

    This function doesn't call AWS. Names are kept when a list of roles is
    deleted, because patterns in the setting ``protected`` can match account names.
    """
    return _read_cache()["names"].get(account)


def known_account_names() -> dict[str, str]:
    """Return account names by account ID, for all accounts that a sign-in has ever listed."""
    return dict(_read_cache()["names"])


def named_account(account: str) -> str:
    """Return an account's name and ID, or only its ID if the name isn't known."""
    return " ".join(filter(None, (known_account_name(account), account)))


def read_account_names(target: Target) -> None:
    """Cache the account names of a new sign-in, so that the list and cards can show the names.

    If a name isn't cached, the list and the cards show the account's ID.
    """
    if target.sign_in:
        with suppress(AwsProfileError):
            list_accounts(target)


def _keep(sign_in: SignIn, listed: RoleList) -> RoleList:
    """Write a list of accounts and roles to the cache, and return the list."""
    cached = _read_cache()
    names = {account.id: account.name for account in listed.accounts.values()}
    _write_cache({**cached["lists"], _key(sign_in): asdict(listed)}, {**cached["names"], **names})
    return listed


def delete_role_lists() -> None:
    """Delete all sign-ins' lists of accounts and roles, which all kernels share.

    Raise CredentialsUnavailable if the cache can't be written.
    """
    cached = _read_cache()
    if cached["lists"]:
        _write_cache({}, cached["names"])


def _key(sign_in: SignIn) -> str:
    return f"{sign_in.session} {sign_in.start_url}"


def _cache_file() -> Path:
    return cache_folder() / _CACHE_FILE


def _read_cache() -> _Cache:
    path = _cache_file()
    return _read(path, version_of(path))


@lru_cache(maxsize=1)
def _read(path: Path, _version: FileVersion | None) -> _Cache:
    with suppress(OSError, ValueError):
        content: _Cache = json.loads(read_private_file(path))
        return content
    return {"lists": {}, "names": {}}


def _write_cache(lists: Mapping[str, Any], names: Mapping[str, str]) -> None:
    content = json.dumps({"lists": lists, "names": names}, default=str)
    with translated(None):  # without the names, patterns can't protect accounts by name
        replace_file(_cache_file(), content.encode())


@dataclass(frozen=True, slots=True)
class AssignedRole:
    """A role in an account and, if the shared files contain one, a profile for the role.

    ``sso_session`` is the name of the sign-in, which is an [sso-session] or a profile without an
    [sso-session].
    """

    sso_session: str
    account: Account
    role: str
    profile: str | None = None

    @property
    def name(self) -> str:
        """A name such as ``corp:123456789012/Admin``, which you can use like a profile's name."""
        return str(AssignedName(self.sso_session, self.account.id, self.role))

    def __str__(self) -> str:
        return self.name


@checks_arguments
def list_assigned_roles(
    sso: str | None = None,
    pattern: str | None = None,
    *,
    fresh: bool = False,
    person: Person | None = None,
    report: Callable[[int, int], object] = lambda _listed, _accounts: None,
) -> list[AssignedRole]:
    """Return the roles that are assigned to the signed-in user, sorted by account name.

    ``sso`` is the name of an [sso-session], or of a profile with an sso_session or sso_start_url.
    You can omit ``sso`` if your config file contains only one sign-in. ``pattern`` selects roles as
    in `list_profiles` and also matches the account's name and email domain. The list is cached for
    a day and shared by all kernels. If ``fresh`` is true, the list is fetched from AWS again.
    ``person`` is prompted to sign in if necessary. ``report`` is called with the number of accounts
    whose roles were listed and the number of all accounts. Raise a subclass of `AwsProfileError` if
    the roles can't be listed.
    """
    config = read_config()
    sign_in = _sign_in_named(sso, config)
    listed = complete_list(sign_in)
    if fresh or listed is None:
        target = sign_in_target(sign_in, config)
        listed = _with_sign_in(target, person or Person(), partial(list_roles, target, report))
    roles = _assigned_roles(sign_in, listed, config)
    if pattern is None:
        _warn_about_role_as_sign_in(sso, sign_in, roles)
    return [role for role in roles if _matches(role, pattern)]


def _sign_in_named(name: str | None, config: Config) -> SignIn:
    """Return the sign-in with a name, or the only sign-in for None.

    Raise InvalidOption if the sign-in doesn't exist. The hint says how to pass the name as a
    pattern, because it can be the name of a role or account.
    """
    try:
        return find_sign_in(name, config)
    except InvalidOption as error:
        names = list(sign_ins(config))
        if name is not None and len(names) == 1:
            code = f"list_assigned_roles({names[0]!r}, pattern={name!r})"
            error.hint += f" To select roles or accounts by a pattern, write `{code}`."
        elif name is not None and names:
            error.hint += f" To select roles or accounts by a pattern, pass `pattern={name!r}`."
        raise


def _warn_about_role_as_sign_in(
    name: str | None, sign_in: SignIn, roles: Sequence[AssignedRole]
) -> None:
    """Warn if a profile's name, which stands for its sign-in, is also the name of a role."""
    is_role = any(name == role.role for role in roles)
    if is_role and name != sign_in.session:
        code = f"list_assigned_roles({sign_in.name!r}, pattern={name!r})"
        PROCESS.warn(
            f"`list_assigned_roles({name!r})` lists all roles of the profile's sign-in. To select "
            f"roles and accounts by this name, write `{code}`."
        )


def _matches(role: AssignedRole, pattern: str | None) -> bool:
    """Return whether a pattern matches a role.

    The role's name can contain either the account's ID or the account's name.
    """
    fields = (*role.account, role.role, role.profile)
    if matches(pattern, (role.name, *fields)):
        return True
    named = AssignedName(role.sso_session, role.account.name, role.role)
    return matches(pattern, (str(named), *fields))


def lines_for_other_roles(target: Target) -> str:
    """Return the lines that switch to the user's roles in a target's account, joined by "or".

    The lines have the options of the target's request, such as ``--read-only``.
    The result is an empty string if AWS doesn't list any roles. This function calls AWS, because
    the cached list may be outdated.
    """
    account = target.start.text("sso_account_id") or ""
    with suppress(AwsProfileError):
        portal = _Portal(target)
        names = (AssignedName(portal.sign_in.name, account, role) for role in portal.roles(account))
        bare = replace(target.request, account=None, role=None, sso=None)
        requests = [replace(bare, profile=str(name)) for name in names]
        return " or ".join(f"`%aws_profile {arguments(request)}`" for request in requests)
    return ""


def known_roles_without_profile() -> list[AssignedRole]:
    """Return the roles without a profile, from all complete cached lists.

    Raise ConfigFileError if a config file is malformed or can't be read.
    """
    config = read_config()
    roles: list[AssignedRole] = []
    for sign_in in sign_ins(config).values():
        listed = complete_list(sign_in)
        if listed:
            roles += _assigned_roles(sign_in, listed, config)
    return [role for role in roles if role.profile is None]


def _assigned_roles(sign_in: SignIn, listed: RoleList, config: Config) -> list[AssignedRole]:
    profiles = profiles_by_role(sign_in, config)
    roles: list[AssignedRole] = []
    for account in listed.accounts.values():
        for role in listed.roles[account.id]:
            profile = profiles.get((account.id, role))
            roles.append(AssignedRole(sign_in.name, account, role, profile))
    return roles


def profiles_by_role(sign_in: SignIn, config: Config) -> dict[tuple[str, str], str]:
    """Return the profiles that use roles of this sign-in, by account and role."""
    profiles: dict[tuple[str, str], str] = {}
    for name, section in config.profiles.items():
        account = section.get("sso_account_id")
        role = section.get("sso_role_name")
        if account and role and "role_arn" not in section and sign_in.is_of(section):
            profiles[str(account), str(role)] = name
    return profiles


def _with_sign_in(target: Target, person: Person, call: Callable[[], Result]) -> Result:
    """Return the result of ``call``.

    If ``call`` requires a sign-in, prompt ``person`` to sign in, and then call ``call`` again.
    """
    try:
        return call()
    except SignInRequired:
        if person.sign_in_prompter is None:
            raise
    person.prompt_sign_in(target)
    return call()


def find_target(request: SessionRequest, person: Person) -> Target:
    """Resolve a request to its target.

    The request can contain the account's name instead of its ID. If the name isn't cached, call AWS
    to list the accounts, and prompt ``person`` to sign in if necessary. Raise the same errors as
    `target_of`, or another subclass of `AwsProfileError` if the accounts can't be listed.
    """
    config = read_config()

    def find_account(sign_in: SignIn, name: str) -> str:
        target = sign_in_target(sign_in, config)
        return _with_sign_in(target, person, partial(_account_id, name, sign_in, target))

    return target_of(request, config, find_account)


def look_up_account_name(target: Target, person: Person) -> None:
    """Cache the name of an IAM Identity Center role's account, so that patterns can match the name.

    Raise a subclass of `AwsProfileError` if the accounts can't be listed.
    """
    sign_in = target.sign_in
    account = target.profile.text("sso_account_id")
    if sign_in is None or account is None:
        return
    cached = cached_list(sign_in)
    if cached is None or account not in cached.accounts:
        _with_sign_in(target, person, partial(list_accounts, target))


def _account_id(name: str, sign_in: SignIn, target: Target) -> str:
    """Return the ID of the account whose ID or name is ``name``.

    The comparison isn't case-sensitive. If no cached account has the name, list the accounts,
    because the account may be new. Raise InvalidOption unless exactly one account has the name.
    """
    listed = cached_list(sign_in)
    if listed is None or not listed.named(name):
        listed = list_accounts(target)
    matching = listed.named(name)
    if len(matching) == 1:
        return matching[0].id
    hint = did_you_mean(name, (account.name for account in listed.accounts.values()))
    if matching:
        hint = f"Use an account ID: {' or '.join(f'`{account.id}`' for account in matching)}."
    elif not hint:
        hint = f"`%aws_profiles --sso {quoted(sign_in.name)}` lists the accounts."
    raise InvalidOption(
        f"{len(matching) or 'No'} accounts of the sign-in `{sign_in.name}` have the name `{name}`.",
        hint,
    )
