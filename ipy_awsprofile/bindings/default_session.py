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
    import boto3

    before = boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION = session
    try:
        yield
    finally:
        if boto3.DEFAULT_SESSION is session:  # not if the user has set another default since
            boto3.DEFAULT_SESSION = before
