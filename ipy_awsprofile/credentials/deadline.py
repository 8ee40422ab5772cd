"""Every call of ours ends: each attempt after its timeout, and all of an operation's in 30 seconds.

botocore's timeouts are for each read and each address of a server: one that sends a byte a second
is never too slow, and nothing limits a name server. The sessions by which botocore sends requests
are wrapped here; the user's own clients keep theirs. What a person takes for an answer isn't
counted, nor are the pauses before a throttled call is tried again.

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

#: How many seconds the calls of an operation wait for servers in all. With botocore's pauses
#: between attempts, that is less than 30 seconds.
LIMIT = 20.0

#: Seconds for an attempt, unless a client has another timeout.
ATTEMPT = 10.0

#: The largest response in bytes; a page of 1,000 buckets has a tenth of it.
_LARGEST = 4_000_000

#: Bytes that are read at once: a slow server is noticed after them.
_PIECE = 4096


class DeadlineExceededError(BotoCoreError):
    """The calls of an operation have waited for too long; unlike a timeout it isn't retried."""

    fmt = 'No answer in time from "{endpoint_url}".'


class _Limit:
    """How many seconds the calls of a block can still wait; ``block`` is the block's frame."""

    __slots__ = ("block", "left")

    def __init__(self, block: FrameType | None = None) -> None:
        self.left = LIMIT
        self.block = block


_latest: ContextVar[_Limit | None] = ContextVar("seconds for an operation", default=None)


def _in_force() -> _Limit | None:
    """Return the limit of the block that runs, if any.

    Ctrl-C can come when a block is about to end, and then its limit isn't taken away.
    """
    limit, frame = _latest.get(), sys._getframe(1)  # noqa: SLF001  # quicker than `inspect`
    while limit and frame is not limit.block:
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return limit


class limited:  # noqa: N801  # it reads as what it does
    """Limit how long the calls in a ``with`` block wait for servers; the outermost one counts.

    ``block`` is the frame that the block is in, by default the caller's.
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
    """Return whether this thread is inside a block that is `limited`."""
    return _in_force() is not None


def begin_again() -> None:
    """Let an operation of many calls, such as one for each page, wait as long as at first."""
    if limit := _in_force():
        limit.left = LIMIT


class BoundedHttp:
    """Sends requests as botocore's ``URLLib3Session`` does, and waits for a response only so long.

    A thread waits for the server; it is left behind when the time is over, or by Ctrl-C.
    """

    def __init__(self, session: Any, timeout: float = ATTEMPT) -> None:
        self._session = session
        self._timeout = timeout

    def close(self) -> None:
        """Close the connections, as botocore's session does."""
        self._session.close()

    def send(self, request: Any) -> AWSResponse:
        """Return the response. Raises what botocore's session does, and DeadlineExceededError."""
        limit = _in_force() or _Limit()
        started = time.monotonic()
        try:
            return self._answer(request, min(self._timeout, limit.left))
        except TimeoutError:
            # A timeout of an attempt is retried.
            is_over = limit.left - (time.monotonic() - started) <= 0
            late = DeadlineExceededError if is_over else ReadTimeoutError
            raise late(endpoint_url=request.url) from None
        finally:
            limit.left -= time.monotonic() - started

    def _answer(self, request: Any, seconds: float) -> AWSResponse:
        """Return the response. Raises TimeoutError after so many seconds."""
        answer: Future[AWSResponse] = Future()
        left_behind = threading.Event()

        def ask() -> None:
            try:
                answer.set_result(_read(self._session, request, left_behind.is_set))
            except BaseException as error:  # noqa: BLE001  # it is raised by `result`
                answer.set_exception(error)

        try:
            threading.Thread(target=ask, name="call to AWS", daemon=True).start()
        except RuntimeError:  # at the end of the process no thread can be started
            ask()
        try:
            return answer.result(max(seconds, 0))
        finally:
            left_behind.set()


def _read(session: Any, request: Any, is_left_behind: Callable[[], bool]) -> AWSResponse:
    """Return the whole response; give up if nothing waits for it, or if it is too large."""
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
    """A body that was read already, as `AWSResponse` reads it."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def stream(self) -> Iterable[bytes]:
        """Return the pieces."""
        return self._pieces
