"""What doesn't follow a switch, so that the notebook can say so: nothing is hidden."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.environment import in_the_way
from ipy_awsprofile.bindings.namespace import signers

if TYPE_CHECKING:
    from ipy_awsprofile.config.target import Target
    from ipy_awsprofile.sessions.session import ProfileSession


@dataclass(frozen=True, slots=True)
class Leftover:
    """A variable or library, and what it does instead of following: ``s3``, "still signs as X".

    ``quiet`` is for what is always so, and nothing to be alarmed about.
    """

    name: str
    says: str
    quiet: bool = False


#: Libraries that keep their own credentials, and what makes them follow.
_INDEPENDENT = {
    "duckdb": "call `libraries.duckdb_secret(session)`",
    "polars": "pass `**libraries.polars_options(session)`",
    "pyarrow.fs": "use `libraries.pyarrow_filesystem(session)`",
    "pyspark": "read with `**libraries.spark_options(session)`",
}

#: pandas goes by fsspec, which follows; but for Parquet by pyarrow, whose client knows no roles of
#: profiles, and on an instance it would silently take the instance's own.
_PARQUET = "doesn't follow for Parquet: pass `storage_options=storage_options()`"


def stale_variables(
    namespace: Mapping[str, Any],
    session: ProfileSession,
    owners: Mapping[Any, Target],
) -> Iterator[Leftover]:
    """Find the notebook's clients, resources and sessions that sign as another identity.

    ``owners`` says what the credentials were opened for that were ever switched to.
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
            access = "read-only" if owner.policy_arns else "with all that the role may do"
            yield Leftover(name, f"still signs as {owner.name} {access}")


def shadowing_variables(environ: MutableMapping[str, str] | None = None) -> Iterator[Leftover]:
    """Find what was set after the switch and keeps subprocesses from following it."""
    for name in in_the_way(os.environ if environ is None else environ):
        yield Leftover(name, "was set after the switch: subprocesses go by it instead")


def libraries_in_use(namespace: Mapping[str, Any]) -> Iterator[Leftover]:
    """Find the libraries that the notebook has imported and that keep their own credentials.

    What another library has imported for itself doesn't count: awswrangler loads pyarrow's S3
    filesystem, and uses boto3. Nor does a DataFrame, which is no sign of who reads Parquet.
    """
    values = [value for name, value in list(namespace.items()) if not name.startswith("_")]
    imported = {value.__name__ for value in values if isinstance(value, ModuleType)}
    if "pandas" in imported and find_spec("pyarrow"):
        yield Leftover("pandas", _PARQUET, quiet=True)
    modules = imported | {getattr(value, "__module__", None) for value in values}
    for library, advice in _INDEPENDENT.items():
        if any(f"{module}.".startswith(f"{library}.") for module in modules):
            yield Leftover(
                library, f"doesn't follow: `from ipy_awsprofile import libraries`, then {advice}"
            )


def _same_key(one: Any, other: Any) -> bool:
    key = _long_term_key(one)
    return key is not None and key == _long_term_key(other)


def _profile_of(credentials: Any) -> str:
    """Name the profile whose keys these are, or else where botocore got them from."""
    from ipy_awsprofile.config.profiles import profile_with_key

    key = _long_term_key(credentials)
    return (key and profile_with_key(key)) or f"somebody else ({credentials.method})"


def _long_term_key(credentials: Any) -> str | None:
    """Read the access key; not of credentials that refresh, since that could call AWS."""
    from botocore.credentials import Credentials

    return credentials.access_key if type(credentials) is Credentials else None
