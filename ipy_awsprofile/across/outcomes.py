"""A function is called with a session, and what comes of it is a record that can travel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError, CredentialsExpired
from ipy_awsprofile.sessions.session import chain_of

if TYPE_CHECKING:
    import boto3

#: Characters of a message that are kept: some errors quote a whole answer.
_LONGEST = 500

Function = Callable[["boto3.Session"], Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """An error in words: the name of its type, what happened, what to do next; a line each."""

    error: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function returned, or else the problem; ``expired`` if that is its credentials' end.

    An exception itself wouldn't do: not every one survives being pickled.
    """

    value: Any = None
    problem: Problem | None = None
    expired: bool = False


def answer_of(function: Function, session: boto3.Session) -> Answer:
    """Call the function; what it raises becomes the answer's problem.

    A generator is read to its end here, where the session is.
    """
    try:
        value = function(session)
        return Answer(list(value) if isinstance(value, Iterator) else value)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:  # noqa: BLE001  # asyncio's CancelledError is one of those
        error = _as_ours(raised, chain_of(session))
        expired = isinstance(error, CredentialsExpired)
        return Answer(problem=problem_of(error, _secrets(session)), expired=expired)


def problem_of(error: BaseException, secrets: Iterable[str] = ()) -> Problem:
    """Put an error into words in which none of these secrets stands."""
    hint = error.hint if isinstance(error, AwsProfileError) else ""
    message = " ".join(str(error).split())
    for secret in secrets:
        for written in (secret, quote(secret), quote(secret, safe="")):
            message = re.sub(re.escape(written), "…", message, flags=re.IGNORECASE)
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}…"
    return Problem(type(error).__name__, message, hint)


def _as_ours(error: BaseException, chain: tuple[str, ...]) -> BaseException:
    """Translate what AWS or botocore says; anything else is the function's own affair."""
    if not isinstance(error, BotoCoreError | ClientError | HTTPClientError):
        return error
    try:
        with translated(chain):
            raise error
    except AwsProfileError as ours:
        return ours


def _secrets(session: boto3.Session) -> tuple[str, ...]:
    try:
        frozen = session.get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    except Exception:  # noqa: BLE001  # credentials that can't be had aren't in a message either
        return ()
    return tuple(filter(None, (frozen.secret_key, frozen.token, frozen.access_key)))
