"""The identity of a set of credentials, as far as it is known without calling AWS."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ipy_awsprofile.errors import AwsProfileError


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """The identity of a set of credentials, as far as it is known without calling AWS.

    ``arn`` is the principal's ARN as reported by STS. ``account`` comes from the profile.
    """

    profile: str | None = None
    arn: str | None = None
    account: str | None = None


def identity_of_key(key: str | None) -> KnownIdentity:
    """Return the identity of the profile in the shared files that has this access key."""
    from ipy_awsprofile.config.config import read_config

    with suppress(AwsProfileError):
        for name, section in read_config().profiles.items() if key else ():
            if section.get("aws_access_key_id") == key:
                return identity_of_profile(name)
    return KnownIdentity()


def identity_of_profile(name: str) -> KnownIdentity:
    """Return a profile's identity according to the shared files."""
    from ipy_awsprofile.config.profiles import profiles_by_name

    with suppress(AwsProfileError):
        if profile := profiles_by_name().get(name):
            return KnownIdentity(name, account=profile.account)
    return KnownIdentity()
