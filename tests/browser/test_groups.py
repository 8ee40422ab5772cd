"""The groups of browser tests that share a worker of pytest-xdist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def test_groups(request: pytest.FixtureRequest) -> None:
    """With --dist=loadgroup, pytest-xdist knows the group of each browser test."""
    grouped = request.config.getoption("loadgroup", default=False)
    assert ("@browser-" in request.node.nodeid) == grouped
