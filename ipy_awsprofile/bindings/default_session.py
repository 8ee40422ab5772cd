"""boto3's default session: ``boto3.client(...)`` and all libraries that use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3


@contextmanager
def default_session(session: boto3.Session) -> Iterator[None]:
    """Make the session the one that ``boto3.client`` and ``boto3.resource`` use.

    https://docs.aws.amazon.com/boto3/latest/guide/session.html
    """
    # Loading the extension imports this module, and mustn't import boto3.
    from ipy_awsprofile.bindings.session_of_thread import (
        default_of_notebook,
        set_default_of_notebook,
    )

    before = default_of_notebook()
    set_default_of_notebook(session)
    try:
        yield
    finally:
        if default_of_notebook() is session:  # not if the user has set another default since
            set_default_of_notebook(before)
