"""Dask, whose workers can be on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipy_awsprofile.credentials.interrupts import interrupts_unshown

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession


@interrupts_unshown()
def dask_storage_options(session: ProfileSession) -> dict[str, Any]:
    """Return the ``storage_options=`` with which a Dask cluster's workers open ``s3://`` paths.

    Workers need no config file. In the kernel, files opened with these options renew their session.
    A submitted graph contains the session's short-lived credentials. Each ``compute()`` sends new
    ones, and can last as long as they do (the ``duration`` of `open_session`), because workers
    don't renew them. For long-term keys, STS issues short-lived credentials. The options' repr
    doesn't show them.

    Raises a child of `AwsProfileError`.

    https://docs.dask.org/en/stable/how-to/connect-to-remote-data.html
    """
    from ipy_awsprofile.libraries.s3fs_session import KernelSession

    return {"session": KernelSession(session)}
