"""Keep functions that run for many profiles from using the notebook's identity.

Libraries that can tell threads apart use the profile of each thread. Other libraries find no
identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from ipy_awsprofile.bindings.cached_clients import no_cached_clients
from ipy_awsprofile.bindings.duckdb_secrets import duckdb_secrets
from ipy_awsprofile.bindings.filesystems import filesystems_of_threads
from ipy_awsprofile.bindings.no_identity import no_identity
from ipy_awsprofile.bindings.polars import no_default_of_polars
from ipy_awsprofile.bindings.run_signatures import signatures_of_rows
from ipy_awsprofile.bindings.shared import SharedBinding
from ipy_awsprofile.bindings.transaction import TRANSACTION
from ipy_awsprofile.sessions.run_isolation import known_threads

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.filesystems import Arguments
    from ipy_awsprofile.bindings.owners import Owners


@contextmanager
def isolated_run(s3_arguments: Arguments, owners: Owners | None = None) -> Iterator[None]:
    """Isolate functions that run for many profiles from the notebook, in a ``with`` block.

    ``s3_arguments`` returns the S3 filesystem arguments for a profile's session, and ``owners``
    knows the notebook's credentials.
    """
    with (
        _threads(),
        _hidden_identity(s3_arguments),
        signatures_of_rows(owners),
        no_cached_clients(),
    ):
        yield


@contextmanager
def _hide_identity(s3_arguments: Arguments) -> Iterator[None]:
    with (
        no_identity(),
        filesystems_of_threads(s3_arguments),
        no_default_of_polars(),
        duckdb_secrets(None),  # a connection can't know the function's profile
    ):
        yield


_threads = SharedBinding(known_threads)
_hidden_identity = SharedBinding(_hide_identity, TRANSACTION.lock)


def identity_unhidden() -> AbstractContextManager[None]:
    """Restore what runs hide in a ``with`` block, and hide it again afterwards.

    Inside the block, change the notebook's identity. Otherwise, the end of the runs would restore
    the identity from before the change. Call this in a `Transaction`, so that functions don't find
    the identity in between.
    """
    return _hidden_identity.lifted()
