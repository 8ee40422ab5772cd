"""The renewal of credentials that are about to expire, at each step of the role chain.

botocore renews credentials by itself, with two exceptions: a role that needs another MFA code, and
a sign-in that has expired. A `Renewal` is what botocore calls instead to fetch credentials.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.credentials import RefreshableCredentials

from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.credentials.validation import require_usable
from ipy_awsprofile.errors import AwsProfileError, SignInRequired


class Renewal:
    """Fetches the credentials of one step of the role chain.

    ``step`` is the index of its profile in ``chain``. ``sign_in`` lets a person sign in, or raises
    SignInRequired where nobody can.
    """

    def __init__(
        self,
        fetch: Callable[[], Any],
        chain: tuple[str, ...],
        step: int,
        sign_in: Callable[[], None] | None = None,
    ) -> None:
        self._fetch = fetch
        self._chain = chain
        self._step = step
        self._sign_in = sign_in

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._chain[self._step]}>"

    def __call__(self) -> Any:
        """Return new credentials in botocore's form. Raises a child of `AwsProfileError`."""
        try:
            return self._fetched()
        except SignInRequired:
            if self._sign_in is None:
                raise
            self._sign_in()
        return self._fetched()

    def _fetched(self) -> Any:
        with translated(self._chain, step=self._step), quiet_refresh():
            credentials = self._fetch()
            require_usable(credentials)
            return credentials


def install_renewals(
    credentials: Any, chain: tuple[str, ...], sign_in: Callable[[], None], *, count: int
) -> None:
    """Put a `Renewal` into credentials of botocore, and into those that they are renewed with.

    At most ``count`` are put, beginning with the first step of the chain. botocore lets a role that
    needs MFA be assumed only once; the renewal asks for another code. There is no public way to do
    this.
    """
    # A filter that is there already isn't added again.
    logging.getLogger("botocore.credentials").addFilter(_is_not_ours)
    last_step = len(chain) - 1
    for index in range(count):
        if not isinstance(credentials, RefreshableCredentials):
            return
        step = min(index, last_step)
        refresh = credentials._refresh_using  # type: ignore[attr-defined]  # noqa: SLF001
        fetch = getattr(refresh, "_refresh", refresh)  # without botocore's limit to one call
        renewal = Renewal(fetch, chain, step, sign_in if step == last_step else None)
        credentials._refresh_using = renewal  # type: ignore[attr-defined]  # noqa: SLF001
        fetcher = getattr(fetch, "__self__", None)
        credentials = getattr(fetcher, "_source_credentials", None)


def _is_not_ours(record: logging.LogRecord) -> bool:
    """Return whether botocore logs another error than one that a `Renewal` has raised."""
    return not (record.exc_info and isinstance(record.exc_info[1], AwsProfileError))


#: What botocore logs, with a traceback, about an error that it raises as well.
_LOGGED = {
    "botocore.credentials": ("Refreshing temporary credentials failed",),
    "botocore.tokens": ("Refreshing token failed", "SSO token refresh attempt failed"),
}


@contextmanager
def quiet_refresh() -> Iterator[None]:
    """Keep botocore from logging the traceback of an error that we raise."""

    def is_other(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_LOGGED[record.name])

    for name in _LOGGED:
        logging.getLogger(name).addFilter(is_other)
    try:
        yield
    finally:
        for name in _LOGGED:
            logging.getLogger(name).removeFilter(is_other)
