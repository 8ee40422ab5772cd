"""Runs the tutorials on an embedded AWS: kernels inherit its environment from here."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from itertools import count
from typing import Any

import nbval.kernel
import pytest
from jupyter_client import KernelManager

from ipy_awsprofile.demo.commands.environment import clean_environment
from ipy_awsprofile.demo.stages.demo_aws import demo_aws

_resources = pytest.StashKey[ExitStack]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start one for each notebook with its kernel; fixtures don't reach nbval's cells.

    What a notebook leaves in its home, such as the list of its roles, isn't seen by the next one.
    """
    if _only_distributes(session.config):
        return
    session.config.stash[_resources] = resources = ExitStack()
    sockets = resources.enter_context(tempfile.TemporaryDirectory())
    running = resources.enter_context(ExitStack())
    numbers = count()

    def kernel_manager(**options: Any) -> KernelManager:
        running.close()
        environment = clean_environment(running.enter_context(demo_aws()))
        os.environ.clear()
        os.environ.update(environment)
        # A free TCP port that jupyter_client chooses can be taken before the kernel has started.
        path = f"{sockets}/kernel-{next(numbers)}"
        return KernelManager(transport="ipc", ip=path, **options)

    nbval.kernel.KernelManager = kernel_manager


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop it after the last one."""
    if not _only_distributes(session.config):
        session.config.stash[_resources].close()


def _only_distributes(config: pytest.Config) -> bool:
    """Return whether this process runs no notebook, because workers of pytest-xdist do."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
