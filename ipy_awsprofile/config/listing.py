"""List the profiles that match a pattern."""

from __future__ import annotations

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.names import matches
from ipy_awsprofile.config.profiles import Profile, profiles_by_name
from ipy_awsprofile.config.python_interface import checks_arguments


@checks_arguments
def list_profiles(pattern: str | None = None) -> list[Profile]:
    """Return the profiles in the shared files, in the order in which the files contain them.

    ``pattern`` selects profiles. Every word of the pattern must occur in the profile's name,
    account, role, Region or source, ignoring case. A word with ``*``, ``?`` or ``[`` must match the
    whole name. Commas separate alternative patterns, as in ``dev,prod``. Raise ConfigFileError if a
    shared file is invalid.
    """
    return [
        profile
        for profile in profiles_by_name(read_config()).values()
        if matches(pattern, (profile, *profile.fields))
    ]
