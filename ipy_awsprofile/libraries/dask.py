"""Arguments for Dask, which can have workers on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3


def dask_storage_options(session: boto3.Session) -> dict[str, Any]:
    """Return the ``storage_options=`` that a Dask cluster's workers need to open ``s3://`` paths.

    Workers don't need a config file. In the kernel, files opened with these options renew their
    session. A submitted graph contains the session's short-lived credentials. Each ``compute()``
    sends the current ones, and can't take longer than they are valid (the ``duration`` of
    `open_session`), because workers don't renew them. For long-term keys, STS issues short-lived
    credentials. The repr of the options doesn't show credentials.

    Raises a subclass of `AwsProfileError`.

    https://docs.dask.org/en/stable/how-to/connect-to-remote-data.html
    """
    from ipy_awsprofile.libraries.s3fs_session import KernelSession

    return {"session": KernelSession(session)}
