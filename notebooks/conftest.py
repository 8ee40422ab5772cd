"""Runs the tutorials on an embedded AWS: kernels inherit its environment from here."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from typing import Any

import nbval.kernel
import pytest
from jupyter_client import KernelManager

from ipy_awsprofile.demo.commands.environment import clean_environment
from ipy_awsprofile.demo.stages.demo_aws import demo_aws

_running = pytest.StashKey["object"]()
_sockets = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start it before the first notebook; fixtures don't reach nbval's cells."""
    if _only_distributes(session.config):
        return
    session.config.stash[_sockets] = sockets = tempfile.TemporaryDirectory()
    numbers = count()

    def kernel_manager(**options: Any) -> KernelManager:
        # A free TCP port that jupyter_client chooses can be taken before the kernel has started.
        path = f"{sockets.name}/kernel-{next(numbers)}"
        return KernelManager(transport="ipc", ip=path, **options)

    nbval.kernel.KernelManager = kernel_manager
    embedded = demo_aws()
    environment = clean_environment(embedded.__enter__())
    os.environ.clear()
    os.environ.update(environment)
    session.config.stash[_running] = embedded


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop it after the last one."""
    if not _only_distributes(session.config):
        session.config.stash[_running].__exit__(None, None, None)
        session.config.stash[_sockets].cleanup()


def _only_distributes(config: pytest.Config) -> bool:
    """Return whether this process runs no notebook, because workers of pytest-xdist do."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
