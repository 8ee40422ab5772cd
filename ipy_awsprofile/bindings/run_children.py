"""Child processes that functions start during a run over many profiles.

A child process inherits the environment, and with it the notebook's identity. Therefore, it is
refused unless its environment names the function's profile.

https://docs.python.org/3/library/subprocess.html
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from inspect import signature
from types import ModuleType
from typing import Any

from ipy_awsprofile.bindings.gate import replace_attribute
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.run_isolation import session_here

#: The functions that start a process, and the position of their environment argument.
_STARTS: tuple[tuple[type | ModuleType, str, int | None], ...] = (
    (
        subprocess.Popen,
        "__init__",
        list(signature(subprocess.Popen.__init__).parameters).index("env"),
    ),
    (os, "posix_spawn", 2),
    (os, "posix_spawnp", 2),
    (os, "system", None),
    (os, "forkpty", None),
)


@contextmanager
def children_of_functions() -> Iterator[None]:
    """Let functions start only child processes with the function's profile, in a ``with`` block."""
    with ExitStack() as restore:
        for owner, name, position in _STARTS:
            if start := getattr(owner, name, None):  # Windows doesn't have all of them
                restore.callback(replace_attribute(owner, name, _checked(start, position)))
        yield


def _checked(start: Callable[..., Any], position: int | None) -> Callable[..., Any]:
    @wraps(start)
    def checked(*args: Any, **kwargs: Any) -> Any:
        environ = args[position] if position is not None and len(args) > position else None
        process = args[0] if args and isinstance(args[0], subprocess.Popen) else None
        # Popen itself can use `posix_spawn`.
        is_nested = not process and isinstance(
            sys._getframe(1).f_locals.get("self"),  # noqa: SLF001
            subprocess.Popen,
        )
        if not (is_nested or _is_command_of_profile(process)):
            _require_profile_of_function(kwargs.get("env", environ))
        return start(*args, **kwargs)

    return checked


def _is_command_of_profile(process: object) -> bool:
    """Return whether this is a `credential_process` that this package starts."""
    from ipy_awsprofile.credentials.providers import CredentialProcess  # loading mustn't import it

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
    """Return whether a child process with this environment uses the profile."""
    if not isinstance(environ, Mapping):
        return False
    values = {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()}
    return values.get("AWS_PROFILE") == profile and "AWS_ACCESS_KEY_ID" not in values
