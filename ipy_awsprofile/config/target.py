"""What a session is opened for: a profile or a role's ARN, and the settings that are replaced.

Options replace settings of the profile, so that botocore resolves the profile as if they were in
the files.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.assigned_role import assigned_role, sign_in_alone
from ipy_awsprofile.config.config import Config, read_config
from ipy_awsprofile.config.duration import ROLE, WITH_MFA, whole_seconds
from ipy_awsprofile.config.environment import user_environment
from ipy_awsprofile.config.mfa import MfaSession, mfa_processes, mfa_session
from ipy_awsprofile.config.profiles import Profile, ProfileKind
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.role_chain import role_chain
from ipy_awsprofile.config.role_options import ASSUMES, options_as_settings, session_policies
from ipy_awsprofile.config.role_parameters import Parameters, policy_arns, role_parameters
from ipy_awsprofile.config.settings import (
    CREDENTIAL_SETTINGS,
    About,
    select_about,
    settings_about,
)
from ipy_awsprofile.config.shared_files import Section, SharedFiles, Value
from ipy_awsprofile.config.sign_ins import find_sign_in
from ipy_awsprofile.errors import InvalidOption, InvalidProfile

#: Settings that a role without a profile takes from its source profile.
_INHERITED = ("region", *settings_about(About.CLIENTS, About.MACHINE))

Settings = dict[str, Value]


#: What a credential_source names that a switch removes from the environment of child processes.
_REMOVED_SOURCES = {"Environment", "EcsContainer"}


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A profile, the settings that are replaced in it, and the files as they were read.

    ``profiles`` are those of its role chain: the one that was asked for comes first, and the one
    whose credentials start the chain comes last. ``policy_arns`` are session policies: the session
    can't do what they don't allow.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
    """

    profiles: tuple[Profile, ...]
    settings: Settings
    region: str | None
    config: Config
    policy_arns: tuple[str, ...] = ()
    #: More parameters of AssumeRole, by the ARN of the role.
    parameters: Parameters = field(default_factory=dict)
    #: Commands that print an MFA code, by the serial number of the device; see `mfa.code_from`.
    mfa_processes: dict[str, str] = field(default_factory=dict)
    #: The session with MFA that long-term keys are used for, if they aren't used themselves.
    mfa: MfaSession | None = None
    #: The name of the role's session, if an option or a setting gives it one.
    session_name: str | None = None

    @property
    def name(self) -> str:
        """The profile's name, or the role's ARN."""
        return self.profiles[0].name

    @property
    def chain(self) -> tuple[str, ...]:
        """The role chain: names of its profiles, as in ``Identity.chain``."""
        return tuple(profile.name for profile in self.profiles)

    @property
    def role_arn(self) -> str | None:
        """The ARN of the role that is assumed last; None if no role is assumed."""
        return self.profiles[0].role_arn

    @property
    def described_by(self) -> str:
        """The profile whose settings it has; a role that is given by its ARN has its source's."""
        without_profile = self.profiles[1:] and self.role_arn == self.name
        return self.chain[1] if without_profile else self.name

    @property
    def has_session_policy(self) -> bool:
        """Whether a session policy limits what the session can do."""
        return bool(self.policy_arns) or "Policy" in self.parameters.get(self.role_arn or "", {})

    @property
    def cache_variant(self) -> str:
        """What distinguishes a role with policies, tags or a source identity in the cache, or "".

        It depends on the role as well: the other roles of the chain are assumed without the
        policies, and a read-only session of one of them must not find those credentials.
        """
        if not self.policy_arns and not self.parameters:
            return ""
        limits = " ".join([str(self.role_arn), *self.policy_arns])
        if self.parameters:
            limits += json.dumps(self.parameters, sort_keys=True)
        return f"limited-{sha256(limits.encode()).hexdigest()[:16]}"

    @property
    def resolves_by_name(self) -> bool:
        """Whether a process that uses the profile by name has the same access, without a code."""
        return not (
            self.settings
            or self.policy_arns
            or self.parameters
            or self.mfa
            or any(profile.mfa_serial and profile.kind in ASSUMES for profile in self.profiles)
            or self.profiles[-1].credential_source in _REMOVED_SOURCES
        )

    @property
    def key(self) -> Hashable:
        """A value that is equal for all sessions of this identity; only for comparisons."""
        limits = self.policy_arns, repr(self.parameters), self.config.paths, self.mfa
        described = _described(self.profiles, self.config)
        return self.chain, described, repr(self.settings), *limits

    def is_changed(self) -> bool:
        """Return whether the files describe another identity now under the profile's name.

        A process that uses the name then has that identity. Replaced keys don't count: they can be
        the same identity's. Raises ConfigFileError.
        """
        if SharedFiles.from_environment() != self.config.paths:
            return False  # then a variable has changed, which is another thing to say
        now = read_config(self.config.paths)
        return _described(self.profiles, now) != _described(self.profiles, self.config)

    def assume_role_parameters(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a call of AssumeRole, with the policies and those of the role.

        The policies are for the role that is assumed last.
        """
        role = params["RoleArn"]
        more = dict(self.parameters.get(role, {}))
        if self.policy_arns and role == self.role_arn:
            more["PolicyArns"] = [{"arn": arn} for arn in self.policy_arns]
        return params | more

    def settings_of(self, profile: Profile) -> Settings:
        """Return a profile's settings; options can replace the settings of the first profile."""
        section = self.config.profiles.get(profile.name)
        return {**(section or {}), **(self.settings if profile is self.profiles[0] else {})}

    def client_settings(self) -> Settings:
        """Return the profile's settings about clients, which have no credential and no path."""
        return select_about(self.settings_of(self.profiles[0]), About.CLIENTS)

    def client_settings_here(self) -> Settings:
        """Return the settings about clients, with those that hold only on this machine."""
        return select_about(self.settings_of(self.profiles[0]), About.CLIENTS, About.MACHINE)


def target_of(request: SessionRequest) -> Target:
    """Return the target of a request, whose profile or role must support its options.

    Raises InvalidOption, InvalidProfile, and what `role_chain` raises.
    """
    environ = user_environment()
    if request.default_session_name is None and (name := environ.get("AWS_ROLE_SESSION_NAME")):
        request = replace(request, default_session_name=name)
    config = read_config(SharedFiles.from_environment(environ))
    profiles, settings = _profiles_of(request, config)
    sections = config.profiles
    _require_texts(profiles, sections)
    section = sections.get(profiles[0].name)
    allowed = WITH_MFA if request.mfa else ROLE
    lasts = None if request.duration is None else whole_seconds(request.duration, allowed)
    mfa = mfa_session(profiles[0], section, lasts) if request.mfa else None
    about_role = None if request.mfa else lasts
    settings |= options_as_settings(request, about_role, profiles[0], section)
    own_region = section.text("region") if section else settings.get("region")
    region = request.region or environ.get("AWS_DEFAULT_REGION") or own_region
    return Target(
        profiles=profiles,
        settings=settings,
        region=str(region) if region else None,
        config=config,
        policy_arns=(
            *(session_policies(profiles[0]) if request.read_only else ()),
            *policy_arns(request),
        ),
        parameters=role_parameters(request, profiles, sections),
        mfa=mfa,
        mfa_processes=mfa_processes(profiles, sections),
        session_name=_session_name(settings, section),
    )


def _session_name(settings: Settings, section: Section | None) -> str | None:
    own = section.text("role_session_name") if section else None
    name = settings.get("role_session_name", own)
    return str(name) if name else None


def sign_in_target(name: str | None) -> Target:
    """Return a target that has no role: a person can sign in for it, and list roles.

    Raises ConfigFileError, and what `find_sign_in` raises.
    """
    config = read_config()
    profile, settings = sign_in_alone(find_sign_in(name, config), config)
    return Target(profiles=(profile,), settings=settings, region=profile.region, config=config)


_DESCRIBING = CREDENTIAL_SETTINGS - set(settings_about(About.KEYS))


def _described(profiles: tuple[Profile, ...], config: Config) -> Hashable:
    """Return the settings that say whose credentials each profile has, without keys."""
    return tuple(
        tuple((name, str(section[name])) for name in sorted(_DESCRIBING & section.keys()))
        for profile in profiles
        if (section := config.profiles.get(profile.name)) is not None
    )


def _require_texts(profiles: Iterable[Profile], sections: Mapping[str, Section]) -> None:
    """Raise InvalidProfile if a setting that is a text has an indented block instead."""
    for name in (profile.name for profile in profiles if profile.name in sections):
        section = sections[name]
        for setting in section.blocks():
            file, line = section.origins[setting]
            raise InvalidProfile(
                f"The {setting} of `{name}` is an indented block, and not a text.",
                f"See {file}, line {line}.",
            )


def _profiles_of(request: SessionRequest, config: Config) -> tuple[tuple[Profile, ...], Settings]:
    """Return the profiles of the role chain, and the settings that a role by its ARN has."""
    match request.profile, request.role_arn, request.source_profile:
        case str(name), None, None:
            if role := assigned_role(name, config):
                return (role[0],), role[1]
            return role_chain(name, config), {}
        case None, str(role_arn), str(source_profile):
            return _role_by_arn(role_arn, source_profile, config)
        case _:
            raise InvalidOption(
                "A session needs a profile's name, or a role's ARN together with a source profile.",
                "Run `%aws_profile NAME`, or `%aws_profile --role-arn ARN --source-profile NAME`.",
            )


def _role_by_arn(
    role_arn: str, source_profile: str, config: Config
) -> tuple[tuple[Profile, ...], Settings]:
    arn = Arn.parse(role_arn)
    if arn is None or not arn.role:
        raise InvalidOption(
            f"`{role_arn}` isn't a role ARN.", "Example: arn:aws:iam::123456789012:role/X."
        )
    sources = role_chain(source_profile, config)
    section = config.profiles[source_profile]
    settings = {name: section[name] for name in _INHERITED if name in section}
    settings |= {"role_arn": role_arn, "source_profile": source_profile}
    role = Profile(
        name=role_arn,
        kind=ProfileKind.ASSUME_ROLE,
        role_arn=role_arn,
        account=arn.account,
        source_profile=source_profile,
        region=sources[0].region,
        endpoint=sources[0].endpoint,
        file=sources[0].file,
        line=sources[0].line,
    )
    return (role, *sources), settings
