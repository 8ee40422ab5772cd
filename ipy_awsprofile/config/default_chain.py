"""The source of credentials without a profile name, in the order of botocore's provider chain.

Instances, containers and pods often don't have any profile.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.profiles import ProfileKind, find_section, profile_of
from ipy_awsprofile.config.settings import About, settings_about
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.config.user_environment import named_profile
from ipy_awsprofile.text import arguments, quoted

#: Settings of the default profile that also apply to other credential sources.
_SETTINGS = ("region", *settings_about(About.CLIENTS, About.MACHINE))

#: Variables for assuming a role with a token, in a pod or another workload, and their settings.
_WEB_IDENTITY = {
    "AWS_ROLE_ARN": "role_arn",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "web_identity_token_file",
    "AWS_ROLE_SESSION_NAME": "role_session_name",
}

#: The name of a token as a source, in place of a profile name.
TOKEN = "web identity token"  # noqa: S105  # not a secret

#: The hosts of EKS Pod Identity's agent.
#: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
_POD_IDENTITY = {"169.254.170.23", "fd00:ec2::23"}

_FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_CONTAINER = (_FULL_URI, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")


@dataclass(frozen=True, slots=True, repr=False)
class DefaultSource:
    """The source of the default credentials.

    ``name`` is the profile's name, or a description of the source. ``settings`` can be secrets.
    """

    name: str
    settings: Section
    kind: ProfileKind
    is_profile: bool = False

    @property
    def credential_source(self) -> str | None:
        """The ``credential_source`` for this source in a role profile, if it has one."""
        ambient = self.kind is ProfileKind.AMBIENT
        return self.settings.text("credential_source") if ambient else None


def default_source(config: Config, environ: Mapping[str, str]) -> DefaultSource:
    """Return where botocore finds credentials without a profile name.

    Raises ProfileNotFound if a variable names a profile that doesn't exist.
    """
    variable, named = named_profile(environ)
    name = named if named is not None else "default"
    if variable:
        find_section(name, config)
    section = config.profiles.get(name)
    profile = section if section is not None else Section(config.paths.config, 0)
    kind = profile_of(name, profile).kind
    if environ.get("AWS_ACCESS_KEY_ID"):
        return _ambient("Environment", profile, environ)
    has_role = "role_arn" in profile and "web_identity_token_file" not in profile
    if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and not has_role:
        return _web_identity(profile, environ)
    if has_role or kind is not ProfileKind.INCOMPLETE:
        return DefaultSource(name, profile, kind, is_profile=True)
    in_container = any(environ.get(variable) for variable in _CONTAINER)
    return _ambient("EcsContainer" if in_container else "Ec2InstanceMetadata", profile, environ)


def _ambient(source: str, profile: Section, environ: Mapping[str, str]) -> DefaultSource:
    settings = profile.part(_SETTINGS)
    settings["credential_source"] = source
    return DefaultSource(source_in_words(source, environ), settings, ProfileKind.AMBIENT)


def _web_identity(profile: Section, environ: Mapping[str, str]) -> DefaultSource:
    """Return a token as the source. The profile supplies settings that the variables don't."""
    settings = profile.part((*_SETTINGS, "role_arn", "role_session_name"))
    for variable, setting in _WEB_IDENTITY.items():
        if value := environ.get(variable):
            settings[setting] = value
    return DefaultSource(TOKEN, settings, ProfileKind.WEB_IDENTITY)


#: The name of each credential_source on a card. EKS Pod Identity has another name.
_IN_WORDS = {
    "Environment": "environment variables",
    "Ec2InstanceMetadata": "EC2 instance",
    "EcsContainer": "ECS container",
}
_POD = "EKS Pod Identity"

#: Names of sources that aren't profiles.
_NO_PROFILE = {*_IN_WORDS.values(), _POD, TOKEN}


def typed(chain: Sequence[str], options: str = "") -> str:
    """Return the arguments of ``%aws_profile`` for the first name of a role chain."""
    name, *sources = chain
    if name in _NO_PROFILE:
        return f"--default {options}".strip()
    if not name.startswith("arn:"):
        return arguments(name, options)
    has_source = sources and sources[0] not in _NO_PROFILE
    source = f"--source-profile {quoted(sources[0])}" if has_source else ""
    return " ".join(filter(None, ("--role-arn", name, source, options)))


def source_in_words(credential_source: str, environ: Mapping[str, str]) -> str:
    """Return a description of a credential_source for a card, such as ``ECS container``."""
    if credential_source == "EcsContainer":
        with suppress(ValueError):
            if urlsplit(environ.get(_FULL_URI, "")).hostname in _POD_IDENTITY:
                return _POD
    return _IN_WORDS[credential_source]


def default_region(environ: Mapping[str, str]) -> str | None:
    """Return the Region from AWS_REGION, which ECS, EKS and Lambda set but botocore ignores."""
    return environ.get("AWS_REGION") or None
