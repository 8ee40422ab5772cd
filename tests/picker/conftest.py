"""A conversation in a real shell, and the views that take part in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.switch.using_profile import running_switcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.switch.switcher import Switcher
    from tests.shells import Shell


class Views:
    """The views of a picker, without a browser: they send commands and keep what they get."""

    def __init__(self, switcher: Switcher) -> None:
        self.switcher = switcher
        self.messages: list[dict[str, Any]] = []
        self.rows: list[list[Any]] = []
        self.conversation = Conversation(switcher, self._hear)

    def _hear(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        self.messages.append(json.loads(json.dumps(message)))
        if buffers:
            self.rows = json.loads(buffers[0])

    def do(self, command: str, **content: Any) -> dict[str, Any]:
        """Send a command as a view does, and return the last message."""
        self.conversation.receive({"do": command, **content})
        return self.messages[-1]

    def switch(self, profile: str, **content: Any) -> dict[str, Any]:
        """Choose a profile, and return the state."""
        return self.do("switch", profile=profile, **content)

    @property
    def state(self) -> dict[str, Any]:
        """The last state."""
        return next(one for one in reversed(self.messages) if "busy" in one)

    @property
    def profile(self) -> str | None:
        """The profile that the views show."""
        identity = self.state["identity"]
        return identity and str(identity["profile"])


@pytest.fixture
def views(aws: EmbeddedAws, shell: Shell) -> Iterator[Views]:
    views = Views(running_switcher())
    yield views
    views.conversation.close()
