"""The environment as the user has set it, without the variables that a switch sets.

A switch sets variables for child processes. They must not affect the next switch: for example, the
Region of one profile isn't the default for another.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence


class Switched:
    """The variables that the active switch has set. Like the environment, it is the process's.

    Each group has the names of variables that belong together, the switch's values for them, and
    the user's values.
    """

    def __init__(self) -> None:
        self.groups: Sequence[tuple[tuple[str, ...], Mapping[str, str], Mapping[str, str]]] = ()


SWITCHED = Switched()


def user_environment() -> dict[str, str]:
    """Return the environment without the variables that a switch has set.

    Variables that changed after the switch count as the user's.
    """
    # Another thread can remove a variable in the meantime, and then `dict` would fail.
    values = {name: os.environ.get(name) for name in list(os.environ)}
    own = {name: value for name, value in values.items() if value is not None}
    for names, ours, theirs in SWITCHED.groups:
        if {name: own[name] for name in names if name in own} == ours:
            for name in names:
                own.pop(name, None)
            own |= theirs
    return own


#: The first of the variables that belong together, for those that name an identity.
_OF_IDENTITY = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")


def has_identity_of_switch() -> bool:
    """Return whether the user has left the variables that name an identity as a switch set them."""
    for names, ours, _ in SWITCHED.groups:
        if names[0] in _OF_IDENTITY:
            current = {name: os.environ[name] for name in names if name in os.environ}
            if current != ours:
                return False
    return True


def named_profile(environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the variable with the name of boto3's profile, and its value, or ``("", None)``.

    As in botocore, AWS_DEFAULT_PROFILE takes precedence, and an empty variable counts, too.
    """
    for variable in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"):
        if variable in environ:
            return variable, environ[variable]
    return "", None
