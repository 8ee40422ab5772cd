"""The environment as the user has set it, without the variables that a switch sets.

A switch sets variables for child processes. They must not affect the next switch: for example, the
Region of one profile isn't the default for another. `bindings.environment` keeps the user's values
in an additional variable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, MutableMapping
from itertools import chain

#: Contains ``{name: [value that a switch has set, previous value]}`` as JSON, and never a secret.
MARKER = "IPY_AWSPROFILE_BEFORE"

#: Variables with credentials, which SDKs use before ``AWS_PROFILE``. SDKs combine the variables of
#: a group, or use one instead of another, so a newer value must not meet one from before a switch.
_GROUPS = (
    (
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
        *("AWS_ACCESS_KEY", "AWS_SECRET_KEY"),  # of the AWS SDKs for Go and Java 1
        *("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    ),
    ("AWS_ROLE_SESSION_NAME",),
    ("AWS_BEARER_TOKEN_BEDROCK",),
)

CREDENTIAL_VARIABLES = tuple(chain.from_iterable(_GROUPS))

#: What switches have removed from ``os.environ``, the newest last. Child processes don't see it.
removed_credentials: list[Mapping[str, str]] = []


def restore_credentials(environ: MutableMapping[str, str], removed: Mapping[str, str]) -> None:
    """Set the removed variables of each group, unless one of the group has been set since."""
    for names in _GROUPS:
        if not any(name in environ for name in names):
            environ.update({name: removed[name] for name in names if name in removed})


def user_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without the variables that a switch has set.

    Variables that changed after the switch count as the user's.
    """
    environ, is_ours = (os.environ, True) if environ is None else (environ, False)
    # Another thread can remove a variable in the meantime, and then `dict` would fail.
    before = {name: value for name in list(environ) if (value := environ.get(name)) is not None}
    for name, (ours, theirs) in changes_by_switch(before).items():
        if before.get(name) == ours:
            before.pop(name, None)
            if theirs is not None:
                before[name] = theirs
    before.pop(MARKER, None)
    for removed in reversed(removed_credentials) if is_ours else ():
        restore_credentials(before, removed)
    return before


def changes_by_switch(environ: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Return the value that a switch has set, and the previous value, of each variable."""
    return {name: tuple(pair) for name, pair in json.loads(environ.get(MARKER) or "{}").items()}


def named_profile(environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the variable with the name of boto3's profile, and its value, or ``("", None)``.

    As in botocore, AWS_DEFAULT_PROFILE takes precedence, and an empty variable counts, too.
    """
    for variable in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"):
        if variable in environ:
            return variable, environ[variable]
    return "", None
