"""A session with MFA for a profile's long-term keys, as ``--mfa`` asks for it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
"""

from __future__ import annotations

from dataclasses import dataclass

from ipy_awsprofile.config.profiles import Profile, ProfileKind, has_session_token
from ipy_awsprofile.config.shared_files import Section
from ipy_awsprofile.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class MfaSession:
    """The serial number of the MFA device, and the session's duration in seconds, if not AWS's."""

    serial: str
    duration: int | None = None


def mfa_session(profile: Profile, section: Section | None, duration: int | None) -> MfaSession:
    """Return the session with MFA of a profile. Raises InvalidOption if it can't have one."""
    name = profile.name
    if section is None or profile.kind is not ProfileKind.STATIC_KEYS:
        raise InvalidOption(
            f"--mfa is for long-term keys, but `{name}` uses {profile.kind.in_words}.",
            _without_option(profile),
        )
    if has_session_token(section):
        raise InvalidOption(
            f"--mfa is for long-term keys, but `{name}` has a session token.",
            f"Run `%aws_profile {name}`, or replace its keys by long-term ones.",
        )
    if profile.mfa_serial is None:
        raise InvalidOption(
            f"--mfa needs the MFA device of `{name}`, which has no mfa_serial.",
            "Add `mfa_serial = …` with the ARN or serial number of the device. "
            f"See {profile.file}, line {profile.line}.",
        )
    return MfaSession(profile.mfa_serial, duration)


def _without_option(profile: Profile) -> str:
    is_role = profile.kind in {ProfileKind.ASSUME_ROLE, ProfileKind.CREDENTIAL_SOURCE}
    if is_role and not profile.mfa_serial:
        return "Add `mfa_serial = …` to the profile of the role, and switch to it without --mfa."
    asked = ": the code of its mfa_serial is requested anyway" if is_role else ""
    return f"Run `%aws_profile {profile.name}`{asked}."
