"""A session has botocore's and boto3's event handlers, and its changes affect no other session."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import boto3
import botocore.handlers
import botocore.session
import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials import event_hooks
from ipy_awsprofile.credentials.botocore_session import ProfileBotocoreSession
from ipy_awsprofile.credentials.event_hooks import built_in_hooks
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws

    Sessions = tuple[ProfileBotocoreSession, ProfileBotocoreSession]


@pytest.fixture
def sessions(shared_files: tuple[Path, Path]) -> Sessions:
    """Return two botocore sessions of a profile."""
    shared_files[0].write_text("[profile p]\nregion = us-east-1\n")
    target = target_of(SessionRequest(profile="p"))
    return ProfileBotocoreSession(target), ProfileBotocoreSession(target)


def handlers_of(session: Any, event: str) -> list[Any]:
    """Return the handlers of an event, without calling them."""
    hooks = session.get_component("event_emitter")._emitter
    return list(getattr(hooks, "_hooks", hooks)._handlers.prefix_search(event))


@pytest.mark.nightly(keep=30)
@pytest.mark.parametrize("spec", botocore.handlers.BUILTIN_HANDLERS, ids=lambda spec: spec[0])
def test_same_handlers_as_botocore(sessions: Sessions, spec: Any) -> None:
    """Each event has the same handlers, in the same order, as in a plain session."""
    event = spec[0].replace("*", "any")
    ours, theirs = (handlers_of(one, event) for one in (sessions[0], botocore.session.Session()))
    assert [one for one in ours if one in theirs] == theirs  # ours includes boto3's handlers, too


def test_environment_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process can create its first hooks even if AWS_PROFILE names a missing profile."""
    monkeypatch.setenv("AWS_PROFILE", "missing")
    event_hooks._registered.cache_clear()
    assert built_in_hooks()


def test_handlers_of_one_session(
    sessions: Sessions,
) -> None:
    """Adding a handler to a session, or removing one, doesn't change other sessions."""
    first, second = sessions
    before = handlers_of(second, "before-parse.s3.ListBuckets")
    events: Any = first.get_component("event_emitter")
    events.register("before-parse.s3", lambda **_: "mine")
    events.unregister("before-parse.s3.*", before[0])
    assert handlers_of(first, "before-parse.s3.ListBuckets") != before
    assert handlers_of(second, "before-parse.s3.ListBuckets") == before
    assert [answer for _, answer in events.emit("before-parse.s3")] == ["mine"]


def test_copies_are_independent() -> None:
    """Hooks and their copies, such as botocore creates for each client, change independently."""

    def first(**_: Any) -> str:
        return "first"

    def second(**_: Any) -> str:
        return "second"

    original = built_in_hooks()
    original.register("mine", first)
    twin = copy.copy(original)
    original.register_last("mine", second)
    twin.register_first("mine", second)
    assert original.emit_until_response("mine") == (first, "first")
    assert twin.emit_until_response("mine") == (second, "second")
    twin.unregister("mine", second)
    assert original.emit("mine") == [(first, "first"), (second, "second")]
    assert twin.emit("mine") == [(first, "first")]
    assert built_in_hooks().emit("mine") == []


def test_handlers_that_others_add_to_botocore(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a library such as moto adds handlers to botocore's list, later sessions have them."""

    def handler(**_: Any) -> None: ...

    added = [*botocore.handlers.BUILTIN_HANDLERS, ("before-send", handler)]
    monkeypatch.setattr("botocore.handlers.BUILTIN_HANDLERS", added)
    assert handler in handlers_of(
        ProfileBotocoreSession(target_of(SessionRequest(profile="p"))), "before-send"
    )
    assert handler not in handlers_of(sessions[0], "before-send")


@pytest.mark.parametrize(
    "event",
    [
        "creating-client-class.s3",
        "creating-resource-class.s3.Bucket",
        "creating-resource-class.s3.Object",
        "creating-resource-class.s3.ObjectSummary",
        "creating-resource-class.dynamodb",
        "creating-resource-class.dynamodb.Table",
        "creating-resource-class.ec2.ServiceResource",
        "creating-resource-class.ec2.Instance",
    ],
)
def test_same_handlers_as_boto3(aws: EmbeddedAws, event: str) -> None:
    """Each session has boto3's handlers once, as a plain session does."""
    ours, theirs = open_session("RoleBeta")._session, boto3.Session()._session
    assert len(handlers_of(ours, event)) == len(handlers_of(theirs, event)) > 0


def test_methods_that_boto3_adds(aws: EmbeddedAws) -> None:
    """Clients can upload files, and resources can create tags, as in a plain session."""
    session = open_session("RoleBeta")
    assert callable(session.client("s3").upload_file)
    assert callable(session.resource("s3").Bucket("b").download_file)
    assert callable(session.resource("ec2").create_tags)
    assert callable(session.resource("dynamodb").Table("t").batch_writer)
