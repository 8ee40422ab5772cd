"""Find pyarrow objects that keep their identity, and create filesystems for a session."""

from __future__ import annotations

import gc
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.python_interface import checks_arguments
from ipy_awsprofile.follower import MAY_KEEP, Follower, Handle, Refusal
from ipy_awsprofile.kernel.arguments import s3_location
from ipy_awsprofile.kernel.leftovers import is_handle
from ipy_awsprofile.sessions.issuing import renew_keys, require_short_lived
from ipy_awsprofile.sessions.session import check_session

if TYPE_CHECKING:
    import boto3
    from pyarrow.fs import S3FileSystem


@checks_arguments
def pyarrow_filesystem(session: boto3.Session) -> S3FileSystem:
    """Return a pyarrow S3 filesystem that uses the session until the credentials expire.

    The filesystem contains the current short-lived credentials, which pyarrow can't renew. After
    the credentials expire, call this function again. Raise `CredentialsUnavailable` if the session
    has long-term keys.

    https://arrow.apache.org/docs/python/generated/pyarrow.fs.S3FileSystem.html
    """
    from pyarrow.fs import S3FileSystem

    check_session(session)
    keys = require_short_lived(renew_keys(session))
    region, endpoint = s3_location(session)
    return S3FileSystem(
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.token,
        region=region,
        endpoint_override=endpoint,
    )


# Open objects -------------------------------------------------------------------------------------


def _is_file_in_s3(file: Any) -> bool:
    # pyarrow reads the metadata of an S3 file when opening it. Local files have none. Closed files,
    # and files that are open for writing, raise an error.
    return "ETag" in file.metadata()


def _reads_s3(parquet: Any) -> bool:
    return any(map(is_handle, gc.get_referents(parquet.reader)))


_HANDLES = {
    "pyarrow._s3fs.S3FileSystem": Handle(),
    "pyarrow._fs.SubTreeFileSystem": Handle(address="base_fs"),
    "pyarrow._dataset.FileSystemDataset": Handle(address="filesystem"),
    "pyarrow._dataset.Scanner": Handle(says=MAY_KEEP),  # it doesn't tell its address
    "pyarrow.parquet.core.ParquetDataset": Handle(address="filesystem"),
    "pyarrow.parquet.core.ParquetFile": Handle(test=_reads_s3),
    "pyarrow.lib.NativeFile": Handle(test=_is_file_in_s3),
}


# Errors -------------------------------------------------------------------------------------------


_ERROR = re.compile(
    r"AWS Error ([A-Z_]+)(?: \(HTTP status (\d+)\))? during (\w+) operation: (.*)", re.DOTALL
)
_NOT_PARSED = re.compile(r"Unable to parse ExceptionName: (\w+) Message: (.*)", re.DOTALL)
_NO_BODY = "No response body."


def _read_refusal(error: BaseException) -> Refusal | None:
    """Return the refused request that caused an OSError in pyarrow's S3 filesystem, or None."""
    found = isinstance(error, OSError) and _ERROR.search(str(error))
    if not found:
        return None
    name, status, operation, message = found.groups()
    code = "".join(word.title() for word in name.split("_"))
    not_parsed = _NOT_PARSED.match(message)
    if not_parsed:
        code, message = not_parsed.groups()
    elif code == "Unknown" or message == _NO_BODY:
        code = ""
    if name == "ACCESS_DENIED":
        status = HTTPStatus.FORBIDDEN
    return Refusal(code, int(status or 0), operation, message)


FOLLOWERS = (
    Follower(
        package="pyarrow",
        why="A filesystem and the objects that it opens keep the filesystem's first credentials.",
        tried="pyarrow 25",
        handles=_HANDLES,
        read_refusal=_read_refusal,
        in_run=(
            "pass `filesystem=libraries.pyarrow_filesystem(session)`, and write the path without "
            "`s3://`"
        ),
    ),
)
