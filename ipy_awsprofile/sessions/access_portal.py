"""The accounts and roles of a sign-in to IAM Identity Center, as its access portal lists them.

What was listed is kept as long as the sign-in's token is the same: then no call is made.

https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/Welcome.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn, TypeVar

from botocore import UNSIGNED
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.tokens import SSOTokenProvider
from botocore.utils import SSOTokenLoader

from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.sign_ins import SignIn, sign_ins
from ipy_awsprofile.config.target import sign_in_target
from ipy_awsprofile.credentials.botocore_session import ResolvingSession
from ipy_awsprofile.credentials.cli_caches import token_files
from ipy_awsprofile.credentials.deadline import ATTEMPT, begin_again
from ipy_awsprofile.credentials.pace import Pace
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.credentials.validation import parse_time
from ipy_awsprofile.errors import AwsProfileError, SignInRequired
from ipy_awsprofile.sessions.sso_sign_in import sso_settings

Item = TypeVar("Item")

#: Items of a page; AWS allows no more.
_PAGE = 100

#: Pages after which a list is taken for endless; each of AWS's has 100 items, but the last.
_MOST_PAGES = 1000

#: Calls at the same time, as long as AWS doesn't throttle them.
_WORKERS = 16


class ListingProgress(NamedTuple):
    """How far a listing is: the accounts whose roles are listed, and the number of all accounts.

    ``is_slowed`` says that AWS limits how often it is called.
    """

    listed: int
    accounts: int
    is_slowed: bool


class Account(NamedTuple):
    """An account as AWS describes it; ``domain`` is its e-mail address's domain."""

    id: str
    name: str
    domain: str

    @classmethod
    def described(cls, item: Mapping[str, Any]) -> Account:
        """Return the account that an item of ListAccounts describes. Raises KeyError."""
        domain = str(item.get("emailAddress") or "").rpartition("@")[2]
        account = str(item["accountId"])
        return cls(account, str(item.get("accountName") or account), domain)


#: Is called with the progress of a listing.
Report = Callable[[ListingProgress], object]


@dataclass(slots=True)
class _Kept:
    """The accounts and roles listed with one token, of which only a digest is kept."""

    token: str
    accounts: tuple[Account, ...] | None = None
    names: dict[str, str] = field(default_factory=dict)
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)


#: By the name and the address of the sign-in, which has one token at a time.
_kept: dict[tuple[str, str], _Kept] = {}
_lock = threading.Lock()


class AccessPortal:
    """The access portal of a sign-in.

    Raises InvalidOption if there is none of this name, SignInRequired if the sign-in is missing,
    has expired or is for another start URL, and other children of `AwsProfileError`.
    """

    def __init__(self, sign_in: str) -> None:
        self.sign_in = sign_in
        self._target = target = sign_in_target(sign_in)
        self._settings = sso_settings(target)
        self._pace = Pace()
        self._session = ResolvingSession(target, pace=self._pace)
        self._client: Any = None
        with translated(target.chain):
            self._token = self._read_token()
        key = self._settings.session or "", self._settings.start_url
        digest = sha256(self._token.encode()).hexdigest()
        with _lock:
            kept = _kept.get(key)
            if kept is None or kept.token != digest:
                kept = _kept[key] = _Kept(digest)
        self._kept = kept

    def accounts(self) -> tuple[Account, ...]:
        """Return the accounts in which the person has a role, by name."""
        if self._kept.accounts is None:
            accounts = self._pages("list_accounts", "accountList", Account.described)
            self._kept.accounts = tuple(sorted(accounts, key=_by_name))
            self._kept.names = {one.id: one.name for one in self._kept.accounts}
        return self._kept.accounts

    def roles(self, account: str) -> tuple[str, ...]:
        """Return the names of the person's roles in an account."""
        if account not in self._kept.roles:
            roles = self._pages("list_account_roles", "roleList", _role_name, accountId=account)
            self._kept.roles[account] = tuple(sorted(roles))
        return self._kept.roles[account]

    def all_roles(self, report: Report) -> list[tuple[Account, str]]:
        """Return each account with each of its roles, in the order of the accounts.

        ``report`` is called after each account. After an error or Ctrl-C, the next call continues
        with the accounts that are missing.
        """
        accounts = self.accounts()
        missing = [one for one in accounts if one.id not in self._kept.roles]
        if missing:
            self._list_roles(missing, len(accounts), report)
        return [(account, role) for account in accounts for role in self.roles(account.id)]

    def _list_roles(self, missing: list[Account], count: int, report: Report) -> None:
        pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="list-roles")
        try:
            self._portal()  # only one thread creates it; each has its own time limits
            futures: list[Future[Any]] = [pool.submit(self.roles, one.id) for one in missing]
            for number, future in enumerate(as_completed(futures), count - len(missing) + 1):
                future.result()
                report(ListingProgress(number, count, self._pace.is_slowed))
        except AwsProfileError as error:
            pool.shutdown(wait=True, cancel_futures=True)
            if not isinstance(error, SignInRequired):
                listed = sum(one.id in self._kept.roles for one in self.accounts())
                error.args = (f"The list ends after {listed} of {count} accounts. {error}",)
            raise error.with_traceback(None) from error.__cause__
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _pages(
        self, operation: str, name: str, parse: Callable[[Any], Item], **parameters: str
    ) -> Iterator[Item]:
        """Yield the items of all pages, each as ``parse`` returns it."""
        with translated(self._target.chain):
            portal: Any = self._portal()
            tokens: set[str] = set()
            for _ in range(_MOST_PAGES):
                begin_again()
                try:
                    # No variable has the access token, which a traceback could show.
                    page = getattr(portal, operation)(
                        accessToken=self._token, maxResults=_PAGE, **parameters
                    )
                except portal.exceptions.UnauthorizedException:
                    self._required()
                # A page of a proxy is empty, too, but without the list.
                yield from map(parse, page[name])
                token = page.get("nextToken")
                if not token:
                    return
                if token in tokens:
                    break
                tokens.add(token)
                parameters["nextToken"] = token
            raise ResponseParserError("The list doesn't end.")

    def _portal(self) -> Any:
        if self._client is None:
            config = Config(signature_version=UNSIGNED, max_pool_connections=_WORKERS)
            self._client = self._session.create_client(
                "sso",
                region_name=self._settings.region,
                config=give_up_soon(ATTEMPT).merge(config),
            )
        return self._client

    def _read_token(self) -> str:
        """Return the access token of the AWS CLI's file, which botocore renews if need be."""
        files: Any = token_files()
        start_url, session = self._settings.start_url, self._settings.session
        document = SSOTokenLoader(cache=files)(start_url, session_name=session)
        if _comparable(document.get("startUrl", start_url)) != _comparable(start_url):
            self._required("is for another start URL")
        if session is None:  # then there is nothing to renew it with
            expiry = parse_time(document["expiresAt"])
            if expiry is None or expiry <= datetime.now(UTC):
                self._required()
            return str(document["accessToken"])
        provider: Any = SSOTokenProvider(
            self._session, cache=files, profile_name=self._target.chain[-1]
        )
        return str(provider.load_token().get_frozen_token().token)

    def _required(self, problem: str = "is missing or has expired") -> NoReturn:
        raise SignInRequired(self._target.name, self._target.chain[-1], problem)


def _role_name(item: Mapping[str, Any]) -> str:
    return str(item["roleName"])


def _comparable(start_url: Any) -> str:
    """Return a start URL without what the access portal itself appends to it."""
    return str(start_url).rstrip("/#")


def _by_name(account: Account) -> tuple[str, str]:
    return account.name.casefold(), account.id


def known_roles(sign_in: SignIn) -> tuple[tuple[Account, str], ...] | None:
    """Return all roles that were listed, or None if the listing isn't complete; makes no call."""
    kept = _kept.get((sign_in.session, sign_in.start_url))
    if kept is None or kept.accounts is None:
        return None
    if any(one.id not in kept.roles for one in kept.accounts):
        return None
    return tuple((account, role) for account in kept.accounts for role in kept.roles[account.id])


def known_account_name(account: str) -> str | None:
    """Return the name of an account that any sign-in has listed; makes no call."""
    names = (kept.names.get(account) for kept in tuple(_kept.values()))
    return next(filter(None, names), None)


def known_account(sign_in: str, account: str) -> Account | None:
    """Return an account if it was listed before; makes no call and reads no token."""
    found = sign_ins(read_config()).get(sign_in)
    kept = _kept.get((found.session, found.start_url)) if found else None
    accounts = kept.accounts if kept else None
    return next((one for one in accounts or () if one.id == account), None)
