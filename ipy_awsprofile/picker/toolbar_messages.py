"""The messages that JupyterLab's extension itself exchanges with the kernel, which are JSON.

All others are those of the button and the picker that the kernel sends, in ``messages.py``. The
extension has the same types in ``labextension/static/messages.js``; a test compares the two.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class HelloCommand(TypedDict):
    """A front end has found the comm."""

    type: Literal["hello"]
    protocol: int


class HelloMessage(TypedDict):
    """The protocol of this kernel.

    If both have the same, the message's buffers are the script of the button and its style.
    """

    type: Literal["hello"]
    protocol: int
