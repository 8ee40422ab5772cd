"""The identity that STS reports for a session's credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ipy_awsprofile.config.profiles import ProfileKind
from ipy_awsprofile.config.regions import is_aws
from ipy_awsprofile.config.target import SOURCES
from ipy_awsprofile.credentials.caller import CallerIdentity, caller_identity
from ipy_awsprofile.credentials.error_response import ErrorResponse
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.secret_redaction import RedactedCredentials, freeze_credentials
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.sessions.session import (
    ProfileSession,
    chain_of,
    credentials_of,
    expiry_of,
    timeout_of,
)
from ipy_awsprofile.text import Arn

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity that STS reported for a session's current credentials.

    ``chain`` has the names of the role chain's profiles, from the requested profile to the profile
    or other source that provides the first credentials, such as ``EC2 instance``. It is empty for
    a session without a profile. A cached role session can come from another profile for the same
    role.

    ``region`` is the session's Region. ``expiry`` (UTC) is when the credentials expire; this
    package's sessions renew them before that. It is None if they don't expire or their expiry is
    unknown. ``temporary`` credentials have a session token, and expire even if ``expiry`` is None.
    ``cached`` is True if the identity comes from the AWS CLI's cache, without a new call to STS.

    AWS-compatible servers can omit ``account``, ``arn`` and ``user_id``, which are empty then. Some
    servers ignore session policies, such as Ceph's RGW and SeaweedFS; ``may_ignore_policy`` is True
    if the session has a policy that its server may ignore.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """

    account: str
    arn: str
    user_id: str
    profile: str | None
    chain: tuple[str, ...]
    region: str | None
    expiry: datetime | None
    temporary: bool = False
    cached: bool = field(default=False, compare=False)
    may_ignore_policy: bool = field(default=False, compare=False)


def who_am_i(session: boto3.Session, *, ask: bool = False) -> Identity:
    """Return a session's identity.

    This calls STS once for each set of credentials. It doesn't call STS for a new role session,
    because the AssumeRole response has the identity, or for a cached one, because the AWS CLI's
    cache keeps that response. With ``ask``, it calls STS for cached sessions, too. Raises a
    subclass of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    chain = chain_of(session)
    with translated(chain):
        credentials = credentials_of(session)
        frozen = freeze_credentials(credentials)
        caller = _fetch_caller(frozen, session, ask=ask)
        arn = Arn.parse(caller.arn) if caller.arn else _UNKNOWN
        if arn is None:
            raise KeyError("Arn")  # the response isn't from AWS
    may_ignore_policy = False
    if isinstance(session, ProfileSession):
        source = session.target.chain[-1]
        if source.kind is ProfileKind.CREDENTIAL_SOURCE and source.credential_source:
            chain = (*chain, SOURCES[source.credential_source])
        session.principal = caller.principal if caller.arn else None
        may_ignore_policy = session.may_ignore_policy
    return Identity(
        account=arn.account,
        arn=caller.arn,
        user_id=caller.user_id,
        profile=chain[0] if chain else None,
        chain=chain,
        region=session.region_name,
        expiry=expiry_of(credentials),
        temporary=bool(frozen.token),
        cached=caller.cached,
        may_ignore_policy=may_ignore_policy,
    )


def _fetch_caller(
    frozen: RedactedCredentials, session: boto3.Session, *, ask: bool
) -> CallerIdentity:
    """Return the caller identity for credentials. Call STS only for the first time."""
    known = session.callers if isinstance(session, ProfileSession) else {}
    caller = known.get(frozen.access_key or "")
    if caller is None or (ask and caller.cached):
        sts = session.client("sts", config=give_up_soon(timeout_of(session)))
        try:
            caller = caller_identity(guarded(sts))
        except ClientError as error:
            if not _cannot_tell(error, sts):
                raise
            caller = caller or CallerIdentity("", "")
        known[frozen.access_key or ""] = caller
    return caller


def _cannot_tell(error: ClientError, client: Any) -> bool:
    """Return whether a server other than AWS doesn't support the operation.

    https://docs.ceph.com/en/latest/radosgw/STS/
    """
    return ErrorResponse.of(error).is_unknown_operation and not is_aws(client.meta.endpoint_url)


_UNKNOWN = Arn("", "", "", "", "")
