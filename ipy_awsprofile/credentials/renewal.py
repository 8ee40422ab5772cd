"""The renewal of credentials that are about to expire, at each step of the role chain.

botocore renews credentials by itself, with two exceptions: a role that needs another MFA code, and
a sign-in that has expired. A `Renewal` is what botocore calls instead to fetch credentials. When it
does depends on how long a session lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from botocore.credentials import RefreshableCredentials

from ipy_awsprofile.config.duration import seconds_unused
from ipy_awsprofile.credentials.cli_caches import RoleCache
from ipy_awsprofile.credentials.person import CodePrompter
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.credentials.validation import require_usable
from ipy_awsprofile.errors import SignInRequired


class Renewal:
    """Fetches the credentials of one step of the role chain.

    ``step`` is the index of its profile in ``chain``. ``sign_in`` lets the user sign in, or raises
    SignInRequired if no one is available to do so. ``codes`` asks again for an MFA code that was
    wrong; None if the step needs no code.
    """

    def __init__(
        self,
        fetch: Callable[[], Any],
        chain: tuple[str, ...],
        step: int,
        sign_in: Callable[[], None] | None = None,
        codes: CodePrompter | None = None,
    ) -> None:
        self._fetch = fetch
        self.codes = codes
        self._chain = chain
        self._step = step
        self._sign_in = sign_in

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._chain[self._step]}>"

    def __call__(self) -> Any:
        """Return new credentials in botocore's form. Raises a child of `AwsProfileError`."""
        fetch = partial(self.codes.with_code, self._fetched) if self.codes else self._fetched
        try:
            return fetch()
        except SignInRequired:
            if self._sign_in is None:
                raise
            self._sign_in()
        return fetch()

    def _fetched(self) -> Any:
        with translated(self._chain, step=self._step):
            credentials = self._fetch()
            require_usable(credentials)
            return credentials


#: Seconds before their end when credentials are renewed for which a person is asked.
_ENDED = 10

#: Seconds that such credentials in a cache have left at least to be used.
_LEFT_IN_CACHE = 60


def install_renewals(
    credentials: Any,
    chain: tuple[str, ...],
    sign_in: Callable[[], None],
    *,
    count: int,
    codes: CodePrompter | None,
) -> None:
    """Put a `Renewal` into credentials of botocore, and into those that they are renewed with.

    At most ``count`` are put, beginning with the first step of the chain. botocore lets a role that
    needs MFA be assumed only once; the renewal asks for another code. botocore would ask 15 minutes
    before the end; with ``codes``, a person is asked when the session has ended. There is no public
    way to do this.
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
        renewal = Renewal(fetch, chain, step, sign_in if step == last_step else None, asks)
        each._refresh_using = renewal  # type: ignore[attr-defined]  # noqa: SLF001
        until_here.append((each, fetcher))
        _expect_role(fetcher)
        _renew_in_proportion(each, fetcher)
        if asks:
            _renew_at_the_end(until_here)
            _ask_once(renewal, fetcher, asked_later)


def chain_of_sources(credentials: Any) -> Iterator[tuple[Any, Any]]:
    """Yield credentials of botocore and those that they are got with, and what fetches each.

    That is None for credentials that aren't renewed. botocore has no public way to find out.
    """
    while credentials is not None:
        refresh = getattr(credentials, "_refresh_using", None)
        fetch = getattr(refresh, "_refresh", refresh)  # without botocore's limit to one call
        yield credentials, fetch
        credentials = getattr(getattr(fetch, "__self__", None), "_source_credentials", None)


def _device(fetcher: Any) -> str | None:
    """Return the MFA device whose code a fetcher of botocore, or of ours, asks for."""
    arguments = getattr(fetcher, "_assume_kwargs", {})
    serial: str | None = arguments.get("SerialNumber", getattr(fetcher, "serial", None))
    return serial


def _expect_role(fetcher: Any) -> None:
    """Tell the cache which role's session a fetcher looks for, whatever is in the file."""
    cache = getattr(fetcher, "_cache", None)
    if isinstance(cache, RoleCache) and (role_arn := getattr(fetcher, "_role_arn", None)):
        cache.roles[fetcher._cache_key] = role_arn  # noqa: SLF001


def _renew_in_proportion(credentials: Any, fetcher: Any) -> None:
    """Let a session that is shorter than AWS's default be used for most of its time."""
    arguments = getattr(fetcher, "_assume_kwargs", {})
    duration = arguments.get("DurationSeconds", getattr(fetcher, "duration", None))
    if duration is not None:
        unused = seconds_unused(duration)
        credentials._advisory_refresh_timeout = unused  # noqa: SLF001
        credentials._mandatory_refresh_timeout = unused * 2 // 3  # noqa: SLF001
        fetcher._expiry_window_seconds = unused  # noqa: SLF001


def _renew_at_the_end(steps: list[tuple[Any, Any]]) -> None:
    """Let credentials, and those that were got with them, be used until they end."""
    for credentials, fetcher in steps:
        credentials._advisory_refresh_timeout = _ENDED  # noqa: SLF001
        credentials._mandatory_refresh_timeout = 0  # noqa: SLF001
        fetcher._expiry_window_seconds = _LEFT_IN_CACHE  # noqa: SLF001


def _ask_once(renewal: Renewal, fetcher: Any, later: dict[str, tuple[Renewal, Any]]) -> None:
    """Let a device's code be asked for once in a chain, for the role that is assumed first.

    A device belongs to a user, so AWS refuses its code in a call with a role's credentials; this is
    what aws-vault does as well. ``later`` has the roles that are assumed after it, by device.

    https://github.com/99designs/aws-vault/blob/master/USAGE.md
    """
    serial = _device(fetcher) or ""
    if serial in later:
        assumed_later, its_fetcher = later[serial]
        assumed_later.codes = None
        del its_fetcher._assume_kwargs["SerialNumber"]  # noqa: SLF001
    later[serial] = renewal, fetcher
