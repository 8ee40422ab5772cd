"""Define the kernel's comm for the button in the toolbar of JupyterLab and Notebook 7.

Loading the extension opens the comm. A page that is loaded later finds the comm with a
``comm_info`` request. The page sends ``{"do":"hello"}`` and receives the button's script, so the
script always matches the kernel's version of this package. Front ends that don't have this
package's JupyterLab extension ignore or close the comm.

https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ipy_awsprofile.config.private import of_process
from ipy_awsprofile.credentials.inbox import INBOX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from comm.base_comm import BaseComm
    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.picker.conversation import Conversation
    from ipy_awsprofile.switch.switcher import Switcher

#: The target name by which the labextension recognizes the comm.
_TARGET = "ipy_awsprofile"

#: The version of the interface with the labextension: the first messages, and what the script
#: exports. All other messages are between that script and the kernel.
PROTOCOL = 4

_VIEW = Path(__file__).with_name("view")

#: The view's modules, each after those that it imports. They share one scope, so a name is defined
#: once.
_MODULES = ("dom", "list", "question", "card", "view", "toolbar")

_IMPORT_OR_EXPORT = re.compile(r"^import .*\n|^export (?!default )", re.MULTILINE)


def view_script() -> str:
    """Return the view's JavaScript and CSS as one ES module.

    The module is created without a build step. The module's default export has ``render``,
    ``button`` and ``question`` (see ``view/toolbar.js``).

    https://anywidget.dev/en/afm/
    """
    css = json.dumps((_VIEW / "picker.css").read_text(encoding="utf-8"))
    parts = [f"const CSS = {css};"]
    for name in _MODULES:
        text = (_VIEW / f"{name}.js").read_text(encoding="utf-8")
        parts.append(_IMPORT_OR_EXPORT.sub("", text))
    return "\n".join(parts)


class Toolbar:
    """A kernel's comm for the toolbar, which all pages share.

    The code that handles commands is imported when the first page connects. The kernel's comm
    manager calls this object instead of an ipykernel comm. ipykernel 7.4 handles a comm's messages
    in the thread that last sent a message, so a running cell delays the messages. ``switcher`` is a
    function that returns the Switcher.
    """

    target_name = _TARGET

    def __init__(self, shell: InteractiveShell, switcher: Callable[[], Switcher]) -> None:
        from comm import create_comm

        self._shell = shell
        self._switcher = switcher
        self._lock = of_process(
            self, name="_lock", create=threading.Lock
        )  # each page can have a thread
        self._conversation: Conversation | None = None
        self._comm = create_comm(target_name=_TARGET, data={"protocol": PROTOCOL})
        self.comm_id = self._comm.comm_id
        self.handle_close()

    def handle_close(self, _message: object = None) -> None:
        """Keep the comm registered in the kernel, because other pages can still use the comm."""
        from comm import get_comm_manager

        get_comm_manager().register_comm(cast("BaseComm", self))

    def handle_msg(self, message: Mapping[str, Mapping[str, object]]) -> None:
        """Carry out a command that a page has sent."""
        from ipy_awsprofile.picker.conversation import Conversation

        command = message["content"]["data"]
        if command == {"do": "hello"}:
            if message["header"].get("subshell_id"):  # then answers arrive while a cell is running
                INBOX.can_answer = True
            self._send({"script": True, "protocol": PROTOCOL}, [view_script().encode()])
            return
        with self._lock:
            if self._conversation is None:
                self._conversation = Conversation(self._switcher(), self._send)
                self._shell.events.register("post_run_cell", self._conversation.cell_ended)
        self._conversation.receive(command)

    def _send(self, message: Mapping[str, object], buffers: list[bytes]) -> None:
        self._comm.send(dict(message), buffers=buffers)

    def close(self) -> None:
        """Remove the buttons from all pages."""
        if self._conversation:
            self._shell.events.unregister("post_run_cell", self._conversation.cell_ended)
            self._conversation.close()
        self._comm.close()
        INBOX.can_answer = False


def add_toolbar(
    shell: InteractiveShell, switcher: Callable[[], Switcher], ending: ExitStack
) -> None:
    """Open the toolbar's comm, and close it when ``ending`` is closed."""
    if "comm" not in sys.modules:  # no kernel with comms works without it
        return
    try:
        ending.callback(Toolbar(shell, switcher).close)
    except Exception:  # a kernel whose comms work differently has no toolbar
        logging.getLogger(__name__).debug("The toolbar's comm can't be opened.", exc_info=True)
