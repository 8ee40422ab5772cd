"""Describe libraries whose open objects keep their identity after a switch."""

from __future__ import annotations

from typing import Any

from ipy_awsprofile.follower import Follower, Handle


def _is_icechunk_in_s3(value: object) -> bool:
    return "S3" in repr(getattr(value, "storage", value))


def _looks_for_credentials(client: Any) -> bool:
    return type(client._provider).__name__ != "StaticProvider"  # noqa: SLF001  # the user's own keys


FOLLOWERS = (
    Follower(
        package="zarr",
        why="A group or array keeps its store, which can be an obstore store.",
        tried="zarr 3.1",
        handles={
            "zarr.core.group.Group": Handle(address="store.store"),
            "zarr.core.array.Array": Handle(address="store.store"),
        },
    ),
    Follower(
        package="icechunk",
        why="icechunk looks for credentials only when a repository is opened.",
        tried="icechunk 1.1",
        handles={
            "icechunk.repository.Repository": Handle(test=_is_icechunk_in_s3),
            "icechunk.session.Session": Handle(test=_is_icechunk_in_s3),
        },
    ),
    Follower(
        package="tiledb",
        why="A filesystem keeps the credentials that AWS's C++ SDK found for the filesystem.",
        tried="tiledb 0.36",
        handles={"tiledb.vfs.VFS": Handle()},
    ),
    Follower(
        package="minio",
        why="A MinIO client keeps the credentials that its provider has found.",
        tried="minio 7.2",
        handles={"minio.api.Minio": Handle(test=_looks_for_credentials)},
    ),
    Follower(
        package="pyiceberg",
        why="A table keeps the filesystems that were used to read the table.",
        tried="pyiceberg 0.12",
        handles={"pyiceberg.table.Table": Handle(address="metadata_location")},
    ),
)
