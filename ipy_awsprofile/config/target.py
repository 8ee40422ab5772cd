"""A request, resolved against the files: the role chain, and what STS is given for its session.

An option takes the place of the profile's setting. botocore reads most settings itself; the others
are parameters of AssumeRole, which `PARAMETERS` lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.configprovider import ConfiguredEndpointProvider
from botocore.utils import ensure_boolean, generate_login_cache_key, get_login_token_cache_directory

from ipy_awsprofile.config.files import Config, read_config
from ipy_awsprofile.config.names import AssignedName
from ipy_awsprofile.config.policies import session_policy
from ipy_awsprofile.config.profiles import (
    ASSUMES,
    SIGNS_IN,
    Profile,
    ProfileKind,
    chain_of,
    find_profile,
)
from ipy_awsprofile.config.regions import is_aws, unknown_region
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.config.shared import python_of
from ipy_awsprofile.config.sign_ins import (
    FindAccount,
    SignIn,
    find_profile_or_role,
    find_sign_in,
    profile_of_role,
    require_sign_in,
    role_named,
    sign_in_of,
    sign_in_settings,
)
from ipy_awsprofile.config.user_environment import named_profile, user_environment
from ipy_awsprofile.errors import InvalidOption, InvalidProfile
from ipy_awsprofile.text import digest_of, one_line, quoted, redacted_urls


def seconds(value: Any) -> int:
    """Return the seconds in a number, a timedelta, or a text such as ``90m`` or ``1h30m``.

    Raises ValueError. AWS checks whether it allows the duration.
    """
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    match = re.fullmatch(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", str(value), re.ASCII)
    if not match or not match[0]:
        raise ValueError("3600, 90m, 1h or a timedelta")
    h, m, s = (int(part or 0) for part in match.groups())
    return h * 3600 + m * 60 + s


def tag(text: str) -> tuple[str, str]:
    """Return the key and value of a tag such as ``team=red``. Raises ValueError."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError("KEY=VALUE")
    return key, value


def _words(value: Any) -> list[Any]:
    """Return the words of a setting such as ``a, b``, or the values of an option."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",")]
    return list(value)


def _tags(value: Any) -> list[dict[str, str]]:
    pairs = (tag(word) if isinstance(word, str) else word for word in _words(value))
    return [{"Key": str(key), "Value": str(text)} for key, text in dict(pairs).items()]


def _tag_keys(value: Any) -> list[str]:
    return list(dict.fromkeys(map(str, _words(value))))


class Parameter(NamedTuple):
    """A parameter of AssumeRole, and the setting of a profile that it comes from.

    ``kinds`` are the kinds of profiles that it can be set for.
    """

    name: str
    setting: str
    parse: Callable[[Any], Any] = str
    is_read_by_botocore: bool = True
    kinds: Set[ProfileKind] = ASSUMES

    def parse_option(self, value: Any) -> Any:
        """Return an option's value as STS reads it. Raises InvalidOption."""
        try:
            return self.parse(value)
        except ValueError as error:
            if isinstance(value, tuple):
                value = ", ".join(map(str, value))
            raise InvalidOption(
                f"`{one_line(value, 40)}` isn't a valid {self.setting}.", f"Use {error}."
            ) from None


#: By the field of a request. A field takes precedence over the profile's setting. The last three
#: settings are aws-vault's. STS checks the form of the values.
#: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
PARAMETERS = {
    "duration": Parameter("DurationSeconds", "duration_seconds", seconds),
    "session_name": Parameter(
        "RoleSessionName", "role_session_name", kinds={*ASSUMES, ProfileKind.WEB_IDENTITY}
    ),
    "external_id": Parameter("ExternalId", "external_id"),
    "source_identity": Parameter("SourceIdentity", "source_identity", str, False),
    "tags": Parameter("Tags", "session_tags", _tags, False),
    "transitive_tags": Parameter("TransitiveTagKeys", "transitive_session_tags", _tag_keys, False),
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Target:
    """The role chain of a session, and the files as they were read.

    ``chain`` begins with the requested profile or role, with the options in its settings, and ends
    with the profile that provides the first credentials. The ``request`` has the names in the
    chain, with account IDs.
    """

    request: SessionRequest
    chain: tuple[Profile, ...]
    config: Config
    region: str | None
    #: The variable that the Region comes from, or an empty text.
    region_variable: str = ""
    #: Parameters of AssumeRole that botocore has no settings for, by role ARN.
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Parameters of GetScopedCredentials, which limit a session that isn't a role's.
    scope: Mapping[str, Any] = field(default_factory=dict)
    #: Parameters of GetSessionToken, if the session is an MFA session for access keys.
    mfa: Mapping[str, Any] = field(default_factory=dict)

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
        """The ID of the account in which the session works, or "" if the files don't contain it."""
        return self.profile.account or ""

    @property
    def sign_in(self) -> SignIn | None:
        """The sign-in to IAM Identity Center that the chain begins with, if any."""
        return sign_in_of(self.start.settings, self.config)

    def require_sign_in(self) -> SignIn:
        """Return the sign-in, or raise the errors of `sign_ins.require_sign_in`."""
        return require_sign_in(self.start, self.config)

    @property
    def cache_variant(self) -> str:
        """The part of the cache key for parameters that aren't part of botocore's key, or "".

        It depends on the role, too: the other roles of the chain are assumed without the policy,
        and a read-only session for one of them must not use their cached credentials.
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
        return (
            self.name in self.config.profiles
            and self.profile.settings == find_profile(self.name, self.config).settings
            # A switch removes the variables of these sources from child processes.
            and self.start.credential_source not in {"Environment", "EcsContainer"}
            and not (self.parameters or self.scope or self._devices)
        )

    @property
    def renews_unattended(self) -> bool:
        """Whether the session can be renewed without a user to enter an MFA code."""
        return all(map(self.mfa_process, self._devices))

    @property
    def signs_in(self) -> bool:
        """Whether the chain begins with a sign-in."""
        return self.start.kind in SIGNS_IN

    @property
    def may_prompt(self) -> bool:
        """Whether renewing the session can prompt the user, for an MFA code or a sign-in."""
        return self.signs_in or not self.renews_unattended

    @property
    def _devices(self) -> set[str]:
        """The MFA devices that each new session needs a code from."""
        of_roles = (profile.mfa_serial for profile in self.chain if profile.kind in ASSUMES)
        return set(filter(None, (*of_roles, self.mfa.get("SerialNumber"))))

    def mfa_process(self, serial: str) -> str | None:
        """Return the command that prints a device's codes: of its profile, or of [default]."""
        default = self.config.profiles.get("default", {}).get("mfa_process")
        owners = (profile for profile in self.chain if profile.mfa_serial == serial)
        commands = (owner.settings.get("mfa_process") for owner in owners)
        return next(commands, None) or default

    @property
    def foreign_sts(self) -> str:
        """The STS endpoint of a setting or variable if it isn't AWS's, otherwise an empty text."""
        url = self.endpoint("sts")
        return "" if is_aws(url) else redacted_urls(url).rstrip("/")

    @property
    def store(self) -> str:
        """The S3 endpoint of a store that isn't AWS if the session has its keys, otherwise "".

        Such keys belong to no AWS account. Without an endpoint for its STS, it isn't known whose
        they are, and AWS's STS must not get them.
        """
        url = self.endpoint("s3")
        first = self.profile
        has_keys = first.kind is ProfileKind.STATIC_KEYS or (
            first.kind is ProfileKind.AMBIENT and first.source == "Environment"
        )
        if has_keys and url and not is_aws(url) and not self.endpoint("sts"):
            return redacted_urls(url).rstrip("/")
        return ""

    def require_sts(self) -> None:
        """Raise InvalidOption if the session has the keys of a store, which no STS can limit."""
        if self.store:
            raise InvalidOption(
                f"`{self.name}` has keys of {self.store}, and no STS can limit them.",
                "Leave out `--read-only`, `--policy`, `--duration` and `--mfa`. If a pattern makes "
                "the profile read-only, add `--write`.",
            )

    @property
    def unknown_region(self) -> str:
        """A sentence about a Region that botocore doesn't know, or an empty text.

        Servers that aren't AWS have their own Regions.
        """
        urls = filter(None, map(self.endpoint, ("s3", "sts")))
        if not all(map(is_aws, urls)):
            return ""
        return unknown_region(self.region or "")

    @property
    def warning(self) -> str:
        """Sentences about the settings that don't do what they seem to, or an empty text."""
        ignored = (
            f"botocore ignores the duration_seconds of `{profile}`, because it isn't a number."
            for profile in self.chain
            if profile.kind in ASSUMES and not (profile.text("duration_seconds") or "0").isdigit()
        )
        return " ".join(filter(None, (self.unknown_region, *ignored)))

    def endpoint(self, service: str) -> str:
        """Return a service's endpoint of a setting or variable, or an empty text without one.

        https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        """
        settings = self.profile.settings
        services = {"services": self.config.services}
        in_file = settings.get("ignore_configured_endpoint_urls")
        if ensure_boolean(user_environment().get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", in_file)):
            return ""
        try:
            url = ConfiguredEndpointProvider(services, settings, service).provide() or ""
            return urlsplit(url).geturl()
        except Exception:  # noqa: BLE001  # malformed values can raise any exception in botocore
            return ""

    def full_config(self) -> dict[str, Any]:
        """Return the files as botocore's ``Session.full_config``, with the chain's settings."""
        files = self.config.profiles
        return self.config.full_config(
            {source.name: {**files.get(source, {}), **source.settings} for source in self.chain}
        )


def target_of(
    request: SessionRequest,
    config: Config | None = None,
    find_account: FindAccount | None = None,
) -> Target:
    """Return the target of a request, whose profile or role must support the options.

    Without ``find_account``, the request must have account IDs. Raises InvalidOption,
    InvalidProfile, ProfileNotFound, ConfigFileError and the errors of ``find_account``.
    """
    config = config or read_config()
    environ = user_environment()
    chain = requested_chain(request, config, find_account)
    if python_of(chain[-1].settings):
        raise InvalidOption(
            f"`{chain[-1]}` is the identity that a notebook shares, so a notebook can't use it.",
            "Name a different profile.",
        )
    session_name = request.default_session_name or environ.get("AWS_ROLE_SESSION_NAME")
    first = _with_options(chain[0], request, session_name)
    chain = (first, *chain[1:])
    by_role = [(str(profile.role_arn), _parameters(profile)) for profile in chain]
    parameters = {role_arn: values for role_arn, values in by_role if values}
    scope: dict[str, Any] = {}
    if first.kind in ASSUMES:
        limits = session_policy(request, first)
        if limits:
            parameters.setdefault(str(first.role_arn), {}).update(limits)
    else:
        scope = session_policy(request, None)
    mfa = _mfa(first) if request.mfa else {}
    if request.duration is not None and first.kind not in ASSUMES:
        # It is the duration of the MFA session, or of a narrower session.
        (mfa or scope)["DurationSeconds"] = PARAMETERS["duration"].parse_option(request.duration)
    region = request.region
    region_variable = ""
    if not region and environ.get("AWS_DEFAULT_REGION"):
        region_variable = "AWS_DEFAULT_REGION"
    elif not region and not first.region and (request.default or request.role_arn):
        region_variable = "AWS_REGION"  # ECS, EKS and Lambda set it; botocore ignores it
    target = Target(
        request=_with_names(request, chain, config),
        chain=chain,
        config=config,
        region=region or environ.get(region_variable) or first.region or None,
        region_variable=region_variable if environ.get(region_variable) else "",
        parameters=parameters,
        scope=scope,
        mfa=mfa,
    )
    if target.scope or target.mfa:
        target.require_sts()
    return target


def sign_in_target(sign_in: SignIn, config: Config) -> Target:
    """Return a target without a role, for signing in."""
    shown = f"sso-session {sign_in.session}" if sign_in.session else sign_in.name
    profile = Profile(shown, sign_in_settings(sign_in, config), ProfileKind.SSO)
    return Target(SessionRequest(), (profile,), config, profile.region)


def login_target(request: SessionRequest) -> Target:
    """Return the target of a request, without the options that a sign-in doesn't need.

    With only an [sso-session], the target has no role. It has no role for an account name either,
    because only a user who has signed in can look up the account.
    """
    config = read_config()
    if request.has_parts:
        return sign_in_target(find_sign_in(request.sso, config), config)
    for name in filter(None, (request.profile, request.source_profile)):
        role = role_named(name, config)
        if role and not role.has_id:
            return sign_in_target(find_sign_in(role.sign_in, config), config)
    given = {name: getattr(request, name) for name in ("profile", "role_arn", "source_profile")}
    return target_of(SessionRequest(**given, default=request.default), config)


def sign_in_file(target: Target) -> Path:
    """Return the AWS CLI's file for a target's sign-in. Raises the errors of `require_sign_in`."""
    source = target.start
    if source.kind is ProfileKind.LOGIN_SESSION:
        return login_file(str(source.settings["login_session"]))
    return target.require_sign_in().token_file


def login_file(session: str) -> Path:
    """Return the AWS CLI's file for a login_session."""
    return Path(get_login_token_cache_directory()) / f"{generate_login_cache_key(session)}.json"


def requested_chain(
    request: SessionRequest, config: Config, find_account: FindAccount | None = None
) -> tuple[Profile, ...]:
    """Return the role chain of a request.

    Raises InvalidOption, ProfileNotFound and the errors of ``find_account``.
    """
    if request.has_parts:
        return (profile_of_role(_role_of_parts(request, config), config, find_account),)
    match request.profile, request.role_arn, request.source_profile, request.default:
        case _, str(role_arn), _, _ if ":role/" not in role_arn:  # botocore takes it for a profile
            raise InvalidOption(
                f"`{role_arn}` isn't the ARN of a role.",
                "Write the whole ARN: `arn:aws:iam::ACCOUNT:role/NAME`.",
            )
        case str(name), None, None, False:
            return chain_of(find_profile_or_role(name, config, find_account), config)
        case (None, str(role_arn), None, False) if request.source:
            first = request.source.chain[0]
            settings = {**client_settings(first.settings), "source_profile": str(first)}
            return Profile(role_arn, {**settings, "role_arn": role_arn}), *request.source.chain
        case None, str(role_arn), None | "", False:
            return _role_by_arn(role_arn, _default_profile(config), config)
        case None, str(role_arn), str(source), False:
            profile = find_profile_or_role(source, config, find_account)
            return _role_by_arn(role_arn, profile, config)
        case None, None, None, True:
            return chain_of(_default_profile(config), config)
        case _:
            raise InvalidOption(
                "Use exactly one of a profile's name, a role's ARN and the default credentials.",
                "Run `%aws_profile NAME`, `%aws_profile --role-arn ARN` or "
                "`%aws_profile --default`.",
            )


def _role_of_parts(request: SessionRequest, config: Config) -> AssignedName:
    """Return the name of a role of IAM Identity Center from its parts. Raises InvalidOption."""
    is_complete = request.account and request.role
    if not is_complete or request.profile or request.role_arn or request.default:
        raise InvalidOption(
            "Use --account and --role together, and without another profile or role.",
            "Run `%aws_profile --account ID --role NAME`; `%aws_profiles --sso` lists them.",
        )
    sign_in = find_sign_in(request.sso, config)
    return AssignedName(sign_in.name, str(request.account), str(request.role))


def _with_names(
    request: SessionRequest, chain: tuple[Profile, ...], config: Config
) -> SessionRequest:
    """Return the request with the names in its chain, which open the same session again."""
    first = chain[0]
    if request.source_profile:
        return replace(request, source_profile=chain[1].name)
    if request.role_arn or (request.default and first not in config.profiles):
        return request
    return replace(request, profile=first.name, default=False, account=None, role=None, sso=None)


def _role_by_arn(role_arn: str, source: Profile, config: Config) -> tuple[Profile, ...]:
    """Return the chain of a role without a profile, which has its source's client settings."""
    settings = {**client_settings(source.settings), "role_arn": role_arn}
    if source.kind is ProfileKind.AMBIENT:
        return (Profile(role_arn, {**settings, "credential_source": source.credential_source}),)
    role = Profile(role_arn, {**settings, "source_profile": str(source)})
    if source in config.profiles:
        return chain_of(role, config)
    return role, source


#: The names of default credentials that don't come from a profile, by credential_source.
SOURCES = {
    "Environment": "environment variables",
    "Ec2InstanceMetadata": "EC2 instance",
    "EcsContainer": "container credentials",
}
_TOKEN = "web identity token"  # noqa: S105  # not a secret
NOT_PROFILES = {*SOURCES.values(), _TOKEN}

#: Variables for assuming a role with a token, in a pod or another workload, and their settings.
_WEB_IDENTITY = {
    "AWS_ROLE_ARN": "role_arn",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "web_identity_token_file",
    "AWS_ROLE_SESSION_NAME": "role_session_name",
}
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")


def _default_profile(config: Config) -> Profile:
    """Return the profile with boto3's default credentials, or another source as a profile.

    Such a source has one of the names in `NOT_PROFILES`. Raises ProfileNotFound.

    https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
    """
    environ = user_environment()
    variable, named = named_profile(environ)
    name = "default" if named is None else named
    profile = Profile(name, {})
    if variable or name in config.profiles:  # a profile that a variable names must exist
        profile = find_profile(name, config)
    own = profile.settings
    has_role = "role_arn" in own and "web_identity_token_file" not in own
    if environ.get("AWS_ACCESS_KEY_ID"):
        source = "Environment"
    elif environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and not has_role:
        role = {name: own[name] for name in ("role_arn", "role_session_name") if name in own}
        given = {_WEB_IDENTITY[name]: environ[name] for name in _WEB_IDENTITY if environ.get(name)}
        return Profile(_TOKEN, {**client_settings(own), **role, **given})
    elif has_role or profile.kind is not ProfileKind.INCOMPLETE:
        return profile
    elif any(map(environ.get, _CONTAINER)):
        source = "EcsContainer"
    else:
        source = "Ec2InstanceMetadata"
    settings = {**client_settings(own), "credential_source": source}
    return Profile(SOURCES[source], settings, ProfileKind.AMBIENT)


def _with_options(first: Profile, request: SessionRequest, session_name: str | None) -> Profile:
    """Return the profile with the options in place of its settings. Raises InvalidOption.

    ``session_name`` is used if nothing else names the session.
    """
    options = {name: getattr(request, name) for name in PARAMETERS}
    takes_name = first.kind in PARAMETERS["session_name"].kinds
    if takes_name and request.session_name is None and not first.text("role_session_name"):
        options["session_name"] = session_name
    settings = dict(first.settings)
    for name, parameter in PARAMETERS.items():
        value = options[name]
        if value is None or value == ():
            continue
        if first.kind not in parameter.kinds:
            if name == "duration":
                continue  # it limits any other session, too: see `Target.scope`
            raise InvalidOption(
                f"`{first}` doesn't assume a role, so its {parameter.name} can't be set.",
                f"Its kind is `{first.kind}`.",
            )
        if isinstance(value, tuple):  # the profile's tags remain
            value = (*_words(first.text(parameter.setting) or ()), *value)
        parsed = parameter.parse_option(value)
        # botocore reads texts, and `_parameters` parses the values that it doesn't read.
        settings[parameter.setting] = str(parsed) if parameter.is_read_by_botocore else value
    return Profile(first, settings, first.kind)


def _parameters(profile: Profile) -> dict[str, Any]:
    """Return AssumeRole's parameters that botocore has no settings for. Raises InvalidProfile."""
    parameters: dict[str, Any] = {}
    for parameter in PARAMETERS.values():
        value = profile.settings.get(parameter.setting)
        if not value or parameter.is_read_by_botocore or profile.kind not in parameter.kinds:
            continue
        try:
            parameters[parameter.name] = parameter.parse(value)
        except ValueError as error:
            raise InvalidProfile(
                f"The {parameter.setting} of `{profile}` is invalid.",
                f"Use {error}. `%aws_profile --explain {quoted(profile)}` shows where it is.",
            ) from None
    return parameters


def _mfa(profile: Profile) -> dict[str, Any]:
    """Return the MFA device of a profile's access keys. Raises InvalidOption."""
    if profile.kind is not ProfileKind.STATIC_KEYS or not profile.mfa_serial:
        raise InvalidOption(
            f"--mfa is for long-term keys with an `mfa_serial`; `{profile}` doesn't have both.",
            "Leave the option out, or add the `mfa_serial` of the device to the profile. A role "
            "with an `mfa_serial` requires its code without the option.",
        )
    return {"SerialNumber": profile.mfa_serial}
