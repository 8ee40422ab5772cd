"""A request is written as the line of `%aws_profile` that makes it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.config.command import command_of
from ipy_awsprofile.config.request import SessionRequest, SwitchRequest
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    from tests.shells import Shell


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"profile": "P"}, "%aws_profile P"),
        ({"profile": "my profile", "mfa": True}, '%aws_profile "my profile" --mfa'),
        ({"profile": "-p", "write": True}, "%aws_profile --write -- -p"),
        ({"profile": "a{b}$c"}, "%aws_profile a{{b}}$$c"),
        ({"profile": 'it\'s "p"'}, None),
        ({"profile": "a  # b"}, '%aws_profile "a  # b"'),
        ({"default": True}, "%aws_profile --default"),
        ({"role_arn": "A", "source_profile": "-s s"}, None),
        ({"account": "Team Dev", "role": "Admin", "sso": "corp"}, None),
        ({"profile": "P", "variable": "beta"}, "%aws_profile P --as beta"),
        ({"profile": "P", "confirmed": True, "only_session": True, "read_only": True}, None),
        ({"profile": "P", "duration": 1800, "expect_account": "012345678901"}, None),
        ({"profile": "P", "tags": (("a", "b c"), ("d", "")), "transitive_tags": ("a", "d")}, None),
        ({"profile": "P", "session_name": "-me", "external_id": "x", "policy": "p q.json"}, None),
        ({"profile": "P", "source_identity": "me", "region": ""}, None),
    ],
)
def test_a_request_as_a_command(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], command: str | None
) -> None:
    """IPython reads the line as the same request, whatever its names contain."""
    request = SwitchRequest(**fields)
    line = command_of(request)
    assert command is None or line == command
    requests = list[SwitchRequest]()
    monkeypatch.setattr(running_switcher(), "switch", lambda request, **_: requests.append(request))
    shell.run(line)
    assert requests == [request]


@pytest.mark.parametrize("duration", [timedelta(minutes=30), 1800, 1800.0, "30m"])
def test_durations(duration: Any) -> None:
    """A duration from Python is written in a form that the magic accepts."""
    line = command_of(SessionRequest(profile="P", duration=duration))
    assert line in {"%aws_profile P --duration 1800", "%aws_profile P --duration 30m"}
