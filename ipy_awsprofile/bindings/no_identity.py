"""Remove credentials from the environment while functions are called for many profiles.

All threads share one environment. Libraries in C++ and Rust would find the notebook's credentials
there and use them for every profile. Without credentials, they fail.

The name of the notebook's profile stays for other threads of the notebook, which would otherwise
use the profile ``[default]``. Libraries in C++ (pyarrow, DuckDB) would read that profile, and
libraries in Rust would use the instance's role. To prevent this, invalid access keys are set in the
C environment, which Python's ``os.environ`` doesn't show. These libraries use the keys first, and
AWS rejects them.

https://docs.python.org/3/library/os.html#os.putenv
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ipy_awsprofile.bindings.environment import changed_environment
from ipy_awsprofile.bindings.shared import SharedBinding
from ipy_awsprofile.config.user_environment import set_by_switch, user_environment
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.run_isolation import known_threads, require_notebook

_VARIABLES: dict[str, str | None] = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": None,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": None,
}

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@contextmanager
def _no_identity() -> Iterator[None]:
    # All other variables that a switch has set stay, and still count as set by the switch.
    kept = {name: os.environ.get(name) for name in set_by_switch(os.environ)}
    with (
        known_threads(),
        changed_environment(kept | _VARIABLES, os.environ, before=user_environment()),
        _keys_that_dont_exist(),
    ):
        yield


@contextmanager
def _keys_that_dont_exist() -> Iterator[None]:
    """Set invalid keys that only libraries in other languages see, and use before a profile."""
    for name in _KEYS:
        os.putenv(name, "not-the-notebooks-in-a-run")
    try:
        yield
    finally:
        for name in _KEYS:
            if (value := os.environ.get(name)) is None:
                os.unsetenv(name)
            else:  # the user has set it in the meantime
                os.putenv(name, value)


no_identity = SharedBinding(_no_identity)


def require_no_run() -> None:
    """Raise NotForOneProfile while functions are called for many profiles.

    A switch would change the notebook's identity, and with it what these functions find.
    """
    require_notebook("A switch")
    if no_identity.is_entered:
        raise NotForOneProfile(
            "A function or cell is running for many profiles.",
            "Wait until the run has ended, then switch.",
        )
