"""Issue keys for programs, only once for all programs that wait for the same keys."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, Thread

from ipy_awsprofile.config.private import StaysInProcess, of_process
from ipy_awsprofile.credentials.sts import Keys, aws_now
from ipy_awsprofile.errors import AwsProfileError


@dataclass(frozen=True, slots=True, repr=False)
class Issued(StaysInProcess):
    """Keys for programs, and when to replace them (in AWS's time), before they expire.

    ``access`` says whether they are for reading or for writing.
    """

    keys: Keys
    renews: datetime
    access: str = ""

    @property
    def is_good(self) -> bool:
        """Whether AWS accepts the keys, as far as that is known."""
        return self.keys.expires_at is None or aws_now() < self.keys.expires_at


class IssuedKeys(StaysInProcess):
    """The keys that were issued so far, by purpose.

    No program waits for keys for something else, or for new keys while the former ones are good.
    """

    def __init__(self) -> None:
        self._lock = of_process(self, name="_lock", create=Lock)
        self._issued: dict[Hashable, Issued] = {}
        # In a forked child, no thread goes on to issue them.
        self._pending: dict[Hashable, Future[None]] = of_process(self, name="_pending", create=dict)

    def get(self, purpose: Hashable, issue: Callable[[], Issued]) -> Issued:
        """Return keys for a purpose. If they are missing or must be replaced, call ``issue``.

        Raises the errors of ``issue``.
        """
        while True:
            with self._lock:  # never during a call
                issued = self._issued.get(purpose)
                if issued and aws_now() < issued.renews:
                    return issued
                pending = self._pending.get(purpose)
                is_first = pending is None
                if pending is None:
                    pending = self._pending[purpose] = Future()
            if not is_first:
                if issued and issued.is_good:
                    return issued
                pending.result()  # then look again, because Ctrl-C can have ended the call
            elif issued and issued.is_good:
                later = Thread(
                    target=copy_context().run,
                    args=(self._renew, purpose, issue, pending),
                    name="new keys for programs",
                    daemon=True,
                )
                later.start()
                return issued
            else:
                return self._issue(purpose, issue, pending)

    def clear(self) -> None:
        """Forget all keys, because AWS has rejected the session that issued them."""
        with self._lock:
            self._issued.clear()

    def _renew(self, purpose: Hashable, issue: Callable[[], Issued], pending: Future[None]) -> None:
        """Replace keys that are still good. After an error, the next program tries again."""
        with suppress(AwsProfileError):
            self._issue(purpose, issue, pending)

    def _issue(
        self, purpose: Hashable, issue: Callable[[], Issued], pending: Future[None]
    ) -> Issued:
        """Issue new keys, and wake up the programs that wait for them, even after an error."""
        problem: AwsProfileError | None = None
        try:
            issued = self._issued[purpose] = issue()
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
        return issued
