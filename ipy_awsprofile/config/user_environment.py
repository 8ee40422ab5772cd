"""The environment as the user has set it, without the variables that a switch sets.

A switch sets variables for child processes. They must not affect the next switch: the Region of one
profile isn't the default of another. One more variable has the user's own values, so that kernel
and child processes can both read them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ipy_awsprofile.text import parse_json

#: Has ``{name: [value that a switch has set, value before that]}`` as JSON, and never a secret.
MARKER = "IPY_AWSPROFILE_BEFORE"


#: Variables with credentials that a switch has removed from ``os.environ``. They belong to the
#: process, as ``os.environ`` does: our own resolving uses them, and no child process gets them.
_removed: list[dict[str, str]] = []


@contextmanager
def keep_removed(variables: dict[str, str]) -> Iterator[None]:
    """Let `user_environment` contain variables that a switch removes from ``os.environ``."""
    _removed.append(variables)
    try:
        yield
    finally:
        _removed.remove(variables)


def user_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without what a switch has set.

    A variable that was changed after the switch counts as the user's own.
    """
    environ, is_ours = (os.environ, True) if environ is None else (environ, False)
    # Another thread can remove a variable meanwhile, by which `dict` would fail.
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


def marker(changes: Mapping[str, str | None], environ: Mapping[str, str] | None = None) -> str:
    """Return the value of `MARKER` for changes to come; None is a variable to remove."""
    before = user_environment(environ)
    return json.dumps({name: [value, before.get(name)] for name, value in changes.items()})


def named_profile(environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the variable that names boto3's profile, and its value; ``("", None)`` without one.

    As in botocore, AWS_DEFAULT_PROFILE takes precedence, and an empty variable counts as well.
    """
    for variable in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"):
        if variable in environ:
            return variable, environ[variable]
    return "", None


def set_by_switch(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the variables that a switch has set, even if they have changed since.

    A variable that the switch has removed is None.
    """
    return {name: ours for name, (ours, _) in _read(environ.get(MARKER, "")).items()}


def _read(text: str) -> dict[str, tuple[str | None, str | None]]:
    try:
        noted = {name: (ours, theirs) for name, (ours, theirs) in parse_json(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}  # something else has written it
    return {name: values for name, values in noted.items() if all(map(_fits, (name, *values)))}


def _fits(value: object) -> bool:
    """Return whether a variable can have this value; None is a variable that isn't set."""
    if value is None:
        return True
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        os.fsencode(value)
    except UnicodeError:  # half of a surrogate pair
        return False
    return True
