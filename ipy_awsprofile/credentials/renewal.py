"""What happens when credentials end: each hop of the chain renews itself, and says what is wrong.

botocore gets new credentials by itself, but for two cases in which it gives up: a second MFA code
and a sign-in that has ended. A `Renewal` stands where botocore calls for them.
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
    """Fetches the credentials of one hop; botocore calls it whenever they are about to end.

    ``chain`` is that of the session, and ``hop`` counts from the profile that was asked for.
    ``sign_in`` signs the person in, or raises SignInRequired where nobody is there to do it.
    """

    def __init__(
        self,
        fetch: Callable[[], Any],
        chain: tuple[str, ...],
        hop: int,
        sign_in: Callable[[], None] | None = None,
    ) -> None:
        self._fetch = fetch
        self._chain = chain
        self._hop = hop
        self._sign_in = sign_in

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._chain[self._hop]}>"

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
        with translated(self._chain, step=self._hop), quiet_refresh():
            given = self._fetch()
            require_usable(given)
            return given


def let_renew(
    credentials: Any, chain: tuple[str, ...], sign_in: Callable[[], None], *, steps: int
) -> None:
    """Put a `Renewal` at the first steps of these credentials, which botocore has just made.

    A role that asks for MFA has botocore's bar in front, which lets it be assumed only once; it
    is left out: the question is put again. botocore has no public way to any of this.
    """
    # Filters that are there already aren't added again.
    logging.getLogger("botocore.credentials").addFilter(_is_not_ours)
    last = len(chain) - 1
    for step in range(steps):
        if not isinstance(credentials, RefreshableCredentials):
            return
        hop = min(step, last)
        barred = credentials._refresh_using  # type: ignore[attr-defined]  # noqa: SLF001
        fetch = getattr(barred, "_refresh", barred)
        renewal = Renewal(fetch, chain, hop, sign_in if hop == last else None)
        credentials._refresh_using = renewal  # type: ignore[attr-defined]  # noqa: SLF001
        fetcher = getattr(fetch, "__self__", None)
        credentials = getattr(fetcher, "_source_credentials", None)


def _is_not_ours(record: logging.LogRecord) -> bool:
    """Let no record pass with which botocore logs an error that a `Renewal` has raised."""
    return not (record.exc_info and isinstance(record.exc_info[1], AwsProfileError))


#: What botocore logs, with a traceback, of an error that it raises as well.
_LOGGED = {
    "botocore.credentials": ("Refreshing temporary credentials failed",),
    "botocore.tokens": ("Refreshing token failed", "SSO token refresh attempt failed"),
}


@contextmanager
def quiet_refresh() -> Iterator[None]:
    """Keep botocore from printing the traceback of an error that we are about to tell."""

    def is_other(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_LOGGED[record.name])

    for name in _LOGGED:
        logging.getLogger(name).addFilter(is_other)
    try:
        yield
    finally:
        for name in _LOGGED:
            logging.getLogger(name).removeFilter(is_other)
