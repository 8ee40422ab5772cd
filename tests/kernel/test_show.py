"""A kernel shows the values of a switch in places, and restores what the user had."""

from __future__ import annotations

import pytest

from ipy_awsprofile.kernel.show import ABSENT, Kernel, Place


@pytest.fixture
def settings() -> dict[str, str]:
    """Return a library's settings before the first switch."""
    return {"one": "mine"}


@pytest.fixture
def places(settings: dict[str, str]) -> tuple[Place, Place]:
    """Return the places of two settings, of which only the first one exists."""

    def place(name: str) -> Place:
        def change(value: str) -> None:
            if value == "refused":
                raise ValueError(value)
            settings.pop(name, None)
            if value is not ABSENT:
                settings[name] = value

        return Place(name, lambda: settings.get(name, ABSENT), change)

    return place("one"), place("two")


def test_changes_of_the_user(settings: dict[str, str], places: tuple[Place, Place]) -> None:
    """A change is known, hidden by the next switch, and there again after it."""
    one, two = places
    kernel = Kernel()
    kernel.show({one: "first", two: "first"})
    assert kernel.changed() == []
    settings["one"] = "newer"
    assert kernel.changed() == [one]
    kernel.show({one: "second", two: "second"})
    assert settings == {"one": "second", "two": "second"}
    kernel.show({})
    assert settings == {"one": "newer"}


@pytest.mark.parametrize("is_first", [True, False])
def test_a_place_that_fails(
    settings: dict[str, str], places: tuple[Place, Place], *, is_first: bool
) -> None:
    """If a place can't be set, all places are as before, and the next switch works."""
    one, two = places
    kernel = Kernel()
    if not is_first:
        kernel.show({one: "first", two: "first"})
        settings["one"] = "newer"
    before = dict(settings)
    with pytest.raises(ValueError, match="refused"):
        kernel.show({one: "second", two: "refused"})
    assert settings == before
    kernel.show({one: "third", two: "third"})
    assert settings == {"one": "third", "two": "third"}
    kernel.show({})
    assert settings == {"one": "mine" if is_first else "newer"}
