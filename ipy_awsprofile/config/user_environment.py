"""The environment as the user has set it, without the variables that a switch sets.

A switch sets variables for child processes. They must not affect the next switch: for example, the
Region of one profile isn't the default for another. An additional variable keeps the user's values,
so that the kernel and its child processes can read them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from ipy_awsprofile.text import parse_json

#: Contains ``{name: [value that a switch has set, previous value]}`` as JSON, and never a secret.
MARKER = "IPY_AWSPROFILE_BEFORE"

#: Variables with credentials, which SDKs use before ``AWS_PROFILE``. SDKs combine the variables of
#: a group, or use one instead of another, so a newer value must not meet one from before a switch.
_GROUPS = (
    (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY",  # the AWS SDKs for Go and Java 1 read this and the next
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    ),
    ("AWS_ROLE_SESSION_NAME",),
    ("AWS_BEARER_TOKEN_BEDROCK",),
)

CREDENTIAL_VARIABLES = tuple(chain.from_iterable(_GROUPS))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Change:
    """The values that a switch has set, and the credentials that it has removed."""

    values: Mapping[str, str | None]
    removed: Mapping[str, str]


#: The changes to ``os.environ`` that are in effect, the newest last. Like ``os.environ``, they
#: belong to the process: this package resolves credentials with the removed variables, and hides
#: them from child processes.
_changes: list[_Change] = []


@contextmanager
def keep_change(values: Mapping[str, str | None], removed: Mapping[str, str]) -> Iterator[None]:
    """Record a change to ``os.environ`` in a ``with`` block.

    `user_environment` then contains the ``removed`` variables, and `active_variables` returns the
    ``values``.
    """
    change = _Change(values, removed)
    _changes.append(change)
    try:
        yield
    finally:
        _changes.remove(change)


def active_variables() -> Mapping[str, str | None]:
    """Return the values that the last switch has set. None means that it removed the variable."""
    return _changes[-1].values if _changes else {}


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
    for name, (ours, theirs) in _read(before.pop(MARKER, "")).items():
        if before.get(name) == ours:
            before.pop(name, None)
            if theirs is not None:
                before[name] = theirs
    for change in reversed(_changes) if is_ours else ():
        restore_credentials(before, change.removed)
    return before


def marker(changes: Mapping[str, str | None], before: Mapping[str, str]) -> str:
    """Return the value of `MARKER` for upcoming changes. None means to remove a variable.

    ``before`` is what `user_environment` returns before the changes.
    """
    return json.dumps({name: [value, before.get(name)] for name, value in changes.items()})


def named_profile(environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the variable with the name of boto3's profile, and its value, or ``("", None)``.

    As in botocore, AWS_DEFAULT_PROFILE takes precedence, and an empty variable counts, too.
    """
    for variable in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"):
        if variable in environ:
            return variable, environ[variable]
    return "", None


def set_by_switch(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables that a switch has set, even if they have changed since.

    The value of a variable that the switch removed is None.
    """
    return {name: ours for name, (ours, _) in _read(environ.get(MARKER, "")).items()}


def _read(text: str) -> dict[str, tuple[str | None, str | None]]:
    try:
        noted = {name: (ours, theirs) for name, (ours, theirs) in parse_json(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}  # another program has written it
    return {name: values for name, values in noted.items() if all(map(_fits, (name, *values)))}


def _fits(value: object) -> bool:
    """Return whether an environment variable can have this value. None means that it isn't set."""
    if value is None:
        return True
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        os.fsencode(value)
    except UnicodeError:  # an unpaired surrogate
        return False
    return True
