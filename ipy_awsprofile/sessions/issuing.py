"""Get keys that may leave the kernel, and open sessions with fewer permissions or less time.

The keys are for programs, workers and libraries in other languages. Long-term keys never leave the
kernel. Instead of long-term keys, programs get short-lived keys from STS, or an error. `scoped`
opens sessions for code that you don't fully trust, such as an agent or a library.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getscopedcredentials.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.credentials import DeferredRefreshableCredentials

from ipy_awsprofile.config.organization import read_policy
from ipy_awsprofile.config.parameters import PARAMETERS, StsParameters
from ipy_awsprofile.config.policies import (
    ending_at,
    not_outlasting,
    policy_in,
    policy_text,
    read_only_policy,
    session_policy,
)
from ipy_awsprofile.config.private import StaysInProcess, of_process
from ipy_awsprofile.config.profiles import ASSUMES
from ipy_awsprofile.config.python_interface import ForWith, checks_arguments
from ipy_awsprofile.config.request import SessionRequest, python_arguments
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.config.user_environment import user_variable
from ipy_awsprofile.credentials.botocore_session import separate_session
from ipy_awsprofile.credentials.person import unattended
from ipy_awsprofile.credentials.sts import (
    SHORTEST_SESSION,
    Keys,
    NewKeys,
    ScopedSessionFetcher,
    ask_caller,
    aws_now,
    freeze_credentials,
    issue_session_token,
    keys_in,
    renew_with_base,
    use_regional_sts,
)
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsUnavailable,
    InvalidOption,
    ServiceError,
)
from ipy_awsprofile.gate import PROCESS, Scope, turn_here
from ipy_awsprofile.label import label_of, put_label
from ipy_awsprofile.sessions.protection import Protection
from ipy_awsprofile.sessions.session import (
    NamedSession,
    OpeningRequest,
    ProfileSession,
    check_session,
    credentials_of,
    fetch_identity,
    open_protected,
    open_target,
    own_client_of,
    settings_of,
    target_in,
)

if TYPE_CHECKING:
    import boto3

#: How long programs use keys before they ask again, and so follow a switch. botocore asks again 15
#: minutes before the end.
LENT_FOR = timedelta(minutes=20)

#: The longest name of a role session.
_LONGEST_SESSION_NAME = 64

#: botocore renews credentials this long before they expire.
_ABOUT_TO_END = timedelta(minutes=15)


def renew_keys(session: boto3.Session) -> Keys:
    """Return the session's keys, and renew the keys first if they are about to expire.

    Raise a subclass of `AwsProfileError` if the renewal fails.
    """
    with translated(target_in(session)):
        return freeze_credentials(credentials_of(session))


def try_to_renew(session: boto3.Session) -> AwsProfileError | None:
    """Renew a session's credentials if necessary, without a prompt.

    Return the error if the renewal fails, and otherwise None.
    """
    try:
        with unattended():
            renew_keys(session)
    except AwsProfileError as error:
        return error
    return None


def current_keys(session: boto3.Session) -> Keys:
    """Return the session's keys without calling AWS, even if they have expired."""
    credentials: Any = credentials_of(session)
    # Not public. Renewed credentials have the first attribute, and a file's credentials the second.
    kept = vars(credentials)
    frozen = kept.get("_frozen_credentials") or kept.get("_keys")
    return Keys(*frozen) if frozen else freeze_credentials(credentials)


def require_short_lived(keys: Keys) -> Keys:
    """Return the keys if they are short-lived, and otherwise raise CredentialsUnavailable."""
    if keys.token:
        return keys
    raise CredentialsUnavailable(
        "The session has long-term keys, which never leave the kernel.",
        "Switch to a role. If the library takes the name of a profile, you can also pass it the "
        "name of the profile that has the keys.",
    )


def issue_keys(session: boto3.Session) -> Keys:
    """Return short-lived keys that may leave the kernel.

    If the session's own keys are short-lived, renew the keys if necessary, and return them. For
    long-term keys, STS issues short-lived keys, which a `ProfileSession` reuses until shortly
    before they expire. The keys from STS can't call IAM and, in STS, can call only AssumeRole and
    GetCallerIdentity. Raise a subclass of `AwsProfileError` if no short-lived keys are available.
    """
    keys = renew_keys(session)
    if keys.token:
        return keys
    if not isinstance(session, ProfileSession):
        return _issue_session_token(session, keys)
    if session.target.store:
        raise CredentialsUnavailable(
            f"The long-term keys of `{session.target.name}` for {session.target.store} never leave "
            "the kernel.",
            "Use boto3, s3fs, polars or another library that reads the profile's name from "
            "AWS_PROFILE, or pass the keys to the library yourself.",
        )

    def issue() -> tuple[Keys, datetime]:
        issued = _issue_session_token(session, keys)
        return issued, issued.ends_at(datetime.max.replace(tzinfo=UTC)) - _ABOUT_TO_END

    return session.issued.get(keys.access_key, issue)


def _issue_session_token(session: boto3.Session, keys: Keys) -> Keys:
    with translated(target_in(session)):
        response = issue_session_token(partial(own_client_of, session), keys)
    return keys_in(response["Credentials"])


def lent_document(session: boto3.Session) -> dict[str, object]:
    """Return a document that gives programs the keys from `issue_keys`, or the error."""
    try:
        return credentials_document(issue_keys(session), datetime.now(UTC) + LENT_FOR)
    except AwsProfileError as error:
        return error_document(error)


def error_document(error: AwsProfileError) -> dict[str, object]:
    """Return the document that programs get instead of credentials if an error occurs."""
    return {"Code": type(error).__name__, "Message": f"{error} {error.hint}".strip()}


def credentials_document(keys: Keys, replaced: datetime) -> dict[str, object]:
    """Return keys in the JSON format that SDKs expect from credential processes and containers.

    Programs use the keys until they expire or until the time ``replaced``, whichever is first. SDKs
    read the token from ``SessionToken`` for a ``credential_process``, and from ``Token`` for a
    container.
    """
    return {
        "Version": 1,
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.token,
        "Token": keys.token,
        "Expiration": f"{keys.ends_at(replaced):%Y-%m-%dT%H:%M:%SZ}",
    }


# Keys for programs --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """A snapshot of the limits of keys for programs, taken when the limits were checked.

    ``parameters`` contains parameters of GetScopedCredentials if ``is_scope`` is true, and
    otherwise parameters of AssumeRole.
    """

    parameters: StsParameters = field(hash=False)
    is_scope: bool

    @property
    def denies_other_roles(self) -> bool:
        """Whether a write window's keys can be prevented from assuming other roles."""
        return not self.is_scope or "Policy" in self.parameters


def limits_of(
    session: ProfileSession, *, read_only: bool = False, policy: str | None = None
) -> Limits:
    """Return the limits of a session's keys for programs, with read-only access or a policy.

    ``policy`` is a JSON file's path or, for a role, a managed policy's ARN. The session's own
    limits also apply to the keys. Raise InvalidOption if the policy can't be used.
    """
    target = session.target
    own = target.request
    has_more = read_only or policy is not None
    is_scope = not is_assumed_again(target) or (own.policy is not None and has_more)
    asked = SessionRequest(read_only=read_only, policy=policy)
    if is_scope:
        return Limits(session_policy(asked, None), is_scope=True)
    if policy is not None or (read_only and not own.read_only):
        return Limits(session_policy(asked, target.profile), is_scope=False)
    parameters = target.parameters.get(str(target.profile.role_arn), {})
    policies = {"Policy", "PolicyArns"}
    kept = {name: value for name, value in parameters.items() if name in policies}
    return Limits(kept, is_scope=False)


def limits_until(session: ProfileSession, end: datetime, policy: str | None) -> Limits:
    """Return the limits of a write window's keys. The window ends at ``end`` (UTC) on AWS's clock.

    Programs can't use these keys to get keys that last longer, unless the policy names the
    necessary actions or no policy can be added. Raise InvalidOption if the policy can't be used.
    """
    limits = limits_of(session, policy=policy)
    parameters = limits.parameters
    if limits.denies_other_roles:
        parameters = not_outlasting(parameters)
    if not limits.is_scope:  # GetScopedCredentials has a duration
        parameters = ending_at(end, parameters)
    return replace(limits, parameters=parameters)


def time_at_aws(session: ProfileSession) -> datetime:
    """Call STS to find out AWS's current time (UTC).

    Raise a subclass of `AwsProfileError` if the call fails.
    """
    with translated(session.target):
        ask_caller(own_client_of(session, "sts"))
    return aws_now()


def issue_limited_keys(
    session: ProfileSession, name: str, lasts: timedelta, limits: Limits
) -> Keys:
    """Return new keys for programs with the session's identity, without prompting the user.

    The keys are valid for at most ``lasts``, but a role's keys are valid for at least 15 minutes.
    CloudTrail shows ``name`` as the description of a scoped session. For a role session, CloudTrail
    shows ``name`` at the end of the session's name, unless the profile or an option sets that name.
    Raise a subclass of `AwsProfileError` if AWS doesn't issue the keys.
    """
    if limits.is_scope:
        return _issue_narrower_keys(session, name, lasts, limits.parameters)
    target = _limited_target(session.target, name, lasts, limits.parameters)
    return renew_keys(open_target(target, fresh=True))  # a cached session has less time


def issue_brief_keys(
    session: ProfileSession, name: str, lasts: timedelta, *, read_only: bool = False
) -> tuple[Keys, bool]:
    """Return keys from `issue_limited_keys` or, if AWS can't issue such keys, from `issue_keys`.

    The second value is true if the keys come from `issue_limited_keys`. If the keys must be
    ``read_only`` or belong to a role, this function doesn't try `issue_keys`. Raise a subclass of
    `AwsProfileError` if AWS doesn't issue any keys.
    """
    if not session.target.store:  # which issues no keys
        try:
            limits = limits_of(session, read_only=read_only)
            return issue_limited_keys(session, name, lasts, limits), True
        except (AccessDenied, ServiceError):
            if read_only or is_assumed_again(session.target):
                raise
    return issue_keys(session), False


def is_assumed_again(target: Target) -> bool:
    """Return whether a role can be assumed again without a prompt or additional permissions."""
    return target.profile.kind in ASSUMES and target.renews_unattended


def _limited_target(target: Target, name: str, lasts: timedelta, limits: StsParameters) -> Target:
    """Return a target for the same role with different limits, duration and session name.

    The new target uses the files and the policy that were read for the original target, because the
    files may have changed since then.
    """
    request = target.request
    seconds = max(int(lasts.total_seconds()), SHORTEST_SESSION)
    default = request.default_session_name or user_variable("AWS_ROLE_SESSION_NAME") or ""
    # A trust policy can require its beginning, which is the user.
    session_name = f"{default}-{name}".strip("-")[:_LONGEST_SESSION_NAME]
    limited = target_of(
        replace(
            request,
            duration=read_policy().at_most("duration", seconds),
            default_session_name=session_name,
            read_only=False,
            policy=None,
        ),
        target.config,
    )
    arn = str(limited.profile.role_arn)
    parameters = {**limited.parameters, arn: {**limited.parameters.get(arn, {}), **limits}}
    named = replace(limited.request, read_only=request.read_only, policy=request.policy)
    return replace(limited, request=named, parameters=parameters)


def _issue_narrower_keys(
    session: ProfileSession, name: str, lasts: timedelta, limits: StsParameters
) -> Keys:
    """Return keys from GetScopedCredentials, as described in `issue_limited_keys`."""
    scope = {**limits}
    ends = aws_now() + lasts
    # STS refuses a session that lasts longer than the credentials that it is for.
    if renew_keys(session).ends_at(ends) == ends:
        scope["DurationSeconds"] = max(1, int(lasts.total_seconds()))
    if not scope:
        return issue_keys(session)
    scope["ScopedSessionDescription"] = name
    return renew_keys(_open_scope(session, scope))


# Sessions for code --------------------------------------------------------------------------------


@checks_arguments
def scoped(
    session_or_profile: boto3.Session | str,
    *,
    policy: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    seconds: int | None = None,
    read_only: bool = False,
    description: str = "ipy-awsprofile",
) -> AbstractContextManager[boto3.Session]:
    """Open a session with limited permissions or time for the identity of a session or profile.

    ``session_or_profile`` is a boto3 session or the name of a profile. ``policy`` is a JSON file's
    path or a policy as a dict. If ``read_only`` is true, the session has the policy of
    ``%aws_profile --read-only``. If you pass the name of a profile that the notebook's setting
    ``read_only`` matches, the session also has this policy, unless you pass ``policy``. The session
    can do only what both its identity and the policy allow. If ``seconds`` (1 to 129600) is set,
    the session ends after that time and isn't renewed. If ``seconds`` is None, the session is
    renewed for as long as ``session_or_profile`` is renewed. CloudTrail shows the ``description``.
    After the ``with`` block, the scoped session can't sign any requests.

    `scoped` doesn't switch the notebook, and all other sessions in the kernel keep their
    permissions. The limits apply only to code that uses the scoped session. Code that uses the
    scoped session can still find other credentials in the kernel. To keep code from finding other
    credentials, run the code in another process.

    Raise InvalidOption if an argument is invalid, ServiceError if STS doesn't support
    GetScopedCredentials, or another subclass of `AwsProfileError` if the session can't be opened.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
    """
    scope: StsParameters = {}
    limit = _policy(policy, read_only=read_only)
    if limit:
        scope["Policy"] = limit
    if seconds is not None:
        scope["DurationSeconds"] = PARAMETERS["duration"].parse_option(seconds)
    if not scope:
        raise InvalidOption(
            "The arguments don't limit the session.",
            "Pass `policy`, `seconds` or `read_only=True`.",
        )
    scope["ScopedSessionDescription"] = description
    options: SessionRequest | None = None
    if seconds is None and not isinstance(policy, Mapping):
        options = SessionRequest(read_only=read_only, policy=policy)
    return _Scoped(session_or_profile, scope, options)


class _Scoped(StaysInProcess, ForWith):
    """A context manager that opens a scoped session and can be entered several times.

    ``options`` expresses the limits as options of a session, or is None if options can't express
    the limits.
    """

    def __init__(
        self,
        session_or_profile: boto3.Session | str,
        scope: StsParameters,
        options: SessionRequest | None,
    ) -> None:
        super().__init__("scoped(…)")
        self._block = partial(_begin_scope, session_or_profile, scope, options)
        #: The times that it is entered now, the innermost last.
        self._open: list[AbstractContextManager[boto3.Session]] = []

    def __enter__(self) -> boto3.Session:
        self._has_told = True
        block = self._block()
        session = block.__enter__()
        self._open.append(block)
        return session

    def __exit__(self, *exception: Any) -> None:
        self._open.pop().__exit__(*exception)


@contextmanager
def _begin_scope(
    session_or_profile: boto3.Session | str, scope: StsParameters, options: SessionRequest | None
) -> Iterator[boto3.Session]:
    """Open a scoped session for a ``with`` block.

    ``scope`` contains the parameters of GetScopedCredentials, and ``options`` has the same meaning
    as in `_Scoped`.
    """
    base = session_or_profile
    if isinstance(base, str):
        # The notebook's setting limits sessions without limits, and would prevent narrower ones.
        base = open_protected(OpeningRequest(base), Protection())
        if "Policy" not in scope and _is_read_only(base):
            scope = {**scope, "Policy": read_only_policy()}
    check_session(base, "GetScopedCredentials")
    session = _open_scope(base, scope)
    credentials: Any = session.get_credentials()
    label = label_of(credentials)
    profile = label.profile if label else ""
    opened = Scope(credentials, profile, _statement_of_block(base, options), turn_here())
    PROCESS.scopes.append(opened)
    try:
        yield session
    finally:
        credentials.has_ended = True
        with suppress(ValueError):  # the process's state was reset in the block
            PROCESS.scopes.remove(opened)


def _is_read_only(session: ProfileSession) -> bool:
    """Return whether the notebook's setting ``read_only`` matches a session's profile."""
    protection = Protection(read_only=PROCESS.read_only)
    if not protection.has_patterns:
        return False
    target = session.target
    account = fetch_identity(session).account
    return bool(protection.limited(target.request, target, account).request.read_only)


def _statement_of_block(base: boto3.Session, options: SessionRequest | None) -> str:
    """Return a ``with`` statement that opens a session with the given limits, or an empty string.

    If the session is already limited, the result is an empty string, because limits can't be
    combined.
    """
    if options is None or not isinstance(base, ProfileSession):
        return ""
    request = base.target.request
    if request.read_only or request.policy is not None:
        return ""
    own = SessionRequest(**request.session_options())
    limited = replace(own, read_only=options.read_only, policy=options.policy)
    return f"with using_profile({python_arguments(limited)}) as session:"


def _policy(
    policy: Mapping[str, Any] | str | os.PathLike[str] | None, *, read_only: bool
) -> str | None:
    """Return a scoped session's policy as JSON, or None if no policy limits the session.

    Raise InvalidOption if the policy can't be used.
    """
    if read_only and policy is not None:
        raise InvalidOption(
            "`read_only` and `policy` can't be combined.", "Nest two `with scoped(…)` blocks."
        )
    if read_only:
        return read_only_policy()
    if policy is None:
        return None
    if not isinstance(policy, Mapping):
        return policy_in(Path(policy))
    try:
        return policy_text(policy)
    except ValueError as error:
        raise InvalidOption(f"`policy` isn't a valid policy: {error}.") from None


def _open_scope(base: boto3.Session, scope: StsParameters) -> boto3.Session:
    """Open a scoped session. ``scope`` contains the parameters of GetScopedCredentials."""
    target = target_in(base)
    if target:
        target.require_sts()
    inner = separate_session(base.profile_name, base.region_name, *settings_of(base))
    use_regional_sts(inner)
    session = NamedSession(inner, target, getattr(base, "timeout", 10.0))
    create_client = partial(own_client_of, session)
    with translated(target):
        broader = credentials_of(base)
        fetcher = ScopedSessionFetcher(broader, create_client, base.region_name, scope)
        credentials = _ScopedCredentials(fetcher, target)
        label = label_of(broader)
        if label:  # a narrower session still signs as its base
            put_label(credentials, label)
        inner.load_with(lambda: credentials)
        credentials.get_frozen_credentials()
    return session


class _ScopedCredentials(DeferredRefreshableCredentials):
    """Scoped credentials, which are renewed until the ``with`` block or their duration ends."""

    has_ended = False

    def __init__(self, fetcher: ScopedSessionFetcher, target: Target | None) -> None:
        super().__init__(self._renew, "scoped")
        self._fetcher = fetcher
        self._base = fetcher._source_credentials  # noqa: SLF001  # as botocore names it
        self._target = target
        self._refresh_lock = of_process(self, name="_refresh_lock", create=Lock)
        renew_with_base(self, self._base)
        if fetcher.duration:
            self._advisory_refresh_timeout = self._mandatory_refresh_timeout = 0

    def _refresh(self) -> None:
        """Renew the credentials if necessary, before botocore uses the credentials.

        Raise AwsProfileError if the ``scoped`` block has ended.
        """
        if self.has_ended or getattr(self._base, "has_ended", False):
            raise AwsProfileError(
                "The `scoped` block of this session has ended.", "Open another one."
            )
        super()._refresh()  # type: ignore[misc]

    def _renew(self) -> NewKeys:
        """Return new credentials in botocore's format.

        Raise AwsProfileError if the session has ended.
        """
        if self._fetcher.duration and getattr(self, "_access_key", None):
            raise AwsProfileError(
                f"The session was limited to {self._fetcher.duration} seconds and has ended.",
                "Open another one.",
            )
        with translated(self._target):
            return self._fetcher.fetch_credentials()
