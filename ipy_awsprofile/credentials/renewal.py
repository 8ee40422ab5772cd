"""Renew credentials that are about to expire, at each step of the role chain.

botocore renews credentials automatically, except for roles that need another MFA code and for
expired sign-ins. To handle these cases, botocore calls a `Renewal` to fetch credentials. The
duration of the session determines when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from botocore.credentials import RefreshableCredentials

from ipy_awsprofile.credentials.cli_caches import RoleCache
from ipy_awsprofile.credentials.file_keys import Check
from ipy_awsprofile.credentials.person import CodePrompter
from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.credentials.validation import require_usable
from ipy_awsprofile.errors import SignInRequired
from ipy_awsprofile.text import one_line


class Renewal:
    """Fetches the credentials of one step of the role chain.

    ``step`` is the index of its profile in ``chain``. ``sign_in`` lets the user sign in, or raises
    SignInRequired if no one is available to sign in. ``codes`` prompts again after a wrong MFA
    code; it is None if the step doesn't need a code.
    """

    def __init__(
        self,
        fetch: Callable[[], Any],
        chain: tuple[str, ...],
        step: int,
        *,
        sign_in: Callable[[], None] | None = None,
        codes: CodePrompter | None = None,
        check: Callable[[RedactedCredentials], None] | None = None,
    ) -> None:
        self._fetch = fetch
        self.codes = codes
        self._check = check
        self._chain = chain
        self._step = step
        self._sign_in = sign_in

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {one_line(self._chain[self._step])}>"

    def __call__(self) -> Any:
        """Return new credentials in botocore's format. Raises a subclass of `AwsProfileError`."""
        fetch = partial(self.codes.with_code, self._fetched) if self.codes else self._fetched
        for _ in range(2):  # another program can use a refresh token first, and stores the next one
            with suppress(SignInRequired):
                return fetch()
        if self._sign_in:
            self._sign_in()
        return fetch()

    def _fetched(self) -> Any:
        with translated(self._chain, step=self._step):
            return self._checked(self._fetch())

    def _checked(self, fetched: Any) -> Any:
        require_usable(fetched)
        if self._check:
            self._check(_redacted(fetched))
        return fetched


def _redacted(fetched: Mapping[str, str]) -> RedactedCredentials:
    """Return credentials in botocore's format as an object that tracebacks don't show."""
    return RedactedCredentials(fetched["access_key"], fetched["secret_key"], fetched.get("token"))


#: Seconds before expiry when credentials that require a prompt are renewed.
_ENDED = 10

#: Minimum remaining seconds for cached credentials of this type to be used.
_LEFT_IN_CACHE = 60


def install_renewals(
    credentials: Any,
    chain: tuple[str, ...],
    sign_in: Callable[[], None],
    *,
    count: int,
    codes: CodePrompter | None,
    check: Check | None = None,
) -> None:
    """Install a `Renewal` in botocore's credentials, and in their source credentials.

    Install up to ``count`` renewals, starting with the first step of the chain. If a role needs
    MFA, botocore can assume it only once, so the renewal prompts for another code. botocore would
    prompt 15 minutes before the session expires; with ``codes``, the prompt appears when it
    expires. Unless the first step is a role, whose ARN can't change, ``check`` compares its new
    credentials with the former ones. botocore has no public API for this.
    """
    last_step = len(chain) - 1
    until_here = []
    asked_later: dict[str, tuple[Renewal, Any]] = {}
    sources = list(chain_of_sources(credentials))[:count]
    for index, (each, fetch) in enumerate(sources):
        if not isinstance(each, RefreshableCredentials):
            return
        step, fetcher = min(index, last_step), getattr(fetch, "__self__", None)
        asks = codes if codes and _device(fetcher) else None
        renewal = Renewal(
            fetch,
            chain,
            step,
            sign_in=sign_in if step == last_step else None,
            codes=asks,
            check=partial(_compare, check, each)
            if check and not index and not _role_of(fetcher)
            else None,
        )
        each._refresh_using = renewal  # type: ignore[attr-defined]  # noqa: SLF001
        until_here.append((each, fetcher))
        _expect_role(fetcher)
        _renew_in_proportion(each, fetcher)
        if asks:
            _renew_at_the_end(until_here)
            _ask_once(renewal, fetcher, asked_later)


def chain_of_sources(credentials: Any) -> Iterator[tuple[Any, Any]]:
    """Yield botocore's credentials and their source credentials, each with its fetch function.

    The function is None for credentials that aren't renewed. botocore has no public API for this.
    """
    while credentials is not None:
        refresh = getattr(credentials, "_refresh_using", None)
        fetch = getattr(refresh, "_refresh", refresh)  # bypass botocore's limit of one call
        yield credentials, fetch
        credentials = getattr(getattr(fetch, "__self__", None), "_source_credentials", None)


def _device(fetcher: Any) -> str | None:
    """Return the MFA device that a fetcher of botocore or this package prompts for."""
    arguments = getattr(fetcher, "_assume_kwargs", {})
    serial: str | None = arguments.get("SerialNumber", getattr(fetcher, "serial", None))
    return serial


def _expect_role(fetcher: Any) -> None:
    """Tell the cache which role a fetcher needs, because its file can have another role's."""
    cache = getattr(fetcher, "_cache", None)
    if isinstance(cache, RoleCache) and (role_arn := _role_of(fetcher)):
        cache.roles[fetcher._cache_key] = role_arn  # noqa: SLF001


def _role_of(fetcher: Any) -> str | None:
    """Return the ARN of the role that a fetcher of botocore assumes, or None for other fetchers."""
    role_arn: str | None = getattr(fetcher, "_role_arn", None)
    return role_arn


def _compare(check: Check, current: Any, new: RedactedCredentials) -> None:
    check(RedactedCredentials(current._access_key, "", None), new)  # noqa: SLF001


#: AWS's default duration of a role's session, and how long before its end botocore renews it and
#: ignores its cache, in seconds.
_DEFAULT_DURATION, _RENEWED = 3600, 15 * 60


def seconds_unused(duration: int | None) -> int:
    """Return how long before its expiry a role's session is renewed, in seconds.

    From then on, it isn't taken from a cache either. ``duration`` is the session's duration in
    seconds. If it is shorter than AWS's default, the result is shorter, too: botocore's 15 minutes
    would be all of a 15-minute session.
    """
    lasts = _DEFAULT_DURATION if duration is None else min(duration, _DEFAULT_DURATION)
    return _RENEWED * lasts // _DEFAULT_DURATION


def _renew_in_proportion(credentials: Any, fetcher: Any) -> None:
    """Use a session that is shorter than AWS's default for most of its duration."""
    arguments = getattr(fetcher, "_assume_kwargs", {})
    duration = arguments.get("DurationSeconds", getattr(fetcher, "duration", None))
    if duration is not None:
        unused = seconds_unused(duration)
        credentials._advisory_refresh_timeout = unused  # noqa: SLF001
        credentials._mandatory_refresh_timeout = unused * 2 // 3  # noqa: SLF001
        fetcher._expiry_window_seconds = unused  # noqa: SLF001


def _renew_at_the_end(steps: list[tuple[Any, Any]]) -> None:
    """Use credentials, and the credentials retrieved with them, until they expire."""
    for credentials, fetcher in steps:
        credentials._advisory_refresh_timeout = _ENDED  # noqa: SLF001
        credentials._mandatory_refresh_timeout = 0  # noqa: SLF001
        fetcher._expiry_window_seconds = _LEFT_IN_CACHE  # noqa: SLF001


def _ask_once(renewal: Renewal, fetcher: Any, later: dict[str, tuple[Renewal, Any]]) -> None:
    """Prompt for a device's code only once in a chain, for the role that is assumed first.

    A device belongs to a user, so AWS rejects its code in calls with a role's credentials.
    aws-vault does the same. ``later`` has the roles that are assumed afterwards, by device.

    https://github.com/99designs/aws-vault/blob/master/USAGE.md
    """
    serial = _device(fetcher) or ""
    if serial in later:
        assumed_later, its_fetcher = later[serial]
        assumed_later.codes = None
        del its_fetcher._assume_kwargs["SerialNumber"]  # noqa: SLF001
    later[serial] = renewal, fetcher
