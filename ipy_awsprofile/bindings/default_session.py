"""boto3's default session: ``boto3.client(...)`` and all libraries that use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipy_awsprofile.bindings.exchange import IMMEDIATE, Exchange

if TYPE_CHECKING:
    import boto3


@contextmanager
def default_session(session: boto3.Session, exchange: Exchange = IMMEDIATE) -> Iterator[None]:
    """Make the session the one that ``boto3.client`` and ``boto3.resource`` use.

    https://docs.aws.amazon.com/boto3/latest/guide/session.html
    """
    # Loading the extension imports this module, and mustn't import boto3.
    from ipy_awsprofile.bindings.session_of_thread import (
        default_of_notebook,
        set_default_of_notebook,
    )

    place = "boto3's default session"
    before = exchange.read(place, default_of_notebook)
    exchange.write(place, session, set_default_of_notebook)
    try:
        yield
    finally:
        # Not if the user has set another default since.
        if exchange.read(place, default_of_notebook) is session:
            exchange.write(place, before, set_default_of_notebook)
