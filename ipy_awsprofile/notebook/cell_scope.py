"""Use an identity for one cell of the notebook.

An input transformer turns the first line ``%%aws_profile NAME`` into ``%aws_profile --cell NAME``,
which enters a scope that ends with the cell. So the rest of the cell runs like any other cell: it
shows its last value, can use ``await``, and has the user's line numbers in its traceback.
"""

from __future__ import annotations

import re
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from IPython.core.inputtransformer2 import cell_magic

from ipy_awsprofile.kernel.uninterrupted import Uninterrupted

if TYPE_CHECKING:
    from types import FrameType

    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.switch.running_cell import RunningCell
    from ipy_awsprofile.switch.using_profile import Scope

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


# A terminal asks IPython whether a cell is complete. For that check, IPython skips transformers
# with side effects, so it sees a cell magic, which is complete after an empty line.
cell_magic_as_line.has_side_effects = True  # type: ignore[attr-defined]


def _transformed(lines: list[str]) -> list[str]:
    """Transform the rest of a cell, which can begin with any cell magic, even this one."""
    number = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return [*lines[:number], *cell_magic(cell_magic_as_line(lines[number:]))]


class UntilCellEnds:
    """A scope that ends with the cell that began it, even after an error.

    Another cell can run in the meantime, inside this one or in another thread (an ipykernel
    subshell). So the scope recognizes the end of its cell by the cell's result. After a silent
    execution, IPython reports only that some code has ended.

    https://ipython.readthedocs.io/en/stable/config/callbacks.html
    """

    def __init__(self, shell: InteractiveShell, scope: Scope, running: RunningCell) -> None:
        self._events = shell.events
        self._scope = scope
        self._running = running
        self._thread = threading.get_ident()
        self._result, self._is_silent = _own_cell(shell)
        self._hooks = {
            "pre_execute": self._code_begins,
            "post_execute": self._code_ended,
            "post_run_cell": self._cell_ended,
        }

    def enter(self) -> None:
        """Open the scope's session if necessary, and begin the scope."""
        prepared = self._scope.prepare()
        with Uninterrupted(), ExitStack() as on_error:
            on_error.callback(self._leave)
            for event, hook in self._hooks.items():
                self._events.register(event, hook)
            self._scope.begin(*prepared)
            on_error.pop_all()

    def _cell_ended(self, result: object = None) -> None:
        # IPython passes no result if a cell was interrupted during an await.
        if result is self._result if result is not None else self._is_over():
            self._leave()

    def _code_ended(self) -> None:
        if self._is_silent and self._is_over():
            self._leave()

    def _code_begins(self) -> None:
        """Leave the scope now if IPython swallowed Ctrl-C just before it called a hook."""
        if self._is_over():
            self._leave()

    def _is_over(self) -> bool:
        return threading.get_ident() == self._thread and not self._running.is_running

    def _leave(self) -> None:
        with Uninterrupted(), ExitStack() as leaving:
            for event, hook in self._hooks.items():
                if hook in self._events.callbacks[event]:
                    leaving.callback(self._events.unregister, event, hook)
            leaving.callback(self._scope.__exit__, None, None, None)


def _own_cell(shell: InteractiveShell) -> tuple[object, bool]:
    """Return the result of the cell that runs in this thread, and whether it is silent."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  # IPython has no API for it
    while frame:
        if frame.f_code.co_name == "run_cell_async" and frame.f_locals.get("self") is shell:
            return frame.f_locals.get("result"), bool(frame.f_locals.get("silent"))
        frame = frame.f_back
    return None, True
