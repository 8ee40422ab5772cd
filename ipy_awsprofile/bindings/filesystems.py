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
    """Let ``s3://`` paths be opened as the profile.

    The profile's name becomes a default argument of S3 filesystems: arguments that the user gives
    go before it, and it is part of the key under which fsspec keeps instances. Those that are
    kept from another identity are dropped all the same, at both ends.

    fsspec isn't imported for this. Where it is imported later, it goes by ``AWS_PROFILE``.
    """
    config = getattr(sys.modules.get("fsspec.config"), "conf", None)
    if config is None:
        try:
            yield
        finally:
            _forget_instances()
        return
    before: dict[str, Any] | None = config.get("s3")
    ours = {**(before or {}), "profile": profile.name}
    config["s3"] = ours
    _forget_instances()
    try:
        yield
    finally:
        if config.get("s3") is ours and ours.get("profile") == profile.name:
            _take_out_profile(config, ours, before)
        _forget_instances()


def _take_out_profile(
    config: dict[str, Any], ours: dict[str, Any], before: dict[str, Any] | None
) -> None:
    """Put back what was there; what the user has added to our arguments since stays."""
    del ours["profile"]
    if before and "profile" in before:
        ours["profile"] = before["profile"]
    if ours == (before or {}):
        del config["s3"]
        if before is not None:
            config["s3"] = before


def _forget_instances() -> None:
    s3fs = sys.modules.get("s3fs")
    if s3fs is not None:
        s3fs.S3FileSystem.clear_instance_cache()
