"""Child processes use the profile while it is bound, and the user's variables afterwards."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from ipy_awsprofile.bindings.environment import changed_variables, environment
from ipy_awsprofile.bindings.lending import LentProfile
from ipy_awsprofile.config.user_environment import (
    CREDENTIAL_VARIABLES,
    MARKER,
    user_environment,
)
from tests.bindings.borrowing import NOWHERE
from tests.shells import run_python

ROLE = LentProfile("RoleBeta", NOWHERE)
LENT = LentProfile("RoleBeta-in-kernel", NOWHERE, Path("/lent/config"))
FULL = {
    "AWS_PROFILE": "mine",
    "AWS_DEFAULT_PROFILE": "older",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "",
    "AWS_CONFIG_FILE": "/mine",
    "OTHER": "o",
    **dict.fromkeys(CREDENTIAL_VARIABLES, "mine"),
}
BEFORE = pytest.mark.parametrize("before", [{}, {"OTHER": "o"}, FULL], ids=["none", "other", "all"])
PROFILES = pytest.mark.parametrize("profile", [ROLE, LENT], ids=["by name", "lent"])


@BEFORE
@PROFILES
def test_name_and_region(before: dict[str, str], profile: LentProfile) -> None:
    """The binding sets the name and the Region, and removes variables that take precedence."""
    environ = dict(before)
    with environment(profile, "us-west-2", environ):
        assert environ["AWS_PROFILE"] == profile.name
        assert environ["AWS_REGION"] == environ["AWS_DEFAULT_REGION"] == "us-west-2"
        assert not {"AWS_DEFAULT_PROFILE", *CREDENTIAL_VARIABLES} & environ.keys()
        assert environ.get("OTHER") == before.get("OTHER")


@BEFORE
@PROFILES
@pytest.mark.parametrize("region", ["us-west-2", None])
def test_restored(before: dict[str, str], profile: LentProfile, region: str | None) -> None:
    """The binding restores each variable, and removes the variables that it has added."""
    environ = dict(before)
    with environment(profile, region, environ):
        assert environ != before
        assert user_environment(environ) == {
            name: value for name, value in before.items() if name not in CREDENTIAL_VARIABLES
        }
    assert environ == before


@BEFORE
def test_restored_after_an_error(before: dict[str, str]) -> None:
    """The binding restores the variables after an error."""
    environ = dict(before)
    with pytest.raises(RuntimeError, match="oops"), environment(LENT, None, environ):
        raise RuntimeError("oops")
    assert environ == before


def test_config_file_only_for_what_is_lent() -> None:
    """The binding changes `AWS_CONFIG_FILE` only for a lent profile."""
    environ = {"AWS_CONFIG_FILE": "/mine"}
    with environment(ROLE, None, environ):
        assert environ["AWS_CONFIG_FILE"] == "/mine"
    with environment(LENT, None, environ):
        assert environ["AWS_CONFIG_FILE"] == str(LENT.config_file)
    assert environ == {"AWS_CONFIG_FILE": "/mine"}


@pytest.mark.parametrize("before", [{}, {"AWS_CONFIG_FILE": "/mine"}])
def test_config_file_of_a_switch_inside_another(before: dict[str, str]) -> None:
    """A profile that isn't lent uses the user's config file, even within a lent profile."""
    environ = dict(before)
    with environment(LENT, None, environ):
        with environment(ROLE, None, environ):
            assert environ.get("AWS_CONFIG_FILE") == before.get("AWS_CONFIG_FILE")
            assert user_environment(environ) == before
        assert environ["AWS_CONFIG_FILE"] == str(LENT.config_file)
    assert environ == before


def test_container_credentials() -> None:
    """The binding sets the address of the lent session, but not its token."""
    environ = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/mine"}
    with environment(ROLE, None, environ):
        assert environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == NOWHERE.url
        assert environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == str(NOWHERE.token_file)
        assert "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" not in environ
    assert environ == {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/mine"}


@pytest.mark.parametrize(
    ("before", "exceptions"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://proxy:3128"}, "127.0.0.1"),
        ({"all_proxy": "http://proxy:3128", "NO_PROXY": ".acme"}, ".acme,127.0.0.1"),
    ],
)
def test_the_token_is_not_sent_to_a_proxy(before: dict[str, str], exceptions: str | None) -> None:
    """If a proxy is set, the binding excludes the kernel's address from it."""
    environ = dict(before)
    with environment(ROLE, None, environ):
        assert environ.get("no_proxy") == environ.get("NO_PROXY") == exceptions
    assert environ == before


def test_without_a_region() -> None:
    """If the profile has no Region, the binding removes the variables for the Region."""
    environ = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    with environment(ROLE, None, environ):
        assert not {"AWS_REGION", "AWS_DEFAULT_REGION"} & environ.keys()


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_REGION"])
@BEFORE
def test_change_of_the_user(before: dict[str, str], name: str) -> None:
    """The binding keeps a variable that the user has changed meanwhile, and restores the others."""
    environ = dict(before)
    with environment(ROLE, "us-west-2", environ):
        environ[name] = "newer"
    assert environ == before | {name: "newer"}


KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN"}


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"])
def test_new_credentials_of_the_user(name: str) -> None:
    """The binding doesn't combine credentials that the user has set meanwhile with older ones."""
    environ = dict(FULL)
    with environment(ROLE, "us-west-2", environ):
        environ[name] = "newer"
    assert environ[name] == "newer"
    assert not (KEYS - {name}) & environ.keys()
    assert environ["AWS_PROFILE"] == "mine"
    assert environ["AWS_BEARER_TOKEN_BEDROCK"] == environ["AWS_ROLE_SESSION_NAME"] == "mine"


@pytest.mark.parametrize("name", ["AWS_BEARER_TOKEN_BEDROCK", "AWS_ROLE_SESSION_NAME"])
def test_independent_variables(name: str) -> None:
    """A new token for Bedrock or a new session name doesn't stop older keys from returning."""
    environ = dict(FULL)
    with environment(ROLE, "us-west-2", environ):
        environ[name] = "newer"
    assert environ == FULL | {name: "newer"}


def test_removal_by_the_user() -> None:
    """The binding doesn't restore a variable that the user has removed meanwhile."""
    environ = {"AWS_PROFILE": "mine"}
    with environment(ROLE, None, environ):
        del environ["AWS_PROFILE"]
    assert environ == {}


@BEFORE
def test_nested(before: dict[str, str]) -> None:
    """Nested bindings restore the variables one after the other."""
    environ = dict(before)
    with environment(LENT, "us-west-2", environ):
        outer = dict(environ)
        with suppress(RuntimeError), environment(ROLE, "eu-central-1", environ):
            assert environ["AWS_DEFAULT_REGION"] == "eu-central-1"
            raise RuntimeError
        assert environ == outer
    assert environ == before


@BEFORE
def test_variables_of_an_earlier_switch(before: dict[str, str]) -> None:
    """If other code puts back an earlier switch's variables, leaving the binding undoes them."""
    environ = dict(before)
    with environment(LENT, "us-west-2", environ):
        earlier = dict(environ)
    with environment(ROLE, "eu-west-1", environ):
        environ.clear()
        environ.update(earlier)
    assert environ == before


@BEFORE
def test_variables_of_an_earlier_switch_in_another(before: dict[str, str]) -> None:
    """Leaving a nested binding undoes them, too, but keeps a variable that the user changed."""
    environ = dict(before)
    with environment(LENT, "us-west-2", environ):
        earlier = dict(environ)
    with environment(ROLE, "eu-west-1", environ):
        outer = dict(environ)
        with environment(ROLE, "eu-west-3", environ):
            environ.clear()
            environ.update(earlier | {"AWS_REGION": "newer"})
        assert environ == outer | {"AWS_REGION": "newer"}
    assert environ == before | {"AWS_REGION": "newer"}


def test_children_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, the binding changes the environment of this process and its children."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    ask = "import os; print(os.environ.get('AWS_PROFILE'), 'hush' in os.environ.values())"
    with environment(ROLE, None):
        assert run_python(ask).split() == ["RoleBeta", "False"]
    assert run_python(ask).split() == ["None", "True"]
    assert MARKER not in os.environ


def test_changed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """`changed_variables` says which variables were set, changed, removed or put back."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    before = dict(os.environ)
    with environment(ROLE, "eu-west-1"):
        assert changed_variables() == {}
        os.environ.update(AWS_ROLE_ARN="newer", AWS_PROFILE="newer")
        del os.environ["AWS_REGION"]
        assert changed_variables() == {
            "AWS_PROFILE": "changed",
            "AWS_REGION": "removed",
            "AWS_ROLE_ARN": "set",
        }
        assert changed_variables(before) == {"AWS_PROFILE": "put back"}
    assert changed_variables() == {}
