"""boto3's default credentials, from a profile or another source, which is shown as a profile.

https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
"""

from __future__ import annotations

from ipy_awsprofile.config.files import Config, Section
from ipy_awsprofile.config.profiles import Profile, ProfileKind, find_profile
from ipy_awsprofile.config.settings import client_settings
from ipy_awsprofile.config.user_environment import named_profile, user_environment

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


def default_profile(config: Config) -> Profile:
    """Return the profile with boto3's default credentials, or another source as a profile.

    Such a source has one of the names in `NOT_PROFILES`. Raises ProfileNotFound.
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
    """Return a source of credentials as a profile, with the client settings of the default one."""
    own = {**client_settings(settings), "credential_source": source}
    return Profile(SOURCES[source], own, ProfileKind.AMBIENT)


def _with_token(settings: Section, environ: dict[str, str]) -> Profile:
    """Return the role of a web identity token as a profile. Its variables take precedence."""
    role = client_settings(settings)
    for variable, setting in _WEB_IDENTITY.items():
        value = environ.get(variable) or settings.get(setting)
        if value:
            role[setting] = value
    return Profile(_TOKEN, role)
