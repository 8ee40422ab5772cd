"""A sign-in attempt, which waits until the user or another program has signed in.

The AWS CLI and other programs write to the same files. If one of them stores a valid sign-in during
an attempt for the same sign-in, the attempt is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.credentials.sign_in_files import SignInFile, SignInWatch
from ipy_awsprofile.errors import CredentialsUnavailable


class SignInAttempt(StaysInProcess):
    """A sign-in that waits for the user.

    ``profile`` is the profile that signs in, and ``url`` is the page to open in a browser. ``code``
    is the code that the page shows. It is empty if the browser on this machine already shows the
    page, and None if the user enters a code from the page. ``expiry`` (UTC) is when the attempt
    expires, by the current clock. ``interval`` is the number of seconds between calls of `is_done`.
    """

    code: str | None = ""
    interval: float = 0
    #: What the user can do after a failed attempt.
    hint = "Run the cell again."

    def __init__(self, profile: str, url: str, lifetime: timedelta, file: SignInFile) -> None:
        self.profile = profile
        self.url = url
        self.expiry = datetime.now(UTC) + lifetime
        self._end = time.monotonic() + lifetime.total_seconds()  # the clock can change
        self._watch = SignInWatch(file)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.profile} until {self.expiry:%H:%M:%S} UTC>"

    def is_done(self) -> bool:
        """Return whether the user has signed in. If so, store the sign-in.

        Raises CredentialsUnavailable if the user denied the sign-in, or if the attempt has expired.
        """
        raise NotImplementedError

    def waiting(self, sleep: Callable[[float], object] = time.sleep) -> Iterator[timedelta]:
        """Wait until the user or another program has signed in. Yield the time left each second.

        Raises the exceptions of `is_done`.
        """
        next_call = time.monotonic() + self.interval
        try:
            while not self._watch.is_signed_in():
                if time.monotonic() >= next_call:
                    if self.is_done():
                        return
                    next_call = time.monotonic() + self.interval
                yield self._left
                sleep(1)
        finally:
            self.close()

    def close(self) -> None:
        """End the attempt, whether or not it is done."""

    @property
    def _left(self) -> timedelta:
        return timedelta(seconds=self._end - time.monotonic())

    def _ended(self, how: str) -> CredentialsUnavailable:
        return CredentialsUnavailable(f"The sign-in of `{self.profile}` {how}.", self.hint)
