"""The environment as the user has set it, without the variables that a switch sets.

A switch sets variables for child processes. They must not affect the next switch: for example, the
Region of one profile isn't the default for another. An additional variable keeps the user's values,
so that the kernel and its child processes can read them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ipy_awsprofile.text import parse_json

#: Contains ``{name: [value that a switch has set, previous value]}`` as JSON, and never a secret.
MARKER = "IPY_AWSPROFILE_BEFORE"


#: Variables with credentials that a switch has removed from ``os.environ``. Like ``os.environ``,
#: they belong to the process: this package resolves credentials with them, and hides them from
#: child processes.
_removed: list[dict[str, str]] = []


@contextmanager
def keep_removed(variables: dict[str, str]) -> Iterator[None]:
    """Make `user_environment` contain variables that a switch removes from ``os.environ``."""
    _removed.append(variables)
    try:
        yield
    finally:
        _removed.remove(variables)


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
    for variables in _removed if is_ours else ():
        for name, value in variables.items():
            before.setdefault(name, value)
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
