"""Read the profiles in the shared files and represent boto3's default credentials as a profile.

This module only reads files and variables. The module doesn't run commands, use the network or
write files.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Self, SupportsIndex

from ipy_awsprofile.config.files import (
    Config,
    Location,
    Section,
    SharedFiles,
    location_of_joined_header,
    locations_of,
    read_config,
)
from ipy_awsprofile.config.names import IN_KERNEL, Arn, RoleName, fits, has_wildcard
from ipy_awsprofile.config.settings import COMMANDS, CREDENTIALS, KEYS, SECRETS, client_settings
from ipy_awsprofile.config.user_environment import named_profile, user_environment, user_variable
from ipy_awsprofile.errors import ConfigFileError, ProfileNotFound
from ipy_awsprofile.text import did_you_mean, letters_of, misspelled


class ProfileKind(StrEnum):
    """The source of a profile's credentials, in the terms of AWS's settings reference."""

    STATIC_KEYS = "access keys"
    ASSUME_ROLE = "assume role"
    CREDENTIAL_SOURCE = "credential source"
    WEB_IDENTITY = "web identity"
    SSO = "SSO"
    LOGIN_SESSION = "login session"
    CREDENTIAL_PROCESS = "credential process"
    AMBIENT = "default credentials"
    INCOMPLETE = "no credentials"


#: The kinds of profiles that call AssumeRole.
ASSUMES = {ProfileKind.ASSUME_ROLE, ProfileKind.CREDENTIAL_SOURCE}

#: The kinds of profiles whose user signs in.
SIGNS_IN = {ProfileKind.SSO, ProfileKind.LOGIN_SESSION}

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


class _Setting:
    """A descriptor that returns the first line of a setting, or None for an empty setting."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, profile: Profile | None, _owner: type) -> str | None:
        return profile.text(self._name) if profile is not None else None


class Profile(str):
    """A profile from the shared files, as a string that contains the profile's name.

    You can use a profile wherever you can use a name. For example, write ``open_session(profile)``
    or ``profile.endswith("-prod")``, or use the profile as the key of a dict or as the value of
    ``AWS_PROFILE``. Profiles are equal if their names are equal. To find out whether a profile has
    changed in the files, compare the ``settings``.

    The attribute of an empty setting is None. ``account`` is the 12-digit account ID in the role's
    ARN, ``sso_account_id`` or ``aws_account_id``. ``settings`` contains all settings except access
    keys and session tokens.

    https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
    """

    __slots__ = ("kind", "settings")

    settings: Section
    kind: ProfileKind

    def __new__(cls, name: str, settings: Section, kind: ProfileKind | None = None) -> Self:
        """Create a profile with these settings, and leave out access keys and session tokens."""
        self = super().__new__(cls, name)
        self.kind = kind or _kind_of(settings)
        if not KEYS.isdisjoint(settings):
            settings = {name: settings[name] for name in settings if name not in KEYS}
        self.settings = settings
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Return the profile's state for pickle, without commands and external IDs."""
        hidden = SECRETS | COMMANDS
        settings = {name: value for name, value in self.settings.items() if name not in hidden}
        return type(self), (str(self), settings, self.kind)

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        """Return part of the name. For an attribute's name, raise TypeError with the right code."""
        try:
            return super().__getitem__(key)
        except TypeError as error:
            if not isinstance(key, str):
                raise
            advice = self._advice_for_key(key)
            raise TypeError(f"{error}. A profile is a string with attributes. {advice}") from None

    def _advice_for_key(self, key: str) -> str:
        """Return advice for a name in brackets, in place of an attribute."""
        if key in self.attributes():
            return f"Write `.{key}` instead of `[{key!r}]`."
        if key in self.settings:
            return f"Write `.settings[{key!r}]` instead of `[{key!r}]`."
        near = misspelled(key, self.attributes())
        return f"Did you mean `.{near[0]}`?" if near else "`.settings` is a dict of all settings."

    @classmethod
    def attributes(cls) -> list[str]:
        """Return the names of the attributes that a string doesn't have."""
        names = [*cls.__slots__, *vars(cls)]
        return [name for name in dict.fromkeys(names) if not name.startswith("_")]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self)!r}: {self.kind}>"

    def text(self, setting: str) -> str | None:
        """Return the first line of a setting, or None for an empty setting or an indented block."""
        value = self.settings.get(setting)
        if not isinstance(value, str):
            return None
        return value.partition("\n")[0] or None

    role_arn = _Setting("role_arn")
    source_profile = _Setting("source_profile")
    credential_source = _Setting("credential_source")
    region = _Setting("region")
    mfa_serial = _Setting("mfa_serial")
    sso_role_name = _Setting("sso_role_name")

    @property
    def name(self) -> str:
        """The profile's name as a plain string."""
        return str(self)

    @property
    def arn(self) -> Arn:
        """The parts of the role's ARN. All parts are empty if the profile doesn't assume a role."""
        return Arn.parse(self.role_arn)

    @property
    def role(self) -> str | None:
        """The role's path and name (the part of the ARN after ``role/``), or ``sso_role_name``."""
        arn = self.arn
        if arn.service:
            return arn.role or None
        return self.sso_role_name

    @property
    def account(self) -> str | None:
        """The ID of the account that the profile works in, or None if no setting names it."""
        return self.arn.account or self.text("sso_account_id") or self.text("aws_account_id")

    @property
    def source(self) -> str | None:
        """The role's source profile or credential source, or None for profiles without a role."""
        return self.source_profile or self.credential_source

    @property
    def fields(self) -> tuple[str | None, ...]:
        """The values that a pattern is compared with, in addition to the profile's name."""
        return self.account, self.role, self.region, self.source

    def location(self) -> Location | None:
        """Return the location of the profile's header.

        If both shared files contain the header, return the location in the config file.
        """
        return next(iter(locations_of(SharedFiles.from_environment(), f"profile {self}")), None)


def _kind_of(settings: Section, *, as_source: bool = False) -> ProfileKind:
    """Return the kind of credentials that botocore gets from these settings.

    A source profile with access keys uses these keys, even if the profile also has a role.
    """
    names = settings.keys()
    has_keys = names >= {"aws_access_key_id", "aws_secret_access_key"}
    if "role_arn" in names and not (as_source and has_keys):
        return _kind_of_role(settings)
    if names >= {"sso_account_id", "sso_role_name"}:
        return ProfileKind.SSO
    if has_keys:
        return ProfileKind.STATIC_KEYS
    if "login_session" in names:
        return ProfileKind.LOGIN_SESSION
    if "credential_process" in names:
        return ProfileKind.CREDENTIAL_PROCESS
    return ProfileKind.INCOMPLETE


def _kind_of_role(settings: Section) -> ProfileKind:
    if settings.get("web_identity_token_file"):
        return ProfileKind.WEB_IDENTITY
    has_profile = "source_profile" in settings
    if has_profile == ("credential_source" in settings):  # none of them, or both
        return ProfileKind.INCOMPLETE
    return ProfileKind.ASSUME_ROLE if has_profile else ProfileKind.CREDENTIAL_SOURCE


def chain_of(profile: Profile, config: Config) -> tuple[Profile, ...]:
    """Return the role chain: a profile and its source profiles, as far as the files contain them.

    In the chain ``(RoleBeta, UserAlpha)``, the credentials of UserAlpha assume RoleBeta. If a
    source profile is missing or is already part of the chain, the chain ends, and botocore raises
    the error later.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
    """
    chain = [profile]
    while chain[-1].kind is ProfileKind.ASSUME_ROLE:
        source = chain[-1].source_profile or ""
        if source in chain or source not in config.profiles:
            break
        section = config.profiles[source]
        chain.append(Profile(source, section, _kind_of(section, as_source=True)))
    return tuple(chain)


@lru_cache(maxsize=2)
def profiles_by_name(config: Config) -> Mapping[str, Profile]:
    """Return a dict of all profiles by name."""
    return {name: Profile(name, section) for name, section in config.profiles.items()}


def find_profile(name: str, config: Config | None = None) -> Profile:
    """Return the profile whose name is exactly ``name``.

    Raise ProfileNotFound if the profile doesn't exist, or ConfigFileError if a file is invalid.
    """
    if config is None:
        config = read_config()
    if name in config.profiles:
        return profiles_by_name(config)[name]
    raise ProfileNotFound(name, advice_for(name, config))


def profiles_with_role(named: RoleName, config: Config) -> list[Profile]:
    """Return the profiles that use this role. Profiles without a source are left out."""
    profiles: list[Profile] = []
    for profile in profiles_by_name(config).values():
        if profile.kind is ProfileKind.INCOMPLETE:
            continue
        is_assigned = profile.kind is ProfileKind.SSO
        _, _, role = (profile.role or "").rpartition("/")
        is_same = (profile.account, role) == (named.account, named.role)
        if is_same and named.is_assigned in (None, is_assigned):
            profiles.append(profile)
    return profiles


def _profile_of_role(named: RoleName, config: Config) -> str:
    """Return a sentence that names the only profile with this role, or an empty string."""
    profiles = profiles_with_role(named, config)
    if len(profiles) != 1:
        return ""
    return f"Use the profile `{profiles[0]}`, which has this role."


def advice_for(name: str, config: Config) -> str:
    """Return a sentence that says what to write instead of a missing profile's name, or ""."""
    role = RoleName.parse(name)
    if role:
        return _profile_of_role(role, config)
    if name.startswith("arn:"):
        return ""
    if name.endswith(IN_KERNEL):
        return (
            "Only programs that the kernel starts can use this name. Write the profile's own name, "
            "with the options of its switch."
        )
    if has_wildcard(name) and any(fits([name], profile) for profile in config.profiles):
        return (
            "To call a function for each profile that matches the pattern, write "
            f"`across_profiles({name!r}, FUNCTION)`."
        )
    return _missing_section(name, config) or _did_you_mean_profile(name, config)


def _did_you_mean_profile(name: str, config: Config) -> str:
    """Return a question that suggests similar profiles, or an empty string.

    If the name ends with ``readonly``, the result also mentions the option ``--read-only``.
    """
    question = did_you_mean(name, config.profiles)
    if question and letters_of(name).endswith("readonly"):
        question += (
            " To limit the profile to reading, add `--read-only`, or `read_only=True` in Python."
        )
    return question


def _missing_section(name: str, config: Config) -> str:
    """Return a sentence that says how to write a missing profile's header, or an empty string."""
    config_file = config.paths.config
    credentials_file = config.paths.credentials
    if f"profile {name}" in config.profiles:
        return f"Write [{name}] instead of [profile {name}] in {credentials_file}."
    for header in config.other_headers:
        if re.fullmatch(rf"(profiles?\W)?\W*{re.escape(name)}", header.strip(" []"), re.IGNORECASE):
            return f"Write [profile {shlex.quote(name)}] instead of [{header}] in {config_file}."
    for file in (config_file, credentials_file):
        joined = location_of_joined_header(file, name)
        if joined:
            return f"The header of `{name}` must be on its own line. See {joined}."
    if config_file.is_dir():
        advice = ""
        if user_variable("AWS_CONFIG_FILE"):
            advice = (
                " Set AWS_CONFIG_FILE to the path of a file or, for `~/.aws/config`, run "
                "`import os; del os.environ['AWS_CONFIG_FILE']`."
            )
        return f"{config_file} is a folder, not a config file.{advice}"
    if config_file.exists():
        return ""
    if credentials_file.exists():
        return f"{config_file} doesn't exist."
    shows = "`%aws_profiles` shows the lines to write"
    return f"Neither {config_file} nor {credentials_file} exists. {shows}."


def default_profile(config: Config) -> Profile:
    """Return a profile that represents boto3's default credentials.

    Raise ProfileNotFound if an environment variable names a missing profile. If the credentials
    don't come from a profile, the result's name is in `NOT_PROFILES`.

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
        return _without_profile("Environment", own)
    if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and not has_role:
        return _with_token(own, environ)
    if has_role or profile.kind is not ProfileKind.INCOMPLETE:
        return profile
    if any(map(environ.get, _CONTAINER)):
        return _without_profile("EcsContainer", own)
    return _without_profile("Ec2InstanceMetadata", own)


def _without_profile(source: str, settings: Section) -> Profile:
    """Return a profile that represents a credential source and has ``settings`` for its clients."""
    own = {**client_settings(settings), "credential_source": source}
    return Profile(SOURCES[source], own, ProfileKind.AMBIENT)


def _with_token(settings: Section, environ: dict[str, str]) -> Profile:
    """Return a profile for the role that a web identity token can assume.

    Environment variables take precedence over ``settings``.
    """
    role = client_settings(settings)
    for variable, setting in _WEB_IDENTITY.items():
        value = environ.get(variable) or settings.get(setting)
        if value:
            role[setting] = value
    return Profile(_TOKEN, role)


#: The variables with credentials, or with where they are.
_OF_DEFAULT_IDENTITY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def has_default_identity() -> bool:
    """Return whether the environment or the [default] profile names credentials for boto3.

    This function doesn't call AWS, so it ignores the credentials of an EC2 instance's role.
    """
    if any(map(os.environ.get, _OF_DEFAULT_IDENTITY)):
        return True
    try:
        profiles = read_config().profiles
    except ConfigFileError:
        return False
    _, name = named_profile(os.environ)
    return not CREDENTIALS.isdisjoint(profiles.get(name or "default", {}))


def default_region() -> str | None:
    """Return the Region that boto3 uses without a switch, or None if there is no such Region."""
    region = user_variable("AWS_DEFAULT_REGION")
    if region:
        return region
    try:
        profiles = read_config().profiles
    except ConfigFileError:
        return None
    _, name = named_profile(user_environment())
    return profiles.get(name or "default", {}).get("region")
