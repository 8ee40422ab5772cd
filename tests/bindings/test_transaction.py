"""A transaction makes each held change once, at its end, and shows it to reads before that."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import boto3
import fsspec
import pytest
import s3fs

from ipy_awsprofile.bindings.transaction import Transaction
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.switch.scope import Scope
from ipy_awsprofile.switch.switcher import Switcher

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def test_held() -> None:
    """`at_once` holds changes until it ends, then makes the last one of each key, in order."""
    transaction, made = Transaction(), list[tuple[str, int]]()
    with transaction.at_once():
        transaction.write("a", 1, lambda value: made.append(("a", value)))
        with transaction.at_once():
            transaction.write("b", 2, lambda value: made.append(("b", value)))
        transaction.write("a", 3, lambda value: made.append(("a", value)))
        assert transaction.read("a", lambda: 0) == 3
        assert transaction.read("c", lambda: 0) == 0
        assert made == []
    assert made == [("b", 2), ("a", 3)]
    transaction.write("a", 4, lambda value: made.append(("a", value)))
    assert made[-1] == ("a", 4)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is a mapping that shows the held changes before they are made."""
    monkeypatch.setenv("HELD_A", "1")
    monkeypatch.delenv("HELD_B", raising=False)
    transaction = Transaction()
    with transaction.at_once():
        transaction.environ["HELD_B"] = "2"
        assert transaction.environ.pop("HELD_A") == "1"
        assert transaction.environ.pop("HELD_A", None) is None
        assert "HELD_A" not in transaction.environ
        assert transaction.environ["HELD_B"] == dict(transaction.environ)["HELD_B"] == "2"
        assert len(transaction.environ) == len(os.environ)
        assert os.environ["HELD_A"] == "1"
    assert "HELD_A" not in os.environ
    assert os.environ["HELD_B"] == "2"
    del transaction.environ["HELD_B"]
    assert "HELD_B" not in os.environ


@pytest.mark.slow
def test_other_threads(aws: EmbeddedAws) -> None:
    """During switches, another thread never sees the state from before the first switch."""
    assert s3fs
    switcher, seen = Switcher(None), set[str]()
    ended, role, user = (
        threading.Event(),
        SwitchRequest(profile="RoleBeta"),
        SwitchRequest(profile="UserAlpha"),
    )

    def watch() -> None:
        while not ended.is_set():
            session, defaults = boto3.DEFAULT_SESSION, fsspec.config.conf.get("s3", {})
            seen.add(session.profile_name if session else "nobody")
            seen.add(os.environ.get("AWS_PROFILE", "nobody"))
            seen.add(defaults.get("profile", "nobody"))

    switcher.switch(role)
    watching = threading.Thread(target=watch)
    watching.start()
    try:
        for _ in range(5):
            switcher.switch(user)
            with Scope(lambda: switcher, SwitchRequest(profile="RoleBeta", read_only=True)):
                pass
            switcher.switch(role)
    finally:
        ended.set()
        watching.join()
        switcher.close()
    assert {"RoleBeta", "UserAlpha"} <= seen <= {"RoleBeta", "UserAlpha", "RoleBeta-in-kernel"}
