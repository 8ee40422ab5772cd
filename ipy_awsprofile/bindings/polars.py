"""polars: ``pl.read_parquet("s3://…")`` and all its other readers and writers of ``s3://`` paths.

Without this, polars keeps the credentials of its first read. While a switch is active, its default
credential provider is the session's.

https://docs.pola.rs/user-guide/io/cloud-storage/
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from ipy_awsprofile.bindings.exchange import IMMEDIATE, Exchange
from ipy_awsprofile.bindings.shared import SharedBinding
from ipy_awsprofile.errors import NotForOneProfile

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession


@contextmanager
def polars(session: ProfileSession, exchange: Exchange = IMMEDIATE) -> Iterator[None]:
    """Make the session polars' default, if polars is imported.

    Afterwards the default is what it was before, unless the user has changed it since. If polars is
    imported later, it uses ``AWS_PROFILE``.
    """
    pl = _polars()
    before, ours = exchange.read(_PLACE, _default), _provider_of(pl, session) if pl else None
    if pl:
        exchange.write(_PLACE, ours, pl.Config.set_default_credential_provider)
    try:
        yield
    finally:
        pl, now = _polars(), exchange.read(_PLACE, _default)
        if ours and now is ours:
            exchange.write(_PLACE, before, pl.Config.set_default_credential_provider)
        elif pl and not ours and now == "auto":
            # It was imported meanwhile, and its own provider keeps this session's credentials.
            new = pl.CredentialProviderAWS()
            exchange.write(_PLACE, new, pl.Config.set_default_credential_provider)


_PLACE = "polars' default credential provider"


def _polars() -> Any:
    """Return the module if it is imported, and not only halfway; None before polars 1.34, too."""
    module = sys.modules.get("polars")
    config = getattr(module, "Config", None)
    has_default = hasattr(config, "set_default_credential_provider")
    return module if has_default and hasattr(module, "CredentialProviderAWS") else None


def _provider_of(pl: Any, session: ProfileSession) -> Any:
    class SessionCredentials(pl.CredentialProviderAWS):  # type: ignore[misc]
        """polars' own provider, for the session instead of a new one."""

        def _session(self) -> ProfileSession:
            return session

        def retrieve_credentials_impl(self) -> tuple[dict[str, str], int | None]:
            """Return one set of credentials: polars would read key, secret and token one by one.

            A renewal in between would mix two sets.
            """
            from ipy_awsprofile.sessions.portable import present_credentials

            frozen, expiry = present_credentials(session)
            keys = {
                "aws_access_key_id": frozen.access_key,
                "aws_secret_access_key": frozen.secret_key,
                "aws_session_token": frozen.token,
            }
            given = {name: str(key) for name, key in keys.items() if key}
            return given, int(expiry.timestamp()) if expiry else None

        def __repr__(self) -> str:
            return f"<credentials of {' ← '.join(session.chain)}>"

    return SessionCredentials()


def _default() -> Any:
    """Return the current default provider; polars has no public way to read it."""
    builder = sys.modules.get("polars.io.cloud.credential_provider._builder")
    return getattr(builder, "DEFAULT_CREDENTIAL_PROVIDER", "auto")


@contextmanager
def _no_default_of_polars() -> Iterator[None]:
    pl, before = _polars(), _default()
    if pl:
        pl.Config.set_default_credential_provider(_refuse)
    try:
        yield
    finally:
        if _default() is _refuse:
            pl.Config.set_default_credential_provider(before)


#: polars reads in threads of its own, of which nobody knows whose profile they work for.
no_default_of_polars = SharedBinding(_no_default_of_polars)


def _refuse() -> NoReturn:
    raise NotForOneProfile(
        "polars doesn't know the function's profile.",
        "`from ipy_awsprofile import libraries`, then read with "
        "`**libraries.polars_options(session)`.",
    )
