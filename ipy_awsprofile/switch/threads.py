"""Warn about threads that a block has started and that are still running when the block ends."""

from __future__ import annotations

import sys
import threading
from collections.abc import Container

from ipy_awsprofile.call_stack import is_users_code
from ipy_awsprofile.config.request import SessionRequest, python_arguments
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.switch.stack import OpenProfile


def warn_about_threads(opened: OpenProfile, before: Container[threading.Thread]) -> None:
    """Warn about each thread of the user that outlives a block.

    ``opened`` is the block's profile, and ``before`` contains the threads from before the block.
    """
    request = SessionRequest(**opened.session.target.request.session_options())
    code = f"open_session({python_arguments(request)})"
    active = f"`{PROCESS.active.name}`" if PROCESS.active else "no profile"
    for thread in threading.enumerate():
        if thread not in before and _runs_users_code(thread):
            PROCESS.warn(
                f"The thread `{thread.name}` is still running. Its new clients now use {active} "
                f"instead of `{opened.label.name}`, unless it creates them with `{code}`."
            )


def _runs_users_code(thread: threading.Thread) -> bool:
    """Return whether a thread is running a function of the user."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001  # the only way
    while frame:
        if is_users_code(frame):
            return True
        frame = frame.f_back
    return False
