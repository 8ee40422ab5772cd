"""The role chain of a request, from its profile or role to the credentials that start the chain.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ipy_awsprofile.config.arn import Arn
from ipy_awsprofile.config.assigned_role import assigned_role, sign_in_section
from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.default_chain import default_source
from ipy_awsprofile.config.missing_sections import file_advice, header_advice
from ipy_awsprofile.config.profiles import (
    CREDENTIAL_SOURCES,
    KEY_PAIR,
    Profile,
    ProfileKind,
    did_you_mean,
    find_section,
    kind_without_role,
    profile_of,
)
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.setting_mistakes import setting_mistakes
from ipy_awsprofile.config.settings import About, settings_about
from ipy_awsprofile.config.shared_files import Section, Value
from ipy_awsprofile.config.sign_ins import find_sign_in
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.errors import InvalidOption, InvalidProfile, InvalidSource, SourceLoop
from ipy_awsprofile.text import chain_line

#: botocore resolves a role chain recursively, and Python limits the depth.
_LONGEST = 50

#: Settings that a role without a profile inherits from its source profile.
_INHERITED = ("region", *settings_about(About.CLIENTS, About.MACHINE))


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """A profile of a role chain, its settings, and where it gets its credentials in this chain.

    ``kind`` can differ from the profile's kind: a source profile with access keys uses them instead
    of its role. The settings can contain secrets.
    """

    profile: Profile
    settings: Section
    kind: ProfileKind

    @classmethod
    def of(cls, name: str, settings: Section) -> Step:
        """Return the step for a profile with these settings."""
        profile = profile_of(name, settings)
        return cls(profile, settings, profile.kind)

    def with_settings(self, replaced: Mapping[str, Value]) -> Step:
        """Return a copy with some settings replaced."""
        settings = self.settings.with_replaced(replaced)
        return replace(self, profile=profile_of(self.profile.name, settings), settings=settings)

    @property
    def has_keys(self) -> bool:
        """Whether the profile has at least one of the two settings of an access key."""
        return not self.settings.keys().isdisjoint(KEY_PAIR)


@dataclass(frozen=True, slots=True, repr=False)
class Chain:
    """The steps of a role chain, beginning with the requested profile or role.

    ``starts`` is the kind of the credentials that start the chain. It differs from the last step's
    kind if a profile assumes its role with its own keys. ``problem`` is the reason why botocore
    refuses the chain. In that case, the last step is the invalid one.
    """

    steps: tuple[Step, ...]
    starts: ProfileKind
    problem: InvalidProfile | None = None


def resolve(request: SessionRequest, config: Config) -> Chain:
    """Return the role chain of the request's profile, role or default credentials.

    ``RoleBeta`` and ``UserAlpha`` mean that RoleBeta is assumed with the credentials of UserAlpha.
    The chain of a profile without a source profile has one step. Raises ProfileNotFound,
    InvalidOption and ConfigFileError.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    """
    match request.profile, request.role_arn, request.source_profile, request.default:
        case str(name), None, None, False:
            return _followed(Step.of(name, _settings(name, config)), config)
        case None, str(role_arn), str(source_profile), False:
            source = _settings(source_profile, config)
            role = _role_by_arn(role_arn, source, source_profile=source_profile)
            if source_profile in config.profiles:
                return _followed(role, config)
            return Chain((role, Step.of(source_profile, source)), ProfileKind.SSO)
        case None, str(role_arn), None, False:
            return _role_of_default(role_arn, config)
        case None, None, None, True:
            return _default(config)
        case _:
            raise InvalidOption(
                "Use exactly one of a profile's name, a role's ARN and the default credentials.",
                "Run `%aws_profile NAME`, `%aws_profile --role-arn ARN` or "
                "`%aws_profile --default`.",
            )


def _settings(name: str, config: Config) -> Section:
    """Return the settings of a profile or of a role of IAM Identity Center."""
    role = assigned_role(name, config)
    return find_section(name, config) if role is None else role


def _default(config: Config) -> Chain:
    """Return the chain of the default credentials."""
    source = default_source(config, user_environment())
    if source.is_profile:
        return _followed(Step.of(source.name, source.settings), config)
    step = Step(profile_of(source.name, source.settings), source.settings, source.kind)
    return Chain((replace(step, profile=replace(step.profile, kind=source.kind)),), source.kind)


def _role_of_default(role_arn: str, config: Config) -> Chain:
    """Return the chain of a role that is assumed with the default credentials."""
    source = default_source(config, user_environment())
    if ambient := source.credential_source:
        role = _role_by_arn(role_arn, source.settings, credential_source=ambient)
        return _followed(role, config)
    role = _role_by_arn(role_arn, source.settings, source_profile=source.name)
    if source.is_profile:
        return _followed(role, config)
    return Chain((role, Step.of(source.name, source.settings)), source.kind)


def sign_in_step(name: str | None, config: Config) -> Step:
    """Return the step for a sign-in without a role, for signing in and listing roles.

    Raises the errors of `find_sign_in`.
    """
    sign_in = find_sign_in(name, config)
    shown = f"sso-session {sign_in.session}" if sign_in.session else sign_in.name
    settings = sign_in_section(sign_in, config)
    profile = replace(profile_of(shown, settings), kind=ProfileKind.SSO)
    return Step(profile, settings, profile.kind)


def _role_by_arn(role_arn: str, source: Section, **source_setting: str) -> Step:
    """Return the step of a role without a profile, with settings inherited from its source."""
    arn = Arn.parse(role_arn)
    if arn is None or not arn.role:
        raise InvalidOption(
            f"`{role_arn}` isn't a role ARN.", "Example: arn:aws:iam::123456789012:role/X."
        )
    settings = source.part(_INHERITED)
    settings.update({"role_arn": role_arn, **source_setting})
    return Step.of(role_arn, settings)


def _followed(first: Step, config: Config) -> Chain:
    """Return the chain that begins with this step, up to its end or its first problem."""
    steps = [first]
    try:
        while (source := _next_source(steps)) is not None:
            _require_source(source, steps, config)
            steps.append(Step.of(source, config.profiles[source]))
        last, starts = steps[-1], _start_kind(steps)
        assumes_with_its_keys = len(steps) == 1 and last.kind is ProfileKind.ASSUME_ROLE
        if starts is ProfileKind.INCOMPLETE and (len(steps) > 1 or assumes_with_its_keys):
            raise InvalidSource(
                f"The source profile `{last.profile.name}` has no credentials.",
                header_advice("profile", last.profile.name, config)
                or _source_hint(last.profile, config),
            )
    except InvalidProfile as problem:
        return Chain(tuple(steps), steps[-1].kind, problem)
    if not assumes_with_its_keys:
        steps[-1] = replace(last, kind=starts)
    return Chain(tuple(steps), starts)


def _require_source(source: str, steps: Sequence[Step], config: Config) -> None:
    """Raise InvalidSource if the last step's source doesn't exist, or if the chain is too long."""
    first, last = steps[0].profile, steps[-1].profile
    if source not in config.profiles:
        raise InvalidSource(
            f"The source_profile `{source}` of the profile `{last.name}` doesn't exist.",
            header_advice("profile", source, config)
            or did_you_mean(source, config.profiles)
            or _source_hint(last, config),
        )
    if len(steps) == _LONGEST:
        raise InvalidSource(
            f"The role chain of `{first.name}` has more than {_LONGEST} profiles.",
            f"Use a source_profile that is nearer to the role. {_edit_hint(first)}",
        )


def _source_hint(profile: Profile, config: Config) -> str:
    """Return where to look for missing credentials, including shared files that don't exist."""
    return f"{file_advice(profile.name, config)} {_edit_hint(profile)}".strip()


def _edit_hint(profile: Profile) -> str:
    return f"See {profile.file}, line {profile.line}."


def _next_source(steps: Sequence[Step]) -> str | None:
    """Return the name of the last step's source profile, or None if it doesn't use one."""
    last, settings = steps[-1], steps[-1].settings
    if "role_arn" not in settings or "web_identity_token_file" in settings:
        return None
    if len(steps) > 1 and last.has_keys:
        return None  # as a source, a profile's own keys take precedence over its role
    _require_one_source(last)
    source = last.profile.source_profile
    if source == last.profile.name and last.has_keys:
        return None  # a profile can assume its role with its own keys
    names = [step.profile.name for step in steps]
    if source in names:
        loop = chain_line([*names, str(source)])
        raise SourceLoop(f"The source profiles form a loop: {loop}.", _edit_hint(last.profile))
    return source


def _start_kind(steps: Sequence[Step]) -> ProfileKind:
    """Return the kind of the credentials that start a complete chain."""
    last = steps[-1]
    as_source = len(steps) > 1 and last.has_keys
    if last.kind is ProfileKind.CREDENTIAL_SOURCE and not as_source:
        return last.kind
    return kind_without_role(last.settings)


def _misspelled_source(settings: Section) -> str:
    """Return how to fix a misspelled source setting, or an empty text if there isn't one."""
    names = {"source_profile", "credential_source"}
    mistakes = (one for one in setting_mistakes(settings) if not names.isdisjoint(one.instead))
    return next((str(mistake.problem) for mistake in mistakes), "")


def _require_one_source(step: Step) -> None:
    profile = step.profile
    if step.settings.keys() >= {"source_profile", "credential_source"}:
        raise InvalidSource(
            f"The profile `{profile.name}` contains both source_profile and credential_source.",
            f"Keep one of the two. {_edit_hint(profile)}",
        )
    if not profile.source:
        raise InvalidSource(
            f"The role profile `{profile.name}` has neither source_profile nor credential_source.",
            _misspelled_source(step.settings)
            or f"Add a source_profile whose credentials can assume the role. {_edit_hint(profile)}",
        )
    if profile.credential_source not in (None, *CREDENTIAL_SOURCES):
        raise InvalidSource(
            f"The credential_source `{profile.credential_source}` of the profile "
            f"`{profile.name}` doesn't exist.",
            f"Use one of {', '.join(CREDENTIAL_SOURCES)}. {_edit_hint(profile)}",
        )
