"""Limit the time of our calls: each attempt to its timeout, and each operation to 30 seconds.

botocore's timeouts apply to each read and each address of a server. They don't catch a server that
sends one byte per second, and they don't limit DNS lookups. This module wraps the sessions that
botocore sends our requests with. It doesn't change the user's own clients. The limit doesn't
include the time for the user to respond, or the delays before a throttled call is retried.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextvars import ContextVar, Token
from types import FrameType, TracebackType
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import BotoCoreError, HTTPClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import TimeoutError as SlowBodyError

#: The total number of seconds that an operation's calls wait for servers. With botocore's delays
#: between attempts, an operation takes less than 30 seconds.
LIMIT = 20.0

#: The timeout of an attempt in seconds, unless a client sets a different one.
ATTEMPT = 10.0

#: The maximum size of a response in bytes; a page of 1,000 buckets has a tenth of that.
_LARGEST = 4_000_000

#: The number of bytes to read before checking the time limit.
_PIECE = 4096


class DeadlineExceededError(BotoCoreError):
    """An operation's calls have exceeded its time limit. botocore doesn't retry this error."""

    fmt = 'No answer in time from "{endpoint_url}".'


class _Limit:
    """The number of seconds left for the calls of a block. ``block`` is the block's frame."""

    __slots__ = ("block", "left")

    def __init__(self, block: FrameType | None = None) -> None:
        self.left = LIMIT
        self.block = block


_latest: ContextVar[_Limit | None] = ContextVar("seconds for an operation", default=None)


def _in_force() -> _Limit | None:
    """Return the limit of the running block, if any.

    Ctrl-C can interrupt the end of a block and prevent the removal of its limit.
    """
    limit, frame = _latest.get(), sys._getframe(1)  # noqa: SLF001  # faster than `inspect`
    while limit and frame is not limit.block:
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return limit


class limited:  # noqa: N801  # used like a function
    """Limit how long the calls in a ``with`` block wait for servers. The outermost limit applies.

    ``block`` is the frame with the block; by default, it is the caller's frame.
    """

    def __init__(self, block: FrameType | None = None) -> None:
        self._block = block or sys._getframe(1)  # noqa: SLF001  # as above
        self._token: Token[_Limit | None] | None = None

    def __enter__(self) -> None:
        if _in_force() is None:
            self._token = _latest.set(_Limit(self._block))

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _stack: TracebackType | None,
    ) -> None:
        if self._token:
            _latest.reset(self._token)


def is_in_force() -> bool:
    """Return whether this thread is inside a `limited` block."""
    return _in_force() is not None


def begin_again() -> None:
    """Reset the time limit of an operation that makes many calls, such as one for each page."""
    if limit := _in_force():
        limit.left = LIMIT


class BoundedHttp:
    """Sends requests like botocore's ``URLLib3Session``, with a time limit for each response.

    A thread waits for the server. It is abandoned when the time is up, or after Ctrl-C.
    """

    def __init__(self, session: Any, timeout: float = ATTEMPT) -> None:
        self._session = session
        self._timeout = timeout

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(self, request: Any) -> AWSResponse:
        """Return the response. Raises DeadlineExceededError and the session's exceptions."""
        limit = _in_force() or _Limit()
        started = time.monotonic()
        try:
            return self._answer(request, min(self._timeout, limit.left))
        except TimeoutError:
            # botocore retries an attempt that times out.
            is_over = limit.left - (time.monotonic() - started) <= 0
            late = DeadlineExceededError if is_over else ReadTimeoutError
            raise late(endpoint_url=request.url) from None
        finally:
            limit.left -= time.monotonic() - started

    def _answer(self, request: Any, seconds: float) -> AWSResponse:
        """Return the response. Raises TimeoutError after the given number of seconds."""
        answer: Future[AWSResponse] = Future()
        left_behind = threading.Event()

        def ask() -> None:
            try:
                answer.set_result(_read(self._session, request, left_behind.is_set))
            except BaseException as error:  # noqa: BLE001  # `result` raises it
                answer.set_exception(error)

        try:
            threading.Thread(target=ask, name="call to AWS", daemon=True).start()
        except RuntimeError:  # no thread can start while the process exits
            ask()
        try:
            return answer.result(max(seconds, 0))
        finally:
            left_behind.set()


def _read(session: Any, request: Any, is_left_behind: Callable[[], bool]) -> AWSResponse:
    """Return the whole response. Raise an error if it is abandoned or too large."""
    request.stream_output = True  # the body is read below
    response = session.send(request)
    pieces, size = [], 0
    try:
        for piece in response.raw.stream(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST:
                raise ResponseParserError("The response is too large.")
            if is_left_behind():
                raise ReadTimeoutError(endpoint_url=request.url)
    except (ReadTimeoutError, ResponseParserError):
        response.raw.close()
        raise
    except SlowBodyError as error:
        raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
    except Exception as error:
        raise HTTPClientError(error=error) from error
    return AWSResponse(response.url, response.status_code, response.headers, _Body(pieces))


class _Body:
    """A response body that has already been read, with the interface that `AWSResponse` uses."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def stream(self) -> Iterable[bytes]:
        """Return the pieces."""
        return self._pieces
