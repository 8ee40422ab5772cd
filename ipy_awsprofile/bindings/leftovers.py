"""Variables and libraries that don't follow a switch, which the card shows."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import boto3.session
import botocore.client
import botocore.session
from boto3.resources.base import ServiceResource

from ipy_awsprofile.bindings.child_processes import how_to_end
from ipy_awsprofile.bindings.duckdb_secrets import how_to_replace, secrets_of_notebook
from ipy_awsprofile.bindings.namespace import variables
from ipy_awsprofile.bindings.owners import DefaultProfile, known_keys
from ipy_awsprofile.sessions.duckdb_secret import NAME, SECRETS, SecretState
from ipy_awsprofile.sessions.polars_credentials import KEEPS, UPDATE, keeps_credentials
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.child_processes import ChildProcesses
    from ipy_awsprofile.bindings.open_readers import OpenReaders
    from ipy_awsprofile.bindings.owners import Owner, Owners
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library, and what it does: for example ``s3``, "still signs as X"."""

    name: str
    says: str


_IMPORT = "`from ipy_awsprofile import libraries`, then"

#: Libraries that don't follow, and how to give them the session's credentials.
_INDEPENDENT = {
    "daft": "keeps the credentials of its first read until the kernel is restarted",
    "duckdb": "doesn't follow by itself: "
    f"{_IMPORT} call `libraries.duckdb_secret(session)`, which follows each switch",
    "pyspark": f"doesn't follow: {_IMPORT} read with `**libraries.spark_options(session)`",
}


#: Of these, what keeps the credentials is the process, and not an object.
_PROCESS_WIDE = {"daft"}


def identity_of_the_rest(session: ProfileSession | None) -> Iterator[Leftover]:
    """Yield the identity that everything except the variable has after ``--only-session``."""
    if session:
        says = f"set the variable alone: the rest works as {session.target.name}"
        yield Leftover("--only-session", says)


def stale_variables(
    namespace: Mapping[str, Any], session: ProfileSession, owners: Owners, variable: str
) -> Iterator[Leftover]:
    """Yield the notebook's clients, resources, sessions and filesystems of another identity.

    ``variable`` is the one that holds the session. What the user has opened by a profile's name or
    by keys isn't named, nor what is inside other objects: see `StaleSignatures`.
    """
    for name, value in variables(namespace).items():
        if signer := signer_of(value):
            owner = signer.profile.owner if signer.profile else owners.of(signer.credentials)
            if whom := owner and owner.difference(session):
                code = signer.recreate.format(name=name, session=variable or "session")
                yield Leftover(name, f"still signs as {whom}: run `{code}`")


def stale_secrets(
    namespace: Mapping[str, Any], session: ProfileSession, owners: Owners
) -> Iterator[Leftover]:
    """Yield DuckDB's secrets that have the credentials of another identity.

    A secret that the user created for a session opened by its name is meant to stay.
    """
    active = known_keys(session)
    if SECRETS.problem:
        why = str(SECRETS.problem).rstrip(".")
        yield Leftover(NAME, f"was dropped from your DuckDB connections: {why}")
    for variable, secret in secrets_of_notebook(namespace):
        state = None if secret.key in active else SECRETS.state_of(secret)
        if state is SecretState.FOLLOWS and SECRETS.session is session:
            says = "is a DuckDB secret from before the session was renewed"
            yield Leftover(secret.name, f"{says}: run `%aws_profile --refresh`")
        elif state is SecretState.IS_LEFT:
            owner = owners.with_key(secret.key)
            whom = owner.name if owner else "another identity"
            again = how_to_replace(variable, secret)
            yield Leftover(secret.name, f"is a DuckDB secret that still signs as {whom}: {again}")


def readers_from_before(
    readers: OpenReaders, namespace: Mapping[str, Any], session: ProfileSession
) -> Iterator[Leftover]:
    """Yield the variables that have opened a place in S3 as another identity."""
    stale = dict[tuple[str, str], str]()  # one line for each variable and identity
    for name, owner, code in readers.from_before(namespace):
        if whom := _difference(owner, session):
            stale[name, whom] = f"run `{code}`" if code else "delete it, then create it again"
    for (name, whom), advice in stale.items():
        yield Leftover(
            name, f"was opened while {whom} was active and kept those credentials: {advice}"
        )


def processes_from_before(processes: ChildProcesses, session: ProfileSession) -> Iterator[Leftover]:
    """Yield the child processes that were started as another identity."""
    counted: Counter[tuple[str, str]] = Counter()
    for kind, owner, number in processes.from_before():
        counted[kind, _difference(owner, session)] += number
    for (kind, whom), number in counted.items():
        if whom:
            many = number_of(number, "process", "processes")
            says = f"({many}) started while {whom} was active and kept those credentials"
            yield Leftover(kind, f"{says}: {how_to_end(kind)}")


def _difference(owner: Owner | None, session: ProfileSession) -> str:
    """Return how an identity differs from the session's; None was the time without a profile."""
    return owner.difference(session) if owner else "no profile"


def libraries_in_use(namespace: Mapping[str, Any]) -> Iterator[Leftover]:
    """Yield the libraries imported in the notebook that find credentials on their own.

    Imports of other libraries don't count: awswrangler, for example, imports pyarrow's S3
    filesystem but uses boto3. A DataFrame doesn't count either, as it doesn't show what
    reads Parquet.
    """
    values = [value for name, value in list(namespace.items()) if not name.startswith("_")]
    imported = {value.__name__ for value in values if isinstance(value, ModuleType)}
    # A module of the user, or a library, can be what reads with it.
    imported |= _PROCESS_WIDE & sys.modules.keys()
    modules = imported | {getattr(value, "__module__", None) for value in values}
    old = {"polars": f"{KEEPS}. {UPDATE}"} if keeps_credentials() else {}
    for library, advice in (_INDEPENDENT | old).items():
        if library == "duckdb" and SECRETS.following():
            continue
        if any(f"{module}.".startswith(f"{library}.") for module in modules):
            yield Leftover(library, advice)


@dataclass(frozen=True, slots=True)
class Signer:
    """An object that signs requests.

    ``recreate`` is code with ``{name}`` for the variable and ``{session}`` for the session's.
    ``profile`` is the name by which a filesystem finds its credentials when it is used.
    """

    credentials: Any
    recreate: str
    profile: DefaultProfile | None = None


def signer_of(value: Any) -> Signer | None:
    """Return how an object signs, or None if it doesn't, or hasn't found its credentials yet."""
    kind = type(value)
    if issubclass(kind, botocore.client.BaseClient):
        service = value.meta.service_model.service_name
        return _client(value, f"{{name}} = {{session}}.client({service!r})")
    if issubclass(kind, ServiceResource):
        service = value.meta.service_name
        return _client(value.meta.client, f"{{name}} = {{session}}.resource({service!r})")
    if issubclass(kind, boto3.session.Session):
        return _session(value._session)  # noqa: SLF001
    if issubclass(kind, botocore.session.Session):
        return _session(value)
    if (kind.__module__, kind.__name__) == ("s3fs.core", "S3FileSystem"):
        return _filesystem(value)
    return None


def _client(client: Any, recreate: str) -> Signer | None:
    """Return how a client signs; botocore has no public attribute for its credentials."""
    credentials = client._request_signer._credentials  # noqa: SLF001
    return Signer(credentials, recreate) if credentials else None


def _session(session: Any) -> Signer | None:
    credentials = session._credentials  # noqa: SLF001
    return Signer(credentials, "{name} = {session}") if credentials else None


def _filesystem(filesystem: Any) -> Signer | None:
    given = filesystem.kwargs.get("profile")
    profile = given if isinstance(given, DefaultProfile) else None
    client = filesystem._s3  # noqa: SLF001  # None until its first request
    credentials = client._request_signer._credentials if client else None  # noqa: SLF001
    if filesystem.anon or not (credentials or profile):
        return None
    return Signer(credentials, "import s3fs; {name} = s3fs.S3FileSystem()", profile)
