"""Display a card below the running cell temporarily, without saving it in the notebook.

Replacing the card with an empty output isn't enough, because front ends such as VS Code lose some
updates. If the card is the cell's only output, this module clears the cell's output. Clearing the
output also removes the cell's other outputs. If the cell has other outputs, this module empties the
card twice instead: immediately and after the cell ends.

https://jupyter-client.readthedocs.io/en/stable/messaging.html#clear-output
https://jupyter-client.readthedocs.io/en/stable/messaging.html#update-display-data
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, clear_output

from ipy_awsprofile.kernel.uninterrupted import Uninterrupted, interruptible

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: The empty output that replaces a card.
_NOTHING = {"text/html": "", "text/plain": ""}

_LOAD = "%load_ext ipy_awsprofile"


class _Cell(NamedTuple):
    """The request ID of a cell, and the kernel's message count when the cell began."""

    request: str
    sent: int


class _RunningCell:
    """Counts the running cell's messages to find out whether the cell has shown any output."""

    def __init__(self) -> None:
        self._began = _Cell("", 0)

    def begin(self, _info: object = None) -> None:
        """Record the beginning of a cell. Ignore a cell that another cell runs."""
        now = _now()
        if now.request != self._began.request:
            self._began = now

    def has_shown(self, messages: int) -> bool:
        """Return whether the kernel has sent exactly ``messages`` messages since the cell began."""
        request, sent = self._began
        return _now() == _Cell(request, sent + messages)


def _now() -> _Cell:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kernel = get_ipython().kernel
    request = kernel.get_parent("shell").get("header", {})
    return _Cell(request.get("msg_id", ""), kernel.session.message_count)


_running_cell = _RunningCell()


def note_cells(shell: InteractiveShell, ending: ExitStack) -> None:
    """Record the beginning of each cell in a kernel's shell until ``ending`` is closed."""
    content: dict[str, Any] = shell.kernel.get_parent("shell").get("content", {})
    if content.get("code", "").startswith(_LOAD):  # the running cell hasn't shown anything, either
        _running_cell.begin()
    shell.events.register("pre_run_cell", _running_cell.begin)
    ending.callback(shell.events.unregister, "pre_run_cell", _running_cell.begin)


@contextmanager
def shown_briefly(card: object) -> Iterator[None]:
    """Display a card in a ``with`` block, and remove the card at the end, even after Ctrl-C.

    A Ctrl-C takes effect only after the card has been displayed, because a front end can send the
    interrupt as soon as the card arrives.
    """
    with Uninterrupted() as showing:
        shown = DisplayHandle()
        erase = partial(shown.update, _NOTHING, raw=True)
        _when_cell_has_ended(erase)
        shown.display(card)
        is_alone = _running_cell.has_shown(1)
        try:
            if showing.took_interrupt():
                raise KeyboardInterrupt
            with interruptible():
                yield
        finally:
            if is_alone and _running_cell.has_shown(1):
                clear_output()
            erase()


def _when_cell_has_ended(action: Callable[[], object]) -> None:
    """Call a function once, after the running cell has ended."""
    events = get_ipython().events

    def act(_result: object = None) -> None:
        events.unregister("post_run_cell", act)
        action()

    events.register("post_run_cell", act)
