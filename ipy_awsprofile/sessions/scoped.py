"""Open a narrower session for code that you don't fully trust, such as an agent or a library.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getscopedcredentials.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.credentials import DeferredRefreshableCredentials

from ipy_awsprofile.config.policies import (
    policy_in,
    policy_text,
    read_only_policy,
    session_policy,
)
from ipy_awsprofile.config.profiles import ASSUMES, Profile
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.credentials.answers import own_client
from ipy_awsprofile.credentials.botocore_session import separate_session
from ipy_awsprofile.credentials.sts import ScopedSessionFetcher, renew_with_base
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError, InvalidOption
from ipy_awsprofile.gate import label_of, put_label
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
        return self.open_for(base)

    def open_for(self, base: boto3.Session) -> boto3.Session:
        """Open the narrower session of a base, even if the base isn't the active identity's."""
        chain = names_of(base)
        if isinstance(base, ProfileSession):
            base.target.require_sts()
        inner = separate_session(chain[0], base.region_name, *settings_of(base))
        inner.set_config_variable("sts_regional_endpoints", "regional")
        region = base.region_name or "us-east-1"

        def create(service: str, **keys: Any) -> Any:
            config = config_of_calls(base)
            return own_client(
                inner.create_client(service, region_name=region, config=config, **keys)
            )

        with translated(chain):
            broader = credentials_of(base)
            fetcher = ScopedSessionFetcher(broader, create, self._scope)
            credentials = _ScopedCredentials(fetcher, chain)
            label = label_of(broader)
            if label:  # a narrower session still signs as its base
                put_label(credentials, label)
            inner.load_with(lambda: credentials)
            credentials.get_frozen_credentials()
        self._open.append(credentials)
        return NamedSession(inner, names_of_chain(base))

    def __exit__(self, *_: object) -> None:
        self._open.pop().has_ended = True


def open_limited(
    session: ProfileSession, name: str, *, read_only: bool = False, seconds: int | None = None
) -> boto3.Session:
    """Return a session with the same identity for programs, without prompting the user.

    It can only read, or AWS accepts its credentials for so many ``seconds``, or both. A role's
    session is renewed after that time. CloudTrail shows the name: at the end of the role session's
    name unless the profile or an option names it, or as the description of the narrower session.
    Raises a subclass of `AwsProfileError`.
    """
    target = session.target
    is_limited_by_role = target.profile.kind in ASSUMES and not target.request.policy
    if is_limited_by_role and target.renews_unattended:
        return open_target(_limited(target, name, read_only=read_only, seconds=seconds))
    limits = scoped(session, read_only=read_only, seconds=seconds, description=name)
    return limits.open_for(session)


def _limited(target: Target, name: str, *, read_only: bool, seconds: int | None) -> Target:
    """Return a target for the same role, with the policy of ``--read-only`` or a duration.

    It has the role chain of the target, because the files can have changed since.
    """
    role = target.profile
    arn = str(role.role_arn)
    request = replace(target.request, read_only=read_only or target.request.read_only)
    limits = {**target.parameters.get(arn, {}), **session_policy(request, role)}
    own_name = role.text("role_session_name") or ""
    default = request.default_session_name or user_environment().get("AWS_ROLE_SESSION_NAME")
    if own_name in {"", default}:
        own_name = f"{own_name}-{name}".strip("-")
    settings = {**role.settings, "role_session_name": own_name[-64:]}
    if seconds:
        settings["duration_seconds"] = str(seconds)
    first = Profile(role, settings, role.kind)
    return replace(
        target,
        request=request,
        chain=(first, *target.chain[1:]),
        parameters={**target.parameters, arn: limits},
    )


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
