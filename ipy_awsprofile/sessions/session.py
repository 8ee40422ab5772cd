"""Open boto3 sessions that renew their credentials, and ask AWS for the identity of a session."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from boto3 import Session
from botocore.exceptions import ClientError, NoRegionError

from ipy_awsprofile.audit import note, refusals_noted
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.mistakes import mistakes_of, texts_about
from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.config.organization import read_policy
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.profiles import SOURCES, ProfileKind
from ipy_awsprofile.config.python_interface import checks_arguments, takes
from ipy_awsprofile.config.regions import is_aws, is_region_name
from ipy_awsprofile.config.request import Form, Origin, SessionRequest, step_instead_of_session
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.config.target import Target
from ipy_awsprofile.credentials.botocore_session import (
    ProfileBotocoreSession,
    give_up_soon,
)
from ipy_awsprofile.credentials.caller import CallerIdentity, caller_of, note_caller
from ipy_awsprofile.credentials.error_table import UNKNOWN_OPERATION
from ipy_awsprofile.credentials.outside import OUTSIDE, Outside
from ipy_awsprofile.credentials.person import (
    MfaPrompter,
    Person,
    Prompter,
    SignInPrompter,
    ask_on_input_channel,
)
from ipy_awsprofile.credentials.sts import (
    Keys,
    ask_caller,
    freeze_credentials,
    own_client,
)
from ipy_awsprofile.credentials.translation import code_of, no_credentials, translated
from ipy_awsprofile.errors import (
    InvalidOption,
    InvalidProfile,
    RoleNotAssigned,
    faults_as_errors,
)
from ipy_awsprofile.gate import PROCESS, Signer, check, current_run
from ipy_awsprofile.label import READ_ONLY, Label, put_label
from ipy_awsprofile.sessions.assigned_roles import (
    find_target,
    lines_for_other_roles,
    look_up_account_name,
)
from ipy_awsprofile.sessions.attributes import problem_of_assignment, problem_of_attribute
from ipy_awsprofile.sessions.issued import IssuedKeys
from ipy_awsprofile.sessions.protection import Protection
from ipy_awsprofile.text import chain_line, did_you_mean

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.credentials import Credentials

    from ipy_awsprofile.credentials.providers import RoleProvider


class NamedSession(StaysInProcess, Session):
    """A boto3 session with its `Target`, or with None if another library opened the session.

    ``timeout`` is the time limit, in seconds, for each attempt at a call that this
    package itself makes.
    """

    def __init__(
        self, session: botocore.session.Session, target: Target | None, timeout: float
    ) -> None:
        super().__init__(botocore_session=session)
        self.base = target
        self.timeout = timeout

    @property
    def chain(self) -> tuple[str, ...]:
        """The names of the profiles in the target's role chain, as in `Identity.chain`."""
        return self.base.names if self.base else ()

    def __repr__(self) -> str:
        return f"<session of {chain_line(self.chain)}, region {self.region_name}>"

    if not TYPE_CHECKING:  # otherwise, editors would accept any attribute

        def __getattr__(self, name: str) -> object:
            """Raise AttributeError with the code to use instead of the attribute."""
            problem = problem_of_attribute(self, name, sys._getframe(1))  # noqa: SLF001
            raise AttributeError(problem, name=name, obj=self)

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, or raise AttributeError if the attribute would have no effect."""
        problem = problem_of_assignment(self.__dict__.get("base"), name, value)
        if problem:
            raise AttributeError(problem)
        super().__setattr__(name, value)

    def __enter__(self) -> NoReturn:
        """Raise InvalidOption, because a session doesn't need to be closed."""
        raise InvalidOption(
            "A session can't be used in a `with` statement.",
            'Write `session = open_session("NAME")`. To switch the notebook for a block, write '
            '`with using_profile("NAME") as session:`.',
        )

    def __exit__(self, *_: object) -> None:
        """Do nothing, because `__enter__` always raises an exception.

        Python looks up this method before calling `__enter__`.
        """

    def _register_default_handlers(self) -> None:
        """Do nothing, because a `SharedBotocoreSession` already has boto3's handlers."""


class ProfileSession(NamedSession):
    """A boto3 session for a profile, with automatic renewal of its credentials.

    ``target`` is the profile with its options. ``prompter`` prompts for MFA codes and sign-ins
    during renewals.
    """

    def __init__(
        self,
        session: ProfileBotocoreSession,
        target: Target,
        *,
        timeout: float,
        prompter: Prompter,
    ) -> None:
        super().__init__(session, target, timeout)
        self.target = target
        self.prompter = prompter
        #: What STS has issued for long-term keys, by their ID; see `issue_keys`.
        self.issued = IssuedKeys()

    @property
    def step_instead(self) -> str:
        """What to do instead of copying or pickling the session."""
        if current_run():
            return "While code runs for many profiles, use threads instead of worker processes."
        return step_instead_of_session(self.target.request)

    @property
    def principal(self) -> str | None:
        """The session's principal (see `CallerIdentity`), or None if STS hasn't reported one."""
        caller = caller_of(self.get_credentials())
        return caller.principal if caller and caller.arn else None

    @property
    def arn(self) -> str:
        """The ARN that STS has reported, or an empty string."""
        caller = caller_of(self.get_credentials())
        return caller.arn if caller else ""


def label_for(session: ProfileSession, origin: Origin | None = None) -> Label:
    """Return the label for the credentials of a session that a switch or a run has opened.

    ``origin`` is the switch or block that has opened the session.
    """
    target = session.target
    return Label(
        target.name,
        limits=_limits_of(target),
        options=repr((target.parameters, target.profile.text("role_session_name"))),
        principal=session.principal,
        server=target.server,
        credentials=session.get_credentials(),
        region=session.region_name,
        origin=origin,
    )


def _limits_of(target: Target) -> str:
    """Return the limits of a target's session, such as ``read-only``, or an empty string."""
    request = target.request
    limits = {
        READ_ONLY: request.read_only,
        f"with the session policy {request.policy}": request.policy,
        "with MFA": target.mfa,
    }
    return ", ".join(text for text, is_set in limits.items() if is_set)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningRequest(SessionRequest):
    """The arguments of `open_session`: a request for a session, and how to open the session."""

    fresh: bool = False
    mfa_prompter: MfaPrompter | None = None
    sign_in: SignInPrompter | None = None
    timeout: float = 10.0


@takes(OpeningRequest)
def open_session(request: OpeningRequest) -> ProfileSession:
    """Open a boto3 session for a profile, with automatic renewal of its credentials.

    The credentials are resolved immediately, so that errors occur in this call and not when you use
    the session. A role session is read from the AWS CLI's cache (``~/.aws/cli/cache``) if the
    session is valid for at least 15 more minutes. A role session with a duration of less than an
    hour is read from the cache if the session is valid for at least a quarter of the duration. A
    role session that required an MFA code is read from the cache if the session is valid for at
    least one more minute. If the cache doesn't contain a session that is valid for long enough, the
    role is assumed and the new session is written to the cache.

    For a role without a profile, pass ``role_arn``, with ``source_profile`` unless the default
    credentials assume the role. For an IAM Identity Center role, pass ``account`` (an ID or name)
    and ``role``, and also ``sso`` if your config file has several [sso-session] sections. If
    ``default`` is true, the session uses the default credentials, from the environment, the default
    profile, a container or an instance. ``region`` overrides the profile's Region. ``session_name``
    and ``external_id`` override ``role_session_name`` and ``external_id`` of a role profile. If
    ``fresh`` is true, the cached role session isn't used.

    ``read_only`` and ``policy`` (a JSON file, or for a role, the ARN of a managed policy) limit the
    session's permissions. If the notebook's setting ``read_only`` matches the profile, the session
    is read-only unless you pass ``write``. ``duration`` (seconds, a timedelta, or a string such as
    ``15m``) limits the time until the session is renewed. ``duration`` is 900 to 43200 seconds for
    a role, and up to 129600 seconds for other identities. The limits apply to a role when the role
    is assumed, and to other identities through GetScopedCredentials. The AWS CLI never uses a
    session with ``read_only``, ``policy``, ``tags`` or ``source_identity``. The AWS CLI uses a
    role's session with a ``duration`` only if the profile has the same ``duration_seconds``. If
    ``mfa`` is true, the session is an MFA session, which requires the profile's long-term keys and
    a code from the device ``mfa_serial``, and lasts 12 hours or ``duration``. All of the user's
    notebooks share the MFA session.

    ``mfa_prompter`` receives the prompt and returns the code. By default, the front end prompts for
    the code, even when the credentials are renewed. ``sign_in`` is called if a sign-in to IAM
    Identity Center or with ``aws login`` is missing or has expired. By default, a missing or
    expired sign-in is an error. ``timeout`` is the time limit, in seconds, for each attempt of a
    call to AWS, and half of this time is the limit for the connection. Each call is attempted at
    most three times.

    Raise a subclass of `AwsProfileError` for any problem with the files, the options, the
    credentials or the network.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
    """
    session = open_protected(request, Protection(read_only=PROCESS.read_only))
    if session.target.unknown_region:
        PROCESS.warn(session.target.unknown_region)
    return session


def open_protected(request: OpeningRequest, protection: Protection) -> ProfileSession:
    """Open a session as `open_session` does, limited by patterns and the organization's policy."""
    person = Person(
        mfa_prompter=request.mfa_prompter or ask_on_input_channel,
        sign_in_prompter=request.sign_in,
    )

    def opener(target: Target) -> tuple[ProfileSession, Identity | None]:
        session = open_target(target, fresh=request.fresh, person=person, timeout=request.timeout)
        needs_account = read_policy().files or protection.has_patterns
        return session, fetch_identity(session) if needs_account else None

    with faults_as_errors(), refusals_noted(request):
        session, _ = open_limited(request, protection, person, opener)
    target = session.target
    note("session", profile=target.name, arn=session.arn, request=request)
    written = replace(target.request, read_only=request.read_only)
    label = Label(
        target.name,
        limits=_limits_of(target),
        is_chosen=True,
        run=current_run(),
        origin=Origin(written, Form.SESSION),
    )
    put_label(session.get_credentials(), label)
    return session


def open_target(
    target: Target,
    *,
    fresh: bool = False,
    person: Person | None = None,
    timeout: float = 10.0,
    role_provider: RoleProvider | None = None,
    attempts: int = 3,
    outside: Outside = OUTSIDE,
) -> ProfileSession:
    """Open a session for a target, as `open_session` does.

    ``role_provider`` has the same meaning as in `create_provider_chain`. ``attempts`` is the number
    of attempts of each call that retrieves credentials. ``outside`` provides access to everything
    that the session uses outside this process.
    """
    try:
        with translated(target):
            _require_region(target)
            inner = ProfileBotocoreSession(target, outside)
            prompter = outside.create_prompter(person or Person(), target)
            session = ProfileSession(inner, target, timeout=timeout, prompter=prompter)
            inner.resolve_credentials(
                prompter=prompter,
                config=give_up_soon(timeout, attempts=attempts),
                fresh=fresh,
                role_provider=role_provider,
            )
    except RoleNotAssigned as error:
        lines = lines_for_other_roles(target)
        if lines:
            error.hint = f"In this account, you can run {lines}. {error.hint}"
        raise
    return session


#: The identity that STS has reported, or None if nothing depends on it.
_IdentityT = TypeVar("_IdentityT", "Identity", "Identity | None")

#: Opens a target, and returns its session and identity.
Opener = Callable[[Target], tuple[ProfileSession, "Identity"]]


def open_limited(
    request: SessionRequest,
    protection: Protection,
    person: Person,
    opener: Callable[[Target], tuple[ProfileSession, _IdentityT]],
    check: Callable[[Target, str | None], None] = lambda _target, _account: None,
) -> tuple[ProfileSession, _IdentityT]:
    """Open a session for a request, limited by the patterns and the organization's policy.

    This function opens all sessions for profiles and roles. The shared AWS files don't always
    contain the account, so this function also compares the patterns with the account that STS
    reports. ``check`` is called with None before the session is opened, and then with the account
    that STS has reported. Raise NotAllowed if the organization's policy doesn't allow the session,
    or an error from ``check``.
    """
    target = find_target(request, person)
    if protection.has_patterns:
        look_up_account_name(target, person)  # in IAM Identity Center; it isn't in the files
    check(target, None)
    allowed = protection.limited(request, target)
    session, identity = opener(allowed)
    if identity is None:
        return session, identity
    check(allowed, identity.account)
    if not identity.temporary:
        read_policy().require("long_term_keys", f"long-term keys, such as those of `{target.name}`")
    narrower = protection.limited(request, allowed, identity.account)
    if narrower.request.read_only != allowed.request.read_only:
        return opener(narrower)
    return session, identity


def _require_region(target: Target) -> None:
    """Raise InvalidOption for an invalid Region, or botocore's error for a missing Region.

    A cached session can be read without a Region, but the notebook's clients and the next renewal
    of the session need a Region.
    """
    if target.region:
        _require_valid_region(target)
    elif target.has_sts_session and target.endpoint("sts"):
        raise NoRegionError


def _require_valid_region(target: Target) -> None:
    """Raise InvalidOption with a suggestion if a target's Region isn't a valid Region name."""
    if is_region_name(target.region or ""):
        return
    origin = f"The `region` of `{target.name}`"
    if target.request.region:
        origin = "The value of `--region`"
    elif target.region_variable:
        origin = f"The value of {target.region_variable}"
    hint = " ".join(texts_about({"region"}, mistakes_of(target)))
    raise InvalidOption(f"{origin} isn't an AWS Region.", hint)


def target_in(session: boto3.Session) -> Target | None:
    """Return the target of a session or a scoped session, or None for other boto3 sessions.

    Raise InvalidOption if ``session`` isn't a boto3 session but, for example, a profile's name.
    """
    if not isinstance(session, Session):
        raise InvalidOption(
            f"A boto3 session is required, not a value of type {type(session).__name__}.",
            "Pass the `session` of `%aws_profile NAME`, or a session from `open_session`.",
        )
    return session.base if isinstance(session, NamedSession) else None


def names_of_chain(session: boto3.Session) -> tuple[str, ...]:
    """Return the names in a session's role chain, or an empty tuple if the chain is unknown."""
    target = target_in(session)
    return target.names if target else ()


def check_session(session: boto3.Session, operation: str = "requests") -> Target | None:
    """Check a session that the user has passed to a function, and return its target.

    Raise InvalidOption if ``session`` isn't a boto3 session, or StaleIdentity if the notebook
    refuses signatures by another identity. While code runs for many profiles, raise
    NotForOneProfile if the session belongs to another profile.
    """
    target = target_in(session)
    check(found_credentials(session), Signer.SESSION, operation)
    return target


def found_credentials(session: boto3.Session) -> object:
    """Return a session's credentials, or None if the session hasn't looked for them yet."""
    inner: Any = session._session  # noqa: SLF001  # boto3 has no public API for it
    return inner._credentials  # noqa: SLF001


def credentials_of(session: boto3.Session) -> Credentials:
    """Return a session's credentials.

    Raise InvalidProfile if the session doesn't have credentials.
    """
    credentials = session.get_credentials()
    if credentials:
        return credentials
    if target_in(session) is None and session.profile_name not in read_config().profiles:
        raise InvalidProfile(
            "This boto3 session doesn't have credentials.",
            "Switch with `%aws_profile NAME` first, and then pass `session`. `%aws_profiles` lists "
            "the profiles.",
        )
    raise no_credentials(session.profile_name)


def settings_of(session: boto3.Session) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the client settings and [services] sections that a session was opened with."""
    inner = session._session  # noqa: SLF001  # boto3 has no public API for it
    settings = client_settings(inner.get_scoped_config())
    return settings, dict(inner.full_config.get("services", {}))


def own_client_of(session: boto3.Session, service: str, **options: Any) -> Any:
    """Return a client from `own_client` for this package's own calls, with a session's timeout."""
    create_client: Callable[..., Any] = session.client
    config = give_up_soon(getattr(session, "timeout", 10.0))
    return own_client(create_client(service, config=config, **options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity that STS reported for a session's current credentials.

    ``chain`` contains the names in the role chain, from the requested profile to the profile or
    other source, such as ``EC2 instance``, that provides the first credentials. ``chain`` is empty
    for a session without a profile. A cached role session may have been created for another profile
    with the same role.

    ``region`` is the session's Region. ``expiry`` is the time (UTC) when the credentials expire.
    Sessions of this package renew the credentials before ``expiry``. ``expiry`` is None if the
    credentials don't expire or their expiry is unknown. ``temporary`` is True for credentials with
    a session token, which expire even if ``expiry`` is None. ``cached`` is True if the identity
    comes from the AWS CLI's cache, without a new call to STS.

    If an AWS-compatible server omits ``account``, ``arn`` and ``user_id``, these attributes are
    empty strings. ``account``, ``arn`` and ``user_id`` are also empty for the keys of an object
    store with an S3 endpoint but without STS.

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

    def __getitem__(self, name: object) -> NoReturn:
        """Raise TypeError with the name of the attribute that is similar to a key."""
        problem = "An identity has attributes instead of keys."
        raise TypeError(f"{problem} {_attribute_meant(name)}".strip())

    if not TYPE_CHECKING:  # otherwise, editors would accept any attribute

        def __getattr__(self, name: str) -> object:
            """Raise AttributeError with the name of a similar attribute."""
            problem = f"An identity has no attribute `{name}`. {_attribute_meant(name)}"
            raise AttributeError(problem.strip(), name=name, obj=self)


def _attribute_meant(name: object) -> str:
    """Return a question that suggests an attribute with a similar name, or an empty string."""
    names = [each.name for each in fields(Identity)]
    return did_you_mean(name, names) if isinstance(name, str) else ""


@checks_arguments
def who_am_i(session: boto3.Session, *, ask: bool = False) -> Identity:
    """Return a session's identity.

    STS is called once for each set of credentials. STS isn't called for a new role session, because
    the AssumeRole response contains the identity. For a cached role session, STS isn't called,
    because the AWS CLI's cache contains the AssumeRole response. If ``ask`` is true, STS is also
    called for cached sessions. Raise a subclass of `AwsProfileError` if the call fails.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    check_session(session, "GetCallerIdentity")
    return fetch_identity(session, ask=ask)


def fetch_identity(session: boto3.Session, *, ask: bool = False) -> Identity:
    """Return a session's identity, as `who_am_i` does, even if the session isn't active."""
    chain = names_of_chain(session)
    with translated(target_in(session)):
        credentials = credentials_of(session)
        frozen = freeze_credentials(credentials)
        caller = _fetch_caller(credentials, frozen, session, ask=ask)
    if isinstance(session, ProfileSession):
        source = session.target.start
        if source.kind is ProfileKind.CREDENTIAL_SOURCE and source.credential_source:
            chain = (*chain, SOURCES[source.credential_source])
    return Identity(
        account=Arn.parse(caller.arn).account,
        arn=caller.arn,
        user_id=caller.user_id,
        profile=next(iter(chain), None),
        chain=chain,
        region=session.region_name,
        expiry=frozen.expires_at,
        temporary=bool(frozen.token),
        cached=caller.cached,
    )


#: The caller if a server doesn't report it.
_NO_CALLER = CallerIdentity("", "")


def _fetch_caller(
    credentials: Credentials, frozen: Keys, session: boto3.Session, *, ask: bool
) -> CallerIdentity:
    """Return the caller identity that STS reports for credentials.

    STS is called only once for each set of credentials.
    """
    if isinstance(session, ProfileSession) and session.target.store:
        return _NO_CALLER  # AWS's STS must not get the keys of another server
    caller = caller_of(credentials)
    if caller and not (ask and caller.cached):
        return caller
    sts = own_client_of(session, "sts")
    try:
        caller = ask_caller(sts)
    except ClientError as error:
        # Some servers other than AWS don't support the operation, such as Ceph's RGW.
        if code_of(error) not in UNKNOWN_OPERATION or is_aws(sts.meta.endpoint_url):
            raise
        caller = caller or _NO_CALLER
    note_caller(credentials, frozen.access_key, caller)
    return caller
