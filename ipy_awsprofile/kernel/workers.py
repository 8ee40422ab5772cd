"""Send the notebook's credentials to the workers of a cluster, on any machine.

The kernel sends short-lived credentials every few minutes. Workers receive and serve the
credentials in a different way for each kind of cluster, so the package `followers` contains a
subclass of `Workers` for each kind.
"""

from __future__ import annotations

import atexit
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import RLock, Thread
from time import sleep
from typing import Any

from ipy_awsprofile.audit import note
from ipy_awsprofile.config.private import StaysInProcess, of_process
from ipy_awsprofile.credentials.person import unattended
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.kernel.arguments import s3_location
from ipy_awsprofile.label import Label
from ipy_awsprofile.sessions.issuing import credentials_document, issue_brief_keys
from ipy_awsprofile.sessions.session import ProfileSession, label_for

#: How long AWS accepts the workers' keys, if possible: the shortest session of a role.
_BRIEF = timedelta(minutes=15)

#: How long an answer is good, at most, and how often the kernel sends the next one, in seconds.
GOOD_FOR = 570
EVERY = 200

#: How long a call of the user waits for the workers, which can import boto3 first, in seconds.
_LONG_WAIT = 30

#: How long a switch waits for them. A scheduler that hangs must not delay it.
_WAIT = 3


class Workers(StaysInProcess, ABC):
    """The workers of a cluster, which use a session until `close` is called.

    ``name`` is the name of the workers' sessions in CloudTrail.
    """

    def __init__(self, address: str, name: str) -> None:
        #: The cluster's address.
        self.address = address
        #: The session that the workers use, and when AWS stops accepting their keys (UTC).
        self.session: ProfileSession | None = None
        self.keys_end: datetime | None = None
        self.read_only = False
        #: Why some workers may not use it, if the kernel knows a reason.
        self.problem: BaseException | None = None
        self._name = name
        self._sending = of_process(self, name="_sending", create=RLock)
        atexit.register(self.close)
        Thread(target=self._renew, name=name, daemon=True).start()

    def __repr__(self) -> str:
        return f"<workers of {self.address}, which use {self.session or 'their own identity'}>"

    @abstractmethod
    def processes(self) -> Collection[object]:
        """Return the IDs of the kernel's child processes among the workers."""

    @abstractmethod
    def is_busy(self) -> bool:
        """Return whether the workers have unfinished tasks of this kernel."""

    @abstractmethod
    def send(
        self, document: Mapping[str, Any], environment: Mapping[str, str], wait: int
    ) -> CredentialsUnavailable | None:
        """Send credentials and variables to the workers, and wait up to ``wait`` seconds.

        If ``document`` is empty, the workers use their own identity again. Return the problem that
        a worker reports, or None.
        """

    @property
    def label(self) -> Label | None:
        """The notebook's identity that the workers use, or None if they use their own identity."""
        return label_for(self.session) if self.session else None

    def use(self, session: ProfileSession, *, read_only: bool) -> None:
        """Let the workers use a session, even for unfinished tasks.

        If the workers can't use the session, the workers use their own identity. Raise
        CredentialsUnavailable if a worker reports a problem, another subclass of `AwsProfileError`
        if the session doesn't provide credentials, or an error of the cluster's library.
        """
        access = "reading" if read_only else "writing"
        detail = f"{self.address}, for {access}"
        note("workers", profile=session.profile_name, arn=session.arn, detail=detail)
        self.read_only = read_only
        self._lend(session, _LONG_WAIT)
        if self.problem:
            self.close()
            raise self.problem

    def move(self, session: ProfileSession | None) -> None:
        """Let the workers use the notebook's session unless the workers have unfinished tasks."""
        if session is None or self.session in {None, session} or self.is_busy():
            return
        self._lend(session, _WAIT)
        if self.problem:
            PROCESS.warn(f"Workers of {self.address} may keep their identity: {self.problem}")

    def close(self) -> None:
        """Let the workers use their own identity again."""
        atexit.unregister(self.close)
        with self._sending, suppress(Exception):  # the cluster is gone, or another notebook lends
            self.session = None
            self.send({}, {}, _WAIT)

    def _renew(self) -> None:
        """Send new credentials every few minutes.

        If a renewal fails, let the old credentials expire.
        """
        while True:
            sleep(EVERY)
            with self._sending, unattended():
                if self.session is None:
                    return
                self._lend(self.session, _WAIT)

    def _lend(self, session: ProfileSession, wait: int) -> None:
        """Send a session's credentials to the workers, or store the error in ``problem``."""
        with self._sending:
            try:
                keys, _ = issue_brief_keys(session, self._name, _BRIEF, read_only=self.read_only)
                replaced = datetime.now(UTC) + timedelta(seconds=GOOD_FOR)
                document = credentials_document(keys, replaced)
                region, endpoint = s3_location(session)
                environment = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
                if endpoint:
                    environment["AWS_ENDPOINT_URL_S3"] = endpoint
                self.problem = self.send(document, environment, wait)
                self.session = session
                self.keys_end = keys.expires_at
            except BaseException as error:  # noqa: BLE001  # `use` raises even Ctrl-C
                self.problem = error.with_traceback(None)  # its frames have keys
