"""The environment of a process that uses an embedded AWS."""

from __future__ import annotations

import os
import site
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def clean_environment(aws: EmbeddedAws) -> dict[str, str]:
    """Return this process's environment, with only one embedded AWS's settings for AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # Python looks for the user's packages in the home folder, which is now a different one.
    return {"PYTHONUSERBASE": site.getuserbase()} | kept | aws.environment()
