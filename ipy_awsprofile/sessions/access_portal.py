"""List the accounts and roles of an IAM Identity Center sign-in through its access portal.

The results are cached in a file; see `role_list`.

https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/Welcome.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn, TypeVar

from botocore import UNSIGNED
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.tokens import SSOTokenProvider
from botocore.utils import SSOTokenLoader

from ipy_awsprofile.config.target import sign_in_target
from ipy_awsprofile.credentials.botocore_session import ResolvingSession
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.cli_caches import token_files
from ipy_awsprofile.credentials.deadline import ATTEMPT, begin_again
from ipy_awsprofile.credentials.pace import Pace
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.sign_in_files import comparable
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.credentials.validation import parse_time
from ipy_awsprofile.errors import AwsProfileError, SignInRequired
from ipy_awsprofile.sessions.role_list import Account, RoleList, RoleListFile
from ipy_awsprofile.sessions.sso_sign_in import sso_settings

Item = TypeVar("Item")

#: Items per page, the maximum that AWS allows.
_PAGE = 100

#: The maximum number of pages, to stop endless lists. AWS fills each page except the last.
_MOST_PAGES = 1000

#: Concurrent calls, unless AWS throttles them.
_WORKERS = 16


class ListingProgress(NamedTuple):
    """The progress of a listing: the number of accounts with listed roles, and of all accounts.

    ``is_slowed`` is True if AWS throttles the calls.
    """

    listed: int
    accounts: int
    is_slowed: bool


#: A callback that receives the progress of a listing.
Report = Callable[[ListingProgress], object]


class AccessPortal:
    """The access portal of a sign-in.

    ``fresh`` ignores cached lists. Raises InvalidOption if no sign-in has this name. Methods that
    call AWS raise SignInRequired if the sign-in is missing, has expired or is for a different start
    URL, and other subclasses of `AwsProfileError`.
    """

    def __init__(self, sign_in: str, *, fresh: bool = False) -> None:
        self.sign_in = sign_in
        self._target = target = sign_in_target(sign_in)
        self._settings = sso_settings(target)
        self._pace = Pace()
        self._session = ResolvingSession(target, pace=self._pace)
        self._client: Any = None
        self._token = ""
        self._file = RoleListFile(self._settings.session or "", self._settings.start_url)
        former = self._file.read()
        self._replaces = fresh and former is not None
        self._list = former if former and not fresh else RoleList()
        self._has_listed_accounts = False

    def accounts(self) -> tuple[Account, ...]:
        """Return the accounts in which the user has a role, sorted by name."""
        if self._list.accounts is None:
            self.renew_accounts()
        return self._list.accounts or ()

    def renew_accounts(self) -> bool:
        """Refresh the list of accounts once per portal; return whether it was refreshed."""
        if self._has_listed_accounts:
            return False
        accounts = self._pages("list_accounts", "accountList", Account.described)
        self._list = self._list.with_accounts(accounts)
        self._has_listed_accounts = True
        self._save()
        return True

    def roles(self, account: str) -> tuple[str, ...]:
        """Return the names of the user's roles in an account."""
        if account not in self._list.roles:
            self.renew_roles(account)
        return self._list.roles[account]

    def renew_roles(self, account: str) -> tuple[str, ...]:
        """Refresh the roles of an account, and return their names."""
        self._list_in(account)
        self._save()
        return self._list.roles[account]

    def all_roles(self, report: Report) -> list[tuple[Account, str]]:
        """Return each account with each of its roles, sorted by account.

        ``report`` is called after each account. After an error or Ctrl-C, the next call continues
        with the remaining accounts.
        """
        accounts = self.accounts()
        missing = [one for one in accounts if one.id not in self._list.roles]
        if missing:
            try:
                self._list_roles(missing, len(accounts), report)
                self._replaces = False  # the list is complete
            finally:
                self._save()
        return list(self._list.complete() or ())

    def _save(self) -> None:
        """Write the list, unless it is incomplete and would replace a complete list."""
        if not self._replaces:
            self._file.write(self._list)

    def _list_in(self, account: str) -> None:
        roles = self._pages("list_account_roles", "roleList", _role_name, accountId=account)
        self._list.roles[account] = tuple(sorted(roles))

    def _list_roles(self, missing: list[Account], count: int, report: Report) -> None:
        pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="list-roles")
        try:
            self._portal()  # create it in one thread; each thread has its own time limit
            futures: list[Future[Any]] = [pool.submit(self._list_in, one.id) for one in missing]
            for number, future in enumerate(as_completed(futures), count - len(missing) + 1):
                future.result()
                report(ListingProgress(number, count, self._pace.is_slowed))
        except AwsProfileError as error:
            pool.shutdown(wait=True, cancel_futures=True)
            if not isinstance(error, SignInRequired):
                listed = sum(one.id in self._list.roles for one in self.accounts())
                error.args = (f"The list ends after {listed} of {count} accounts. {error}",)
            raise error.with_traceback(None) from error.__cause__
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _pages(
        self, operation: str, name: str, parse: Callable[[Any], Item], **parameters: str
    ) -> Iterator[Item]:
        """Yield the items of all pages, parsed by ``parse``."""
        with translated(self._target.names):
            portal: Any = self._portal()
            tokens: set[str] = set()
            for _ in range(_MOST_PAGES):
                begin_again()
                try:
                    # Don't assign the token to a variable, because a traceback could show it.
                    page = getattr(portal, operation)(
                        accessToken=self._token, maxResults=_PAGE, **parameters
                    )
                except portal.exceptions.UnauthorizedException:
                    self._required()
                # A proxy's response is also parsed as empty, but it doesn't have the list.
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
            self._token = self._read_token()
            self._client = self._session.create_client(
                "sso",
                region_name=self._settings.region,
                config=give_up_soon(ATTEMPT).merge(config),
            )
        return self._client

    def _read_token(self) -> str:
        """Return the access token from the AWS CLI's file. botocore renews it if necessary."""
        files: Any = token_files()
        start_url, session = self._settings.start_url, self._settings.session
        document = SSOTokenLoader(cache=files)(start_url, session_name=session)
        if comparable(document.get("startUrl", start_url)) != comparable(start_url):
            self._required("is for another start URL")
        if session is None:  # the token can't be renewed
            expiry = parse_time(document["expiresAt"])
            if expiry is None or expiry <= datetime.now(UTC):
                self._required()
            return str(document["accessToken"])
        provider: Any = SSOTokenProvider(
            self._session, cache=files, profile_name=self._target.names[-1]
        )
        return str(provider.load_token().get_frozen_token().token)

    def _required(self, problem: str = "is missing or has expired") -> NoReturn:
        raise ChainNames(self._target.names).sign_in_required(problem)


def _role_name(item: Mapping[str, Any]) -> str:
    return str(item["roleName"])
