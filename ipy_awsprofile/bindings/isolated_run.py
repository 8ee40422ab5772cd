"""While functions are called for many profiles, nothing works as the notebook in their name.

What can tell the threads apart follows the profile that each works for; the rest finds no identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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
    """Call functions for many profiles in a ``with`` block.

    ``s3_arguments`` returns the arguments of S3 filesystems for the session of a profile, and the
    ``owners`` know the notebook's credentials.
    """
    with (
        no_identity(),
        filesystems_of_threads(s3_arguments),
        no_default_of_polars(),
        signatures_of_rows(owners),
        no_secrets_of_duckdb(),
    ):
        yield
