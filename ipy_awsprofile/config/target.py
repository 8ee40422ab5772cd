"""Resolve a request to its profile or role, with the options applied to the profile's settings.

Options replace settings of the profile, so botocore resolves the profile as if the files contained
the options.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from ipy_awsprofile.config.chain import Step, resolve, sign_in_step
from ipy_awsprofile.config.config import Config, read_config
from ipy_awsprofile.config.default_chain import default_region
from ipy_awsprofile.config.duration import ANY_SESSION, ROLE, whole_seconds
from ipy_awsprofile.config.mfa import MfaSession, mfa_processes, mfa_session
from ipy_awsprofile.config.profiles import ASSUMES, Profile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.role_options import options_as_settings
from ipy_awsprofile.config.role_parameters import Parameters, role_parameters
from ipy_awsprofile.config.session_policy import Scope, SessionPolicy, session_policy
from ipy_awsprofile.config.setting_mistakes import joined_settings
from ipy_awsprofile.config.settings import (
    CREDENTIAL_SETTINGS,
    About,
    select_about,
    settings_about,
)
from ipy_awsprofile.config.shared_files import SharedFiles, Value
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.errors import InvalidProfile

Settings = dict[str, Value]


#: Credential sources that a switch removes from the environment of child processes.
_REMOVED_SOURCES = {"Environment", "EcsContainer"}


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """The role chain of a session, and the files as they were read.

    ``steps`` begins with the requested profile or role, with the ``options`` in its settings, and
    ends with the profile that provides the credentials at the start of the chain. ``policy`` limits
    the session: it can't do anything that the policy doesn't allow. If no role is assumed,
    ``scope`` contains the policy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
    """

    steps: tuple[Step, ...]
    region: str | None
    config: Config
    options: Mapping[str, str] = field(default_factory=dict)
    policy: SessionPolicy | None = None
    scope: Scope | None = None
    #: Additional parameters of AssumeRole, by role ARN.
    parameters: Parameters = field(default_factory=dict)
    #: Commands that print an MFA code, by the serial number of the device.
    mfa_processes: dict[str, str] = field(default_factory=dict)
    #: Whether the Region comes from an option, and not from the profile or a variable.
    region_is_option: bool = False
    #: The MFA session to use instead of the access keys themselves, if any.
    mfa: MfaSession | None = None
    #: The request that the target was resolved from.
    request: SessionRequest = field(default_factory=SessionRequest)

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The profiles of the steps."""
        return tuple(step.profile for step in self.steps)

    @property
    def settings(self) -> Mapping[str, Value]:
        """The settings of the requested profile or role. Values can be secrets."""
        return self.steps[0].settings

    @property
    def name(self) -> str:
        """The profile's name, or the role's ARN."""
        return self.steps[0].profile.name

    @property
    def session_name(self) -> str | None:
        """The name of the role's session, if an option or a setting specifies it."""
        return self.steps[0].settings.text("role_session_name")

    @property
    def chain(self) -> tuple[str, ...]:
        """The names of the profiles in the role chain, as in ``Identity.chain``."""
        return tuple(step.profile.name for step in self.steps)

    @property
    def role_arn(self) -> str | None:
        """The ARN of the role that is assumed last, or None if no role is assumed."""
        return self.steps[0].profile.role_arn

    @property
    def described_by(self) -> str:
        """The profile that the settings come from. For a role ARN, this is the source profile."""
        without_profile = self.steps[1:] and self.role_arn == self.name
        return self.chain[1] if without_profile else self.name

    @property
    def ambient_source(self) -> str:
        """The credential_source that starts the chain, such as ``EcsContainer``, or empty."""
        last = self.steps[-1]
        return last.profile.credential_source or "" if last.kind in ASSUMES else ""

    @property
    def is_read_only(self) -> bool:
        """Whether ``--read-only`` limits the session."""
        return self.policy is not None and self.policy.is_read_only

    @property
    def cache_variant(self) -> str:
        """The part of the cache key for a role's policies, tags or source identity, or "".

        It depends on the role, too: the other roles of the chain are assumed without the policies,
        and a read-only session for one of them must not use their cached credentials.
        """
        policy = None if self.scope else self.policy
        if not policy and not self.parameters:
            return ""
        limits = [self.role_arn, policy and (policy.arn, policy.text), self.parameters]
        text = json.dumps(limits, sort_keys=True)
        return f"limited-{sha256(text.encode()).hexdigest()[:16]}"

    @property
    def resolves_by_name(self) -> bool:
        """Whether a process that uses the profile's name gets the same access without MFA codes."""
        return self.name in self.config.profiles and not (
            self.options
            or self.policy
            or self.scope
            or self.parameters
            or self._devices
            or self.steps[-1].profile.credential_source in _REMOVED_SOURCES
        )

    @property
    def renews_unattended(self) -> bool:
        """Whether the session can be renewed without a user to enter an MFA code."""
        return self._devices <= self.mfa_processes.keys()

    @property
    def _devices(self) -> set[str]:
        """The MFA devices that each new session needs a code from."""
        steps = (step.profile.mfa_serial for step in self.steps if step.kind in ASSUMES)
        return {serial for serial in (*steps, self.mfa and self.mfa.serial) if serial}

    @property
    def key(self) -> Hashable:
        """A value that is equal for all sessions of this identity. Use it only for comparisons."""
        limits = self.policy, self.scope, repr(self.parameters), self.config.paths, self.mfa
        described = tuple(_described(step.settings) for step in self.steps)
        return self.chain, described, *limits

    def is_changed(self) -> bool:
        """Return whether the profile's name now refers to another identity in the files.

        A process that uses the name would then have that identity. Replaced keys don't count,
        because they can belong to the same identity. Raises ConfigFileError.
        """
        if SharedFiles.from_environment() != self.config.paths:
            return False  # another message reports that other files are used
        before, now = self.config.profiles, read_config(self.config.paths).profiles
        return any(_described(now.get(n)) != _described(before.get(n)) for n in self.chain)

    def assume_role_parameters(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of an AssumeRole call, with the policy and the role's parameters.

        The policy applies to the role that is assumed last.
        """
        role = params["RoleArn"]
        more = dict(self.parameters.get(role, {}))
        if self.policy and not self.scope and role == self.role_arn:
            more |= (
                {"PolicyArns": [{"arn": self.policy.arn}]}
                if self.policy.arn
                else {"Policy": self.policy.text}
            )
        return params | more

    @property
    def adds_parameters(self) -> bool:
        """Whether AssumeRole is called with parameters that botocore has no settings for."""
        return bool(self.parameters or (self.policy and not self.scope))

    def full_config(self) -> dict[str, Any]:
        """Return the files as botocore's ``Session.full_config``, with the target's settings."""
        return self.config.full_config({s.profile.name: s.settings for s in self.steps})

    def client_settings(self) -> Settings:
        """Return the profile's client settings, without credentials and paths."""
        return select_about(self.settings, About.CLIENTS)

    def client_settings_here(self) -> Settings:
        """Return the client settings, including settings that apply only on this machine."""
        return select_about(self.settings, About.CLIENTS, About.MACHINE)


def target_of(request: SessionRequest, config: Config | None = None) -> Target:
    """Return the target of a request, and check that its profile or role supports the options.

    Reads the files if ``config`` isn't given. Raises InvalidOption, InvalidProfile, and the errors
    of `resolve`.
    """
    environ = user_environment()
    if request.default_session_name is None and (name := environ.get("AWS_ROLE_SESSION_NAME")):
        request = replace(request, default_session_name=name)
    config = config or read_config(SharedFiles.from_environment(environ))
    chain = resolve(request, config)
    _require_texts(chain.steps, config)
    if chain.problem:
        raise chain.problem
    first, *sources = chain.steps
    own_region = first.settings.text("region")
    if not own_region and (request.default or request.role_arn):
        own_region = default_region(environ)
    by_role = first.profile.kind in ASSUMES
    allowed = ROLE if by_role and not request.mfa else ANY_SESSION
    lasts = None if request.duration is None else whole_seconds(request.duration, allowed)
    mfa = mfa_session(first, lasts, request) if request.mfa else None
    options = options_as_settings(request, lasts if by_role else None, first)
    policy = session_policy(request, first.profile)
    scope = Scope(policy, None if mfa else lasts)
    return Target(
        steps=(first.with_settings(options) if options else first, *sources),
        region=request.region or environ.get("AWS_DEFAULT_REGION") or own_region,
        region_is_option=bool(request.region),
        config=config,
        options=options,
        policy=policy,
        scope=None if by_role or scope == Scope() else scope,
        parameters=role_parameters(request, chain.steps),
        mfa=mfa,
        mfa_processes=mfa_processes((step.profile for step in chain.steps), config.profiles),
        request=request,
    )


def sign_in_target(name: str | None) -> Target:
    """Return a target without a role, for signing in and listing roles.

    Raises ConfigFileError, and the errors of `find_sign_in`.
    """
    config = read_config()
    step = sign_in_step(name, config)
    return Target(steps=(step,), region=step.profile.region, config=config)


_DESCRIBING = sorted(CREDENTIAL_SETTINGS - set(settings_about(About.KEYS)))


def _described(settings: Mapping[str, Value] | None) -> Hashable:
    """Return the settings that determine the identity of a profile, without keys."""
    if settings is None:
        return None
    return tuple((name, str(settings[name])) for name in _DESCRIBING if name in settings)


def _require_texts(steps: Iterable[Step], config: Config) -> None:
    """Raise InvalidProfile if a setting includes indented lines that don't belong to it."""
    for step in steps:
        for setting in step.settings.blocks():
            file, line = step.settings.origins[setting]
            raise InvalidProfile(
                f"The {setting} of `{step.profile.name}` is an indented block, not a text.",
                f"See {file}, line {line}.",
            )
        session = config.sso_sessions.get(step.settings.text("sso_session") or "")
        for section in filter(None, (step.settings, session)):
            for problem in joined_settings(section):
                raise InvalidProfile(problem.says, problem.fix)
