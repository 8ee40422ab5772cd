"""A user of a picker, without a browser."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipy_awsprofile.picker.widget import ProfilePicker

VIEW = "view-1"


class Person:
    """Replaces the browser: sends the user's commands and records the answers."""

    def __init__(self, picker: ProfilePicker) -> None:
        self.picker = picker
        self.seen: list[dict[str, Any]] = []
        self.buffers: list[bytes] = []
        picker.send = self._hear

    def _hear(self, message: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.seen.append(json.loads(json.dumps(message)))
        self.buffers += buffers or []

    def says(self, kind: str, **content: Any) -> list[dict[str, Any]]:
        """Send a message as the browser does, and return the answers."""
        self.seen.clear()
        self.buffers.clear()
        self.picker._handle_custom_msg({"type": kind, "view": VIEW, **content}, [])
        return list(self.seen)

    def switches(self, profile: str, **content: Any) -> dict[str, Any]:
        """Choose a profile in the current list, and return the last answer."""
        return self.chooses(profile, **content)[-1]

    def chooses(
        self, profile: str, region: str | None = None, **content: Any
    ) -> list[dict[str, Any]]:
        """Choose a profile and a Region in the current list, and return the answers."""
        seen = self.picker._conversation.listing.read()
        return self.says("switch", profile=profile, region=region, list=seen, **content)

    def rows(self, have: int = 0) -> list[list[Any]] | None:
        """Request the list, and return its rows, or None if the view already has them."""
        self.says("list", have=have)
        return json.loads(self.buffers[0]) if self.buffers else None


def waited_for(person: Person, kind: str, text: str = "") -> dict[str, Any]:
    """Wait for a message of this kind that contains the text, and return it."""
    for _ in range(200):
        for message in list(person.seen):
            if message["type"] == kind and text in json.dumps(message):
                return message
        time.sleep(0.1)
    raise AssertionError(f"{kind} wasn't sent: {person.seen}")
