"""The environment as the user has set it, whatever a switch has laid over it.

A switch sets variables for subprocesses. In the kernel itself they must not bend the next
resolution: the region of one profile isn't the default of another. So what was there before
stands in one more variable, from which kernel and child processes read it alike.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

#: Holds ``{name: [value that a switch has set, value from before]}``; never a secret one.
MARKER = "IPY_AWSPROFILE_BEFORE"


def user_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without what a switch has set.

    A variable that was changed after the switch counts as the user's own.
    """
    before = dict(os.environ if environ is None else environ)
    for name, (ours, theirs) in _read(before.pop(MARKER, "")).items():
        if before.get(name) == ours:
            before.pop(name, None)
            if theirs is not None:
                before[name] = theirs
    return before


def marker(changes: Mapping[str, str | None], environ: Mapping[str, str] | None = None) -> str:
    """Note what is about to be set over the user's environment, as the value of `MARKER`."""
    before = user_environment(environ)
    return json.dumps({name: [value, before.get(name)] for name, value in changes.items()})


def named_profile(environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Say which variable names the profile that boto3 goes by, and which it names; or ("", None).

    The order is botocore's, where a variable that is set to nothing counts, too.
    """
    for variable in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"):
        if variable in environ:
            return variable, environ[variable]
    return "", None


def set_by_switch(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Say what a switch has set, whatever has become of it; None for what it has taken out."""
    return {name: ours for name, (ours, _) in _read(environ.get(MARKER, "")).items()}


def _read(text: str) -> dict[str, tuple[str | None, str | None]]:
    try:
        noted = {name: (ours, theirs) for name, (ours, theirs) in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}  # not of our making
    return {name: values for name, values in noted.items() if all(map(_fits, values))}


def _fits(value: object) -> bool:
    return value is None or isinstance(value, str)
