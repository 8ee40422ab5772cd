"""Manage the secrets that give DuckDB connections a session's credentials.

A secret belongs to a database. A connection and its cursors share the secret, and see a new one in
their next transaction.

https://duckdb.org/docs/stable/configuration/secrets_manager
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from weakref import ref

from ipy_awsprofile.config.user_environment import named_profile
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.hand_outs import note_hand_out
from ipy_awsprofile.sessions.portable import not_renewed, short_lived
from ipy_awsprofile.sessions.s3_options import SecretOptions, s3_location
from ipy_awsprofile.sessions.session import ProfileSession, chain_of, credentials_of

if TYPE_CHECKING:
    import boto3

#: The name of the secrets that this package creates.
NAME = "ipy_awsprofile"

_LIST = "SELECT name, secret_string, persistent FROM duckdb_secrets() WHERE type = 's3'"


class Secret(NamedTuple):
    """An S3 secret of a connection, with its access key ID. Persistent secrets are in files."""

    name: str
    key: str
    is_persistent: bool


def secrets_of(connection: Any) -> Iterator[Secret]:
    """Yield the S3 secrets of a connection that have keys.

    Raises duckdb.Error if the connection can't run queries, for example because it is closed.
    """
    # A cursor keeps the result of the user's last query, and doesn't wait for a running query.
    for name, shown, is_persistent in connection.cursor().execute(_LIST).fetchall():
        if found := re.search(r"\bkey_id=([^;]+)", shown):
            yield Secret(name, found[1], is_persistent)


def secret_options(session: boto3.Session, *, renew: bool = True) -> SecretOptions:
    """Return the options of a secret with the session's credentials, Region and endpoint.

    Without ``renew``, this doesn't call AWS. Raises CredentialsUnavailable for long-term keys, and
    other subclasses of `AwsProfileError`.

    https://duckdb.org/docs/stable/core_extensions/httpfs/s3api
    """
    frozen = short_lived(session)[0] if renew else not_renewed(session)
    note_hand_out(session, "duckdb")
    with translated(chain_of(session)):
        region, endpoint = s3_location(session)
    options = SecretOptions(
        key_id=frozen.access_key,
        secret=frozen.secret_key,
        session_token=frozen.token,
        region=region,
    )
    if endpoint:
        place = urlsplit(endpoint)
        options.update(endpoint=place.netloc, url_style="path", use_ssl=place.scheme == "https")
    return options


def put_secret(connection: Any, options: SecretOptions | None) -> None:
    """Create or replace this package's secret in a connection; without options, drop it.

    Raises duckdb.Error.
    """
    if options is None:
        connection.execute(f"DROP TEMPORARY SECRET IF EXISTS {NAME}")
        return
    # Pass the values as parameters, because an error would quote the statement.
    named = ", ".join(f"{name} ${name}" for name in options)
    connection.execute(f"CREATE OR REPLACE TEMPORARY SECRET {NAME} (TYPE s3, {named})", options)


class SecretState(Enum):
    """How a secret behaves after a switch."""

    FOLLOWS = auto()
    #: The user created it for a session other than the notebook's.
    IS_CHOSEN = auto()
    #: This package didn't create it, or couldn't replace it.
    IS_LEFT = auto()


@dataclass(slots=True, eq=False)
class _Kept:
    """A weakly referenced connection, and the access key ID of our secret in it.

    The key is None after the secret was dropped.
    """

    connection: Callable[[], Any]
    key: str | None
    state: SecretState


class Secrets:
    """The connections with our secrets. This doesn't keep the connections alive."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._lock = threading.Lock()
        #: The active session. Its secrets follow the next switch.
        self.session: ProfileSession | None = None
        #: The reason why a switch dropped the secrets.
        self.problem: AwsProfileError | None = None

    def remember(self, session: boto3.Session, connection: Any, key: str) -> None:
        """Register a new secret. It follows switches if the session is active."""
        is_active = session is self.session
        with self._lock:
            others = [one for one in self._kept if one.connection() not in (None, connection)]
            if is_active or _is_chosen(session):
                state = SecretState.FOLLOWS if is_active else SecretState.IS_CHOSEN
                others.append(_Kept(_weakly(connection), key, state))
            self._kept = others

    def follow(self, session: ProfileSession | None) -> None:
        """Update the secrets that follow switches to use the session's credentials.

        If the session is None or has no short-lived credentials, drop the secrets. A secret that
        can't be changed stays. This doesn't call AWS, because credentials are new after a switch,
        and the end of a scope must not wait.
        """
        self.session, self.problem, options = session, None, None
        following = self._followers()
        if following and session:
            try:
                options = secret_options(session, renew=False)
            except AwsProfileError as problem:
                self.problem = problem
        gone = [one for one in following if not _move(one, options)]
        with self._lock:
            self._kept = [one for one in self._kept if one not in gone]
        if len(gone) == len(following):
            self.problem = None

    def forget(self) -> None:
        """Stop updating the secrets of all connections."""
        self._kept = []

    def _followers(self) -> list[_Kept]:
        return [one for one in self._kept if one.state is not SecretState.IS_CHOSEN]

    def following(self) -> list[Any]:
        """Return the connections with secrets that follow switches."""
        connections = (one.connection() for one in self._followers())
        return [connection for connection in connections if connection is not None]

    def state_of(self, secret: Secret) -> SecretState:
        """Return how a secret behaves after a switch."""
        if secret.name == NAME:
            for one in self._kept:
                if one.key == secret.key and one.connection() is not None:
                    return one.state
        return SecretState.IS_LEFT


def _weakly(connection: Any) -> Callable[[], Any]:
    """Return a function that returns the connection, or None if it no longer exists."""
    default: Callable[[], Any] = sys.modules["duckdb"].default_connection
    # DuckDB returns a new Python object for its default connection each time.
    return default if connection is default() else ref(connection)


def _is_chosen(session: boto3.Session) -> bool:
    """Return whether the user opened this session separately, by profile name or with keys."""
    if isinstance(session, ProfileSession):
        return not session.is_of_switch
    profile = named_profile(os.environ)[1] or "default"
    return session.profile_name != profile or credentials_of(session).method == "explicit"


def _move(kept: _Kept, options: SecretOptions | None) -> bool:
    """Replace or drop a connection's secret. Return whether it still follows switches.

    It doesn't if the connection is closed, or if the user dropped or replaced the secret.
    """
    duckdb: Any = sys.modules["duckdb"]
    new: str | None = options["key_id"] if options else None
    try:
        if (connection := kept.connection()) is None:
            return False
        cursor = connection.cursor()
        keys = [secret.key for secret in secrets_of(cursor) if secret.name == NAME]
    except duckdb.ConnectionException:
        return False
    except duckdb.Error:
        kept.state = SecretState.IS_LEFT
        return True
    if next(iter(keys), None) not in (kept.key, new):  # a cursor can already have the new secret
        return False
    kept.state = SecretState.IS_LEFT
    with suppress(duckdb.Error):  # the user's transaction has changed it
        put_secret(cursor, options)
        kept.key, kept.state = new, SecretState.FOLLOWS
    return True


#: The secrets of this process, like DuckDB's default connection.
SECRETS = Secrets()
