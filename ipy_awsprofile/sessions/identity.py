"""A session's identity, as STS returns it for the session's credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.regions import is_known_region
from ipy_awsprofile.config.sts_endpoint import is_aws
from ipy_awsprofile.credentials.cache_provenance import Source
from ipy_awsprofile.credentials.caller import CallerIdentity, caller_identity
from ipy_awsprofile.credentials.error_response import ErrorResponse
from ipy_awsprofile.credentials.response_checks import guarded
from ipy_awsprofile.credentials.retries import give_up_soon
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.sessions.session import (
    ProfileSession,
    chain_of,
    credentials_of,
    expiry_of,
    timeout_of,
)

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity of a session, as STS returned it for the present credentials.

    ``chain`` has the names of the role chain's profiles, from the one that was asked for to the one
    whose credentials start it, or what else starts it, such as ``ECS container``; it is empty for a
    session without a profile. A role's session from
    the AWS CLI's cache can have been got with other credentials: then ``chain`` ends with that
    role, and ``source`` is ``other``, or ``unknown`` if another program wrote the cache.
    ``region`` is the session's Region. ``expiry`` (UTC) is when the credentials expire, and a
    session of this package renews them before that. It is None if they don't expire, or if that
    isn't known: ``temporary`` credentials, which have a session token, expire also without a known
    ``expiry``. ``cached`` says that the identity was read with a role's credentials from the AWS
    CLI's cache, without asking STS again. Servers that aren't AWS can leave out ``account``,
    ``arn`` and ``user_id``, which are empty then. They may ignore session policies, as Ceph's RGW
    and SeaweedFS do: ``may_ignore_policy`` says so if the session has one. ``unknown_region`` says
    that botocore doesn't know the Region, and that AWS itself is called or an option names it.

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
    unknown_region: bool = field(default=False, compare=False)
    source: Source = field(default="chain", compare=False)


def who_am_i(session: boto3.Session, *, ask: bool = False) -> Identity:
    """Return a session's identity.

    STS is called once for each set of credentials, and not at all for a role that was just assumed,
    because the response to AssumeRole has the identity. The AWS CLI's cache keeps that response for
    roles that were assumed before: with ``ask``, STS is called for those, too. Raises a child of
    `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    chain = chain_of(session)
    with translated(chain):
        credentials = credentials_of(session)
        frozen = credentials.get_frozen_credentials()
        access_key = frozen.access_key or ""
        known = session.callers if isinstance(session, ProfileSession) else {}
        caller = known.get(access_key)
        if caller is None or (ask and caller.cached):
            sts = session.client("sts", config=give_up_soon(timeout_of(session)))
            try:
                caller = caller_identity(guarded(sts))
            except ClientError as error:
                if not _cannot_tell(error, sts):
                    raise
                caller = caller or CallerIdentity("", "")
            known[access_key] = caller
        arn = Arn.parse(caller.arn) if caller.arn else _UNKNOWN
        if arn is None:
            raise KeyError("Arn")  # the response isn't from AWS
        unknown_region = _is_unknown_region(session)
    source: Source = "chain"
    may_ignore_policy = False
    if isinstance(session, ProfileSession):
        chain, source = session.provenance.chain, session.provenance.source
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
        unknown_region=unknown_region,
        source=source,
    )


def _is_unknown_region(session: boto3.Session) -> bool:
    """Return whether AWS is called in a Region that botocore doesn't know, or an option names it.

    Other servers can have Regions of any name, which their profiles contain.
    """
    region = session.region_name
    if not region or is_known_region(region):
        return False
    if isinstance(session, ProfileSession) and session.target.region_is_option:
        return True
    return is_aws(session.client("sts").meta.endpoint_url)


def _cannot_tell(error: ClientError, client: Any) -> bool:
    """Return whether a server that isn't AWS doesn't know the operation that it was asked for.

    https://docs.ceph.com/en/latest/radosgw/STS/
    """
    return ErrorResponse.of(error).is_unknown_operation and not is_aws(client.meta.endpoint_url)


_UNKNOWN = Arn("", "", "", "", "")
