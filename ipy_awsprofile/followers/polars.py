"""Describe how a switch updates polars, and create polars options for a session."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakValueDictionary

from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.errors import CredentialsUnavailable, NotForOneProfile
from ipy_awsprofile.follower import MAY_KEEP, Cache, Follower, Handle, Leftover, Notebook
from ipy_awsprofile.followers.object_store import read_object_store
from ipy_awsprofile.gate import PROCESS, Signer, check, is_stale
from ipy_awsprofile.kernel.arguments import s3_location
from ipy_awsprofile.label import label_of
from ipy_awsprofile.place import Place
from ipy_awsprofile.sessions.issuing import renew_keys, require_short_lived
from ipy_awsprofile.sessions.session import check_session, names_of_chain
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.credentials.sts import Keys
    from ipy_awsprofile.sessions.session import ProfileSession


def _imported_polars() -> Any:
    """Return the polars module if version 1.34 or newer is completely imported, or else None."""
    module = sys.modules.get("polars")
    config = getattr(module, "Config", None)
    has_default = hasattr(config, "set_default_credential_provider")
    if has_default and hasattr(module, "CredentialProviderAWS"):
        return module
    return None


# The default credential provider ------------------------------------------------------------------


def _default_provider() -> object:
    """Return the user's default credential provider, or "auto".

    polars has no public function that returns the provider.
    """
    builder = sys.modules.get("polars.io.cloud.credential_provider._builder")
    default = getattr(builder, "DEFAULT_CREDENTIAL_PROVIDER", "auto")
    return "auto" if type(default) is _imported_polars().CredentialProviderAWS else default


class _DefaultProvider(Place):
    def get(self) -> object:
        return _default_provider()

    def set(self, value: Any) -> None:
        if value == "auto":
            # polars' own keeps the credentials of its first read, so each switch needs a new one,
            # and polars keeps the credentials of providers with equal attributes.
            value = _imported_polars().CredentialProviderAWS()
            value.unique = secrets.token_hex(8)
        _imported_polars().Config.set_default_credential_provider(value)


_PROVIDER = _DefaultProvider("polars' credential provider")


def _places(session: ProfileSession) -> Mapping[Place, object]:
    pl = _imported_polars()
    return {_PROVIDER: _provider_class(pl, session)()} if pl else {}


def _places_of_run() -> Mapping[Place, object]:
    return {_PROVIDER: _refuse} if _imported_polars() else {}


def _refuse(**_: object) -> NoReturn:
    raise NotForOneProfile(
        "polars doesn't know the function's profile.",
        "Run `from ipy_awsprofile import libraries`, and then pass "
        "`**libraries.polars_options(session)` to polars.",
    )


def _forget_credentials(_module: ModuleType) -> None:
    """Replace polars' own credential provider, which can be older than the switch."""
    if _imported_polars() and _default_provider() == "auto":
        _PROVIDER.set("auto")


def _provider_class(pl: Any, session: ProfileSession) -> Any:
    class SessionCredentials(pl.CredentialProviderAWS):  # type: ignore[misc]
        """A subclass of polars' credential provider that uses the given session."""

        is_of_switch = True

        def _session(self) -> ProfileSession:
            return session

        def retrieve_credentials_impl(self) -> tuple[dict[str, str], int | None]:
            """Return a complete set of credentials.

            By default, polars reads the access key, the secret key and the token separately. If the
            credentials were renewed between two reads, polars would mix two sets of credentials.
            """
            credentials = session.get_credentials()
            check(credentials)  # a LazyFrame can be older than the switch
            label = label_of(credentials)
            if label:
                PROCESS.note_lent(label, "polars")
            return _result_of_provider(renew_keys(session))

        def __repr__(self) -> str:
            return f"<credentials of {chain_line(session.chain)}>"

    return SessionCredentials


def _result_of_provider(keys: Keys) -> tuple[dict[str, str], int | None]:
    """Return credentials in the form that polars requires, with the expiry as a Unix timestamp."""
    options = {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key}
    if keys.token:
        options["aws_session_token"] = keys.token
    if keys.expires_at is None:
        return options, None
    return options, int(keys.expires_at.timestamp())


def ignores_profiles() -> bool:
    """Return whether polars uses the switch's provider, and ignores a profile in options."""
    return hasattr(_default_provider(), "is_of_switch")


# Lazy frames --------------------------------------------------------------------------------------


def _may_be_in_s3(_frame: object) -> bool:
    """Return whether polars may have read from S3.

    The address of a LazyFrame isn't available, so the result covers all lazy frames.
    """
    if _imported_polars() is None:
        return False
    return PROCESS.has_lent_to("polars") or not ignores_profiles()


# Options for a session ----------------------------------------------------------------------------


@checks_arguments
def polars_options(session: boto3.Session) -> dict[str, Any]:
    """Return the options that make polars functions such as ``pl.scan_csv`` use the session.

    Pass the options as keyword arguments, as in ``pl.scan_csv(url, **options)``. The options are
    ``credential_provider``, which renews the credentials, and ``storage_options``.
    The options don't contain secrets. Before version 1.39, polars keeps the credentials that its
    first read uses. Raise `CredentialsUnavailable` if the session has long-term keys.

    https://docs.pola.rs/user-guide/io/cloud-storage/
    """
    check_session(session)

    def fetch() -> tuple[dict[str, str], int | None]:
        credentials = session.get_credentials()
        check(credentials, Signer.POLARS_OPTIONS)  # a switch can be newer than the options
        label = label_of(credentials)
        if label:
            PROCESS.note_lent(label)
        return _result_of_provider(require_short_lived(renew_keys(session)))

    require_short_lived(renew_keys(session))  # raises an error here instead of in a later query
    with suppress(ImportError):
        import_module("polars")
    provider: Any = fetch
    if _imported_polars():
        provider = _provider_of_options(_imported_polars(), session, fetch)
    region, endpoint = s3_location(session)
    url = endpoint or f"https://s3.{region}.amazonaws.com"
    # Otherwise, the variable with the active profile's endpoint takes precedence.
    options = {"aws_region": region, "aws_endpoint_url": url, "aws_endpoint_url_s3": url}
    if url.startswith("http:"):
        options["aws_allow_http"] = "true"
    return {"credential_provider": provider, "storage_options": options}


def _provider_of_options(pl: Any, session: boto3.Session, fetch: Callable[[], object]) -> object:
    """Return a credential provider that polars asks for credentials again after a switch."""

    class OptionsProvider(pl.CredentialProviderAWS):  # type: ignore[misc]
        """A subclass of polars' credential provider that fetches credentials for each call.

        Otherwise, polars would use its copy of the credentials after a switch, without a check.
        """

        session_of_options = session

        def __init__(self) -> None:
            super().__init__()
            self.key = secrets.token_hex(8)
            _PROVIDERS[self.key] = self

        def __call__(self) -> object:
            return fetch()

        def __reduce__(self) -> tuple[object, ...]:
            """Pickle a key instead of the session.

            polars also looks up its copy of the credentials with the pickled provider. The copy
            must not be used after a switch.
            """
            label = label_of(session.get_credentials())
            of_copy = "active"
            if label and is_stale(label):
                of_copy = secrets.token_hex(8)
            return _provider_with_key, (self.key, of_copy)

        def __repr__(self) -> str:
            return f"<credentials of {chain_line(names_of_chain(session))}>"

    return OptionsProvider()


#: The providers of options in this process.
_PROVIDERS: WeakValueDictionary[str, Any] = WeakValueDictionary()


def _provider_with_key(key: str, _of_copy: str) -> object:
    """Return the provider that was pickled in this process."""
    provider = _PROVIDERS.get(key)
    if provider is None:
        raise CredentialsUnavailable(
            "The options of `libraries.polars_options` can't be used in another process.",
            "In that process, call `libraries.polars_options(open_session(NAME))`.",
        )
    return provider


def _about_options(notebook: Notebook) -> Iterator[Leftover]:
    """Yield a line about each variable with the options of a session that isn't active."""
    for name, value in notebook.variables.items():
        provider = value.get("credential_provider") if type(value) is dict else None
        session = getattr(provider, "session_of_options", None)
        label = label_of(session.get_credentials()) if session else None
        if label is None or not is_stale(label):
            continue
        code = f"run `from ipy_awsprofile import libraries; {name} = {_NEW_OPTIONS}`"
        if notebook.active is None:
            code = f"leave out `**{name}`"
        yield Leftover(name, f"makes polars sign as {label.text_beside(notebook.active)}: {code}")


_NEW_OPTIONS = "libraries.polars_options(session)"


FOLLOWERS = (
    Follower(
        package="polars",
        why="The default polars provider keeps the credentials of its first read.",
        tried="polars 2.1",
        caches=(Cache("polars", _forget_credentials),),
        places=_places,
        places_of_run=_places_of_run,
        handles={
            "polars.lazyframe.frame.LazyFrame": Handle(test=_may_be_in_s3, says=MAY_KEEP),
        },
        about=_about_options,
        read_refusal=read_object_store,
        in_run="pass `**libraries.polars_options(session)`",
    ),
)
