"""Create DuckDB secrets for S3, and describe how a switch updates these secrets."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.credentials.person import unattended
from ipy_awsprofile.credentials.providers import is_renewed
from ipy_awsprofile.errors import AwsProfileError, InvalidOption, NotForOneProfile
from ipy_awsprofile.follower import IMPORT, Follower, Leftover, Notebook, Refusal
from ipy_awsprofile.gate import PROCESS, session_here
from ipy_awsprofile.kernel.arguments import SecretOptions, s3_location
from ipy_awsprofile.kernel.refusals import code_and_message
from ipy_awsprofile.place import ABSENT, Effect, Place
from ipy_awsprofile.sessions.issuing import current_keys, renew_keys, require_short_lived
from ipy_awsprofile.sessions.session import check_session, names_of_chain
from ipy_awsprofile.text import one_line, variable_of

if TYPE_CHECKING:
    import boto3
    from duckdb import DuckDBPyConnection

    from ipy_awsprofile.credentials.sts import Keys
    from ipy_awsprofile.label import Label
    from ipy_awsprofile.sessions.session import ProfileSession


@checks_arguments
def duckdb_secret(
    session: boto3.Session, connection: DuckDBPyConnection | None = None, *, scope: str = ""
) -> None:
    """Create a DuckDB secret that makes ``s3://`` paths use the session.

    The function creates a temporary secret named ``ipy_awsprofile`` in the connection (by default,
    the connection of `duckdb.sql`). DuckDB shows only the access key ID of the secret and doesn't
    write the secret to a file.

    If the session is the active session, each switch updates the secret, and ``--off`` drops the
    secret. A transaction that is open during a switch keeps the old secret until the transaction
    ends. A switch doesn't change secrets for other sessions. If you pass a ``scope`` such as
    ``s3://bucket/``, the secret applies only to paths that begin with the scope, and a switch
    doesn't change the secret. If you create a secret for each bucket, with the bucket as the scope,
    a single query can read buckets in two accounts.

    If DuckDB uses another secret of the connection for these paths, the function shows a line with
    the statement that drops the other secret.

    Credentials that are about to expire are renewed before each cell. A query fails if its
    credentials expire while the query is running. In a script, or if a renewal requires an MFA code
    or a sign-in, run ``%aws_profile --refresh`` or call this function again.

    Raise `InvalidOption` if ``scope`` doesn't begin with a scheme such as ``s3://``. Raise
    `CredentialsUnavailable` if the session has long-term keys. Raise `NotForOneProfile` if you
    don't pass a connection in a function for many profiles, because all profiles share the default
    connection.

    https://duckdb.org/docs/stable/core_extensions/httpfs/s3api
    """
    import boto3
    import duckdb
    from IPython.core.getipython import get_ipython

    is_in_run = session_here() is not None
    if connection is None and is_in_run:
        raise NotForOneProfile(
            "The function uses DuckDB's default connection, which all profiles would share.",
            "Open a connection in the function with `con = duckdb.connect()`, and pass it to "
            "`libraries.duckdb_secret(session, con)`.",
        )
    check_session(session)
    if scope and "://" not in scope:
        raise InvalidOption(
            f"DuckDB compares `scope` with whole paths, and no path begins with `{scope}`.",
            f"Write `scope={f's3://{scope}'!r}`.",
        )
    options = _secret_options(session, renew_keys(session))
    secrets = _secrets()
    if connection is None:
        connection = secrets.default = duckdb.default_connection()
    with suppress(Exception):  # it is missing or for another version, so DuckDB downloads its own
        from duckdb_extensions import import_extension

        import_extension("httpfs", con=connection)
    if scope:
        options["scope"] = scope
    if not is_in_run:
        secrets.warn_about_replacing(connection, scope, session)
    _put_secret(connection, options)
    secrets.sessions.setdefault(connection, {})[scope] = session, options
    shell = get_ipython()
    if not is_in_run:
        _warn_about_preferred(connection, scope, shell.user_ns if shell else {})
    if shell:
        shell.events.register("pre_run_cell", secrets.renew)  # once
    if scope:
        return
    secrets.following.discard(connection)
    if boto3.DEFAULT_SESSION is session and not is_in_run:
        secrets.following.add(connection)


#: The sessions and options of a connection's secrets.
_ByScope = dict[str, tuple["boto3.Session", SecretOptions]]


class _Secrets:
    """The secrets that were created in open connections, with the session of each secret."""

    def __init__(self) -> None:
        #: The connections whose secret follows each switch.
        self.following: WeakSet[DuckDBPyConnection] = WeakSet()
        #: The sessions and options of the secrets, by connection and scope.
        self.sessions: WeakKeyDictionary[DuckDBPyConnection, _ByScope] = WeakKeyDictionary()
        #: The default connection is kept, because DuckDB returns a new object for it each time.
        self.default: DuckDBPyConnection | None = None

    def move(self, session: boto3.Session | None) -> None:
        """Replace the secrets that follow switches, or drop them if no short-lived keys are active.

        This method doesn't call AWS, because leaving a ``with`` block must not wait for a response.
        """
        options = None
        if session:
            with suppress(AwsProfileError):  # long-term keys
                options = _secret_options(session, current_keys(session))
        for connection in list(self.following):
            sessions = self.sessions.setdefault(connection, {})
            sessions.pop("", None)
            # It is closed, or the user's transaction has changed the secret.
            with suppress(sys.modules["duckdb"].Error):
                _put_secret(connection.cursor(), options)  # keeps the result of the last query
                if session and options:
                    sessions[""] = session, options

    def warn_about_replacing(
        self, connection: DuckDBPyConnection, scope: str, session: boto3.Session
    ) -> None:
        """Warn if a new secret replaces another profile's secret, which doesn't follow switches."""
        import boto3

        former, _ = self.sessions.get(connection, {}).get(scope, (None, None))
        is_active = boto3.DEFAULT_SESSION is session  # this secret follows each switch
        if former is None or is_active or connection in self.following:
            return
        if names_of_chain(former) != names_of_chain(session):
            PROCESS.warn(
                f"The secret of `{former.profile_name}` in this connection was replaced. To keep "
                "both secrets, pass a scope to each call, such as `scope='s3://BUCKET/'`."
            )

    def names(self) -> set[str]:
        """Return the names of the profiles whose secrets don't follow switches."""
        names: set[str] = set()
        for connection, sessions in list(self.sessions.items()):
            if connection not in self.following:
                names |= {session.profile_name for session, _ in sessions.values()}
        return names

    def hide(self, is_run: object) -> None:
        """Drop all secrets during a run over many profiles, and create them again afterwards."""
        for connection, sessions in list(self.sessions.items()):
            for scope, (_, options) in list(sessions.items()):
                with suppress(sys.modules["duckdb"].Error):
                    if is_run is ABSENT:
                        _put_secret(connection.cursor(), options)
                    else:
                        connection.cursor().execute(
                            f'DROP TEMPORARY SECRET IF EXISTS "{_name_of_secret(scope)}"'
                        )

    def renew(self, _cell: object) -> None:
        """Before a cell runs, replace the secrets whose sessions have new credentials.

        This method also renews sessions that are about to expire. The renewal runs in a thread that
        never prompts the user.
        """
        if self.sessions:
            thread = Thread(target=self._renew, daemon=True)
            thread.start()
            thread.join(5)  # seconds, because AWS may not respond

    def _renew(self) -> None:
        for connection, sessions in list(self.sessions.items()):
            for scope, (session, options) in list(sessions.items()):
                with unattended(), suppress(AwsProfileError, sys.modules["duckdb"].Error):
                    new = SecretOptions(options | _keys_for_secret(renew_keys(session)))
                    if new != options:
                        _put_secret(connection.cursor(), new)
                        sessions[scope] = session, new


def _secrets() -> _Secrets:
    """Return the object that manages this process's DuckDB secrets."""
    secrets: _Secrets = PROCESS.of_libraries.setdefault("duckdb", _Secrets())
    return secrets


def _keys_for_secret(keys: Keys) -> dict[str, object]:
    require_short_lived(keys)
    return {"key_id": keys.access_key, "secret": keys.secret_key, "session_token": keys.token}


def _secret_options(session: boto3.Session, keys: Keys) -> SecretOptions:
    options = SecretOptions(_keys_for_secret(keys))
    options["region"], endpoint = s3_location(session)
    if endpoint:
        url = urlsplit(endpoint)
        options.update(endpoint=url.netloc, url_style="path", use_ssl=url.scheme == "https")
    return options


def _put_secret(connection: DuckDBPyConnection, options: SecretOptions | None) -> None:
    """Create or replace a connection's secret, or drop the secret if ``options`` is None."""
    if options is None:
        connection.execute("DROP TEMPORARY SECRET IF EXISTS ipy_awsprofile")
        return
    name = _name_of_secret(str(options.get("scope", "")))
    # Pass the values as parameters, because an error would quote the statement.
    named = ", ".join(f"{name} ${name}" for name in options)
    create = f'CREATE OR REPLACE TEMPORARY SECRET "{name}" (TYPE s3, {named})'
    connection.execute(create, options)


#: The beginning of the names of this package's secrets.
_OURS = "ipy_awsprofile"


def _name_of_secret(scope: str) -> str:
    return f"{_OURS} {scope}".strip().replace('"', "")


def _hide_secrets(is_run: object) -> None:
    _secrets().hide(is_run)


#: The secrets of sessions in all connections, which code for many profiles must not use.
_SECRETS = Effect("DuckDB's secrets", _hide_secrets)


def _places_of_run() -> Mapping[Place, object]:
    return {_SECRETS: True}


def _move(session: ProfileSession | None) -> None:
    secrets = _secrets()
    if secrets.following:
        secrets.move(session)


# The user's own secrets ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Secret:
    """A secret in a connection that makes DuckDB sign requests for paths in ``scope``.

    ``is_saved`` is true if DuckDB has saved the secret in a file.
    """

    name: str
    scope: str
    is_saved: bool

    @property
    def is_ours(self) -> bool:
        """Whether `duckdb_secret` has created the secret."""
        return self.name.startswith(_OURS)

    def leftover(self, variable: str) -> Leftover:
        """Return the line about the user's secret in the connection that a variable holds."""
        name = self.name.replace('"', '""')
        drop = f'DROP TEMPORARY SECRET "{name}"'
        effect = "drop the secret"
        if self.is_saved:
            drop = f'DROP PERSISTENT SECRET "{name}"'
            effect = "delete the secret and its file"
        return Leftover(
            variable,
            f"uses the secret `{one_line(self.name)}` for paths that begin with "
            f"`{one_line(self.scope)}`, and switches don't change this secret: to {effect}, run "
            f"`{variable}.execute({drop!r})`",
        )


def _used_secrets(connection: DuckDBPyConnection) -> list[_Secret] | None:
    """Return the secrets that DuckDB uses for S3 paths, or None if the connection didn't use S3.

    DuckDB itself says which of its secrets it uses for a path. A secret with a longer scope takes
    precedence, and then the secret whose name comes first in the alphabet.

    https://duckdb.org/docs/stable/configuration/secrets_manager
    """
    used: dict[str, _Secret] = {}
    try:
        cursor = connection.cursor()  # keeps the result of the last query
        # Otherwise, the questions below would load the extension, or even download it.
        loaded = "FROM duckdb_extensions() WHERE extension_name = 'httpfs' AND loaded"
        if cursor.execute(loaded).fetchone() is None:
            return None
        scopes = "SELECT DISTINCT unnest(scope) FROM duckdb_secrets() WHERE type = 's3'"
        for (scope,) in cursor.execute(scopes).fetchall():
            path = scope or "s3://"
            which = "SELECT name, persistent FROM which_secret($path, 's3')"
            for name, storage in cursor.execute(which, {"path": path}).fetchall():
                used.setdefault(path, _Secret(name, path, storage == "PERSISTENT"))
    except sys.modules["duckdb"].Error:  # the connection is closed
        return None
    return [used[path] for path in sorted(used) if path.startswith("s3://")]


def _warn_about_preferred(
    connection: DuckDBPyConnection, scope: str, namespace: Mapping[str, object]
) -> None:
    """Warn if DuckDB uses the user's own secrets for paths that begin with ``scope``."""
    duckdb = sys.modules["duckdb"]
    variable = variable_of(connection, namespace, "con")
    if connection is _secrets().default:
        variable = variable_of(duckdb, namespace, "duckdb")
    for secret in _used_secrets(connection) or []:
        if not secret.is_ours and secret.scope.startswith(scope):
            PROCESS.warn(str(secret.leftover(variable)))


# The card and errors ------------------------------------------------------------------------------


def _about(notebook: Notebook) -> Iterator[Leftover]:
    """Yield lines about registered filesystems and about secrets that don't follow switches."""
    for name, value in notebook.variables.items():
        for protocol in _protocols_in(value):
            yield Leftover(
                name,
                f"keeps the filesystem that is registered for `{protocol}://` paths: if the "
                "filesystem is from before a switch, run "
                f'`{name}.unregister_filesystem("{protocol}")`, and register a new filesystem',
            )
    if notebook.active:
        yield from _about_connections(notebook)


def _about_connections(notebook: Notebook) -> Iterator[Leftover]:
    """Yield lines about the user's own secrets, and about connections without a session's secret.

    If a secret follows switches, only connections that have used S3 need another secret.
    """
    following = _secrets().following
    calls: list[str] = []
    connections = _connections_in(notebook.variables)
    for name, connection in connections.items():
        secrets = _used_secrets(connection)
        own = [secret for secret in secrets or [] if not secret.is_ours]
        for secret in own:
            yield secret.leftover(name)
        has_ours = connection in following or len(own) < len(secrets or [])
        if not has_ours and not (following and secrets is None):
            calls.append(_call_for(name, notebook, is_only=len(connections) == 1))
    if calls:
        step = f"{IMPORT} call {', or '.join(calls)}, which follows each switch"
        says = f"doesn't follow automatically: {step}"
        if _has_long_term_keys(notebook.active):
            says = f"doesn't get long-term keys: switch to a role, {step}"
        yield Leftover("duckdb", says)


def _has_long_term_keys(active: Label | None) -> bool:
    """Return whether an identity has keys for which `duckdb_secret` doesn't create a secret."""
    credentials = active.credentials if active else None
    if credentials is None or is_renewed(credentials):
        return False
    return credentials.token is None


def _connections_in(variables: Mapping[str, object]) -> dict[str, DuckDBPyConnection]:
    """Return the connections in variables. DuckDB's module stands for the default connection."""
    duckdb = sys.modules["duckdb"]
    connections: dict[str, DuckDBPyConnection] = {}
    for name, value in variables.items():
        if value is duckdb:
            connections[name] = _secrets().default or duckdb.default_connection()
        elif isinstance(value, duckdb.DuckDBPyConnection):
            connections[name] = value
    return connections


def _call_for(name: str, notebook: Notebook, *, is_only: bool) -> str:
    """Return the call that creates the secret for the connection in a variable."""
    if not isinstance(notebook.variables[name], ModuleType):
        return f"`libraries.duckdb_secret(session, {name})` for `{name}`"
    call = "`libraries.duckdb_secret(session)`"
    return call if is_only else f"{call} for `{name}.sql`"


def _protocols_in(value: object) -> list[str]:
    """Return the S3 protocols whose fsspec filesystem is registered in a DuckDB connection."""
    duckdb = sys.modules["duckdb"]
    if not isinstance(value, duckdb.DuckDBPyConnection):
        return []
    with suppress(duckdb.Error):  # the connection is closed
        return [each for each in value.list_filesystems() if each in ("s3", "s3a")]
    return []


#: What DuckDB says only about S3: a path, a Region, the address of the page about S3 or, if a write
#: failed, "HTTP code". Before DuckDB 1.5, an error of COPY has no path.
_IN_S3 = re.compile(r"\bs3://|\bin region '|\bS3 region\b|/s3api\b|\(HTTP code ")
_METHOD = re.compile(r"\b(GET|HEAD|PUT|POST|DELETE)\b")


#: What DuckDB says if none of the connection's secrets applies to the path.
_WITHOUT_KEYS = "No credentials are provided"
_WITHOUT_SECRET = Leftover(
    "duckdb",
    f"sent the request without credentials: {IMPORT} call `libraries.duckdb_secret(session)` for "
    "`duckdb.sql`, or `libraries.duckdb_secret(session, con)` for a connection `con`",
)


def _about_secret() -> Leftover | None:
    """Return a line about the only profile with a secret, or None if a secret follows switches."""
    names = _secrets().names()
    if _secrets().following or len(names) != 1:
        return None
    return Leftover("duckdb", f"has a secret with the session of `{names.pop()}`")


def _read_refusal(error: BaseException) -> Refusal | None:
    """Return the refused request that caused an error in DuckDB's S3 extension, or None."""
    if not isinstance(error, sys.modules["duckdb"].HTTPException):
        return None
    text = str(error)
    if not _IN_S3.search(text):
        return None
    code, message = code_and_message(str(getattr(error, "body", "")))
    method = _METHOD.search(text)
    about = _WITHOUT_SECRET if _WITHOUT_KEYS in text else _about_secret()
    status = int(getattr(error, "status_code", 0))
    return Refusal(
        code,
        status,
        method[0] if method else "",
        message,
        was_unsigned=_WITHOUT_KEYS in text,
        about_library=about,
    )


FOLLOWERS = (
    Follower(
        package="duckdb",
        why="DuckDB's S3 client uses only the keys in DuckDB's secrets.",
        tried="duckdb 1.3, 1.4 and 1.5",
        move=_move,
        places_of_run=_places_of_run,
        about=_about,
        read_refusal=_read_refusal,
        in_run="call `libraries.duckdb_secret(session, con)` with the connection",
    ),
)
