"""Arguments for polars, which calls a credential provider again when credentials expire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.hand_outs import note_hand_out
from ipy_awsprofile.sessions.polars_credentials import KEEPS, UPDATE, for_polars, keeps_credentials
from ipy_awsprofile.sessions.portable import short_lived
from ipy_awsprofile.sessions.s3_options import s3_location
from ipy_awsprofile.sessions.session import chain_of
from ipy_awsprofile.text import chain_line

if TYPE_CHECKING:
    import boto3


class PolarsCredentials:
    """A credential provider for polars. Calling it returns the credentials and their expiration."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {chain_line(chain_of(self._session)) or 'a session'}>"

    def __call__(self) -> tuple[dict[str, str], int | None]:
        """Return the current credentials, and their expiration time in seconds since 1970."""
        note_hand_out(self._session, "polars")
        return for_polars(*short_lived(self._session))


def polars_options(session: boto3.Session) -> dict[str, Any]:
    """Return the options that polars needs to use the session: ``pl.scan_csv(url, **options)``.

    The options are ``credential_provider``, which renews the credentials, and ``storage_options``.
    They contain no secret. Raises CredentialsUnavailable for long-term keys, and before polars
    1.39.

    https://docs.pola.rs/user-guide/io/cloud-storage/
    """
    if keeps_credentials():
        raise CredentialsUnavailable(f"This polars {KEEPS}.", UPDATE)
    short_lived(session)  # raises an error here instead of in a later query
    region, endpoint = s3_location(session)
    options = {"aws_region": region}
    if endpoint:
        options |= {"aws_endpoint_url": endpoint}
        if endpoint.startswith("http:"):
            options |= {"aws_allow_http": "true"}
    return {"credential_provider": PolarsCredentials(session), "storage_options": options}
