"""Issue keys for programs, but only once for all programs that wait for the same keys."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from datetime import UTC, datetime
from threading import Lock, Thread

from ipy_awsprofile.config.private import StaysInProcess, of_process
from ipy_awsprofile.credentials.sts import Keys, aws_now
from ipy_awsprofile.errors import AwsProfileError

_NEVER = datetime.max.replace(tzinfo=UTC)

#: Issues keys, and returns them with the time (AWS's) at which to replace them.
Issue = Callable[[], tuple[Keys, datetime]]


class IssuedKeys(StaysInProcess):
    """The keys that were issued so far, by purpose.

    A program doesn't wait while keys for another purpose are issued, or while its own keys are
    renewed but still valid.
    """

    def __init__(self) -> None:
        self._lock = of_process(self, name="_lock", create=Lock)
        self._issued: dict[Hashable, tuple[Keys, datetime]] = {}
        # In a forked child, no thread goes on to issue them.
        self._pending: dict[Hashable, Future[None]] = of_process(self, name="_pending", create=dict)

    def get(self, purpose: Hashable, issue: Issue) -> Keys:
        """Return keys for a purpose. If the keys are missing or must be replaced, call ``issue``.

        Raise the same errors as ``issue``.
        """
        while True:
            with self._lock:  # never during a call
                keys, replaced = self._issued.get(purpose, (None, _NEVER))
                if keys and aws_now() < replaced:
                    return keys
                pending = self._pending.get(purpose)
                is_first = pending is None
                if pending is None:
                    pending = self._pending[purpose] = Future()
            if not is_first:
                if keys and _is_good(keys):
                    return keys
                pending.result()  # then look again, because Ctrl-C can have ended the call
            elif keys and _is_good(keys):
                later = Thread(
                    target=copy_context().run,
                    args=(self._renew, purpose, issue, pending),
                    name="new keys for programs",
                    daemon=True,
                )
                later.start()
                return keys
            else:
                return self._issue(purpose, issue, pending)

    def clear(self) -> None:
        """Forget all keys, because AWS has rejected the session that issued them."""
        with self._lock:
            self._issued.clear()

    def _renew(self, purpose: Hashable, issue: Issue, pending: Future[None]) -> None:
        """Replace keys that are still valid.

        If an error occurs, the next request from a program tries again to replace the keys.
        """
        with suppress(AwsProfileError):
            self._issue(purpose, issue, pending)

    def _issue(self, purpose: Hashable, issue: Issue, pending: Future[None]) -> Keys:
        """Issue new keys, and wake up the programs that wait for them, even after an error."""
        problem: AwsProfileError | None = None
        try:
            keys, replaced = issue()
            self._issued[purpose] = keys, replaced
        except AwsProfileError as error:
            problem = error
            raise
        finally:
            with self._lock:
                self._pending.pop(purpose, None)
            if problem:
                pending.set_exception(problem)
            else:
                pending.set_result(None)
        return keys


def _is_good(keys: Keys) -> bool:
    """Return whether keys are still valid. Keys with an unknown expiry count as valid."""
    return keys.expires_at is None or aws_now() < keys.expires_at
