"""Use the shared files to resolve a request to a role chain and parameters for STS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from botocore.utils import generate_login_cache_key, get_login_token_cache_directory

from ipy_awsprofile.config.files import Config, ParsedFiles, read_config
from ipy_awsprofile.config.names import Arn, AssignedName, RoleName, advice_for_arn
from ipy_awsprofile.config.organization import advice_to_write, read_policy
from ipy_awsprofile.config.parameters import PARAMETERS, StsParameters, merge_options, parameters_of
from ipy_awsprofile.config.policies import session_policy
from ipy_awsprofile.config.private import StaysInProcess
from ipy_awsprofile.config.profiles import (
    ASSUMES,
    SIGNS_IN,
    Profile,
    ProfileKind,
    chain_of,
    default_profile,
    find_profile,
)
from ipy_awsprofile.config.regions import (
    endpoint_of,
    is_aws,
    is_misspelled_region,
    is_place,
    unknown_region,
)
from ipy_awsprofile.config.request import (
    IDENTITIES,
    SessionRequest,
    arguments,
    step_instead_of_session,
)
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.config.shared import python_of
from ipy_awsprofile.config.sign_ins import (
    EXAMPLE,
    FindAccount,
    SignIn,
    advice_for_session,
    find_profile_or_role,
    find_sign_in,
    names_of_role,
    portal_advice,
    profile_of_role,
    sign_in_of,
    sign_in_settings,
)
from ipy_awsprofile.config.user_environment import user_variable
from ipy_awsprofile.errors import InvalidOption, InvalidProfile
from ipy_awsprofile.text import chain_line, choice_of, digest_of, quoted, redacted_urls

#: The kinds of profiles with a role that STS issues.
_ISSUED = {*ASSUMES, ProfileKind.WEB_IDENTITY}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Target(StaysInProcess):
    """The role chain of a session, its parameters for STS, and the contents of the shared files.

    ``chain`` begins with the requested profile or role, whose settings include the request's
    options. The chain ends with the profile that provides the first credentials. ``request``
    contains the names from the chain (with account IDs) and all requested options, so that hints
    can repeat the request.
    """

    request: SessionRequest
    chain: tuple[Profile, ...]
    config: Config
    region: str | None
    #: The variable that the Region comes from, or an empty string.
    region_variable: str = ""
    #: Parameters of AssumeRole that botocore has no settings for, by role ARN.
    parameters: Mapping[str, StsParameters] = field(default_factory=dict)
    #: Parameters of GetScopedCredentials, which limit a session that isn't a role's.
    scope: StsParameters = field(default_factory=dict)
    #: Parameters of GetSessionToken, if the session is an MFA session for access keys.
    mfa: StsParameters = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<session of {chain_line(self.names)}, region {self.region}>"

    @property
    def step_instead(self) -> str:
        """What to do instead of pickling a client, whose credentials contain their target."""
        return step_instead_of_session(self.request)

    @property
    def profile(self) -> Profile:
        """The requested profile or role."""
        return self.chain[0]

    @property
    def start(self) -> Profile:
        """The profile that provides the first credentials."""
        return self.chain[-1]

    @property
    def name(self) -> str:
        """The profile's name, or the role's ARN."""
        return str(self.profile)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the profiles in the role chain."""
        return tuple(map(str, self.chain))

    @property
    def account(self) -> str:
        """The account ID of the profile or role, or "" if the files don't contain the ID."""
        return self.profile.account or ""

    @property
    def sign_in(self) -> SignIn | None:
        """The IAM Identity Center sign-in that the role chain begins with, or None."""
        return sign_in_of(self.start.settings, self.config)

    def find_sign_in(self) -> SignIn:
        """Return the sign-in of the role chain.

        Raise InvalidOption if the chain doesn't begin with a sign-in, or InvalidProfile if the
        sign-in's address is missing.
        """
        start = self.start
        if start.kind is not ProfileKind.SSO:
            raise InvalidOption(
                f"`{start}` doesn't have a sign-in, because its kind is `{start.kind}`.",
                f"To switch without a sign-in, run `%aws_profile {arguments(self.request)}`.",
            )
        session = start.text("sso_session") or ""
        if session and session not in self.config.sso_sessions:
            raise InvalidProfile(
                f"`{start}` names [sso-session {session}], which doesn't exist.",
                advice_for_session(session, self.config),
            )
        sign_in = self.sign_in
        if sign_in and sign_in.has_address:
            return sign_in
        section = self.config.sso_sessions.get(session, start.settings)
        raise InvalidProfile(
            f"The sign-in of `{start}` has no address: sso_start_url or sso_region is missing.",
            f"{portal_advice(section)} `%aws_profile --explain {quoted(start)}` shows the "
            "profile's settings.",
        )

    @property
    def cache_variant(self) -> str:
        """The part of the cache key for parameters that aren't part of botocore's cache key, or "".

        The cache variant also depends on the role. The package assumes the other roles in the chain
        without a session policy. A read-only session for a role must not use the role's unlimited
        session from the cache.
        """
        parts = []
        if self.parameters:
            text = json.dumps([self.profile.role_arn, self.parameters], sort_keys=True)
            parts.append(f"limited-{digest_of(text)}")
        if self.foreign_sts:  # the same role ARN can exist on several servers
            parts.append(f"at-{digest_of(self.foreign_sts)}")
        return "-".join(parts)

    @property
    def resolves_by_name(self) -> bool:
        """Whether a process that uses the profile's name gets the same access without MFA codes."""
        if self.parameters or self.scope or self._devices:
            return False
        # A switch removes the variables of these sources from child processes.
        if self.start.credential_source in {"Environment", "EcsContainer"}:
            return False
        if self.name not in self.config.profiles:
            return False
        return self.profile.settings == find_profile(self.name, self.config).settings

    @property
    def has_sts_session(self) -> bool:
        """Whether STS issues the credentials, as it does for a role or an MFA session."""
        if self.mfa:
            return True
        return not _ISSUED.isdisjoint(profile.kind for profile in self.chain)

    @property
    def renews_unattended(self) -> bool:
        """Whether the session can be renewed without an MFA code from the user."""
        return all(map(self.mfa_process, self._devices))

    @property
    def signs_in(self) -> bool:
        """Whether the role chain begins with a sign-in."""
        return self.start.kind in SIGNS_IN

    @property
    def may_prompt(self) -> bool:
        """Whether renewing the session can prompt the user for an MFA code or a sign-in."""
        return self.signs_in or not self.renews_unattended

    @property
    def _devices(self) -> set[str]:
        """The MFA devices that must provide a code for each new session."""
        devices = {profile.mfa_serial for profile in self.chain if profile.kind in ASSUMES}
        devices.add(self.mfa.get("SerialNumber"))
        return set(filter(None, devices))

    def mfa_process(self, serial: str) -> str | None:
        """Return the ``mfa_process`` of the profile with the MFA device, or else of [default]."""
        commands = {
            profile.mfa_serial: profile.settings.get("mfa_process")
            for profile in reversed(self.chain)
        }
        return commands.get(serial) or self.config.profiles.get("default", {}).get("mfa_process")

    @property
    def foreign_sts(self) -> str:
        """The STS endpoint from a setting or variable, or "" if the endpoint belongs to AWS."""
        return self._foreign_endpoint("sts")

    @property
    def store(self) -> str:
        """The endpoint of the S3-compatible store whose keys the session uses, or an empty string.

        A store's keys don't belong to an AWS account. If the store doesn't have an STS endpoint,
        the owner of the keys is unknown, and the package must not send the keys to AWS's STS.
        """
        kind = self.profile.kind
        is_variable = kind is ProfileKind.AMBIENT and self.profile.source == "Environment"
        if kind is not ProfileKind.STATIC_KEYS and not is_variable:
            return ""
        if self.endpoint("sts"):
            return ""
        return self._foreign_endpoint("s3")

    @property
    def server(self) -> str:
        """The endpoint of the server that manages the identity, or "" if the server is AWS's."""
        return self.foreign_sts or self.store

    def require_sts(self) -> None:
        """Raise InvalidOption if the session's keys belong to a store without an STS endpoint."""
        if self.store:
            raise InvalidOption(
                f"`{self.name}` has keys of {self.store}, which doesn't have an STS endpoint that "
                "can limit the keys.",
                "Leave out `--read-only`, `--policy`, `--duration` and `--mfa`. "
                + advice_to_write("If a pattern makes the profile read-only, add `--write`."),
            )

    @property
    def unknown_region(self) -> str:
        """A sentence about a Region that botocore doesn't know, or an empty string.

        For a server that isn't AWS, only a misspelled AWS Region or the name of a place counts as
        unknown, because the server can have other Regions. The Region of a store can have the name
        of a place.
        """
        is_foreign = any(map(self._foreign_endpoint, ("s3", "sts")))
        is_wrong = is_misspelled_region(self.region)
        if not self.store:
            is_wrong = is_wrong or is_place(self.region)
        if is_foreign and not is_wrong:
            return ""
        return unknown_region(self.region)

    def endpoint(self, service: str) -> str:
        """Return the endpoint that a setting or variable sets for a service, or an empty string."""
        return endpoint_of(service, self.profile.settings, self.config.services)

    def endpoint_in_files(self, service: str) -> str:
        """Return the endpoint that a setting sets for a service, or an empty string."""
        return endpoint_of(service, self.profile.settings, self.config.services, {})

    def _foreign_endpoint(self, service: str) -> str:
        """Return a service's endpoint for display, or an empty string if the endpoint is AWS's."""
        url = self.endpoint(service)
        return "" if is_aws(url) else redacted_urls(url).rstrip("/")

    def full_config(self) -> ParsedFiles:
        """Return the shared files' contents for ``Session.full_config``, with the options applied.

        By default, botocore parses both files for every session. With this function's result, all
        sessions share the parsed sections, except for the profiles in the role chain.
        """
        files = self.config.profiles
        own = {source.name: {**files.get(source, {}), **source.settings} for source in self.chain}
        return {**self.config.sections, "profiles": files | own}


def target_of(
    request: SessionRequest,
    config: Config | None = None,
    find_account: FindAccount | None = None,
) -> Target:
    """Return the target of a request. The profile or role must support the request's options.

    If ``find_account`` is None, account names aren't replaced with IDs, which is sufficient for
    explanations and sign-ins. Raise a subclass of AwsProfileError if the request is invalid.
    """
    if config is None:
        config = read_config()
    chain = requested_chain(request, config, find_account)
    if python_of(chain[-1].settings):
        raise InvalidOption(
            f"`{chain[-1]}` is the identity that a notebook shares, so a notebook can't use it.",
            "Name a different profile.",
        )
    first = _as_policy_allows(merge_options(chain[0], request), request)
    chain = (first, *chain[1:])
    parameters = _parameters_by_role(chain)
    mfa: StsParameters = {}
    if request.mfa:
        mfa = _mfa(first)
    scope: StsParameters = {}
    # A role is limited by parameters of AssumeRole, and any other session by a call afterwards.
    if first.kind in ASSUMES:
        limits = session_policy(request, first)
        if limits:
            parameters.setdefault(str(first.role_arn), {}).update(limits)
    else:
        scope = session_policy(request, None)
        if request.duration is not None:
            # It is the duration of the MFA session, or of a narrower session. A narrower session
            # for an MFA session ends with it, so it needs no duration.
            limited = mfa or scope
            limited["DurationSeconds"] = PARAMETERS["duration"].parse_option(request.duration)
    policy = read_policy()
    if mfa and policy.strictest("duration"):
        mfa["DurationSeconds"] = policy.at_most(
            "duration", mfa.get("DurationSeconds", _MFA_SESSION)
        )
    region, region_variable = _region_of(request, first)
    target = Target(
        request=_with_names(request, chain, config),
        chain=chain,
        config=config,
        region=region,
        region_variable=region_variable,
        parameters=parameters,
        scope=scope,
        mfa=mfa,
    )
    if target.scope or target.mfa:  # STS issues both, and a store without one can't
        target.require_sts()
    return target


#: How long an MFA session lasts without a duration, in seconds.
_MFA_SESSION = 43_200

#: How long a role's session lasts without a duration, in seconds.
#: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
_ROLE_SESSION = 3600


def _as_policy_allows(first: Profile, request: SessionRequest) -> Profile:
    """Return a profile with the session name and longest duration that the policy allows.

    Raise NotAllowed if the request has a different session name or a longer duration.
    """
    policy = read_policy()
    policy.require_session_name(request.session_name)
    duration = PARAMETERS["duration"]
    if request.duration is not None:
        policy.require_at_most("duration", duration.parse_option(request.duration), "sessions")
    settings = dict(first.settings)
    if policy.session_name and first.kind in PARAMETERS["session_name"].kinds:
        settings["role_session_name"] = policy.session_name
    if policy.strictest("duration") and first.kind in duration.kinds:
        asked = _ROLE_SESSION
        with suppress(ValueError):  # a value that botocore refuses
            asked = int(first.text(duration.setting) or asked)
        settings[duration.setting] = str(policy.at_most("duration", asked))
    return Profile(first, settings, first.kind)


def has_long_term_keys(target: Target) -> bool:
    """Return whether the first credentials in the chain are an IAM user's long-term keys."""
    start = target.start
    if start.kind is ProfileKind.STATIC_KEYS:
        return not target.config.profiles.get(start, {}).get("aws_session_token")
    if start.credential_source == "Environment":
        return not user_variable("AWS_SESSION_TOKEN")
    return False


def _parameters_by_role(chain: tuple[Profile, ...]) -> dict[str, StsParameters]:
    """Return, by role ARN, the AssumeRole parameters that botocore can't read from settings."""
    parameters: dict[str, StsParameters] = {}
    for profile in chain:
        added = parameters_of(profile)
        if added:
            parameters[str(profile.role_arn)] = added
    return parameters


def _region_of(request: SessionRequest, first: Profile) -> tuple[str | None, str]:
    """Return a session's Region, and the name of the variable that sets the Region (or "")."""
    if request.region:
        return request.region, ""
    region = user_variable("AWS_DEFAULT_REGION")
    if region:
        return region, "AWS_DEFAULT_REGION"
    if first.region:
        return first.region, ""
    # ECS, EKS and Lambda set AWS_REGION, which botocore ignores.
    region = user_variable("AWS_REGION")
    if region and (request.default or request.role_arn):
        return region, "AWS_REGION"
    return None, ""


def _mfa(profile: Profile) -> StsParameters:
    """Return GetSessionToken's parameters for a profile's access keys.

    Raise InvalidOption if the profile doesn't have both access keys and an ``mfa_serial``.
    """
    if profile.kind in ASSUMES:
        raise InvalidOption(
            f"--mfa is for long-term keys, but `{profile}` assumes a role.",
            "Leave out `--mfa`. A role with an `mfa_serial` always requires an MFA code.",
        )
    if profile.kind is not ProfileKind.STATIC_KEYS or not profile.mfa_serial:
        raise InvalidOption(
            f"--mfa is for long-term keys with an `mfa_serial`, but `{profile}` doesn't have both.",
            "Leave out `--mfa`, or add the `mfa_serial` of your MFA device to the profile.",
        )
    return {"SerialNumber": profile.mfa_serial}


def sign_in_target(sign_in: SignIn, config: Config) -> Target:
    """Return a target that is only for signing in and doesn't have a role."""
    shown = f"sso-session {sign_in.session}" if sign_in.session else sign_in.name
    profile = Profile(shown, sign_in_settings(sign_in, config), ProfileKind.SSO)
    request = SessionRequest(sign_in.name)
    if sign_in.session:
        request = SessionRequest(sso=sign_in.session)
    return Target(request, (profile,), config, profile.region)


def login_target(request: SessionRequest) -> Target:
    """Return a target for signing in, with only those options of a request that affect a sign-in.

    If the request names a sign-in instead of a profile, the target doesn't have a role. Account
    names aren't replaced with IDs, because the user must sign in before looking up accounts. Errors
    about the target show the whole request.
    """
    config = read_config()
    if request.has_parts:
        target = sign_in_target(find_sign_in(request.sso, config), config)
    else:
        names = {name: getattr(request, name) for name in ("profile", "role_arn", "source_profile")}
        target = target_of(SessionRequest(**names, default=request.default), config)
    return replace(target, request=request)


def sign_in_file(target: Target) -> Path:
    """Return the path of the file in which the AWS CLI stores a target's sign-in.

    Raise InvalidOption if the target doesn't have a sign-in, or InvalidProfile if the sign-in's
    address is missing.
    """
    source = target.start
    if source.kind is ProfileKind.LOGIN_SESSION:
        return login_file(str(source.settings["login_session"]))
    return target.find_sign_in().token_file


def login_file(session: str) -> Path:
    """Return the path of the file in which the AWS CLI stores the token of a ``login_session``."""
    return Path(get_login_token_cache_directory()) / f"{generate_login_cache_key(session)}.json"


def requested_chain(
    request: SessionRequest, config: Config, find_account: FindAccount | None = None
) -> tuple[Profile, ...]:
    """Return the role chain of a request.

    Raise InvalidOption if the request is invalid, or ProfileNotFound if a profile doesn't exist.
    """
    _require_one_way(request, config)
    if request.has_parts:
        sign_in = find_sign_in(request.sso, config)
        role = AssignedName(sign_in.name, str(request.account), str(request.role))
        return (profile_of_role(role, config, find_account),)
    if request.role_arn is not None:
        return _chain_of_arn(request.role_arn, request, config, find_account)
    if request.profile is None:
        return chain_of(default_profile(config), config)
    return chain_of(find_profile_or_role(request.profile, config, find_account), config)


def _require_one_way(request: SessionRequest, config: Config) -> None:
    """Raise InvalidOption unless a request names exactly one identity, without missing parts."""
    if request.names_one_identity:
        return
    hint = (
        "Run `%aws_profile NAME`, `%aws_profile --role-arn ARN`, `%aws_profile --account ID "
        "--role NAME` or `%aws_profile --default`."
    )
    meant = request.with_one_identity(config.profiles)
    if meant:
        hint = f"Write `%aws_profile {arguments(meant)}`."
    elif request.has_parts and request.role_arn:
        hint = "Use either `--role-arn`, or `--account` and `--role`."
    elif request.has_parts and request.source_profile:
        role = f"arn:aws:iam::ACCOUNT:role/{request.role or 'NAME'}"
        source = quoted(request.source_profile)
        hint = f"Write `--role-arn {role} --source-profile {source}`, with the account's ID."
    elif request.profile and request.default:
        lines = [replace(request, default=False), replace(request, profile=None)]
        hint = " or ".join(f"`%aws_profile {arguments(each)}`" for each in lines)
        hint = f"Write {hint}."
    elif request.profile and request.role and request.account is None:
        role_arn = f"arn:aws:iam::ACCOUNT:role/{request.role}"
        source = request.profile
        meant = replace(
            request, profile=None, role=None, role_arn=role_arn, source_profile=source, sso=None
        )
        hint = f"Write `%aws_profile {arguments(meant)}`, with the account's ID."
    elif request.profile is None and request.has_parts:
        missing = "--role NAME" if request.account else "--account ID"
        listing = "%aws_profiles --sso"
        if request.sso:
            listing += f" {quoted(request.sso)}"
        hint = f"Add `{missing}`. `{listing}` lists the accounts and roles."
    elif request.profile and request.sso:
        listing = f"%aws_profiles --sso {quoted(request.sso)}"
        hint = f"`{listing}` lists the names of the sign-in's roles, which include the account."
    raise InvalidOption(f"Use exactly one of {IDENTITIES}.", hint)


def _chain_of_arn(
    role_arn: str, request: SessionRequest, config: Config, find_account: FindAccount | None
) -> tuple[Profile, ...]:
    """Return the role chain for a role's ARN, with the client settings of its source profile."""
    if not Arn.parse(role_arn).role:  # botocore can take it for a profile
        hint = _instead_of_arn(role_arn, request, config) or advice_for_arn(role_arn)
        raise InvalidOption(f"`{role_arn}` isn't the ARN of a role.", hint)
    if request.source:
        source = request.source.chain[0]
    elif request.source_profile:
        source = find_profile_or_role(request.source_profile, config, find_account)
    else:
        source = default_profile(config)
    settings = {**client_settings(source.settings), "role_arn": role_arn}
    role = Profile(role_arn, {**settings, "source_profile": str(source)})
    if request.source:
        return role, *request.source.chain
    if source.kind is ProfileKind.AMBIENT:
        return (Profile(role_arn, {**settings, "credential_source": source.credential_source}),)
    if source in config.profiles:
        return chain_of(role, config)
    return role, source


def _instead_of_arn(role_arn: str, request: SessionRequest, config: Config) -> str:
    """Return a hint for the ARN of a role's session in IAM Identity Center, or "".

    Only a sign-in can use such a role, so another profile's credentials can't assume the role.
    """
    named = RoleName.parse(role_arn)
    if named is None or not named.is_assigned:
        return ""
    names = names_of_role(named, config)
    if not names:
        return f"Only a sign-in to IAM Identity Center can use this role. {EXAMPLE}"
    lines: list[str] = []
    for name in names:
        meant = replace(request, profile=name, role_arn=None, source_profile=None)
        lines.append(f"%aws_profile {arguments(meant)}")
    return f"Write {choice_of(lines)}. In Python, pass the name {choice_of(map(repr, names))}."


def _with_names(
    request: SessionRequest, chain: tuple[Profile, ...], config: Config
) -> SessionRequest:
    """Return a copy of a request for the same session, with the names from the role chain."""
    first = chain[0]
    if request.source_profile:
        return replace(request, source_profile=chain[1].name)
    if request.role_arn:
        return request
    if request.default and first not in config.profiles:
        return request
    return replace(request, profile=first.name, default=False, account=None, role=None, sso=None)
