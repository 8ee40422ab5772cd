"""The results of calls and of profiles.

Exceptions are stored as text, because not every exception can be pickled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import isasyncgen, isasyncgenfunction, isawaitable, iscoroutine, iscoroutinefunction
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from ipy_awsprofile.bindings.default_session import working_as
from ipy_awsprofile.credentials.sts import RedactedCredentials, freeze_credentials
from ipy_awsprofile.credentials.translation import from_error
from ipy_awsprofile.errors import AwsProfileError, CredentialsExpired, InvalidOption
from ipy_awsprofile.sessions.session import chain_of
from ipy_awsprofile.text import shortened

if TYPE_CHECKING:
    import boto3
    import pandas as pd

    #: A DataFrame, or records, which are faster for many small results.
    Rows = pd.DataFrame | list[Mapping[str, Any]]

Function = Callable[["boto3.Session"], Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as text: the name of its type, its message and a hint, on one line each."""

    error: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """The return value of a function, or the failure.

    ``expired`` is True if the function failed because the session's credentials had expired.
    """

    value: Any = None
    failure: Failure | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rows of one call of the function, or its failure.

    ``account`` is the account reported by STS. If no session could be opened, it is the account in
    the files, if any.
    """

    profile: str
    account: str | None = None
    region: str | None = None
    rows: Rows | None = None
    failure: Failure | None = None


def call(function: Function, session: boto3.Session) -> CallResult:
    """Call the function and return its value, or its exception as a failure.

    During the call, the session is boto3's default session in this thread. A generator is consumed
    here, while the session is available.
    """
    try:
        with working_as(session):
            value = _not_async(function(session))
            return CallResult(list(value) if isinstance(value, Iterator) else value)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # noqa: BLE001  # asyncio's CancelledError isn't an Exception
        error = raised
        if isinstance(raised, BotoCoreError | ClientError):
            error = from_error(raised, chain_of(session))
        expired = isinstance(error, CredentialsExpired)
        return CallResult(failure=failure_of(error, _keys(session)), expired=expired)


def require_sync(function: Function) -> None:
    """Raise InvalidOption for an async function, because nothing would await its result."""
    for one in (function, getattr(function, "__call__", None)):  # noqa: B004  # of an object
        if iscoroutinefunction(one) or isasyncgenfunction(one):
            raise _is_async()


def _not_async(value: Any) -> Any:
    """Return a function's result. Raises InvalidOption if it must be awaited."""
    if isawaitable(value) or isasyncgen(value):
        if iscoroutine(value):
            value.close()  # otherwise, Python warns that nothing has awaited it
        raise _is_async()
    return value


def _is_async() -> InvalidOption:
    return InvalidOption(
        "The function is async, and nothing would await its result.",
        "Run `import asyncio`, and pass `lambda session: asyncio.run(FUNCTION(session))`.",
    )


def failure_of(error: BaseException, keys: RedactedCredentials | None = None) -> Failure:
    """Return an error as text without these keys."""
    hint = error.hint if isinstance(error, AwsProfileError) else ""
    message = " ".join(str(error).split())
    for secret in filter(None, keys[:3] if keys else ()):
        for written in (secret, quote(secret), quote(secret, safe="")):
            message = re.sub(re.escape(written), "…", message, flags=re.IGNORECASE)
    return Failure(type(error).__name__, shortened(message), hint)


def _keys(session: boto3.Session) -> RedactedCredentials | None:
    try:
        return freeze_credentials(session.get_credentials())
    except Exception:  # noqa: BLE001  # without credentials, a message can't contain them
        return None
