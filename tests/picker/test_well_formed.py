"""Malformed messages, which another script in the page could send."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.picker.toolbar import PROTOCOL
from ipy_awsprofile.picker.well_formed import _commands
from tests.picker.front_end import FrontEnd
from tests.picker.test_toolbar import LOAD, front_end

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.picker.person import Person
    from tests.shells import Shell

__all__ = ["front_end"]

ODD: tuple[Any, ...] = (None, True, 5, 1.5, "\ud800", [], {}, ["UserAlpha"], {"a": 1})


def test_every_command_is_known() -> None:
    """The check knows the commands of all messages, with a type for each field."""
    assert {
        "ready",
        "list",
        "switch",
        "region",
        "save",
        "roles",
        "off",
        "pin",
    } <= _commands().keys()
    assert _commands()["pin"] == {"profile": str, "pinned": bool}


def is_right(name: str, value: Any) -> bool:
    """Return whether the field accepts this odd value."""
    return (
        value
        in {
            "region": (None,),
            "list": (5,),
            "have": (5,),
            "pinned": (True,),
            "confirmed": (True,),
            "device_code": (True,),
        }.get(name, ())
        and type(value) is not float
    )


def test_malformed(person: Person) -> None:
    """The picker answers a malformed message with an error, and changes nothing."""
    person.switches("RoleBeta")
    before = dict(os.environ)
    right = {"region": None, "list": 1, "have": 0, "pinned": True}
    for kind, fields in _commands().items():
        for name in fields:
            content = {one: right.get(one, "UserAlpha") for one in fields}
            wrong = [{name: odd} for odd in ODD if not is_right(name, odd)]
            for one in wrong:
                assert refused(person, kind, {**content, **one}), (kind, one)
    for odd in (*ODD, "no"):
        assert refused(person, odd, {}), odd
    for kind in ("switch", "region", "save", "roles", "list", "pin"):
        assert refused(person, kind, {}), kind
    assert person.picker.value == "RoleBeta"
    assert dict(os.environ) == before


@pytest.mark.parametrize("kind", ["hello", "off", "status", "no"])
def test_a_view_that_cannot_be_answered(
    front_end: FrontEnd,
    bare_shell: Shell,
    aws: EmbeddedAws,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    """The toolbar ignores a message whose view isn't a string, and logs nothing."""
    for cell in (LOAD, "%aws_profile RoleBeta"):
        bare_shell.good(cell)
    front_end.says("hello", protocol=PROTOCOL)
    sent = len(front_end.published)
    for odd in ODD:
        front_end.says(kind, view=odd, protocol=PROTOCOL)
    assert len(front_end.published) == sent
    assert caplog.records == []
    assert bare_shell.names["session"].profile_name == "RoleBeta"


@pytest.mark.parametrize("protocol", [odd for odd in ODD if odd is not True])
def test_a_protocol_that_is_no_number(
    front_end: FrontEnd, bare_shell: Shell, caplog: pytest.LogCaptureFixture, protocol: Any
) -> None:
    """The toolbar answers an odd protocol with its own protocol, and without the button."""
    bare_shell.good(LOAD)
    (answer,) = front_end.says("hello", protocol=protocol)
    assert answer["protocol"] == PROTOCOL
    assert front_end.buffers == []
    assert caplog.records == []


def refused(person: Person, kind: Any, content: dict[str, Any]) -> bool:
    """Send a message, and return whether the only answer says that it isn't a command."""
    (answer,) = person.says(kind, **content)
    return answer["type"] == "error" and "a picker command" in answer["html"]


def test_what_is_no_message(front_end: FrontEnd, bare_shell: Shell, aws: EmbeddedAws) -> None:
    """The toolbar ignores data that isn't an object, and continues to answer."""
    bare_shell.good(LOAD)
    front_end.says("hello", protocol=PROTOCOL)
    (comm_id,) = front_end.found
    sent = len(front_end.published)
    for content in ({}, *({"data": odd} for odd in (*ODD, "hello", [{"type": "off"}]))):
        message: Any = {"content": {"comm_id": comm_id, **content}}
        front_end.manager.comm_msg(None, "", message)  # type: ignore[arg-type]
    assert len(front_end.published) == sent
    bare_shell.good("%aws_profile RoleBeta")
    assert front_end.shown["profile"] == "RoleBeta"
