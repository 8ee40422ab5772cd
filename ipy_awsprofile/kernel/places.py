"""The places that a switch and a run over many profiles set.

`caches` has what libraries keep.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from threading import local
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import boto3

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.user_environment import KEY_VARIABLES, LENT
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.gate import PROCESS, check, label_of, session_here
from ipy_awsprofile.kernel.caches import clear_caches
from ipy_awsprofile.kernel.show import ABSENT, Effect, Place, Setting, Variables
from ipy_awsprofile.sessions.issuing import issue_keys, renew_keys
from ipy_awsprofile.sessions.session import ProfileSession, target_in
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.credentials.sts import Keys

_CHILDREN = "child processes and `s3://` paths use that"
_SESSIONS = f"`boto3.Session()`, {_CHILDREN}"

#: The variables that `boto3.Session()` doesn't read while a profile is active.
_OF_CHILDREN = (*LENT, "AWS_REGION")

KEYS = Variables(*KEY_VARIABLES, if_changed=_SESSIONS)

#: An API key for Amazon Bedrock, which botocore prefers to any other credentials.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html
BEDROCK_KEY = "AWS_BEARER_TOKEN_BEDROCK"

_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def notebook_variable(name: str, shell: InteractiveShell) -> Setting:
    """Return the place of a notebook's variable for the session."""
    return Setting(name, partial(getattr, shell, "user_ns"), name, owner=shell)


def places_of(session: ProfileSession, lent: Mapping[str, str | None]) -> dict[Place, object]:
    """Return the places of an identity, beside the notebook's variable, and their values.

    ``lent`` are the variables for child processes, without those that are None.
    """
    environment: dict[str, str | None] = {"AWS_DEFAULT_PROFILE": None}
    request = session.target.request
    if request.read_only or request.policy:  # the key isn't limited
        environment[BEDROCK_KEY] = None
    places: dict[Place, object] = {}
    # Child processes find a store's keys in the files or the environment, because none can be lent.
    if session.target.resolves_by_name or not session.target.store:
        places[KEYS] = {}
    for name, value in {**environment, **lent, **_direct_connection()}.items():
        users = _CHILDREN if name in _OF_CHILDREN else _SESSIONS
        places[Variables(name, if_changed=users)] = {} if value is None else {name: value}
    places |= {DEFAULT_SESSION: session, LIBRARIES: session}
    url = session.target.endpoint("s3")
    is_set_by_user = any(map(os.environ.get, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")))
    if url and not is_set_by_user:
        places[ENDPOINT] = url
    pl = imported_polars()
    if pl:
        places[POLARS] = _provider_class(pl, session)()
    return places


def places_of_run() -> dict[Place, object]:
    """Return the places of a run over many profiles, whose threads share one environment.

    boto3 and s3fs can tell the threads apart. AWS refuses everything else, because the keys in the
    environment don't exist.
    """
    fake = "PASS-THE-SESSION-OF-THE-PROFILE"
    gone = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", BEDROCK_KEY, *LENT)
    places: dict[Place, object] = {Variables(name): {} for name in gone}
    places[KEYS] = {"AWS_ACCESS_KEY_ID": fake, "AWS_SECRET_ACCESS_KEY": fake}
    places |= {DEFAULT_SESSION: TurnSession(), LIBRARIES: None}
    config = _config_of_fsspec()
    if config is not None:
        places[_S3FS] = _ArgumentsOfTurn(config.get("s3") or {})
    if imported_polars():
        places[POLARS] = _refuse_polars
    if "dask.config" in sys.modules:
        places[_DASK] = "synchronous"
    return places


def _direct_connection() -> dict[str, str | None]:
    """Return the variables that keep clients from sending the token to the user's HTTP proxy."""
    if not any(map(os.environ.get, _PROXIES)):
        return {}
    hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if "127.0.0.1" not in hosts:
        hosts = f"{hosts},127.0.0.1".lstrip(",")
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _show_endpoint(url: Any) -> None:
    """Show an S3 endpoint to readers in other languages, which don't read it in the files.

    Arrow reads the first variable, and object_store the others. `os.environ` doesn't get them, so
    botocore doesn't use them for other profiles in the kernel.

    https://docs.python.org/3/library/os.html#os.putenv
    https://arrow.apache.org/docs/cpp/env_vars.html
    https://docs.rs/object_store/latest/object_store/aws/struct.AmazonS3Builder.html
    """
    is_http = str(url).startswith("http:")
    ours = {"AWS_ENDPOINT_URL_S3": url, "AWS_ENDPOINT": url, "AWS_ALLOW_HTTP": str(is_http).lower()}
    for name, value in ours.items():
        if name in os.environ or url is not ABSENT:
            os.putenv(name, os.environ.get(name, value))
        else:
            os.unsetenv(name)


ENDPOINT = Effect("S3 endpoint", _show_endpoint)


# boto3 --------------------------------------------------------------------------------------------


DEFAULT_SESSION = Setting(
    "boto3.DEFAULT_SESSION",
    partial(getattr, boto3, "__dict__"),
    "DEFAULT_SESSION",
    if_changed="`boto3.client(…)` uses it until the next switch",
)


class TurnSession(StaysInProcess, boto3.Session):
    """boto3's default session and the notebook's during a run: the session of the thread's turn.

    So a function from an earlier cell that uses ``session`` works for the profile of the turn.
    """

    def __init__(self) -> None:
        """Do nothing, because every attribute is another session's."""

    def __getattribute__(self, name: str) -> Any:
        return getattr(session_here(), name)


def require_default_session() -> None:
    """Raise NotForOneProfile if a function has replaced boto3's default session during a run."""
    if type(boto3.DEFAULT_SESSION) is not TurnSession:
        raise NotForOneProfile(
            "boto3's default session was replaced during the run, for all profiles at once.",
            "Use `session` instead of `boto3.setup_default_session`; in a run, it is boto3's "
            "default session already.",
        )


# Arguments of libraries ---------------------------------------------------------------------------


class SecretOptions(dict[str, Any]):
    """Options that can contain secrets. Their ``repr`` and ``str`` show only the names."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self)}>"


def s3_location(session: boto3.Session) -> tuple[str, str | None]:
    """Return the session's S3 Region, and the endpoint URL if it isn't AWS's own endpoint.

    https://docs.aws.amazon.com/general/latest/gr/s3.html
    """
    with translated(target_in(session)):
        meta = session.client("s3").meta
    region = meta.region_name
    if region == "aws-global":
        region = "us-east-1"
    host = urlsplit(meta.endpoint_url).hostname or ""
    if re.fullmatch(r"s3\.([a-z0-9-]+\.)?amazonaws\.com", host):
        return region, None
    return region, meta.endpoint_url


# fsspec -------------------------------------------------------------------------------------------


def _config_of_fsspec() -> Any:
    """Return fsspec's default arguments, or None without s3fs.

    A function can be the first to import s3fs. The default arguments must be set before that.
    """
    if "fsspec.config" not in sys.modules:
        with suppress(ImportError, ValueError):
            if find_spec("s3fs"):
                import_module("fsspec.config")
    return getattr(sys.modules.get("fsspec.config"), "conf", None)


def s3fs_options(session: boto3.Session) -> SecretOptions:
    """Return the arguments of `S3FileSystem` with the session's short-lived credentials.

    https://s3fs.readthedocs.io/en/latest/#credentials
    """
    keys = issue_keys(session)
    region, endpoint = s3_location(session)
    options = SecretOptions(
        key=keys.access_key,
        secret=keys.secret_key,
        token=keys.token,
        client_kwargs={"region_name": region},
    )
    if endpoint:
        options["endpoint_url"] = endpoint
    return options


_S3FS = Setting("fsspec's s3", _config_of_fsspec, "s3")

#: Arguments of S3 filesystems that determine their identity.
_IDENTITY = {"profile", "key", "secret", "token", "anon", "session", "username", "password"}


class _ArgumentsOfTurn:
    """The default arguments of S3 filesystems during a run, for the profile of the thread's turn.

    fsspec updates a dict with this. That calls `keys` first, which fetches all the arguments,
    because a renewal between two of them would mix two sets of credentials.
    """

    def __init__(self, of_notebook: Mapping[str, object]) -> None:
        self._kept = {name: of_notebook[name] for name in of_notebook.keys() - _IDENTITY}
        self._fetched = local()

    def keys(self) -> Iterable[str]:
        """Return the names of the arguments."""
        options = dict(self._kept)
        session = session_here()
        if isinstance(session, ProfileSession) and session.target.store:
            options["profile"] = session.target.name
            options["client_kwargs"] = {"region_name": session.region_name}
        elif session:
            options |= s3fs_options(session)
        self._fetched.options = options
        return options.keys()

    def __getitem__(self, name: str) -> object:
        return self._fetched.options[name]


# polars -------------------------------------------------------------------------------------------


def imported_polars() -> Any:
    """Return the module if it is completely imported; None otherwise, and before polars 1.34."""
    module = sys.modules.get("polars")
    config = getattr(module, "Config", None)
    has_default = hasattr(config, "set_default_credential_provider")
    if has_default and hasattr(module, "CredentialProviderAWS"):
        return module
    return None


def _default_provider() -> object:
    """Return the user's default provider, or "auto". polars has no public way to read it."""
    builder = sys.modules.get("polars.io.cloud.credential_provider._builder")
    default = getattr(builder, "DEFAULT_CREDENTIAL_PROVIDER", "auto")
    return "auto" if type(default) is imported_polars().CredentialProviderAWS else default


class _DefaultProvider(Place):
    def get(self) -> object:
        return _default_provider()

    def set(self, value: Any) -> None:
        if value == "auto":
            # polars' own keeps the credentials of its first read, so each switch needs a new one,
            # and polars keeps the credentials of providers with equal attributes.
            value = imported_polars().CredentialProviderAWS()
            value.unique = secrets.token_hex(8)
        imported_polars().Config.set_default_credential_provider(value)


POLARS = _DefaultProvider("polars' credential provider")


def polars_credentials(keys: Keys) -> tuple[dict[str, str], int | None]:
    """Return the result of a polars credential provider: keys, and expiry as a Unix timestamp."""
    options = {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key}
    if keys.token:
        options["aws_session_token"] = keys.token
    if keys.expires_at is None:
        return options, None
    return options, int(keys.expires_at.timestamp())


def _provider_class(pl: Any, session: ProfileSession) -> Any:
    class SessionCredentials(pl.CredentialProviderAWS):  # type: ignore[misc]
        """polars' own provider, for the session instead of a new one."""

        is_of_switch = True

        def _session(self) -> ProfileSession:
            return session

        def retrieve_credentials_impl(self) -> tuple[dict[str, str], int | None]:
            """Return one complete set of credentials.

            polars would read the key, the secret and the token one by one. A renewal in between
            would mix two sets.
            """
            credentials = session.get_credentials()
            check(credentials)  # a LazyFrame can be older than the switch
            PROCESS.lent_to.add("polars")
            label = label_of(credentials)
            if label:
                PROCESS.note_lent(label)
            return polars_credentials(renew_keys(session))

        def __repr__(self) -> str:
            return f"<credentials of {chain_line(session.chain)}>"

    return SessionCredentials


def _refuse_polars(**_: object) -> NoReturn:
    raise NotForOneProfile(
        "polars doesn't know the function's profile.",
        "`from ipy_awsprofile import libraries`, then read with "
        "`**libraries.polars_options(session)`.",
    )


def has_read_with_polars() -> bool:
    """Return whether polars may have read from S3, as an identity of a switch or before."""
    if imported_polars() is None:
        return False
    return "polars" in PROCESS.lent_to or not hasattr(_default_provider(), "is_of_switch")


# Dask ---------------------------------------------------------------------------------------------


def _config_of_dask() -> dict[str, Any]:
    config: dict[str, Any] = sys.modules["dask.config"].config
    return config


#: Workers of a cluster have the notebook's identity, and other threads have none in a run.
_DASK = Setting("Dask's scheduler", _config_of_dask, "scheduler")


# Libraries ----------------------------------------------------------------------------------------


def _move_libraries(session: object) -> None:
    PROCESS.not_cleared = clear_caches()
    if session is ABSENT:
        session = None
        if imported_polars() and _default_provider() == "auto":
            POLARS.set("auto")  # polars may have been imported since the switch
    for follower in PROCESS.followers.values():
        follower.move(session)


LIBRARIES = Effect("libraries", _move_libraries)
