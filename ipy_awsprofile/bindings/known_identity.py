"""The identity of a set of credentials, as far as it is known without calling AWS."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ipy_awsprofile.errors import AwsProfileError

if TYPE_CHECKING:
    from ipy_awsprofile.config.files import Config


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
    from ipy_awsprofile.config.files import read_config

    with suppress(AwsProfileError):
        if key and (name := _names_by_key(read_config()).get(key)):
            return identity_of_profile(name)
    return KnownIdentity()


@lru_cache(maxsize=2)
def _names_by_key(config: Config) -> dict[str, str]:
    """Return the first profile with each access key, created once each time the files are read."""
    names: dict[str, str] = {}
    for name, section in config.profiles.items():
        if key := section.get("aws_access_key_id"):
            names.setdefault(key, name)
    return names


def identity_of_profile(name: str) -> KnownIdentity:
    """Return a profile's identity according to the shared files."""
    from ipy_awsprofile.config.profiles import profiles_by_name

    with suppress(AwsProfileError):
        if profile := profiles_by_name().get(name):
            return KnownIdentity(name, account=profile.account)
    return KnownIdentity()
