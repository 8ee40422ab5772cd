"""The session that s3fs signs with, in the kernel and on the workers of a Dask cluster.

s3fs takes an aiobotocore session, and is pickled together with it. Pickling this session saves its
current short-lived credentials, so each graph contains new ones.

https://s3fs.readthedocs.io/en/latest/api.html#s3fs.core.S3FileSystem
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession

from ipy_awsprofile.credentials.botocore_session import fix_region
from ipy_awsprofile.sessions.portable import PortableSession, portable
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    import boto3


class WorkerSession(AioSession):  # type: ignore[misc]  # aiobotocore is untyped
    """A session with the credentials that it was pickled with. It doesn't renew them.

    Its repr differs for different credentials, because s3fs uses the repr to look up cached
    filesystems. The repr contains no key.
    """

    def __init__(self, brought: PortableSession) -> None:
        self._brought = brought
        super().__init__(profile=brought.chain[0])
        fix_region(self, brought.region)
        self._credentials = AioCredentials(*brought.keys[:3])
        self._label = sha256(str(brought.keys.access_key).encode()).hexdigest()[:12]

    @property
    def full_config(self) -> dict[str, Any]:
        """The settings from the kernel's shared files."""
        return self._brought.full_config()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {chain_line(self._brought.chain)}, {self._label}>"

    def __dask_tokenize__(self) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[PortableSession]]:
        return WorkerSession, (self._brought,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        """Return the session itself: pandas and Dask copy options, but a copy couldn't renew."""
        return self


class KernelSession(WorkerSession):
    """A session with the credentials of a session in the kernel. Pickling saves the current ones.

    Raises a subclass of `AwsProfileError` without short-lived credentials.
    """

    def __init__(self, session: boto3.Session) -> None:
        super().__init__(portable(session))
        self._session = session
        self._credentials = _CredentialsOf(session)
        self._label = uuid4().hex[:12]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[PortableSession]]:
        return WorkerSession, (portable(self._session),)


class _CredentialsOf(AioCredentials):  # type: ignore[misc]
    """The credentials of another session, in the form that aiobotocore expects."""

    def __init__(self, session: boto3.Session) -> None:
        super().__init__("", "", method="kernel")
        self._session = session

    @property
    def passes_on(self) -> Any:
        """The session's credentials."""
        return self._session.get_credentials()

    async def get_frozen_credentials(self) -> Any:
        """Return the current credentials of the session; a thread renews them if needed."""
        return await asyncio.to_thread(self.passes_on.get_frozen_credentials)
