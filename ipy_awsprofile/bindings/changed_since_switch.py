"""Changes since a switch that stop variables, libraries or child processes from following it."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.environment import changed_variables
from ipy_awsprofile.bindings.filesystems import CREDENTIALS
from ipy_awsprofile.bindings.leftovers import Leftover
from ipy_awsprofile.config.files import SharedFiles
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.errors import (
    ConfigFileError,
    InvalidOption,
    InvalidProfile,
    ProfileNotFound,
)

if TYPE_CHECKING:
    from ipy_awsprofile.sessions.session import ProfileSession


def changed_since_switch(session: ProfileSession, bound: Collection[str]) -> Iterator[Leftover]:
    """Yield what no longer follows the session because of a change since the switch.

    ``bound`` contains the names of the active bindings. The next switch, even to the same profile,
    undoes this.
    """
    changed = changed_variables() if "environment" in bound else {}
    if {"environment", "filesystems"} & set(bound):
        yield from _by_name(session, changed)
    if "default_session" in bound:
        yield from _default_session(session)
    for name, what in changed.items():
        paths = " and `s3://` paths" if _is_read_by_s3fs(name) else ""
        who = f"child processes{paths}"
        yield Leftover(name, f"was {what} after the switch: {who} use that")
    if "filesystems" in bound:
        yield from _filesystems(_lent_name(session), has_variable="environment" in bound)


def _is_read_by_s3fs(variable: str) -> bool:
    """Return whether ``s3://`` paths use a variable, given fsspec's current default arguments."""
    return variable in _BESIDE_A_PROFILE or "profile" not in _s3_arguments()


#: Variables that SDKs read even if they are given a profile's name.
_BESIDE_A_PROFILE = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_DEFAULT_REGION"}


def _s3_arguments() -> Mapping[str, Any]:
    config = getattr(sys.modules.get("fsspec.config"), "conf", {})
    return config.get("s3") or {}


def _by_name(session: ProfileSession, changed: Collection[str]) -> Iterator[Leftover]:
    target = session.target
    if not target.resolves_by_name:  # the kernel lends it, regardless of the files
        return
    before, now = target.config.paths, SharedFiles.from_environment()
    for variable, old, new in (
        ("AWS_CONFIG_FILE", before.config, now.config),
        ("AWS_SHARED_CREDENTIALS_FILE", before.credentials, now.credentials),
    ):
        if old != new and variable not in changed:
            yield Leftover(
                str(old),
                f"is no longer used, because HOME, {variable} or the working directory changed "
                f"after the switch: child processes and `s3://` paths read `{new}`",
            )
    with suppress(ConfigFileError):  # then no profile can be used by name
        if before == now and _is_changed(target):
            yield Leftover(
                target.name,
                "was changed in the shared files after the switch: child processes and `s3://` "
                "paths use the new settings, but the session doesn't",
            )


def _is_changed(target: Target) -> bool:
    """Return whether a process that uses the profile's name has another identity now."""
    try:
        return target_of(target.request).fingerprint != target.fingerprint
    except (InvalidOption, InvalidProfile, ProfileNotFound):
        return True


def _default_session(session: ProfileSession) -> Iterator[Leftover]:
    from ipy_awsprofile.bindings.default_session import default_of_notebook  # imports boto3

    if default_of_notebook() is not session:
        yield Leftover(
            "boto3.DEFAULT_SESSION",
            "was replaced after the switch: `boto3.client(…)` uses it until the next switch",
        )


def _filesystems(profile: str | None, *, has_variable: bool) -> Iterator[Leftover]:
    arguments = _s3_arguments()
    name = 'fsspec.config.conf["s3"]'
    if (CREDENTIALS - {"profile"}) & set(arguments):
        yield Leftover(name, "has its own credentials, which `s3://` paths use")
    elif arguments.get("profile", profile) != profile:
        yield Leftover(name, "was changed after the switch: `s3://` paths use it")
    elif "s3fs" in sys.modules and "profile" not in arguments and not has_variable:
        yield Leftover("s3fs", "was imported after the switch: it follows with the next switch")


def _lent_name(session: ProfileSession) -> str | None:
    """Return the profile name that others use to find the session; see `lending`."""
    target = session.target
    return target.name if target.resolves_by_name else os.environ.get("AWS_PROFILE")
