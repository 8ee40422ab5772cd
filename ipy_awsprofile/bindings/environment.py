"""The environment of subprocesses: ``!aws``, ``%%bash``, another Python, a JVM.

A profile goes by its name, with nothing secret. Keys that stand in the environment would beat the
name, so they are set aside until the end.

https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipy_awsprofile.config.environment import MARKER, marker, set_by_switch, user_environment

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.lending import LentProfile

#: What an SDK would take for the identity before it looks at ``AWS_PROFILE``.
IN_THE_WAY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


@contextmanager
def environment(
    profile: LentProfile, region: str | None, environ: MutableMapping[str, str] | None = None
) -> Iterator[None]:
    """Let child processes work as the profile, in the region.

    Afterwards each variable is what it was before, but for one that the user has changed since.
    """
    environ = os.environ if environ is None else environ
    ours: dict[str, str | None] = {
        "AWS_PROFILE": profile.name,
        "AWS_DEFAULT_PROFILE": None,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    # Inside of another switch, the file that is lent there isn't the user's own.
    own_file = user_environment(environ).get("AWS_CONFIG_FILE")
    ours["AWS_CONFIG_FILE"] = str(profile.config_file) if profile.config_file else own_file
    ours[MARKER] = marker(ours, environ)
    ours |= dict.fromkeys(IN_THE_WAY)
    before = {name: environ.get(name) for name in ours}
    try:
        _set(environ, ours)
        yield
    finally:
        _set(environ, {name: before[name] for name in ours if environ.get(name) == ours[name]})


def _set(environ: MutableMapping[str, str], values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value


def in_the_way(environ: MutableMapping[str, str] | None = None) -> list[str]:
    """List the variables that were set since the switch and keep subprocesses from following it."""
    environ = os.environ if environ is None else environ
    ours = set_by_switch(environ)
    changed = [name for name in ours if name in environ and environ[name] != ours[name]]
    return changed + [name for name in IN_THE_WAY if name in environ]
