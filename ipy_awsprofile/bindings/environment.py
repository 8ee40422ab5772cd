"""The environment of child processes: ``!aws``, ``%%bash``, another Python, a JVM.

The variables contain the profile's name and no secret. Variables with credentials take precedence
over the name, so they are removed and restored at the end.

https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.config.user_environment import (
    CREDENTIAL_VARIABLES,
    MARKER,
    changes_by_switch,
    removed_credentials,
    restore_credentials,
    user_environment,
)
from ipy_awsprofile.errors import InvalidProfile

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.lending import LentProfile

_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


#: The values that switches have set, the newest last. None means that the variable was removed.
_active: list[Mapping[str, str | None]] = []


@contextmanager
def _kept(changes: list[Any], change: Mapping[str, Any]) -> Iterator[None]:
    changes.append(change)
    try:
        yield
    finally:
        del changes[next(i for i, one in enumerate(changes) if one is change)]


@contextmanager
def environment(
    profile: LentProfile, region: str | None, environ: MutableMapping[str, str] | None = None
) -> Iterator[None]:
    """Set the variables that make child processes use the profile and the Region.

    Afterwards, each variable gets its previous value, unless the user has changed it since.
    """
    environ = os.environ if environ is None else environ
    own = user_environment(environ)
    # The order matters: another thread that finds the profile's name must find its file, too.
    ours: dict[str, str | None] = {
        # Inside another switch, the current file can be that switch's overlay.
        "AWS_CONFIG_FILE": str(profile.config_file or "") or own.get("AWS_CONFIG_FILE"),
        "AWS_SHARED_CREDENTIALS_FILE": own.get("AWS_SHARED_CREDENTIALS_FILE"),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": profile.address.url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(profile.address.token_file),
        **_direct_connection(own),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_DEFAULT_PROFILE": None,
        "AWS_PROFILE": profile.name,
    }
    with changed_environment(ours, environ, before=own):
        yield


@contextmanager
def changed_environment(
    changes: Mapping[str, str | None],
    environ: MutableMapping[str, str],
    *,
    before: Mapping[str, str],
) -> Iterator[None]:
    """Set variables, and remove variables that are None or contain credentials.

    `user_environment` still returns ``before``, which is what it returned before the changes.
    Afterwards, each variable gets its previous value, unless the user has changed it since.
    """
    _require_settable(changes)
    marker = {name: [value, before.get(name)] for name, value in changes.items()}
    ours = {**changes, MARKER: json.dumps(marker)}
    removed = {name: environ[name] for name in CREDENTIAL_VARIABLES if name in environ}
    with (
        _kept(_active, ours | dict.fromkeys(CREDENTIAL_VARIABLES)),
        _kept(removed_credentials, removed),
        temporary_variables(ours, environ) as previous,
    ):
        try:
            _set(environ, dict.fromkeys(removed))
            yield
        finally:
            restore_credentials(environ, removed)
            _undo_earlier_switch(environ, ours, previous)


@contextmanager
def temporary_variables(
    values: dict[str, str | None], environ: MutableMapping[str, str]
) -> Iterator[dict[str, str | None]]:
    """Set variables, or remove those that are None. Restore them unless they were changed since.

    Yield the previous values.
    """
    before = {name: environ.get(name) for name in values}
    try:
        _set(environ, values)
        yield before
    finally:
        restored = [name for name in reversed(values) if environ.get(name) == values[name]]
        _set(environ, {name: before[name] for name in restored})


def _undo_earlier_switch(
    environ: MutableMapping[str, str],
    ours: Mapping[str, str | None],
    previous: Mapping[str, str | None],
) -> None:
    """Undo a switch that has ended, if other code has restored its variables since.

    `unittest.mock.patch.dict` does so, for example. Within another switch, return to that switch's
    variables.
    """
    if environ.get(MARKER) in (None, ours[MARKER], previous[MARKER]):
        return
    values = previous if previous[MARKER] else user_environment(environ)
    noted = changes_by_switch(environ).items()
    theirs = [name for name, (value, _) in noted if environ.get(name) == value]
    _set(environ, {name: values.get(name) for name in theirs} | {MARKER: previous[MARKER]})


def _require_settable(values: Mapping[str, str | None]) -> None:
    """Raise InvalidProfile if a variable can't have this value.

    Python's own error would come from a stack frame that contains the whole environment, which
    ``%xmode Verbose`` prints.
    """
    for name, value in values.items():
        if "\0" in (value or ""):
            raise InvalidProfile(
                f"{name} can't be set to `{value}`, which contains a NUL character.",
                "Remove the character from the shared config files.",
            )


def _direct_connection(own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep clients from sending the token to the user's HTTP proxy."""
    if not any(own.get(name) for name in _PROXIES):
        return {}
    exceptions = own.get("no_proxy") or own.get("NO_PROXY") or ""
    value = ",".join(filter(None, (exceptions, "127.0.0.1")))
    return {"no_proxy": value, "NO_PROXY": value}


def _set(environ: MutableMapping[str, str], values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value


def changed_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return changes to variables since the switch that stop child processes from following it.

    Each change is "set", "changed" or "removed", or "put back" if the user restored everything.
    """
    environ = os.environ if environ is None else environ
    changed = {
        name: "removed" if name not in environ else "changed" if value else "set"
        for name, value in (_active[-1] if _active else {}).items()
        if environ.get(name) != value
    }
    # With another marker, the environment is from before the switch, or from an earlier switch.
    return {"AWS_PROFILE": "put back"} if changed.pop(MARKER, None) and changed else changed
