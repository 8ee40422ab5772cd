"""Child processes that the functions of a run over many profiles start.

A child inherits the environment, and with it the notebook's identity. So it is refused, unless its
environment names the function's profile.

https://docs.python.org/3/library/subprocess.html
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.run_isolation import session_here

#: The functions that start a process, and the position of the environment among their arguments.
_STARTS: tuple[tuple[Any, str, int | None], ...] = (
    (
        subprocess.Popen,
        "__init__",
        list(inspect.signature(subprocess.Popen).parameters).index("env"),
    ),
    (os, "posix_spawn", 2),
    (os, "posix_spawnp", 2),
    (os, "system", None),
    (os, "forkpty", None),
)


@contextmanager
def children_of_functions() -> Iterator[None]:
    """Let functions that work for a profile start only children of this profile, until the end."""
    with ExitStack() as restore:
        for place, name, position in _STARTS:
            if hasattr(place, name):  # Windows doesn't have all of them
                original = getattr(place, name)
                setattr(place, name, ours := _checked(original, position))
                restore.callback(_restore, place, name, original, ours)
        yield


def _restore(place: Any, name: str, original: object, ours: object) -> None:
    if getattr(place, name) is ours:  # otherwise another library has replaced it meanwhile
        setattr(place, name, original)


def _checked(start: Callable[..., Any], position: int | None) -> Callable[..., Any]:
    @wraps(start)
    def checked(*args: Any, **kwargs: Any) -> Any:
        given = args[1:] if is_method else args
        environ = given[position] if position is not None and len(given) > position else None
        # Popen itself can use `posix_spawn`.
        starter = args[0] if is_method else sys._getframe(1).f_locals.get("self")  # noqa: SLF001
        is_nested = not is_method and isinstance(starter, subprocess.Popen)
        if not (is_nested or _is_command_of_profile(starter)):
            _require_profile_of_function(kwargs.get("env", environ))
        return start(*args, **kwargs)

    is_method = start.__name__ == "__init__"
    return checked


def _is_command_of_profile(process: object) -> bool:
    """Return whether this is a credential_process that we start."""
    from ipy_awsprofile.credentials.process import CredentialProcess  # loading mustn't import it

    return isinstance(process, CredentialProcess)


def _require_profile_of_function(environ: object) -> None:
    session = session_here()
    if session is None or _names(session.profile_name, environ):
        return
    raise NotForOneProfile(
        "A child process (`!`, `%%bash`, subprocess) doesn't know the function's profile.",
        'Use `session`, or name the profile: `subprocess.run(["aws", "s3", "ls"], '
        'env={**os.environ, "AWS_PROFILE": session.profile_name})`.',
    )


def _names(profile: str, environ: object) -> bool:
    """Return whether a child with this environment works as the profile."""
    if not isinstance(environ, Mapping):
        return False
    values = {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()}
    return values.get("AWS_PROFILE") == profile and "AWS_ACCESS_KEY_ID" not in values
