"""Variables and libraries that don't follow a switch, which the card shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.duckdb_secrets import secret_keys
from ipy_awsprofile.bindings.owners import lent_name
from ipy_awsprofile.bindings.signers import key_of, signers
from ipy_awsprofile.bindings.worker_processes import how_to_end
from ipy_awsprofile.sessions.polars_version import KEEPS, UPDATE, keeps_credentials
from ipy_awsprofile.text import number_of

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.open_readers import OpenReaders
    from ipy_awsprofile.bindings.owners import Owner
    from ipy_awsprofile.bindings.signers import Signer
    from ipy_awsprofile.bindings.worker_processes import WorkerProcesses
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library, and what it does: for example ``s3``, "still signs as X"."""

    name: str
    says: str


_IMPORT = "`from ipy_awsprofile import libraries`, then"
_SECRET = f"{_IMPORT} call `libraries.duckdb_secret(session)`"

#: Libraries that don't follow, and how to give them the session's credentials.
_INDEPENDENT = {
    "daft": "keeps the credentials of its first read until the kernel is restarted",
    "duckdb": f"doesn't follow: {_SECRET}",
    "pyspark": f"doesn't follow: {_IMPORT} read with `**libraries.spark_options(session)`",
}


def identity_of_the_rest(session: ProfileSession | None) -> Iterator[Leftover]:
    """Yield the identity that everything except the variable has after ``--only-session``."""
    if session:
        says = f"set the variable alone: the rest works as {session.target.name}"
        yield Leftover("--only-session", says)


def stale_variables(
    namespace: Mapping[str, Any],
    session: ProfileSession,
    owners: Mapping[Any, Owner],
    variable: str,
) -> Iterator[Leftover]:
    """Yield the notebook's clients, resources, sessions and filesystems of another identity.

    ``owners`` maps the credentials of all switches so far to whose they are. ``variable`` is the
    one that holds the session. What is inside another object is counted.
    """
    active, by_key, lent = session.get_credentials(), _by_key(owners), lent_name(session)
    held: Counter[tuple[str, str, str]] = Counter()
    for name, signer, is_inside in signers(namespace):
        key = key_of(signer.credentials)
        if signer.credentials is active or (key and key == key_of(active)):
            continue
        owner = by_key.get(key) or (signer.credentials and owners.get(signer.credentials))
        whom = owner.difference(session) if owner else _name_of(signer)
        if not whom or (signer.profile and not owner and whom == lent):
            continue
        if is_inside:
            held[name, signer.kind, whom] += 1
        else:
            again = signer.again.format(name=name, session=variable or "session")
            yield Leftover(name, f"still signs as {whom}: run `{again}`")
    for (name, kind, whom), count in held.items():
        what = f"a {kind} that still signs" if count == 1 else f"{count} {kind}s that still sign"
        yield Leftover(name, f"holds {what} as {whom}: make it again")


def stale_secrets(
    namespace: Mapping[str, Any], session: ProfileSession, owners: Mapping[Any, Owner]
) -> Iterator[Leftover]:
    """Yield DuckDB's secrets that have the credentials of another identity."""
    active = {key_of(session.get_credentials()), session.issued and session.issued[1].access_key}
    by_key = _by_key(owners)
    for name, key in sorted(set(secret_keys(namespace))):
        if key not in active:
            whom = by_key[key].name if key in by_key else "another identity"
            yield Leftover(name, f"is a DuckDB secret that still signs as {whom}: {_SECRET}")


def readers_from_before(
    readers: OpenReaders, namespace: Mapping[str, Any], session: ProfileSession
) -> Iterator[Leftover]:
    """Yield the variables that have opened a place in S3 as another identity."""
    for name, owner, again in readers.from_before(namespace, lent_name(session)):
        whom = owner.difference(session) if owner else "no profile"
        if whom:
            new = again.format(name=name)
            yield Leftover(name, f"was opened while {whom} was active, and keeps it: run `{new}`")


def workers_from_before(workers: WorkerProcesses, session: ProfileSession) -> Iterator[Leftover]:
    """Yield the worker processes that were started as another identity."""
    counted: Counter[tuple[str, str]] = Counter()
    for kind, owner in workers.from_before():
        counted[kind, owner.difference(session) if owner else "no profile"] += 1
    for (kind, whom), number in counted.items():
        if whom:
            many = number_of(number, "worker process", "worker processes")
            says = f"({many}) started while {whom} was active, and keeps it: {how_to_end(kind)}"
            yield Leftover(kind, says)


def libraries_in_use(namespace: Mapping[str, Any]) -> Iterator[Leftover]:
    """Yield the libraries imported in the notebook that find credentials on their own.

    Imports of other libraries don't count: awswrangler, for example, imports pyarrow's S3
    filesystem but uses boto3. A DataFrame doesn't count either, as it doesn't show what
    reads Parquet.
    """
    values = [value for name, value in list(namespace.items()) if not name.startswith("_")]
    imported = {value.__name__ for value in values if isinstance(value, ModuleType)}
    modules = imported | {getattr(value, "__module__", None) for value in values}
    old = {"polars": f"{KEEPS}. {UPDATE}"} if keeps_credentials() else {}
    for library, advice in (_INDEPENDENT | old).items():
        if any(f"{module}.".startswith(f"{library}.") for module in modules):
            yield Leftover(library, advice)


def _by_key(owners: Mapping[Any, Owner]) -> dict[str | None, Owner]:
    return {key_of(credentials): owner for credentials, owner in owners.items()}


def _name_of(signer: Signer) -> str:
    """Return the profile that is known, or with these keys, or botocore's name of their source."""
    from ipy_awsprofile.config.profiles import profile_with_key

    if signer.profile:
        return signer.profile
    key = key_of(signer.credentials)
    return (key and profile_with_key(key)) or f"another identity ({signer.credentials.method})"
