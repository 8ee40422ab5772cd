"""An identity for one cell of the notebook.

An input transformer turns the first line ``%%aws_profile NAME`` into ``%aws_profile --cell NAME``,
which enters a scope that ends with the cell. So the rest of the cell runs like any other cell: it
shows its last value, can use ``await``, and has the user's line numbers in its traceback.
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
    """Return the lines of a cell, with ``%%aws_profile NAME`` as a line magic.

    This is an input transformer; see
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
    """Transform the rest of a cell, which can begin with another cell magic or with ours again."""
    number = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return [*lines[:number], *cell_magic(cell_magic_as_line(lines[number:]))]


def until_cell_ends(shell: InteractiveShell, scope: AbstractContextManager[Any]) -> None:
    """Enter the scope now, and leave it when the running cell ends, also after an error."""
    running = 1  # the cell itself; it can run other cells

    def started(_info: object) -> None:
        nonlocal running
        running += 1

    def ended(result: Any = None) -> None:
        nonlocal running
        if result is not None and not (result.info.raw_cell or "").strip():
            return  # IPython fires no pre_run_cell for an empty cell
        running -= 1
        if running == 0:
            leaving.close()

    with ExitStack() as entering:
        entering.enter_context(scope)
        for event, callback in (("pre_run_cell", started), ("post_run_cell", ended)):
            shell.events.register(event, callback)
            entering.callback(shell.events.unregister, event, callback)
        leaving = entering.pop_all()
