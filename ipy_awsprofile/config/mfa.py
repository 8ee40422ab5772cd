"""MFA in the shared files: commands that print codes, and MFA sessions for access keys.

``mfa_process`` is a setting of aws-vault.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ipy_awsprofile.config.chain import Step
from ipy_awsprofile.config.command import command_of
from ipy_awsprofile.config.profiles import Profile, ProfileKind, has_session_token
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.errors import InvalidOption

#: aws-vault's settings for inheritance. The second is the former name of the first.
_PARENTS = ("include_profile", "parent_profile")


def mfa_processes(profiles: Iterable[Profile], sections: Mapping[str, Section]) -> dict[str, str]:
    """Return the MFA commands for the profiles of a chain, by the serial number of the device.

    If several profiles have the same device, a profile's own or inherited command takes precedence
    over its source profile's. As in aws-vault, [default] has the command for all other profiles.
    """
    commands: dict[str, str] = {}
    default = _inherited("default", sections)
    with_device = [profile for profile in profiles if profile.mfa_serial]
    for profile in with_device:
        if command := _inherited(profile.name, sections):
            commands.setdefault(str(profile.mfa_serial), command)
    for profile in with_device if default else ():
        commands.setdefault(str(profile.mfa_serial), str(default))
    return commands


def _inherited(name: str, sections: Mapping[str, Section]) -> str | None:
    """Return the command of a profile, or of the nearest profile that it inherits from."""
    seen: set[str] = set()
    section = sections.get(name)
    while section is not None and name not in seen:
        seen.add(name)
        if command := section.text("mfa_process"):
            return command
        name = next(filter(None, map(section.text, _PARENTS)), "")
        section = sections.get(name)
    return None


@dataclass(frozen=True, slots=True)
class MfaSession:
    """The MFA device's serial number, and the duration in seconds (None for AWS's default)."""

    serial: str
    duration: int | None = None


def mfa_session(step: Step, duration: int | None, request: SessionRequest) -> MfaSession:
    """Return the MFA session of a request's profile. Raises InvalidOption if it can't have one."""
    profile, name = step.profile, step.profile.name
    if profile.kind is not ProfileKind.STATIC_KEYS:
        raise InvalidOption(
            f"--mfa is for long-term keys, but `{name}` uses {profile.kind.in_words}.",
            _without_option(profile, request),
        )
    if has_session_token(step.settings):
        raise InvalidOption(
            f"--mfa is for long-term keys, but `{name}` has a session token.",
            f"Run `{_command_without_mfa(request)}`, or replace its keys with long-term keys.",
        )
    if profile.mfa_serial is None:
        raise InvalidOption(
            f"--mfa needs the MFA device of `{name}`, which has no mfa_serial.",
            "Add `mfa_serial = …` with the ARN or serial number of the device. "
            f"See {profile.file}, line {profile.line}.",
        )
    return MfaSession(profile.mfa_serial, duration)


def _without_option(profile: Profile, request: SessionRequest) -> str:
    is_role = profile.kind in {ProfileKind.ASSUME_ROLE, ProfileKind.CREDENTIAL_SOURCE}
    if is_role and not profile.mfa_serial:
        add = "Add `mfa_serial = …` to the profile of the role"
        if request.role_arn:
            add = "Write a profile for the role with `mfa_serial = …` in the config file"
        return f"{add}, and switch to it without --mfa."
    asked = ". The role requires an MFA code even without --mfa" if is_role else ""
    return f"Run `{_command_without_mfa(request)}`{asked}."


def _command_without_mfa(request: SessionRequest) -> str:
    return command_of(replace(request, mfa=False))
