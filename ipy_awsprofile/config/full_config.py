"""botocore's view of the shared files, without reading them for each session.

botocore parses both files for every session, into the dict ``Session.full_config``. Here the dict
is made of the sections that `ipy_awsprofile.config.shared_files` has read: all sessions share them,
and each session has a copy of its own profile only.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from ipy_awsprofile.config.shared_files import SharedFiles, Value, read_shared_files


def full_config(files: SharedFiles, profile: str, settings: Mapping[str, Value]) -> dict[str, Any]:
    """Return ``Session.full_config`` of both files, with some settings of a profile replaced.

    The result and its section of this profile can be changed; the other sections are shared, and
    must not be changed. Raises ConfigFileError.

    https://botocore.amazonaws.com/v1/documentation/api/latest/reference/config.html
    """
    sections = read_shared_files(files)
    own = {**sections.profiles.get(profile, {}), **settings}
    shared: dict[str, Any] = sections.profiles  # ChainMap writes to its first dict only
    return {
        **sections.others,
        # To copy 20,000 profiles, or even their names, for each session would be slow.
        "profiles": ChainMap({profile: own}, shared),
        "sso_sessions": sections.sso_sessions,
        "services": sections.services,
    }
