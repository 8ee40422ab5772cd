"""boto3's default session: ``boto3.client(...)``, and every library that calls it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import boto3


@contextmanager
def default_session(session: boto3.Session) -> Iterator[None]:
    """Let ``boto3.client``, ``boto3.resource`` and what is built on them use the session.

    https://docs.aws.amazon.com/boto3/latest/guide/session.html
    """
    import boto3

    before = boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION = session
    try:
        yield
    finally:
        if boto3.DEFAULT_SESSION is session:  # a default that the user has set up since stays
            boto3.DEFAULT_SESSION = before
