"""Subprocesses go by the profile's name while it is bound, and by the user's variables after."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from ipy_awsprofile.bindings.environment import IN_THE_WAY, environment, in_the_way
from ipy_awsprofile.bindings.lending import LentProfile
from ipy_awsprofile.config.environment import MARKER, user_environment
from tests.shells import run_python

ROLE = LentProfile("RoleBeta")
LENT = LentProfile("RoleBeta-in-kernel", Path("/lent/config"))
FULL = {
    "AWS_PROFILE": "mine",
    "AWS_DEFAULT_PROFILE": "older",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "",
    "AWS_CONFIG_FILE": "/mine",
    "OTHER": "o",
    **dict.fromkeys(IN_THE_WAY, "mine"),
}
BEFORE = pytest.mark.parametrize("before", [{}, {"OTHER": "o"}, FULL], ids=["none", "other", "all"])
PROFILES = pytest.mark.parametrize("profile", [ROLE, LENT], ids=["by name", "lent"])


@BEFORE
@PROFILES
def test_goes_by_the_name(before: dict[str, str], profile: LentProfile) -> None:
    """The name and the region are set, and nothing stays that would go before the name."""
    environ = dict(before)
    with environment(profile, "us-west-2", environ):
        assert environ["AWS_PROFILE"] == profile.name
        assert environ["AWS_REGION"] == environ["AWS_DEFAULT_REGION"] == "us-west-2"
        assert not {"AWS_DEFAULT_PROFILE", *IN_THE_WAY} & environ.keys()
        assert environ.get("OTHER") == before.get("OTHER")


@BEFORE
@PROFILES
@pytest.mark.parametrize("region", ["us-west-2", None])
def test_restored(before: dict[str, str], profile: LentProfile, region: str | None) -> None:
    """Afterwards every variable is what it was, and none is more."""
    environ = dict(before)
    with environment(profile, region, environ):
        assert environ != before
        assert user_environment(environ) == {
            name: value for name, value in before.items() if name not in IN_THE_WAY
        }
    assert environ == before


@BEFORE
def test_restored_after_an_error(before: dict[str, str]) -> None:
    """An error inside goes on, and the variables are restored."""
    environ = dict(before)
    with pytest.raises(RuntimeError, match="oops"), environment(LENT, None, environ):
        raise RuntimeError("oops")
    assert environ == before


def test_config_file_only_for_what_is_lent() -> None:
    """Where the profile goes by its name, the user's own config file stays the one."""
    environ = {"AWS_CONFIG_FILE": "/mine"}
    with environment(ROLE, None, environ):
        assert environ["AWS_CONFIG_FILE"] == "/mine"
    with environment(LENT, None, environ):
        assert environ["AWS_CONFIG_FILE"] == str(LENT.config_file)
    assert environ == {"AWS_CONFIG_FILE": "/mine"}


@pytest.mark.parametrize("before", [{}, {"AWS_CONFIG_FILE": "/mine"}])
def test_config_file_of_a_switch_inside_another(before: dict[str, str]) -> None:
    """Inside of a lent profile, one that goes by its name has the user's config file again."""
    environ = dict(before)
    with environment(LENT, None, environ):
        with environment(ROLE, None, environ):
            assert environ.get("AWS_CONFIG_FILE") == before.get("AWS_CONFIG_FILE")
            assert user_environment(environ) == before
        assert environ["AWS_CONFIG_FILE"] == str(LENT.config_file)
    assert environ == before


def test_region_that_is_not_known() -> None:
    """Without a region none is set: the one of another profile isn't this one's."""
    environ = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    with environment(ROLE, None, environ):
        assert not {"AWS_REGION", "AWS_DEFAULT_REGION"} & environ.keys()


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_REGION", "AWS_ACCESS_KEY_ID"])
@BEFORE
def test_changed_since_stays(before: dict[str, str], name: str) -> None:
    """A variable that the user has set in between keeps that value; all others are restored."""
    environ = dict(before)
    with environment(ROLE, "us-west-2", environ):
        environ[name] = "newer"
    assert environ == before | {name: "newer"}


def test_removed_since_stays_away() -> None:
    """A variable that the user has removed in between doesn't come back."""
    environ = {"AWS_PROFILE": "mine"}
    with environment(ROLE, None, environ):
        del environ["AWS_PROFILE"]
    assert environ == {}


@BEFORE
def test_nested(before: dict[str, str]) -> None:
    """Each of several comes back when the one inside ends, and the user's own at the end."""
    environ = dict(before)
    with environment(LENT, "us-west-2", environ):
        outer = dict(environ)
        with suppress(RuntimeError), environment(ROLE, "eu-central-1", environ):
            assert environ["AWS_DEFAULT_REGION"] == "eu-central-1"
            raise RuntimeError
        assert environ == outer
    assert environ == before


def test_children_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment of its own, it is about this process and its children."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    ask = "import os; print(os.environ.get('AWS_PROFILE'), 'hush' in os.environ.values())"
    with environment(ROLE, None):
        assert run_python(ask).split() == ["RoleBeta", "False"]
    assert run_python(ask).split() == ["None", "True"]
    assert MARKER not in os.environ


def test_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set after the switch, and goes before the name, is listed; nothing else is."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    assert in_the_way() == ["AWS_ACCESS_KEY_ID"]
    with environment(ROLE, None):
        assert in_the_way() == []
        monkeypatch.setenv("AWS_ROLE_ARN", "newer")
        monkeypatch.setenv("AWS_PROFILE", "newer")
        assert in_the_way() == ["AWS_PROFILE", "AWS_ROLE_ARN"]
    assert in_the_way({}) == []
