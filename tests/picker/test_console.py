"""The picker's *Console* button, whose link is in one message and nowhere else."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.picker.widget import ProfilePicker
    from tests.picker.person import Person


def test_link(aws: EmbeddedAws, picker: ProfilePicker, person: Person) -> None:
    """The link opens the console as the active identity; no trait or other message contains it."""
    assert "No profile is active" in person.says("console")[-1]["html"]
    person.switches("RoleBeta")
    (answer,) = person.says("console")
    assert answer["type"] == "console"
    with urllib.request.urlopen(answer["url"]) as page:
        assert "assumed-role/RoleBeta/" in page.read().decode()
    person.says("ready")
    synced = json.dumps(picker.get_state(), default=str) + json.dumps(person.seen)
    assert [secret for secret in aws.secrets() if secret in synced] == []


def test_long_term_keys(person: Person) -> None:
    """With long-term keys, the view explains why it can't open the console."""
    person.switches("UserAlpha")
    assert "only a role&#x27;s session can open" in person.says("console")[-1]["html"]
