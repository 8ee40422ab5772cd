"""An identity for one cell of the notebook.

A cell's scope is a line of its own in the cell (``%%aws_profile NAME`` becomes ``%aws_profile NAME
--cell``), and ends with the cell. So the rest of the cell runs as any other: it shows its last
value, it can await, and its traceback counts lines as the user sees them.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

from IPython.core.inputtransformer2 import cell_magic

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_CELL_MAGIC = re.compile(r"%%aws_profile(?=\s)")


def cell_magic_as_line(lines: list[str]) -> list[str]:
    """Turn a cell that begins with ``%%aws_profile NAME`` into one that begins a cell's scope.

    An input transformer; see
    https://ipython.readthedocs.io/en/stable/config/inputtransforms.html
    """
    for number, line in enumerate(lines):
        if line.strip():
            if not _CELL_MAGIC.match(line):
                break
            first = f"%aws_profile --cell {line.removeprefix('%%aws_profile').strip()}\n"
            return [*lines[:number], first, *_transformed(lines[number + 1 :])]
    return lines


def _transformed(lines: list[str]) -> list[str]:
    """Let the rest of a cell begin with a cell magic of its own, or with one more of ours."""
    number = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return [*lines[:number], *cell_magic(cell_magic_as_line(lines[number:]))]


def until_cell_ends(shell: InteractiveShell, scope: AbstractContextManager[Any]) -> None:
    """Enter the scope now, and leave it when the cell that runs has ended, however it ends."""
    running = 1  # the cell itself, and cells that it runs in turn

    def started(_info: object) -> None:
        nonlocal running
        running += 1

    def ended(result: Any = None) -> None:
        nonlocal running
        if result is not None and not (result.info.raw_cell or "").strip():
            return  # an empty cell never tells that it starts
        running -= 1
        if running == 0:
            leaving.close()

    with ExitStack() as entering:
        entering.enter_context(scope)
        for event, callback in (("pre_run_cell", started), ("post_run_cell", ended)):
            shell.events.register(event, callback)
            entering.callback(shell.events.unregister, event, callback)
        leaving = entering.pop_all()
