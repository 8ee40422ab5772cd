"""Find out what the name of another profile means to programs while a profile is active."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ipy_awsprofile.config.files import SharedFiles, read_config
from ipy_awsprofile.config.profiles import ProfileKind, find_profile
from ipy_awsprofile.config.request import SessionRequest, arguments
from ipy_awsprofile.config.settings import KEYS
from ipy_awsprofile.config.user_environment import KEY_VARIABLES, named_profile
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.label import is_read_only

if TYPE_CHECKING:
    from ipy_awsprofile.label import Label

#: The settings of incomplete credentials. With one of these settings, SDKs report an error instead
#: of using other credentials.
_INCOMPLETE = {
    *("aws_access_key_id", "role_arn", "sso_account_id", "sso_role_name"),
    "web_identity_token_file",
}


def request_with_limit(profile: str) -> SessionRequest:
    """Return a request for a profile that keeps the active identity's read-only limit."""
    return SessionRequest(profile, read_only=is_read_only(PROCESS.active))


def request_named(profile: str, active: SessionRequest | None) -> SessionRequest:
    """Return a request for a profile that code names, with the active identity's limits.

    ``active`` is the request of the active switch, or None. If it is for the same profile, all of
    its options remain.
    """
    if active and active.profile == profile:
        return SessionRequest(**active.session_options())
    return request_with_limit(profile)


def line_to_switch(profile: str) -> str:
    """Return a line that switches to a profile and keeps the notebook's read-only limit."""
    return f"%aws_profile {arguments(request_with_limit(profile))}"


def is_visible(profile: str) -> bool:
    """Return whether boto3 and other programs find a profile in the files that they use now."""
    return profile in read_config(SharedFiles.of_programs()).profiles


def is_hidden(profile: str) -> bool:
    """Return whether only this package finds a profile, because the config file isn't copied."""
    config = read_config()
    if profile not in config.profiles or is_visible(profile):
        return False
    return any(not KEYS.isdisjoint(each) for each in config.sections["profiles"].values())


def line_about_hidden(active: Label) -> str:
    """Return a sentence about the profiles that are hidden while a profile is active."""
    return (
        f"While `{active.name}` is active, boto3 and other programs can't find the profiles in "
        "your config file, which isn't copied because it contains access keys."
    )


def has_no_credentials(profile: str) -> bool:
    """Return whether the files don't contain any credentials for a profile that they contain."""
    config = read_config()
    if profile not in config.profiles:
        return False
    found = find_profile(profile, config)
    return found.kind is ProfileKind.INCOMPLETE and _INCOMPLETE.isdisjoint(found.settings)


def uses_active_instead(profile: str) -> bool:
    """Return whether programs with a profile's name use the active identity instead.

    SDKs look for the credentials of such a profile in the environment.
    """
    return has_no_credentials(profile) and not any(map(os.environ.get, KEY_VARIABLES))


def problem_of_variable(active: Label) -> str:
    """Return a sentence if the profile in AWS_PROFILE has no effect, or an empty string."""
    name = named_profile(os.environ)[1]
    if not name:
        return ""
    with suppress(AwsProfileError):  # the user is still editing the config files
        if is_hidden(name):
            return line_about_hidden(active)
        if uses_active_instead(name):
            return (
                f"`{name}` has no credentials, so `boto3.Session()` and child processes still use "
                f"`{active.name}`."
            )
    return ""


def step_to_named_profile() -> str:
    """Return a sentence that switches to the profile in AWS_PROFILE, or an empty string."""
    name = named_profile(os.environ)[1]
    with suppress(AwsProfileError):  # the user is still editing the config files
        if name and name in read_config().profiles and not has_no_credentials(name):
            return f". To switch to `{name}`, run `{line_to_switch(name)}`"
    return ""
