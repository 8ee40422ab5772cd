"""An S3 filesystem for pyarrow, which uses AWS's C++ SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.sessions.hand_outs import note_hand_out
from ipy_awsprofile.sessions.portable import short_lived
from ipy_awsprofile.sessions.s3_options import s3_location

if TYPE_CHECKING:
    import boto3
    from pyarrow.fs import S3FileSystem


def pyarrow_filesystem(session: boto3.Session) -> S3FileSystem:
    """Return pyarrow's own S3 filesystem, which uses the session until its credentials expire.

    It has the current short-lived credentials, which pyarrow can't renew. After they expire, call
    this function again. Raises CredentialsUnavailable for long-term keys.

    https://arrow.apache.org/docs/python/generated/pyarrow.fs.S3FileSystem.html
    """
    from pyarrow.fs import S3FileSystem

    frozen, _ = short_lived(session)
    note_hand_out(session, "pyarrow")
    region, endpoint = s3_location(session)
    return S3FileSystem(
        access_key=frozen.access_key,
        secret_key=frozen.secret_key,
        session_token=frozen.token,
        region=region,
        endpoint_override=endpoint,
    )
