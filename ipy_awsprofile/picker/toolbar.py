"""The kernel's comm for the picker in the toolbar of JupyterLab and Notebook 7.

A front end requests the list of the kernel's comms, finds this one, and sends a hello message.
Until then, the kernel sends nothing and doesn't import the code that answers.

https://jupyter-client.readthedocs.io/en/stable/messaging.html#comm-info
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from IPython.core.interactiveshell import InteractiveShell

    from ipy_awsprofile.picker.conversation import Conversation
    from ipy_awsprofile.switch.switcher import Switcher


#: The target name by which the labextension finds the comm.
TARGET = "ipy_awsprofile.toolbar"

#: The version of the interface between labextension and kernel: the hello messages, and the exports
#: of the script that the kernel sends. All else is between that script and the kernel, which always
#: have the same version.
PROTOCOL = 2

_log = logging.getLogger(__name__)


class Toolbar:
    """A placeholder in the kernel's comms, which opens a real comm when the first message arrives.

    A real comm would send comm_close to every front end, even if the front end never used it.
    """

    def __init__(self, shell: InteractiveShell, switcher: Callable[[], Switcher]) -> None:
        self.comm_id = uuid4().hex
        self.target_name = TARGET
        self._shell = shell
        self._switcher = switcher
        self._lock = threading.Lock()  # each front end may have a subshell
        self._comm: Any = None
        self._conversation: Conversation | None = None

    def handle_msg(self, message: Any) -> None:
        """Open the comm, and answer the message there."""
        with self._lock:
            if self._conversation is None:
                self._open()
        self._comm.handle_msg(message)

    def handle_close(self, _message: Any = None) -> None:
        """Keep the comm, because all front ends share it and only one has closed it.

        This must be quick, because a message that another thread receives before it is lost.
        """
        self.register()

    def register(self) -> None:
        """Add this object to the kernel's comms, where front ends find it."""
        manager: Any = sys.modules["comm"].get_comm_manager()
        manager.register_comm(self)

    def close(self) -> None:
        """End the conversation and remove the comm; only front ends that used it are notified."""
        from comm import get_comm_manager

        if self._conversation is None:
            get_comm_manager().comms.pop(self.comm_id, None)
            return
        self._shell.events.unregister("post_run_cell", self._cell_ended)
        self._conversation.close()
        if self.comm_id in get_comm_manager().comms:
            self._comm.close()

    def _open(self) -> None:
        from comm import create_comm

        from ipy_awsprofile.picker.conversation import Conversation

        self._conversation = Conversation(self._switcher(), self._send, sends_links=False)
        self._comm = create_comm(target_name=TARGET, comm_id=self.comm_id, primary=False)
        self._comm.on_msg(self._receive)
        self._shell.events.register("post_run_cell", self._cell_ended)

    def _send(self, message: Any, buffers: list[bytes] | None = None) -> None:
        self._comm.send(message, buffers=buffers)

    def _receive(self, message: Any) -> None:
        from ipy_awsprofile.picker.well_formed import view_of

        content = message["content"].get("data")
        view = view_of(content)
        if view is not None and content.get("type") == "hello":
            same = content.get("protocol") == PROTOCOL
            hello: HelloMessage = {"type": "hello", "protocol": PROTOCOL}
            self._send({**hello, "view": view}, _button() if same else None)
        elif self._conversation is not None:
            self._conversation.receive(content)

    def _cell_ended(self, _result: object = None) -> None:
        """Show changes that the cell made without a switch."""
        try:
            if self._conversation is not None:
                self._conversation.catch_up()
        except Exception:  # noqa: BLE001  # not an error of the user's cell
            _log.exception("The toolbar couldn't be brought up to date.")


def add_toolbar(
    shell: InteractiveShell, switcher: Callable[[], Switcher], ending: ExitStack
) -> None:
    """Register the toolbar's comm, so that front ends can find it until ``ending`` is closed.

    ``switcher`` is called when a front end has found the comm. A kernel without IPython's comms,
    such as xeus-python, doesn't have a toolbar.
    """
    if "comm" not in sys.modules:  # no kernel with comms works without it
        return
    toolbar = Toolbar(shell, switcher)
    if _register(toolbar):
        ending.callback(toolbar.close)


def _register(toolbar: Toolbar) -> bool:
    """Register the toolbar, and return whether front ends can find it."""
    try:
        toolbar.register()
        comms = sys.modules["comm"].get_comm_manager().comms
        return comms.get(toolbar.comm_id) is toolbar
    except Exception:  # noqa: BLE001  # the errors depend on the kernel
        _log.debug("This kernel has no place for the toolbar.", exc_info=True)
        return False


def _button() -> list[bytes]:
    """Return the script and the CSS of the button and its picker."""
    from ipy_awsprofile.picker.view_script import VIEW, view_script, view_style

    style = view_style(*(VIEW / f"{name}.css" for name in ("picker", "list", "toolbar")))
    return [view_script(VIEW / "toolbar.js").encode(), style.encode()]


class HelloCommand(TypedDict):
    """A front end has found the comm."""

    type: Literal["hello"]
    protocol: int


class HelloMessage(TypedDict):
    """The protocol of this kernel.

    If both sides have the same protocol, the message's buffers are the button's script and CSS.
    """

    type: Literal["hello"]
    protocol: int
