"""No credentials in the environment while functions are called for many profiles.

There is one environment for all threads. Libraries in C++ and Rust would find the notebook's
credentials there, in the name of each profile. Without them they fail.

The name of the notebook's profile stays, as without it such libraries, and other threads of the
notebook, would use the profile ``[default]``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ipy_awsprofile.bindings.environment import changed_environment
from ipy_awsprofile.bindings.shared import SharedBinding
from ipy_awsprofile.config.environment import set_by_switch
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.working import known_threads, require_notebook

_VARIABLES: dict[str, str | None] = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": None,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": None,
}


@contextmanager
def _no_identity() -> Iterator[None]:
    # What a switch has set besides stays as it is, and stays its own.
    kept = {name: os.environ.get(name) for name in set_by_switch(os.environ)}
    with known_threads(), changed_environment(kept | _VARIABLES, os.environ):
        yield


no_identity = SharedBinding(_no_identity)


def require_no_run() -> None:
    """Raise NotForOneProfile while functions are called for many profiles.

    A switch would move the notebook, and with it what these functions find.
    """
    require_notebook("A switch")
    if no_identity.is_entered:
        raise NotForOneProfile(
            "A function or cell is being run for many profiles.", "Switch when it has ended."
        )
