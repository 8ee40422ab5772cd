"""Read the user's environment variables without the variables that a switch has set.

A switch sets variables for child processes. The variables of a switch must not affect the next
switch. For example, the Region of one profile isn't the default Region for another profile.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence


class Switched:
    """The variables that the active switch has set in this process.

    Each group contains the names of variables that belong together, the switch's values for these
    variables, and the user's values.
    """

    def __init__(self) -> None:
        self.groups: Sequence[tuple[tuple[str, ...], Mapping[str, str], Mapping[str, str]]] = ()


SWITCHED = Switched()


def user_environment() -> dict[str, str]:
    """Return the environment without the variables that a switch has set.

    If a variable has changed since the switch, the new value counts as the user's own.
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


def user_variable(name: str, default: str | None = None) -> str | None:
    """Return a variable's value in `user_environment`, or ``default`` if it isn't set."""
    for names, ours, theirs in SWITCHED.groups:
        if name in names and _current(names) == ours:
            return theirs.get(name, default)
    return os.environ.get(name, default)


def _current(names: Iterable[str]) -> dict[str, str]:
    """Return the values of the variables in ``names`` that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}


#: Variables with credentials, which SDKs use before a profile, and combine with each other.
KEY_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    # Of the AWS SDKs for Go and Java 1:
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    # For a role with a token, and for a container:
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)

#: Variables with a Region. Some SDKs read only one of them.
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")

#: Variables with a part of credentials, which SDKs ignore without the others.
PARTS_OF_KEYS = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_SECRET_KEY",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)

#: Variables with the name of a profile; boto3 reads the first one that is set.
PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")


#: The variables with the address of lent credentials, and with the path of their token's file.
LENT = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")

#: The variables that name an identity.
_OF_IDENTITY = (*KEY_VARIABLES, *PROFILE_VARIABLES)


def has_identity_of_switch() -> bool:
    """Return whether the variables that name an identity still have the values from the switch."""
    return are_of_switch(_OF_IDENTITY)


def are_of_switch(variables: Container[str]) -> bool:
    """Return whether the given variables still have the values that a switch set."""
    for names, ours, _ in SWITCHED.groups:
        if names[0] in variables and _current(names) != ours:
            return False
    return True


def identity_in_environment() -> int:
    """Return a hash of the (possibly secret) variables that name an identity."""
    return hash(tuple(map(os.environ.get, _OF_IDENTITY)))


def named_profile(environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the variable that names boto3's profile, and its value, or ``("", None)``.

    As in botocore, AWS_DEFAULT_PROFILE takes precedence, and an empty variable counts as set.
    """
    for variable in PROFILE_VARIABLES:
        if variable in environ:
            return variable, environ[variable]
    return "", None
