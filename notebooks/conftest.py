"""Run each tutorial by nbval in one worker, with a kernel that has its own embedded AWS.

With UPDATE_OUTPUTS, as in `make tutorials`, save the outputs that have changed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import nbformat
import nbval.kernel
import nbval.plugin
import pytest
from jupyter_client import KernelManager
from nbval.plugin import IPyNbCell, IPyNbFile

from ipy_awsprofile.demo.commands import clean_environment
from ipy_awsprofile.demo.stages import demo_aws

#: Whether to update the tutorials with the outputs of this run.
UPDATE = bool(os.environ.get("UPDATE_OUTPUTS"))
#: Tutorials that run twice in their kernel, because their cells create and delete things.
TWICE = {"03-mfa-sso-and-chains", "05-least-privilege"}
_sanitize, _compare, _collect = IPyNbCell.sanitize, IPyNbCell.compare_outputs, IPyNbFile.collect


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


def collected(file: IPyNbFile) -> Iterator[IPyNbCell]:
    """Yield a tutorial's cells, and in the second run, compare only the errors that are meant."""
    cells = list(_collect(file))
    yield from cells
    for cell in cells if file.path.stem in TWICE and not UPDATE else ():
        options = cell.options | {"check": cell.options["check_exception"]}
        yield IPyNbCell.from_parent(
            file, name=f"{cell.name} again", cell_num=cell.cell_num, cell=cell.cell, options=options
        )


def sanitized(cell: IPyNbCell, text: Any) -> Any:
    """Compare cards only as text, because their markup has its own tests, but update the markup."""
    is_card = isinstance(text, str) and text.startswith('<div class="ipy-awsprofile-card"')
    return "a card" if is_card and not UPDATE else _sanitize(cell, text)


def compared(cell: IPyNbCell, test: list[Any], ref: list[Any]) -> bool:
    """Return whether the outputs are the tutorial's, which they become in an update."""
    skipped = set(cell.parent.skip_compare) - {"traceback"}  # which has the hint
    if (
        UPDATE
    ):  # the tests skip pictures, because another version of a library can change them a little
        skipped -= {"image/png"}
    is_same = _compare(cell, test, ref, skipped)
    if UPDATE and not is_same:
        cell.cell.outputs = test
    return is_same or UPDATE


def pytest_configure() -> None:
    """Use these in nbval, and don't measure the coverage of the kernel's code."""
    nbval.kernel.KernelManager = TutorialKernel
    IPyNbCell.sanitize, IPyNbCell.compare_outputs = sanitized, compared
    IPyNbFile.collect = collected
    nbval.plugin.setup_coverage = nbval.plugin.teardown_coverage = lambda *_: None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the cells of a tutorial in order, in one worker, and number them in an update."""
    for item in items:
        if isinstance(item, IPyNbCell):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
            if UPDATE:  # otherwise nbval ignores the outputs of a new cell
                item.cell.execution_count = item.cell_num + 1


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last cell of a tutorial, save it in an update if nothing has failed."""
    if not UPDATE or not isinstance(item, IPyNbCell) or item.session.testsfailed:
        return
    if nextitem is not None and nextitem.parent is item.parent:
        return
    for cell in item.parent.nb.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
    nbformat.write(item.parent.nb, item.path)
