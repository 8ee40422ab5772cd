"""The notebook's variable with the session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3
    from IPython.core.interactiveshell import InteractiveShell


@contextmanager
def session_variable(shell: InteractiveShell, name: str, session: boto3.Session) -> Iterator[None]:
    """Assign the session to a variable of the notebook.

    Afterwards the variable has its value from before, or is deleted if it didn't exist. If the user
    has assigned something else meanwhile, that is kept.
    """
    before = {name: shell.user_ns[name]} if name in shell.user_ns else {}
    shell.push({name: session})
    try:
        yield
    finally:
        shell.drop_by_id({name: session})
        if name not in shell.user_ns:
            shell.push(before)
