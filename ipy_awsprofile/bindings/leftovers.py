"""Variables and libraries that don't follow a switch, which the card shows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.environment import overriding_variables
from ipy_awsprofile.bindings.namespace import signers

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library, and what it does: for example ``s3``, "still signs as X"."""

    name: str
    says: str


_IMPORT = "doesn't follow: `from ipy_awsprofile import libraries`, then"

#: Libraries that don't follow, and how to give them the session's credentials.
_INDEPENDENT = {
    "daft": "keeps the credentials of its first read until the kernel is restarted",
    "duckdb": f"{_IMPORT} call `libraries.duckdb_secret(session)`",
    "pyspark": f"{_IMPORT} read with `**libraries.spark_options(session)`",
}


def stale_variables(
    namespace: Mapping[str, Any],
    session: ProfileSession,
    owners: Mapping[Any, Target],
) -> Iterator[Leftover]:
    """Yield the notebook's clients, resources and sessions that sign as another identity.

    ``owners`` maps the credentials of all switches so far to their targets.
    """
    active = session.get_credentials()
    for name, credentials in signers(namespace):
        owner = owners.get(credentials)
        if credentials is active or _same_key(credentials, active):
            continue
        if owner is None:
            yield Leftover(name, f"still signs as {_profile_of(credentials)}")
        elif owner.chain != session.chain:
            yield Leftover(name, f"still signs as {owner.name}")
        elif owner.policy_arns != session.target.policy_arns:
            access = "read-only" if owner.policy_arns else "with the role's full permissions"
            yield Leftover(name, f"still signs as {owner.name} {access}")


def shadowing_variables(environ: MutableMapping[str, str] | None = None) -> Iterator[Leftover]:
    """Yield the variables set since the switch that subprocesses use instead of its profile."""
    for name in overriding_variables(os.environ if environ is None else environ):
        yield Leftover(name, "was set after the switch: subprocesses use it instead")


def libraries_in_use(namespace: Mapping[str, Any]) -> Iterator[Leftover]:
    """Yield the libraries imported in the notebook that find credentials on their own.

    Imports of other libraries don't count: awswrangler, for example, imports pyarrow's S3
    filesystem but uses boto3. A DataFrame doesn't count either, as it doesn't show what
    reads Parquet.
    """
    values = [value for name, value in list(namespace.items()) if not name.startswith("_")]
    imported = {value.__name__ for value in values if isinstance(value, ModuleType)}
    modules = imported | {getattr(value, "__module__", None) for value in values}
    for library, advice in _INDEPENDENT.items():
        if any(f"{module}.".startswith(f"{library}.") for module in modules):
            yield Leftover(library, advice)


def _same_key(credentials: Any, other: Any) -> bool:
    key = _long_term_key(credentials)
    return key is not None and key == _long_term_key(other)


def _profile_of(credentials: Any) -> str:
    """Return the profile with these keys, or else botocore's name of their source."""
    from ipy_awsprofile.config.profiles import profile_with_key

    key = _long_term_key(credentials)
    return (key and profile_with_key(key)) or f"another identity ({credentials.method})"


def _long_term_key(credentials: Any) -> str | None:
    """Return the access key, but not of credentials that refresh, since that could call AWS."""
    from botocore.credentials import Credentials

    return credentials.access_key if type(credentials) is Credentials else None
