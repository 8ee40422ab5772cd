"""Runs the tutorials on an embedded AWS: kernels inherit its environment from here."""

from __future__ import annotations

import os

import pytest

from ipy_awsprofile.demo.commands.environment import clean_environment
from ipy_awsprofile.demo.stages.demo_aws import demo_aws

_running = pytest.StashKey["object"]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start it before the first notebook; fixtures don't reach nbval's cells."""
    if _only_distributes(session.config):
        return
    embedded = demo_aws()
    environment = clean_environment(embedded.__enter__())
    os.environ.clear()
    os.environ.update(environment)
    session.config.stash[_running] = embedded


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop it after the last one."""
    if not _only_distributes(session.config):
        session.config.stash[_running].__exit__(None, None, None)


def _only_distributes(config: pytest.Config) -> bool:
    """Return whether this process runs no notebook, because workers of pytest-xdist do."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
