"""The user's own environment can be read during a switch."""

from __future__ import annotations

import json
import os
import threading

import pytest

from ipy_awsprofile.bindings.environment import environment
from ipy_awsprofile.bindings.lending import LentProfile
from ipy_awsprofile.config.user_environment import MARKER, marker, user_environment
from tests.bindings.borrowing import NOWHERE

Changes = dict[str, str | None]


def switched(environ: dict[str, str], changes: Changes) -> dict[str, str]:
    """Return an environment with changes and their marker, as after a switch."""
    after = environ | {MARKER: marker(changes, user_environment(environ))}
    for name, value in changes.items():
        if value is None:
            after.pop(name, None)
        else:
            after[name] = value
    return after


ROUND_TRIPS: dict[str, tuple[dict[str, str], Changes]] = {
    "nothing": ({"HOME": "/h"}, {}),
    "new": ({}, {"AWS_PROFILE": "b"}),
    "another value": ({"AWS_PROFILE": "a"}, {"AWS_PROFILE": "b"}),
    "the same value": ({"AWS_PROFILE": "a"}, {"AWS_PROFILE": "a"}),
    "set aside": ({"AWS_DEFAULT_PROFILE": "a"}, {"AWS_DEFAULT_PROFILE": None}),
    "never there": ({}, {"AWS_DEFAULT_PROFILE": None}),
    "empty before": ({"AWS_REGION": ""}, {"AWS_REGION": "eu-west-1"}),
    "text of any kind": ({"A": '"{\\ ünï\n'}, {"A": "[null]"}),
}


@pytest.mark.parametrize("case", ROUND_TRIPS)
def test_round_trip(case: str) -> None:
    """Variables that a switch sets, changes or removes have their original values."""
    before, changes = ROUND_TRIPS[case]
    assert user_environment(switched(before, changes)) == before


@pytest.mark.parametrize("case", ROUND_TRIPS)
def test_two_switches(case: str) -> None:
    """The marker of a second switch has the user's values, not the first switch's values."""
    before, changes = ROUND_TRIPS[case]
    first = switched(before, {"AWS_PROFILE": "first", "AWS_REGION": "eu-west-3"})
    both = {"AWS_PROFILE": "second", "AWS_REGION": None} | changes
    assert user_environment(switched(first, both)) == before


def test_result_is_a_copy() -> None:
    """Reading returns a copy, and changes neither the environment nor its marker."""
    environ = switched({"AWS_PROFILE": "a"}, {"AWS_PROFILE": "b"})
    kept = dict(environ)
    user_environment(environ).clear()
    assert environ == kept


@pytest.mark.parametrize("newer", ["c", ""])
def test_changed_after_the_switch(newer: str) -> None:
    """A variable that changed after the switch has the user's new value."""
    after = switched({"A": "a", "B": "a"}, {"A": "b", "B": "b"}) | {"A": newer}
    assert user_environment(after) == {"A": newer, "B": "a"}


def test_removed_after_the_switch() -> None:
    """A variable that the user removed after the switch stays missing."""
    after = switched({"A": "a"}, {"A": "b"})
    del after["A"]
    assert user_environment(after) == {}


def test_set_again_after_a_switch_removed_it() -> None:
    """A variable that is set again after a switch removed it has the user's new value."""
    after = switched({"A": "a"}, {"A": None}) | {"A": "newer"}
    assert user_environment(after) == {"A": "newer"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "{",
        "7",
        "null",
        "[]",
        '["A"]',
        '{"A": null}',
        '{"A": "b"}',
        '{"A": ["b"]}',
        '{"A": ["b", "a", "c"]}',
        '{"A": ["b", 7]}',
        '{"A": ["b", {}]}',
        '{"A": [["b"], "a"]}',
        '{"A": ["b", "\\u0000"]}',
        '{"A": ["b", "\\ud800"]}',
        '{"\\ud800": [null, "a"]}',
        "[" * 100_000,
        '{"A": ' * 20_000,
    ],
)
def test_invalid_marker(text: str) -> None:
    """A marker that is malformed or contains impossible values is ignored."""
    assert user_environment({"A": "b", MARKER: text}) == {"A": "b"}


def test_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, the user's environment is read from this process, during and after a switch."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    before = dict(os.environ)
    with environment(LentProfile("RoleBeta", NOWHERE), "us-west-2"):
        assert os.environ["AWS_DEFAULT_REGION"] == "us-west-2"
        seen = user_environment()
        assert seen["AWS_DEFAULT_REGION"] == "eu-west-1"
        assert "AWS_PROFILE" not in seen
    assert dict(os.environ) == user_environment() == before


def test_keys_that_were_replaced_after_a_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed keys are complete: the newest ones, without a value from older ones."""
    first = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "a", "AWS_SESSION_TOKEN": "a"}
    second = {"AWS_ACCESS_KEY_ID": "b", "AWS_SECRET_ACCESS_KEY": "b"}

    def keys() -> dict[str, str]:
        return {name: value for name, value in user_environment().items() if name in first}

    for name, value in first.items():
        monkeypatch.setenv(name, value)
    with environment(LentProfile("RoleBeta", NOWHERE), None):
        assert keys() == first
        os.environ.update(second)
        assert keys() == second
        with environment(LentProfile("UserAlpha", NOWHERE), None):
            assert not os.environ.keys() & first.keys()
            assert keys() == second
        assert keys() == second
    assert {name: os.environ.get(name) for name in first} == {"AWS_SESSION_TOKEN": None} | second


def test_marker_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The marker, which child processes inherit, contains no keys or tokens."""
    secrets = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "hush-key",
        "AWS_SESSION_TOKEN": "hush-token",
        "AWS_SECURITY_TOKEN": "hush-older",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    with (
        environment(LentProfile("RoleBeta", NOWHERE), "us-west-2"),
        environment(LentProfile("UserAlpha", NOWHERE), None),
    ):
        noted = os.environ[MARKER]
        assert not [value for value in os.environ.values() if "hush" in value]
    assert json.loads(noted)["AWS_PROFILE"] == ["UserAlpha", None]
    assert not [value for value in secrets.values() if value in noted]


def test_other_threads_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment can be read while other threads set and remove variables."""
    names = [f"OF_A_THREAD_{number}" for number in range(50)]
    ended = threading.Event()

    def change() -> None:
        while not ended.is_set():
            for name in names:
                os.environ[name] = "1"
            for name in names:
                os.environ.pop(name, None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            assert set(user_environment()) - set(names) >= {"HOME", "PATH"}
    finally:
        ended.set()
        thread.join()
