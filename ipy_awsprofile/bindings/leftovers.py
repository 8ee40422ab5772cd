"""Variables, libraries and processes that don't follow a switch. The card lists them."""

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
from ipy_awsprofile.bindings.owner import DefaultProfile, Owner, known_keys
from ipy_awsprofile.bindings.recreate import code_to_recreate
from ipy_awsprofile.sessions.duckdb_secret import NAME, SECRETS, SecretState
from ipy_awsprofile.sessions.polars_credentials import KEEPS, UPDATE, keeps_credentials
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.child_processes import ChildProcesses
    from ipy_awsprofile.bindings.open_readers import OpenReaders
    from ipy_awsprofile.bindings.owners import Owners
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library that doesn't follow, such as ``s3``, and why: "still signs as X"."""

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


#: Libraries that keep credentials for the whole process, not in an object.
_PROCESS_WIDE = {"daft"}


def identity_of_the_rest(session: ProfileSession | None) -> Iterator[Leftover]:
    """Yield the identity of everything except the variable after ``--only-session``."""
    if session:
        says = f"changed only the variable: everything else uses {session.target.name}"
        yield Leftover("--only-session", says)


def stale_variables(
    namespace: Mapping[str, Any], session: ProfileSession, owners: Owners, variable: str
) -> Iterator[Leftover]:
    """Yield the notebook's clients, resources, sessions and filesystems with another identity.

    ``variable`` is the name of the variable that holds the session. Objects that the user opened
    with a profile's name or with keys aren't included. Objects inside other objects aren't included
    either; see `StaleSignatures`.
    """
    for name, value in variables(namespace).items():
        if signer := signer_of(value):
            owner = signer.profile.owner if signer.profile else owners.of(signer.credentials)
            if whom := owner and owner.difference(session):
                region = owner.target.region if isinstance(owner, Owner) else session.region_name
                code = code_to_recreate(value, variable or "session", region)
                yield Leftover(name, f"still signs as {whom}: {_how_to_recreate(name, code)}")


def _how_to_recreate(name: str, code: str) -> str:
    if not code:
        return "create it again with the same arguments"
    library = "import s3fs; " if code.startswith("s3fs.") else ""
    return f"run `{library}{name} = {code}`"


def stale_secrets(
    namespace: Mapping[str, Any], session: ProfileSession, owners: Owners
) -> Iterator[Leftover]:
    """Yield DuckDB secrets with the credentials of another identity, and secrets that were dropped.

    A secret that the user created for a session opened by name stays as it is, and isn't included.
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
    """Yield the variables with readers that were opened in S3 as another identity."""
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
    """Return how an owner differs from the session. None means that no profile was active."""
    return owner.difference(session) if owner else "no profile"


def libraries_in_use(namespace: Mapping[str, Any]) -> Iterator[Leftover]:
    """Yield the libraries imported in the notebook that find credentials on their own.

    Libraries that only other libraries import aren't included, except daft, which keeps credentials
    for the whole process. For example, awswrangler imports pyarrow's S3 filesystem but uses boto3.
    DataFrames aren't considered either, because they don't show which library reads Parquet.
    """
    values = [value for name, value in list(namespace.items()) if not name.startswith("_")]
    imported = {value.__name__ for value in values if isinstance(value, ModuleType)}
    # The user's modules and other libraries can use these, too.
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

    ``profile`` is the profile name that a filesystem uses to find its credentials.
    """

    credentials: Any
    profile: DefaultProfile | None = None


def signer_of(value: Any) -> Signer | None:
    """Return how an object signs, or None if it doesn't sign or has no credentials yet."""
    kind = type(value)
    if issubclass(kind, botocore.client.BaseClient):
        return _client(value)
    if issubclass(kind, ServiceResource):
        return _client(value.meta.client)
    if issubclass(kind, boto3.session.Session):
        return _session(value._session)  # noqa: SLF001
    if issubclass(kind, botocore.session.Session):
        return _session(value)
    if (kind.__module__, kind.__name__) == ("s3fs.core", "S3FileSystem"):
        return _filesystem(value)
    return None


def _client(client: Any) -> Signer | None:
    """Return how a client signs; botocore has no public attribute for its credentials."""
    credentials = client._request_signer._credentials  # noqa: SLF001
    return Signer(credentials) if credentials else None


def _session(session: Any) -> Signer | None:
    credentials = session._credentials  # noqa: SLF001
    return Signer(credentials) if credentials else None


def _filesystem(filesystem: Any) -> Signer | None:
    given = filesystem.kwargs.get("profile")
    profile = given if isinstance(given, DefaultProfile) else None
    client = filesystem._s3  # noqa: SLF001  # None until its first request
    credentials = client._request_signer._credentials if client else None  # noqa: SLF001
    if filesystem.anon or not (credentials or profile):
        return None
    return Signer(credentials, profile)
