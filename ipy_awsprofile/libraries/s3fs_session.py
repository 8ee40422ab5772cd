"""What s3fs signs with, in the kernel and on the workers of a cluster: a session that travels.

s3fs takes a session of aiobotocore, and pickles what it was given along with itself. So a session
that is pickled as the short-lived credentials of that moment brings new ones with each graph.

https://s3fs.readthedocs.io/en/latest/api.html#s3fs.core.S3FileSystem
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Self
from uuid import uuid4

from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession
from botocore.configprovider import ConstantProvider

from ipy_awsprofile.sessions.portable import PortableSession, portable
from ipy_awsprofile.sessions.session import ProfileSession


class WorkerStorage(AioSession):  # type: ignore[misc]  # aiobotocore is untyped
    """A session with the credentials that it was pickled with; nobody renews them.

    Its text tells one set of credentials from the next, since s3fs goes by it to find an instance
    again; no key is in it.
    """

    def __init__(self, brought: PortableSession) -> None:
        self._brought = brought
        super().__init__(profile=brought.chain[0])
        config_store = self.get_component("config_store")
        config_store.set_config_provider("region", ConstantProvider(brought.region))
        self._credentials = AioCredentials(brought.access_key, brought.secret_key, brought.token)
        self._told = sha256(brought.access_key.encode()).hexdigest()[:12]

    @property
    def full_config(self) -> dict[str, Any]:
        """What the files said in the kernel."""
        return self._brought.full_config()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {' ← '.join(self._brought.chain)}, {self._told}>"

    def __dask_tokenize__(self) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[PortableSession]]:
        return WorkerStorage, (self._brought,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        """Stay the same: pandas and Dask copy options, and a copy wouldn't renew itself."""
        return self


class KernelStorage(WorkerStorage):
    """A session that signs as the kernel's own does, and is pickled as what that has at the time.

    Raises a child of `AwsProfileError` if there is nothing short-lived to be had.
    """

    def __init__(self, session: ProfileSession) -> None:
        super().__init__(portable(session))
        self._session = session
        self._credentials = _Followed(session)
        self._told = uuid4().hex[:12]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[PortableSession]]:
        return WorkerStorage, (portable(self._session),)


class _Followed(AioCredentials):  # type: ignore[misc]
    """The credentials of another session, as aiobotocore asks for them."""

    def __init__(self, session: ProfileSession) -> None:
        super().__init__("", "", method="kernel")
        self._session = session

    async def get_frozen_credentials(self) -> Any:
        """Return what the session signs with now; it may be renewed for that, in a thread."""
        credentials: Any = self._session.get_credentials()
        return await asyncio.to_thread(credentials.get_frozen_credentials)
