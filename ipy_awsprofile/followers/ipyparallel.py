"""Describe ipyparallel, whose engines keep the identity that they were started with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ipy_awsprofile.follower import (
    ELSEWHERE,
    Follower,
    Handle,
    Leftover,
    Notebook,
    is_one_of,
    type_of,
)

_CLIENT = "ipyparallel.client.client.Client"
_ENGINES = Handle(says="has engines that keep another identity: start the cluster again")


def _about(notebook: Notebook) -> Iterator[Leftover]:
    """Yield the card's lines about ipyparallel clusters that this kernel didn't start."""
    if notebook.active is None:
        return
    for name, value in notebook.variables.items():
        client: Any = value
        if type_of(client) == _CLIENT and client.cluster is None:
            yield Leftover(name, ELSEWHERE)


FOLLOWERS = (
    Follower(
        package="ipyparallel",
        why="The engines of a cluster keep the environment that they were started with.",
        tried="ipyparallel 9.2",
        handles={_CLIENT: _ENGINES, "ipyparallel.cluster.cluster.Cluster": _ENGINES},
        starts_workers=is_one_of(_CLIENT),
        about=_about,
    ),
)
