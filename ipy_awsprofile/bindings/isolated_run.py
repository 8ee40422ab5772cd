"""Keep functions that run for many profiles from using the notebook's identity.

Libraries that can tell threads apart use the profile of each thread. Other libraries find no
identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipy_awsprofile.bindings.cached_clients import no_cached_clients
from ipy_awsprofile.bindings.duckdb_secrets import no_secrets_of_duckdb
from ipy_awsprofile.bindings.filesystems import filesystems_of_threads
from ipy_awsprofile.bindings.no_identity import no_identity
from ipy_awsprofile.bindings.polars import no_default_of_polars
from ipy_awsprofile.bindings.run_signatures import signatures_of_rows

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
        no_identity(),
        filesystems_of_threads(s3_arguments),
        no_default_of_polars(),
        signatures_of_rows(owners),
        no_cached_clients(),
        no_secrets_of_duckdb(),
    ):
        yield
