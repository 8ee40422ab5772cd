"""polars: ``pl.read_parquet("s3://…")`` and its other functions that read or write ``s3://`` paths.

Without this binding, polars keeps the credentials of its first read. A query gets its credentials
when it is collected, so even a ``LazyFrame`` from before a switch follows the switch.

https://docs.pola.rs/user-guide/io/cloud-storage/
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

from ipy_awsprofile.bindings.transaction import TRANSACTION, Transaction
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.hand_outs import note_hand_out
from ipy_awsprofile.sessions.polars_credentials import for_polars
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession


@contextmanager
def polars(session: ProfileSession, transaction: Transaction = TRANSACTION) -> Iterator[None]:
    """Make polars use the session, if it is imported and the user specifies no credentials.

    This takes precedence over the user's default credential provider, which is restored afterwards
    unless the user has changed the default since. If polars is imported later, it uses
    ``AWS_PROFILE``.
    """
    pl, default = _polars(), transaction.read(_DEFAULT, _default)
    methods, provider = transaction.read(_METHODS, _methods), pl and _provider_class(pl, session)
    # Before 2.1, polars keeps a LazyFrame's provider, but starts over for each new default.
    ours = "auto" if methods else provider and provider()
    if pl:
        transaction.write(_METHODS, methods and _building(methods, provider), _set_methods)
        transaction.write(_DEFAULT, ours, pl.Config.set_default_credential_provider)
    try:
        yield
    finally:
        if pl:
            transaction.write(_METHODS, methods, _set_methods)
            if transaction.read(_DEFAULT, _default) is ours:
                transaction.write(_DEFAULT, default, pl.Config.set_default_credential_provider)
        elif pl := _polars():
            # polars was imported since, and its own provider keeps this session's credentials.
            if methods := transaction.read(_METHODS, _methods):
                new = _building(methods, pl.CredentialProviderAWS)
                transaction.write(_METHODS, new, _set_methods)
            elif transaction.read(_DEFAULT, _default) == "auto":
                own = pl.CredentialProviderAWS()
                transaction.write(_DEFAULT, own, pl.Config.set_default_credential_provider)


_DEFAULT = "polars' default credential provider"
_METHODS = "polars' own credential provider"

#: polars' methods to build its own provider, and to return the provider's cache key.
_Methods = tuple[Callable[[Any], Any], Callable[[Any], bytes]]


def _polars() -> Any:
    """Return the module if it is completely imported; None otherwise, and before polars 1.34."""
    module = sys.modules.get("polars")
    config = getattr(module, "Config", None)
    has_default = hasattr(config, "set_default_credential_provider")
    return module if has_default and hasattr(module, "CredentialProviderAWS") else None


def _auto_init() -> Any:
    """Return the polars class that builds its own provider whenever a query is collected."""
    return getattr(_builder(), "AutoInit", None)


def _methods() -> _Methods | None:
    """Return the current methods; None without polars, and before polars 2.1."""
    kind: Any = _auto_init() if _polars() else None
    return (kind.__call__, kind.stable_cache_key) if hasattr(kind, "stable_cache_key") else None


def _set_methods(methods: _Methods | None) -> None:
    if methods and (kind := _auto_init()):
        kind.__call__, kind.stable_cache_key = methods


def _building(original: _Methods, provider: Callable[..., Any]) -> _Methods:
    """Return methods that build a different provider if the user specifies no credentials."""
    build, key, ours = *original, uuid4().bytes

    def is_default(self: Any) -> bool:
        options = self.kw
        given = options.get("profile_name") or options.get("_auto_init_unhandled_key")
        return self.cls.__name__ == "CredentialProviderAWS" and not given

    def build_ours(self: Any) -> Any:
        return provider(**self.kw) if is_default(self) else build(self)

    def our_key(self: Any) -> bytes:
        return key(self) + ours if is_default(self) else key(self)

    return build_ours, our_key


def _provider_class(pl: Any, session: ProfileSession) -> Any:
    class SessionCredentials(pl.CredentialProviderAWS):  # type: ignore[misc]
        """polars' own provider, for the session instead of a new one."""

        def _session(self) -> ProfileSession:
            return session

        def retrieve_credentials_impl(self) -> tuple[dict[str, str], int | None]:
            """Return one complete set of credentials.

            polars would read the key, the secret and the token one by one. A renewal in between
            would mix two sets.
            """
            from ipy_awsprofile.sessions.portable import present_credentials

            note_hand_out(session, "polars")
            return for_polars(*present_credentials(session))

        def __repr__(self) -> str:
            return f"<credentials of {chain_line(session.chain)}>"

    return SessionCredentials


def _default() -> Any:
    """Return the current default provider; polars has no public way to read it."""
    return getattr(_builder(), "DEFAULT_CREDENTIAL_PROVIDER", "auto")


def _builder() -> Any:
    return sys.modules.get("polars.io.cloud.credential_provider._builder")


@contextmanager
def no_default_of_polars(transaction: Transaction = TRANSACTION) -> Iterator[None]:
    """Refuse reads by polars' default provider in a ``with`` block.

    polars reads in its own threads, which don't know the function's profile.
    """
    pl, default = _polars(), transaction.read(_DEFAULT, _default)
    methods = transaction.read(_METHODS, _methods)
    if pl:
        transaction.write(_DEFAULT, _refuse, pl.Config.set_default_credential_provider)
        transaction.write(_METHODS, methods and _building(methods, _refuse), _set_methods)
    try:
        yield
    finally:
        transaction.write(_METHODS, methods, _set_methods)
        if pl and transaction.read(_DEFAULT, _default) is _refuse:
            transaction.write(_DEFAULT, default, pl.Config.set_default_credential_provider)


def _refuse(**_: Any) -> NoReturn:
    raise NotForOneProfile(
        "polars doesn't know the function's profile.",
        "`from ipy_awsprofile import libraries`, then read with "
        "`**libraries.polars_options(session)`.",
    )
