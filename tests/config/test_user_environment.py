"""The user's own environment can be read during a switch."""

from __future__ import annotations

import json
import os

import pytest

from ipy_awsprofile.bindings.environment import environment
from ipy_awsprofile.bindings.lending import LentProfile
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.config.user_environment import MARKER, named_profile, user_environment
from tests.bindings.borrowing import NOWHERE

Changes = dict[str, str | None]


def switched(environ: dict[str, str], changes: Changes) -> dict[str, str]:
    """Return an environment with changes and their marker, as in a child after a switch."""
    before = user_environment(environ)
    noted = {name: [value, before.get(name)] for name, value in changes.items()}
    after = environ | {MARKER: json.dumps(noted)}
    return {name: new for name in after | changes if (new := (after | changes)[name]) is not None}


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({}, {"AWS_PROFILE": "b"}),
        ({"AWS_DEFAULT_PROFILE": "a"}, {"AWS_DEFAULT_PROFILE": None}),
        ({"AWS_REGION": ""}, {"AWS_REGION": "eu-west-1"}),
    ],
)
def test_round_trip(before: dict[str, str], changes: Changes) -> None:
    """After one switch or two, the variables that a switch sets have the user's values."""
    assert user_environment(switched(before, changes)) == before
    first = switched(before, {"AWS_PROFILE": "first", "AWS_REGION": "eu-west-3"})
    second = switched(first, {"AWS_PROFILE": "second", "AWS_REGION": None} | changes)
    assert user_environment(second) == before


def test_changed_after_the_switch() -> None:
    """A variable that the user sets or removes after a switch is the user's."""
    after = switched({"A": "a", "B": "a", "C": "a"}, {"A": "b", "B": "b", "C": "b"}) | {"A": "c"}
    del after["C"]
    assert user_environment(after) == {"A": "c", "B": "a"}


def test_process_environment(
    monkeypatch: pytest.MonkeyPatch, shared_files: tuple[object, object]
) -> None:
    """The Region and profile of a switch aren't the defaults of the next one."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    before = dict(os.environ)
    with environment(LentProfile("RoleBeta", NOWHERE), "us-west-2"):
        assert os.environ["AWS_DEFAULT_REGION"] == "us-west-2"
        assert target_of(SessionRequest(default=True)).region == "eu-west-1"
        assert named_profile(os.environ) == ("AWS_PROFILE", "RoleBeta")
        assert named_profile(user_environment()) == ("", None)
    assert dict(os.environ) == user_environment() == before


def test_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch removes keys, which stay the user's; the marker for children contains none."""
    first = {"AWS_ACCESS_KEY_ID": "hush1", "AWS_SECRET_ACCESS_KEY": "hush1"}
    second = {"AWS_ACCESS_KEY_ID": "hush2", "AWS_SECRET_ACCESS_KEY": "hush2"}
    token = {"AWS_SESSION_TOKEN": "hush1"}

    for name, value in (first | token).items():
        monkeypatch.setenv(name, value)
    with environment(LentProfile("RoleBeta", NOWHERE), None):
        assert (first | token).items() <= user_environment().items()
        assert not [value for value in os.environ.values() if "hush" in value]
        assert json.loads(os.environ[MARKER])["AWS_PROFILE"] == ["RoleBeta", None]
        os.environ.update(second)
        assert second.items() <= user_environment().items()
        assert "AWS_SESSION_TOKEN" not in user_environment()
        with environment(LentProfile("UserAlpha", NOWHERE), None):
            assert not os.environ.keys() & first.keys()
            assert second.items() <= user_environment().items()
    assert second.items() <= os.environ.items()
    assert "AWS_SESSION_TOKEN" not in os.environ
