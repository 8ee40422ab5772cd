"""A switch changes the whole notebook or nothing, and can be undone."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile.bindings import filesystems
from ipy_awsprofile.bindings.leftovers import Leftover
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import MfaUnavailable, ProfileNotFound, ProtectedProfile
from ipy_awsprofile.sessions.session import open_session, who_am_i
from ipy_awsprofile.switch.scope import Scope
from ipy_awsprofile.switch.switcher import Switcher
from tests.mfa_role import add_mfa_role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario
    from ipy_awsprofile.sessions.session import Identity
    from tests.shells import Shell

ROLE = SwitchRequest(profile="RoleBeta")
USER = SwitchRequest(profile="UserAlpha")


@pytest.fixture
def switcher(bare_shell: Shell, aws: EmbeddedAws) -> Iterator[Switcher]:
    """Yield a switcher for a shell without the extension, and close it at the end.

    Otherwise, the garbage collector would restore the environment at any time during another test.
    """
    switcher = Switcher(bare_shell.ip)
    yield switcher
    switcher.close()


def test_before_the_first_switch(switcher: Switcher) -> None:
    """Before the first switch, the switcher has no identity, and nothing to refresh or undo."""
    assert switcher.session is None
    assert switcher.request is None
    assert switcher.identity() is None
    assert switcher.refresh() is None
    assert switcher.off() is False
    assert switcher.leftovers() == []


def test_switch(switcher: Switcher, bare_shell: Shell) -> None:
    """A switch returns the identity, and puts the session into the notebook."""
    identity = switcher.switch(ROLE)
    assert identity.chain == ("RoleBeta", "UserAlpha")
    assert switcher.identity() == identity
    assert switcher.request == ROLE
    assert switcher.session is bare_shell.names["session"]


def test_requests_options(switcher: Switcher, bare_shell: Shell) -> None:
    """Each option of a request applies to the session."""
    identity = switcher.switch(
        SwitchRequest(
            profile="RoleBeta",
            region="eu-west-1",
            variable="s",
            duration=1800,
            session_name="me-at-work",
        )
    )
    assert identity.arn.endswith("/me-at-work")
    assert bare_shell.names["s"].region_name == "eu-west-1"
    assert "session" not in bare_shell.names


def test_twice_is_once(switcher: Switcher, aws: EmbeddedAws, bare_shell: Shell) -> None:
    """Switching to the same profile again makes no calls, and one `off` undoes both."""
    first = switcher.switch(ROLE)
    aws.calls.clear()
    assert switcher.switch(ROLE) == first
    assert aws.calls == []
    assert switcher.off() is True
    assert "session" not in bare_shell.names


def test_another_variable_replaces_the_first(switcher: Switcher, bare_shell: Shell) -> None:
    """A switch with another variable restores the first variable."""
    bare_shell.good("session = 'mine'")
    switcher.switch(ROLE)
    switcher.switch(SwitchRequest(profile="RoleBeta", variable="beta"))
    assert bare_shell.names["session"] == "mine"
    assert bare_shell.names["beta"] is switcher.session


def test_off_after_several_switches(switcher: Switcher, bare_shell: Shell) -> None:
    """`off` restores the state before the first of several switches."""
    bare_shell.good("session = 'mine'")
    switcher.switch(ROLE)
    switcher.switch(USER)
    switcher.switch(ROLE)
    assert switcher.off() is True
    assert bare_shell.names["session"] == "mine"
    assert switcher.session is None
    assert switcher.identity() is None


def test_off_leaves_a_rebound_name(switcher: Switcher, bare_shell: Shell) -> None:
    """`off` doesn't change a name that the user has rebound."""
    switcher.switch(ROLE)
    bare_shell.good("session = 'newer'")
    switcher.off()
    assert bare_shell.names["session"] == "newer"


def test_refresh(switcher: Switcher, aws: EmbeddedAws, bare_shell: Shell) -> None:
    """Refreshing makes one new call, and keeps the options of the request."""
    request = SwitchRequest(profile="RoleBeta", region="eu-west-1", variable="s")
    switcher.switch(request)
    before: Any = bare_shell.names["s"].get_credentials()
    aws.calls.clear()
    identity = switcher.refresh()
    assert identity is not None
    assert identity.region == "eu-west-1"
    assert switcher.request == request
    assert bare_shell.names["s"].get_credentials().access_key != before.access_key
    assert [call.action for call in aws.calls] == ["sts:AssumeRole"]


def test_failed_switch_changes_nothing(switcher: Switcher, bare_shell: Shell) -> None:
    """A failed switch doesn't change the identity, the session or the variables."""
    identity = switcher.switch(ROLE)
    names = dict(bare_shell.names)
    with pytest.raises(ProfileNotFound):
        switcher.switch(SwitchRequest(profile="Nobody", variable="other"))
    assert switcher.identity() == identity
    assert dict(bare_shell.names) == names


def test_failed_first_switch_leaves_nothing(switcher: Switcher, bare_shell: Shell) -> None:
    """A failed first switch leaves the notebook without an identity."""
    with pytest.raises(ProfileNotFound):
        switcher.switch(SwitchRequest(profile="Nobody"))
    assert switcher.session is None
    assert "session" not in bare_shell.names


UNBINDABLE: Any = SwitchRequest(profile="UserAlpha", variable=[])  # type: ignore[arg-type]


def test_failed_binding_is_rolled_back(switcher: Switcher, bare_shell: Shell) -> None:
    """If a binding fails, the switch restores the previous identity everywhere."""
    identity = switcher.switch(ROLE)
    with pytest.raises(TypeError):
        switcher.switch(UNBINDABLE)
    assert switcher.identity() == identity
    assert bare_shell.names["session"] is switcher.session
    switcher.off()
    assert "session" not in bare_shell.names


def test_failed_first_binding_is_rolled_back(switcher: Switcher) -> None:
    """If a binding of the first switch fails, no identity is active."""
    with pytest.raises(TypeError):
        switcher.switch(UNBINDABLE)
    assert switcher.session is None


def test_listeners(switcher: Switcher) -> None:
    """Listeners are called for each new identity and for `off`, until they unsubscribe."""
    heard: list[Identity | None] = []
    stop = switcher.subscribe(heard.append)
    first = switcher.switch(ROLE)
    second = switcher.refresh()
    switcher.off()
    stop()
    switcher.switch(USER)
    assert heard == [first, second, None]


def test_listener_that_leaves_while_listening(switcher: Switcher) -> None:
    """A listener can unsubscribe during its own call."""
    heard: list[str] = []

    def once(_: Identity | None) -> None:
        heard.append("once")
        stop()

    stop = switcher.subscribe(once)
    switcher.subscribe(lambda _: heard.append("each"))
    switcher.switch(ROLE)
    switcher.off()
    assert heard == ["once", "each", "each"]


def test_failed_switch_does_not_call_listeners(switcher: Switcher) -> None:
    """A failed switch doesn't call listeners."""
    heard: list[Identity | None] = []
    switcher.subscribe(heard.append)
    with pytest.raises(ProfileNotFound):
        switcher.switch(SwitchRequest(profile="Nobody"))
    assert heard == []


@pytest.mark.parametrize(
    ("pattern", "is_protected"),
    [("RoleBeta", True), ("role*", True), ("*BETA", True), ("*", True), ("Role", False)],
)
def test_protected(switcher: Switcher, pattern: str, is_protected: bool) -> None:
    """Protected profiles need confirmation; patterns match whole names, ignoring case."""
    switcher.protection.protected = ("other", pattern)
    assert switcher.protection.is_protected("RoleBeta") is is_protected
    if is_protected:
        with pytest.raises(ProtectedProfile):
            switcher.switch(ROLE)
        assert switcher.session is None
    confirmed = SwitchRequest(profile="RoleBeta", confirmed=True)
    assert switcher.switch(confirmed).profile == "RoleBeta"
    refreshed = switcher.refresh()
    assert refreshed is not None


def stale(whom: str, variable: str = "s3") -> str:
    """Return the message about a variable with a stale S3 client."""
    return f"still signs as {whom}: run `{variable} = session.client('s3')`"


def test_stale_variables_of_a_former_profile(switcher: Switcher, bare_shell: Shell) -> None:
    """Only clients, resources and sessions of the previous identity are reported as stale."""
    switcher.switch(ROLE)
    bare_shell.good("s3 = session.client('s3'); r = session.resource('s3'); old = session")
    switcher.switch(USER)
    bare_shell.good("mine = session.client('s3')")
    assert switcher.leftovers() == [
        Leftover("s3", "still signs as RoleBeta: run `s3 = session.client('s3')`"),
        Leftover("r", "still signs as RoleBeta: run `r = session.resource('s3')`"),
        Leftover("old", "still signs as RoleBeta: run `old = session`"),
    ]


def test_stale_variables_of_boto3_itself(
    switcher: Switcher, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stale client of boto3's default session is reported with the profile that has its key."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    bare_shell.good("import boto3; s3 = boto3.client('s3'); boto3.DEFAULT_SESSION = None")
    switcher.switch(ROLE)
    assert switcher.leftovers() == [Leftover("s3", stale("UserAlpha"))]


def test_stale_variables_of_the_environment(
    switcher: Switcher, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stale client whose keys are in no profile is reported with botocore's source for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    bare_shell.names["s3"] = boto3.Session(region_name="us-east-1").client("s3")
    switcher.switch(ROLE)
    region = "region_name='us-east-1'"
    expected = stale("the default identity (env)").replace("'s3')", f"'s3', {region})")
    assert switcher.leftovers() == [Leftover("s3", expected)]


def test_the_default_profile_is_the_active_one(
    switcher: Switcher, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client created before the first switch is stale only if another profile is active."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    bare_shell.names["s3"] = boto3.Session().client("s3")
    switcher.switch(USER)
    assert switcher.leftovers() == []
    switcher.switch(ROLE)
    assert switcher.leftovers() == [Leftover("s3", stale("UserAlpha"))]


def test_explicit_credentials_are_not_stale(
    switcher: Switcher, bare_shell: Shell, aws: EmbeddedAws
) -> None:
    """Sessions created with a profile's name or with keys are never reported as stale."""
    names = bare_shell.names
    names["before"] = boto3.Session(profile_name="RoleBeta").client("s3")
    names["keys"] = boto3.client("s3", aws_access_key_id="AKIA", aws_secret_access_key="x")
    switcher.switch(USER)
    names["after"] = boto3.Session(profile_name="RoleBeta").client("s3")
    names["opened"] = open_session("RoleBeta").client("s3")
    aws.calls.clear()
    assert switcher.leftovers() == []
    assert aws.calls == []


def test_same_identity_is_not_stale(switcher: Switcher, bare_shell: Shell) -> None:
    """Clients created before a refresh aren't stale."""
    switcher.switch(ROLE)
    bare_shell.good("s3 = session.client('s3')")
    switcher.refresh()
    assert switcher.leftovers() == []


def test_the_same_role_with_less_access_is_another_one(
    switcher: Switcher, bare_shell: Shell
) -> None:
    """A full client is stale after a switch to the same role read-only, and vice versa."""
    switcher.switch(ROLE)
    bare_shell.good("full = session.client('s3')")
    switcher.switch(SwitchRequest(profile="RoleBeta", read_only=True))
    bare_shell.good("narrow = session.client('s3')")
    may_do_all = stale("RoleBeta with its full permissions", "full")
    assert switcher.leftovers() == [Leftover("full", may_do_all)]
    switcher.switch(ROLE)
    assert switcher.leftovers() == [Leftover("narrow", stale("RoleBeta read-only", "narrow"))]


def test_nothing_is_stale_after_off(switcher: Switcher, bare_shell: Shell) -> None:
    """Without an active identity, nothing is stale."""
    switcher.switch(ROLE)
    bare_shell.good("s3 = session.client('s3')")
    switcher.off()
    assert switcher.leftovers() == []


def test_switches_from_several_threads_take_turns(switcher: Switcher, bare_shell: Shell) -> None:
    """After concurrent switches in several threads, session and identity match."""
    threads = [
        threading.Thread(target=switcher.switch, args=(request,)) for request in [ROLE, USER] * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    identity, request = switcher.identity(), switcher.request
    assert identity is not None
    assert request is not None
    assert identity.profile == request.profile
    assert bare_shell.names["session"] is switcher.session
    switcher.off()
    assert "session" not in bare_shell.names


def test_overlapping_scopes(switcher: Switcher, bare_shell: Shell) -> None:
    """If scopes overlap, the later one stays active, and ending both restores the original state.

    The order in which they end doesn't matter.
    """
    switcher.switch(USER)
    own = bare_shell.names["session"]
    first, second = (
        Scope(lambda: switcher, ROLE),
        Scope(lambda: switcher, replace(ROLE, read_only=True)),
    )
    with ExitStack() as one, ExitStack() as other:
        one.enter_context(first)
        narrow = other.enter_context(second)
        one.close()
        assert switcher.session is narrow is bare_shell.names["session"]
        other.close()
    assert switcher.session is own is bare_shell.names["session"]
    switcher.off()
    assert "session" not in bare_shell.names


def test_three_overlapping_scopes(switcher: Switcher) -> None:
    """When overlapping scopes end in any order, the switcher restores only sessions still open."""
    stacks = [ExitStack() for _ in range(3)]
    sessions = [stack.enter_context(Scope(lambda: switcher, ROLE)) for stack in stacks]
    stacks[0].close()
    stacks[2].close()
    assert switcher.session is sessions[1]
    stacks[1].close()
    assert switcher.session is None


def test_unloading_in_a_scope(switcher: Switcher, bare_shell: Shell) -> None:
    """If the extension is unloaded inside a scope, ending the scope restores nothing."""
    switcher.switch(USER)
    with Scope(lambda: switcher, ROLE):
        switcher.close()
    assert switcher.session is None
    assert "session" not in bare_shell.names


@pytest.mark.parametrize("way", ["switch", "scope"])
def test_interrupted_listener(switcher: Switcher, bare_shell: Shell, way: str) -> None:
    """Ctrl-C in a listener undoes a scope, but not a switch."""
    switcher.switch(USER)
    before = switcher.session

    def stopped(identity: object) -> None:
        end()
        raise KeyboardInterrupt

    end = switcher.subscribe(stopped)
    go = (
        switcher.switch
        if way == "switch"
        else lambda role: Scope(lambda: switcher, role).__enter__()
    )
    with pytest.raises(KeyboardInterrupt):
        go(ROLE)
    assert (switcher.session is before) == (way == "scope")
    assert bare_shell.names["session"] is switcher.session


def test_error_while_the_former_one_is_taken_off(
    switcher: Switcher, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while the previous bindings are removed restores them."""

    def stopped(_: None) -> None:
        monkeypatch.setattr(filesystems, "_clear_cache", clear_cache)
        clear_cache()
        raise RuntimeError("oops")

    clear_cache = filesystems._clear_cache
    switcher.switch(replace(ROLE, read_only=True))
    monkeypatch.setattr(filesystems, "_clear_cache", stopped)
    before, environ = switcher.session, os.environ["AWS_PROFILE"]
    with pytest.raises(RuntimeError, match="oops"):
        switcher.switch(USER)
    assert switcher.session is before is bare_shell.names["session"]
    assert os.environ["AWS_PROFILE"] == environ
    switcher.off()


@pytest.mark.parametrize("way", ["switch", "open_session"])
def test_source_in_the_environment_after_a_switch(
    aws: EmbeddedAws,
    scenario: Scenario,
    switcher: Switcher,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """Roles with `credential_source = Environment` use keys that a switch removed from there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", scenario.user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", scenario.user.secret_access_key)
    aws.write_profile(
        "FromEnvironment",
        role_arn=scenario.role_arn,
        credential_source="Environment",
        region="us-west-2",
    )
    switcher.switch(USER)
    assert "AWS_ACCESS_KEY_ID" not in os.environ
    if way == "switch":
        arn = switcher.switch(SwitchRequest(profile="FromEnvironment")).arn
    else:
        arn = who_am_i(open_session("FromEnvironment")).arn
    assert f":{ROLE_ACCOUNT}:assumed-role/RoleBeta/" in arn
    switcher.off()
    assert os.environ["AWS_ACCESS_KEY_ID"] == scenario.user.access_key_id


def test_listener_that_switches(switcher: Switcher) -> None:
    """A listener that switches isn't called for its own switches, but other listeners are."""
    told: list[str | None] = []

    def works(identity: Identity | None) -> None:
        with Scope(lambda: switcher, ROLE):
            pass

    switcher.subscribe(works)
    switcher.subscribe(lambda identity: told.append(identity.profile if identity else None))
    switcher.switch(USER)
    assert told == ["RoleBeta", "UserAlpha", "UserAlpha"]


@pytest.mark.slow
def test_refresh_of_a_profile_protected_later(switcher: Switcher) -> None:
    """Refreshing needs no confirmation if a pattern protects the profile only later."""
    switcher.switch(ROLE)
    switcher.protection.protected = ("*beta*",)
    assert switcher.refresh()
    with pytest.raises(ProtectedProfile):
        switcher.switch(replace(ROLE, region="eu-west-1"))


def test_identity_during_a_prompt(switcher: Switcher, aws: EmbeddedAws) -> None:
    """Other threads can read the identity while a switch waits for an MFA code."""
    add_mfa_role(aws, "WithMfa")
    switcher.switch(USER)
    seen = []

    def asked(_: str) -> str:
        looking = threading.Thread(target=lambda: seen.append(switcher.identity()))
        looking.start()
        looking.join(timeout=20)
        raise MfaUnavailable("Nobody is there.")

    with pytest.raises(MfaUnavailable):
        switcher.switch(SwitchRequest(profile="WithMfa"), person=Person(mfa_prompter=asked))
    assert [one and one.profile for one in seen] == ["UserAlpha"]
