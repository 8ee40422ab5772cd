"""botocore's view of the shared files, made from our one reading of them.

botocore parses both files anew for every session. The dict that it makes of them,
``Session.full_config``, is made here of what `ipy_awsprofile.config.shared_files` has read already:
all sessions share the sections, and each has only its own profile to itself.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from ipy_awsprofile.config.shared_files import SharedFiles, Value, read_shared_files


def full_config(files: SharedFiles, profile: str, settings: Mapping[str, Value]) -> dict[str, Any]:
    """Return ``Session.full_config`` of both files, with settings laid over those of a profile.

    What is written into the result or into this profile is seen by nobody else; the other sections
    are shared, and must not be changed. Raises ConfigFileError.

    https://botocore.amazonaws.com/v1/documentation/api/latest/reference/config.html
    """
    sections = read_shared_files(files)
    own = {**sections.profiles.get(profile, {}), **settings}
    shared: dict[str, Any] = sections.profiles  # ChainMap writes into its first dict only
    return {
        **sections.others,
        # 20,000 profiles aren't copied for each session, not even their names.
        "profiles": ChainMap({profile: own}, shared),
        "sso_sessions": sections.sso_sessions,
        "services": sections.services,
    }
