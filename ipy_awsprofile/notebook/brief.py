"""Display a card below the running cell for a moment, and keep it out of the saved notebook.

An update of the card isn't enough, because front ends such as VS Code lose some updates. If the
card is the cell's only output, it's cleared. Otherwise, clearing would remove the cell's other
outputs, so the card is updated twice: immediately, and when the cell has ended.

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

#: What replaces a card: an output without text.
_NOTHING = {"text/html": "", "text/plain": ""}

_LOAD = "%load_ext ipy_awsprofile"


class _Cell(NamedTuple):
    """The ID of a request to run a cell, and the number of messages that the kernel had sent."""

    request: str
    sent: int


class _RunningCell:
    """Notes how many messages the kernel has sent, to know whether a cell has shown anything."""

    def __init__(self) -> None:
        self._began = _Cell("", 0)

    def begin(self, _info: object = None) -> None:
        """Note the beginning of a cell, but not of a cell that a cell runs."""
        now = _now()
        if now.request != self._began.request:
            self._began = now

    def has_shown(self, messages: int) -> bool:
        """Return whether the kernel has sent this number of messages since the cell began."""
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
    """Note the beginning of each cell of a kernel's shell until ``ending`` is closed."""
    content: dict[str, Any] = shell.kernel.get_parent("shell").get("content", {})
    if content.get("code", "").startswith(_LOAD):  # the running cell hasn't shown anything, either
        _running_cell.begin()
    shell.events.register("pre_run_cell", _running_cell.begin)
    ending.callback(shell.events.unregister, "pre_run_cell", _running_cell.begin)


@contextmanager
def shown_briefly(card: object) -> Iterator[None]:
    """Display a card in a ``with`` block, and remove it at the end of the block, even after Ctrl-C.

    A front end can interrupt the kernel as soon as it has the card.
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
    """Call a function once, after the running cell."""
    events = get_ipython().events

    def act(_result: object = None) -> None:
        events.unregister("post_run_cell", act)
        action()

    events.register("post_run_cell", act)
