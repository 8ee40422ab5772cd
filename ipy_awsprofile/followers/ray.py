"""Describe Ray, whose workers keep the identity that they were started with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType

from ipy_awsprofile.follower import ELSEWHERE, Follower, Leftover, Notebook


def _running_ray() -> ModuleType | None:
    """Return the `ray` module if the kernel is connected to a Ray cluster, or else None."""
    ray = sys.modules.get("ray")
    return ray if ray and ray.is_initialized() else None


def _is_own(ray: ModuleType) -> bool:
    """Return whether this kernel started the Ray cluster itself."""
    with suppress(AttributeError):  # another version
        node = ray._private.worker._global_node  # noqa: SLF001  # Ray has no public name for it
        return node is not None and bool(node.is_head())
    return True


def _processes() -> Iterator[object]:
    """Yield the address of the Ray cluster if this kernel started it."""
    ray = _running_ray()
    if ray and _is_own(ray):
        yield ray.get_runtime_context().gcs_address


def _starts_workers(value: object) -> bool:
    ray = _running_ray()
    return ray is not None and value is ray


def _about(notebook: Notebook) -> Iterator[Leftover]:
    """Yield the card's line about a Ray cluster that this kernel didn't start."""
    ray = _running_ray()
    if notebook.active and ray and not _is_own(ray):
        yield Leftover("ray", ELSEWHERE)


FOLLOWERS = (
    Follower(
        package="ray",
        why="Ray's worker processes keep the environment that they were started with.",
        tried="ray 2.60",
        starts_workers=_starts_workers,
        processes=_processes,
        restart="run `ray.shutdown()`, then `ray.init()`",
        about=_about,
    ),
)
