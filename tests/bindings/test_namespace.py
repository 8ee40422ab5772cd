"""A switch sets the session's variable and restores it, unless the user has assigned another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile.bindings.namespace import session_variable

if TYPE_CHECKING:
    from tests.shells import Shell


def test_new_name_is_deleted_afterwards(bare_shell: Shell) -> None:
    """If the name didn't exist before, it exists only while the binding lasts."""
    session: Any = object()
    with session_variable(bare_shell.ip, "session", session):
        assert bare_shell.names["session"] is session
    assert "session" not in bare_shell.names


def test_value_before_comes_back(bare_shell: Shell) -> None:
    """If the variable existed before, the binding restores its value."""
    bare_shell.good("session = 'mine'")
    with session_variable(bare_shell.ip, "session", boto3.Session()):
        assert bare_shell.names["session"] != "mine"
    assert bare_shell.names["session"] == "mine"


def test_rebound_name_stays(bare_shell: Shell) -> None:
    """The binding keeps a value that the user has assigned meanwhile."""
    bare_shell.good("session = 'mine'")
    with session_variable(bare_shell.ip, "session", boto3.Session()):
        bare_shell.good("session = 'newer'")
    assert bare_shell.names["session"] == "newer"


def test_deleted_name_comes_back(bare_shell: Shell) -> None:
    """If the user has deleted the session, the binding restores the previous value."""
    bare_shell.good("session = 'mine'")
    with session_variable(bare_shell.ip, "session", boto3.Session()):
        bare_shell.good("del session")
    assert bare_shell.names["session"] == "mine"


def test_restored_after_an_error(bare_shell: Shell) -> None:
    """The binding restores the name after an error."""
    with (
        pytest.raises(RuntimeError, match="oops"),
        session_variable(bare_shell.ip, "session", boto3.Session()),
    ):
        raise RuntimeError("oops")
    assert "session" not in bare_shell.names


def test_who_lists_the_session(bare_shell: Shell) -> None:
    """`%who` lists the session while it is bound."""
    with session_variable(bare_shell.ip, "session", boto3.Session()):
        assert "session" in bare_shell.good("%who").printed
    assert "session" not in bare_shell.good("%who").printed
