"""Arguments for fsspec (pandas, Dask), which needs only a profile's name for ``s3://`` paths."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.user_environment import MARKER
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.run_isolation import session_here
from ipy_awsprofile.sessions.session import ProfileSession, chain_of
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    import boto3


def storage_options(session: boto3.Session | None = None) -> dict[str, Any]:
    """Return the ``storage_options=`` that pandas, Dask and fsspec need to open ``s3://`` paths.

    The options name a profile, so they contain no secret, and files opened with them renew their
    session. Without a session, they name the profile that the kernel's child processes use while it
    is active. In a function of `across_profiles`, they name its profile.

    Raises CredentialsUnavailable for a session that no profile in the files describes completely.

    https://s3fs.readthedocs.io/en/latest/#credentials
    """
    session = session_here() if session is None else session
    if session is None:
        if MARKER not in os.environ or "AWS_PROFILE" not in os.environ:
            raise CredentialsUnavailable(
                "No profile is active that child processes can use.",
                "Run `%aws_profile NAME`, or pass the session: `storage_options(session)`.",
            )
        return {"profile": os.environ["AWS_PROFILE"]}
    if not isinstance(session, ProfileSession) or not session.target.resolves_by_name:
        name = chain_line(chain_of(session)) or "a session of another library"
        raise CredentialsUnavailable(
            f"The name of a profile isn't enough to open this session again: {name}.",
            "While its profile is active, use `storage_options()` without a session.",
        )
    options: dict[str, Any] = {"profile": session.target.name}
    if session.region_name:  # otherwise, the kernel would use the active profile's Region
        options["client_kwargs"] = {"region_name": session.region_name}
    return options
