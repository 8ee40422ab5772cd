"""fsspec and s3fs: ``pd.read_csv("s3://…")``, Dask, pyarrow through fsspec.

https://filesystem-spec.readthedocs.io/en/latest/features.html#configuration
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.lending import LentProfile


@contextmanager
def filesystems(profile: LentProfile) -> Iterator[None]:
    """Open ``s3://`` paths as the profile.

    The profile's name becomes a default argument of S3 filesystems. Arguments given by the user
    take precedence over it. fsspec caches instances by their arguments; those of another identity
    are removed from the cache at the start and at the end.

    This doesn't import fsspec. If fsspec is imported later, it uses ``AWS_PROFILE``.
    """
    config = getattr(sys.modules.get("fsspec.config"), "conf", None)
    if config is None:
        try:
            yield
        finally:
            _clear_cache()
        return
    before: dict[str, Any] | None = config.get("s3")
    ours = {**(before or {}), "profile": profile.name}
    config["s3"] = ours
    _clear_cache()
    try:
        yield
    finally:
        if config.get("s3") is ours and ours.get("profile") == profile.name:
            _remove_profile(config, ours, before)
        _clear_cache()


def _remove_profile(
    config: dict[str, Any], ours: dict[str, Any], before: dict[str, Any] | None
) -> None:
    """Restore the arguments from before, and keep those that the user has added since."""
    del ours["profile"]
    if before and "profile" in before:
        ours["profile"] = before["profile"]
    if ours == (before or {}):
        del config["s3"]
        if before is not None:
            config["s3"] = before


def _clear_cache() -> None:
    s3fs = sys.modules.get("s3fs")
    if s3fs is not None:
        s3fs.S3FileSystem.clear_instance_cache()
