"""Run each tutorial by nbval in one worker, with a kernel that has its own embedded AWS."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from typing import Any

import nbval.kernel
import nbval.plugin
import pytest
from jupyter_client import KernelManager

from ipy_awsprofile.demo.commands import clean_environment
from ipy_awsprofile.demo.stages import demo_aws


class TutorialKernel(KernelManager):
    """A kernel and its embedded AWS, whose home folder no other tutorial sees.

    nbval's cells can't have fixtures.
    """

    def __init__(self, **options: Any) -> None:
        self._running = ExitStack()
        folder = self._running.enter_context(tempfile.TemporaryDirectory())
        # Another process can take a TCP port that jupyter_client has chosen.
        super().__init__(transport="ipc", ip=f"{folder}/kernel", **options)

    def start_kernel(self, **options: Any) -> None:
        """Start the embedded AWS, then the kernel in its environment."""
        environment = clean_environment(self._running.enter_context(demo_aws()))
        super().start_kernel(env=environment, **options)

    def shutdown_kernel(self, **options: Any) -> None:
        """Stop the kernel, then its embedded AWS."""
        super().shutdown_kernel(**options)
        self._running.close()


def pytest_configure() -> None:
    """Use this kernel in nbval, and don't measure the coverage of its code."""
    nbval.kernel.KernelManager = TutorialKernel
    nbval.plugin.setup_coverage = nbval.plugin.teardown_coverage = lambda *_: None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the cells of a tutorial in order, in one worker."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
