"""Describe the libraries that use Rust's object_store, and read the errors of object_store."""

from __future__ import annotations

import re

from ipy_awsprofile.follower import Follower, Handle, Refusal
from ipy_awsprofile.kernel.refusals import code_and_message, is_address_of_aws

_STYLE = re.compile(r"\x1b\[[0-9;]*m|\s*↳\s*")
_ERROR = re.compile(
    r"Error performing ([A-Z]+) (\S+) in \S+ - .*?status(?: code)?\W*(\d{3})", re.DOTALL
)
_METADATA = re.compile(r"/latest/(api/token|meta-data)")


def read_object_store(error: BaseException) -> Refusal | None:
    """Return the refused request that caused an error in object_store, or None."""
    text = _STYLE.sub(" ", str(error)) if isinstance(error, Exception) else ""
    found = _ERROR.search(text)
    if not found:
        return None
    method, url, status = found.groups()
    if _METADATA.search(url):  # no credentials were found, not even an instance's
        return Refusal(was_unsigned=True)
    if not is_address_of_aws(url):
        return None
    code, message = code_and_message(text[found.end() :])
    return Refusal(code, int(status), method, message)


_WHY = "An open object keeps the credentials that object_store found when the object was opened."

FOLLOWERS = (
    Follower(
        package="deltalake",
        why=_WHY,
        tried="deltalake 1.6",
        handles={"deltalake.table.DeltaTable": Handle(address="table_uri")},
        read_refusal=read_object_store,
    ),
    Follower(
        package="obstore",
        why=_WHY,
        tried="obstore 0.12",
        handles={
            "obstore.store.S3Store": Handle(),
            "obstore.fsspec.FsspecStore": Handle(address="protocol"),
        },
        read_refusal=read_object_store,
    ),
    Follower(
        package="lance",
        why=_WHY,
        tried="pylance 14.0",
        handles={"lance.dataset.LanceDataset": Handle(address="uri")},
        read_refusal=read_object_store,
    ),
    Follower(
        package="lancedb",
        why=_WHY,
        tried="lancedb 0.40",
        handles={
            "lancedb.db.LanceDBConnection": Handle(address="uri"),
            "lancedb.table.LanceTable": Handle(address="_conn.uri"),
        },
        read_refusal=read_object_store,
    ),
)
