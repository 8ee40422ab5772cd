"""An identity for a while: for a ``with`` block, or for one cell of the notebook.

A cell's scope is a line of its own in the cell (``%%aws_profile NAME`` becomes ``%aws_profile NAME
--cell``), and ends with the cell. So the rest of the cell runs as any other: it shows its last
value, it can await, and its traceback counts lines as the user sees them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.switch import SwitchRequest, running_switcher

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell

_CELL_MAGIC = re.compile(r"%%aws_profile(?=\s)")


@contextmanager
def using_profile(profile: str | None = None, **options: Any) -> Iterator[boto3.Session]:
    """Work as a profile in a ``with`` block; everything follows it there, and comes back after it.

    ``options`` are those of `SwitchRequest`: ``region``, ``variable``, ``duration`` (seconds),
    ``session_name``, ``external_id``, ``role_arn`` with ``source_profile``, ``read_only``,
    ``expect_account``, ``only_session``, ``confirmed``. The session is also what the block gets.
    In a script without IPython, everything but the notebook's variable follows.

    Raises a child of `AwsProfileError`; then the block isn't entered and nothing has changed.
    """
    request = SwitchRequest(profile=profile, **options)
    with running_switcher().scope(request) as session:
        yield session


def cell_magic_as_line(lines: list[str]) -> list[str]:
    """Turn a cell that begins with ``%%aws_profile NAME`` into one that begins a cell's scope.

    An input transformer; see
    https://ipython.readthedocs.io/en/stable/config/inputtransforms.html
    """
    for number, line in enumerate(lines):
        if line.strip():
            if not _CELL_MAGIC.match(line):
                break
            first = line.rstrip().removeprefix("%")
            return [*lines[:number], f"{first} --cell\n", *lines[number + 1 :]]
    return lines


def until_cell_ends(shell: InteractiveShell, scope: AbstractContextManager[Any]) -> None:
    """Enter the scope now, and leave it when the cell that runs has ended, however it ends."""
    scope.__enter__()
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
            shell.events.unregister("pre_run_cell", started)
            shell.events.unregister("post_run_cell", ended)
            scope.__exit__(None, None, None)

    shell.events.register("pre_run_cell", started)
    shell.events.register("post_run_cell", ended)
