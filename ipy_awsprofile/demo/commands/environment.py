"""The environment of a process that works with an embedded AWS."""

from __future__ import annotations

import os
import site
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def clean_environment(aws: EmbeddedAws) -> dict[str, str]:
    """Return this process's environment with the settings of one embedded AWS and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # Python looks for the user's packages in the home folder, and that is another one now.
    return {"PYTHONUSERBASE": site.getuserbase()} | kept | aws.environment()
