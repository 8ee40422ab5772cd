"""Remove credentials from the environment while functions are called for many profiles.

All threads share one environment. Libraries in C++ and Rust would find the notebook's credentials
there and use them for every profile. Without credentials, they fail.

The name of the notebook's profile stays for other threads of the notebook, which would otherwise
use the profile ``[default]``. Libraries in C++ (pyarrow, DuckDB) would read that profile, and
libraries in Rust would use the instance's role. To prevent this, invalid access keys are set in the
C environment, which Python's ``os.environ`` doesn't show. These libraries use the keys first, and
AWS rejects them.

https://docs.python.org/3/library/os.html#os.putenv
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ipy_awsprofile.bindings.environment import changed_environment
from ipy_awsprofile.bindings.transaction import TRANSACTION, Transaction
from ipy_awsprofile.config.user_environment import changes_by_switch, user_environment

_VARIABLES: dict[str, str | None] = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": None,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": None,
}

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@contextmanager
def no_identity(transaction: Transaction = TRANSACTION) -> Iterator[None]:
    """Hide the notebook's credentials from libraries in other languages, in a ``with`` block."""
    environ = transaction.environ
    # All other variables that a switch has set stay, and still count as set by the switch.
    kept = {name: environ.get(name) for name in changes_by_switch(environ)}
    with (
        changed_environment(kept | _VARIABLES, environ, before=user_environment(environ)),
        _keys_that_dont_exist(transaction),
    ):
        yield


@contextmanager
def _keys_that_dont_exist(transaction: Transaction) -> Iterator[None]:
    """Set invalid keys that only libraries in other languages see, and use before a profile."""
    # After the variables, whose changes would set the actual keys.
    transaction.write("keys in the C environment", None, _set_invalid_keys)
    try:
        yield
    finally:
        transaction.write("keys in the C environment", None, _set_actual_keys)


def _set_invalid_keys(_: None) -> None:
    for name in _KEYS:
        os.putenv(name, "not-the-notebooks-in-a-run")


def _set_actual_keys(_: None) -> None:
    for name in _KEYS:
        if (value := os.environ.get(name)) is None:
            os.unsetenv(name)
        else:  # the user has set it in the meantime
            os.putenv(name, value)
