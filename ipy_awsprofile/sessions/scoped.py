"""Open a narrower session for code that you don't fully trust, such as an agent or a library.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getscopedcredentials.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.credentials import DeferredRefreshableCredentials

from ipy_awsprofile.config.policies import (
    ending_at,
    policy_in,
    policy_text,
    read_only_policy,
    session_policy,
)
from ipy_awsprofile.config.profiles import ASSUMES, Profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.credentials.botocore_session import separate_session
from ipy_awsprofile.credentials.own_calls import own_client
from ipy_awsprofile.credentials.sts import SHORTEST_SESSION, ScopedSessionFetcher, renew_with_base
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AccessDenied, AwsProfileError, InvalidOption, ServiceError
from ipy_awsprofile.gate import label_of, put_label
from ipy_awsprofile.sessions.portable import present_credentials
from ipy_awsprofile.sessions.session import (
    NamedSession,
    ProfileSession,
    check_session,
    config_of_calls,
    credentials_of,
    names_of,
    names_of_chain,
    open_session,
    open_target,
    settings_of,
)

if TYPE_CHECKING:
    import boto3

    from ipy_awsprofile.config.target import Target

#: The durations in seconds that AWS allows.
_ALLOWED = range(1, 129600 + 1)


class scoped(AbstractContextManager["boto3.Session"]):  # noqa: N801  # used like a function
    """Open a session with the same identity, but limited permissions or time, for a ``with`` block.

    ``session_or_profile`` is a boto3 session or the name of a profile. ``policy`` is a JSON file
    or a policy as a dict, and ``read_only`` uses the policy of ``%aws_profile --read-only``. The
    session can do only what both its identity and the policy allow. With ``seconds`` (1 to 129600),
    it ends after that time and isn't renewed. Otherwise, it is renewed as long as its base is.
    CloudTrail shows the ``description``. After the block, the session can't sign any requests.

    This doesn't switch the notebook, and everything else in the kernel keeps its permissions. It
    limits only code that uses the session that you pass to it. Code can still find other
    credentials in the kernel. To prevent that, run the code in another process.

    Raises ServiceError if STS doesn't support GetScopedCredentials, InvalidOption, and other
    subclasses of `AwsProfileError`.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
    """

    def __init__(
        self,
        session_or_profile: boto3.Session | str,
        *,
        policy: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        seconds: int | None = None,
        read_only: bool = False,
        description: str = "ipy-awsprofile",
    ) -> None:
        self._base = session_or_profile
        self._scope: dict[str, Any] = {**_policy(policy, read_only=read_only), **_lasting(seconds)}
        if not self._scope:
            raise InvalidOption(
                "Nothing limits the session.", "Pass `policy`, `seconds` or `read_only=True`."
            )
        self._scope["ScopedSessionDescription"] = description
        self._open: list[_ScopedCredentials] = []  # one for each block that uses this object

    def __enter__(self) -> boto3.Session:
        base = self._base
        if isinstance(base, str):
            base = open_session(base)
        check_session(base, "GetScopedCredentials")
        session, credentials = _open_scope(base, self._scope)
        self._open.append(credentials)
        return session

    def __exit__(self, *_: object) -> None:
        self._open.pop().has_ended = True


def _open_scope(
    base: boto3.Session, scope: Mapping[str, Any]
) -> tuple[boto3.Session, _ScopedCredentials]:
    """Return a narrower session, and its credentials. ``scope`` has the parameters of STS."""
    chain = names_of(base)
    if isinstance(base, ProfileSession):
        base.target.require_sts()
    inner = separate_session(chain[0], base.region_name, *settings_of(base))
    inner.set_config_variable("sts_regional_endpoints", "regional")
    region = base.region_name or "us-east-1"

    def create(service: str, **keys: Any) -> Any:
        config = config_of_calls(base)
        return own_client(inner.create_client(service, region_name=region, config=config, **keys))

    with translated(chain):
        broader = credentials_of(base)
        fetcher = ScopedSessionFetcher(broader, create, scope)
        credentials = _ScopedCredentials(fetcher, chain)
        label = label_of(broader)
        if label:  # a narrower session still signs as its base
            put_label(credentials, label)
        inner.load_with(lambda: credentials)
        credentials.get_frozen_credentials()
    return NamedSession(inner, names_of_chain(base)), credentials


def open_limited(
    session: ProfileSession,
    name: str,
    *,
    seconds: int,
    read_only: bool = False,
    policy: str | None = None,
) -> boto3.Session:
    """Return a session with the same identity for programs, without prompting the user.

    AWS accepts its keys for so many ``seconds``, at most. It can also be limited to reading, or to
    a ``policy``: a JSON file, or for a role, the ARN of a managed policy. CloudTrail shows the
    name: at the end of the role session's name unless the profile or an option names it, or as the
    description of the narrower session. Raises a subclass of `AwsProfileError`.
    """
    target = session.target
    is_narrowed = target.request.policy is not None and (read_only or policy is not None)
    if is_assumed_again(target) and not is_narrowed:
        request = replace(target.request, policy=policy or target.request.policy)
        if read_only:
            request = replace(request, read_only=True)
        # A cached session has less time.
        return open_target(_limited(target, request, name, seconds), fresh=True)
    return _open_narrower(session, name, seconds, read_only=read_only, policy=policy)


def open_brief(
    session: ProfileSession, name: str, *, seconds: int, read_only: bool = False
) -> boto3.Session:
    """Return a session as in `open_limited`.

    If AWS can't issue such keys, return the session itself, unless it must be ``read_only``.
    """
    if session.target.store:
        return session
    try:
        return open_limited(session, name, seconds=seconds, read_only=read_only)
    except (AccessDenied, ServiceError):
        if read_only or is_assumed_again(session.target):
            raise
        return session


def is_assumed_again(target: Target) -> bool:
    """Return whether a new session of the target's role needs neither the user nor a permission."""
    return target.profile.kind in ASSUMES and target.renews_unattended


def _limited(target: Target, request: SessionRequest, name: str, seconds: int) -> Target:
    """Return a target for the same role, with the policy of a request and a duration.

    It has the role chain of the target, because the files can have changed since.
    """
    role = target.profile
    arn = str(role.role_arn)
    limits = {**target.parameters.get(arn, {}), **session_policy(request, role)}
    if seconds < SHORTEST_SESSION:
        limits = ending_at(datetime.now(UTC) + timedelta(seconds=seconds), limits)
    own_name = role.text("role_session_name") or ""
    default = request.default_session_name or user_environment().get("AWS_ROLE_SESSION_NAME")
    if own_name in {"", default}:
        own_name = f"{own_name}-{name}".strip("-")
    settings = {
        **role.settings,
        "role_session_name": own_name[-64:],
        "duration_seconds": str(max(seconds, SHORTEST_SESSION)),
    }
    first = Profile(role, settings, role.kind)
    return replace(
        target,
        request=request,
        chain=(first, *target.chain[1:]),
        parameters={**target.parameters, arn: limits},
    )


def _open_narrower(
    session: ProfileSession, name: str, seconds: int, *, read_only: bool, policy: str | None
) -> boto3.Session:
    """Return a session for programs by GetScopedCredentials, as in `open_limited`."""
    request = SessionRequest(read_only=read_only, policy=policy)
    scope = session_policy(request, None)
    _, expiry = present_credentials(session)
    # STS refuses a session that lasts longer than the credentials that it is for.
    if expiry is None or expiry - datetime.now(UTC) > timedelta(seconds=seconds):
        scope["DurationSeconds"] = seconds
    if not scope:
        return session
    scope["ScopedSessionDescription"] = name
    return _open_scope(session, scope)[0]


def _policy(
    policy: Mapping[str, Any] | str | os.PathLike[str] | None, *, read_only: bool
) -> dict[str, str]:
    """Return the policy as a parameter of STS."""
    if read_only and policy is not None:
        raise InvalidOption(
            "`read_only` and `policy` can't be combined.", "Nest two `with scoped(…)` blocks."
        )
    if read_only:
        return {"Policy": read_only_policy()}
    if policy is None:
        return {}
    if not isinstance(policy, Mapping):
        return {"Policy": policy_in(Path(policy))}
    try:
        return {"Policy": policy_text(policy)}
    except ValueError as error:
        raise InvalidOption(f"`policy` isn't a policy: {error}.") from None


def _lasting(seconds: int | None) -> dict[str, int]:
    """Return the duration as a parameter of STS. Raises InvalidOption."""
    if seconds is None:
        return {}
    if seconds not in _ALLOWED:
        raise InvalidOption(f"`seconds` is {seconds}; it must be 1 to {_ALLOWED[-1]}.")
    return {"DurationSeconds": seconds}


class _ScopedCredentials(DeferredRefreshableCredentials):
    """Credentials that are renewed with their base until the block or their duration ends."""

    has_ended = False

    def __init__(self, fetcher: ScopedSessionFetcher, chain: tuple[str, ...]) -> None:
        super().__init__(fetcher.fetch_credentials, "scoped")
        renew_with_base(self, fetcher._source_credentials)  # noqa: SLF001  # as botocore names it
        self._fetcher = fetcher
        self._chain = chain
        self._refresh_using = self._renew
        if fetcher.duration:
            self._advisory_refresh_timeout = self._mandatory_refresh_timeout = 0

    def _refresh(self) -> None:
        """Renew the credentials if necessary. botocore calls this before it uses any of them.

        Raises AwsProfileError after the end of the block.
        """
        base = self._fetcher._source_credentials  # noqa: SLF001
        if self.has_ended or getattr(base, "has_ended", False):
            raise AwsProfileError(
                "The `scoped` block of this session has ended.", "Open another one."
            )
        super()._refresh()  # type: ignore[misc]

    def _renew(self) -> Any:
        """Return new credentials in botocore's format. Raises AwsProfileError."""
        if self._fetcher.duration and getattr(self, "_access_key", None):
            raise AwsProfileError(
                f"The session was limited to {self._fetcher.duration} seconds, and has ended.",
                "Open another one.",
            )
        with translated(self._chain):
            return self._fetcher.fetch_credentials()
