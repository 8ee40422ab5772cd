"""Fixtures for a picker in a real shell and a user who works with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.picker.widget import ProfilePicker
from tests.picker.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.fixture
def picker(aws: EmbeddedAws, shell: Shell) -> Iterator[ProfilePicker]:
    picker = ProfilePicker()
    yield picker
    picker.close()


@pytest.fixture
def person(picker: ProfilePicker) -> Person:
    return Person(picker)
