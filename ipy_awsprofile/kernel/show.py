"""The places in which a switch shows an identity, such as variables and libraries' settings.

A switch is a dict of places with values, and goes from one dict to the next. What the user had
before the first switch returns at the end, unless the user has changed it since.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipy_awsprofile.config import user_environment

#: The value of a place that doesn't exist.
ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Place:
    """A variable, an attribute or a setting of a library.

    ``readers`` says for the card what finds an identity there. It is empty for places that only a
    switch changes. ``variables`` are the names of environment variables in this place.
    """

    name: str
    get: Callable[[], Any] = field(compare=False)
    set: Callable[[Any], object] = field(compare=False)
    readers: str = field(default="", compare=False)
    variables: tuple[str, ...] = field(default=(), compare=False)


class Kernel:
    """The places that show an identity, with the user's values and the switch's values."""

    def __init__(self) -> None:
        self._first: dict[Place, Any] = {}  # before the first switch
        self._theirs: dict[Place, Any] = {}
        self._ours: dict[Place, Any] = {}

    def show(self, values: Mapping[Place, Any], kept: Mapping[Place, Any]) -> None:
        """Set these places, and restore all others that an earlier call has set.

        ``kept`` are the user's values in places that the user has changed, and that keep them. If a
        place can't be set, all places are set as before, and its error is raised.
        """
        places = {**values, **self._ours}
        now = {place: place.get() for place in places}
        # The user's values: the current ones, except in places that still have our values.
        unchanged = self._ours.keys() - self.changed().keys()
        theirs = now | {place: self._theirs[place] for place in unchanged}
        try:
            for place in places:
                place.set(kept.get(place, values.get(place, theirs[place])))
        except BaseException:
            for place, value in now.items():
                place.set(value)
            raise
        self._first = {place: self._first.get(place, theirs[place]) for place in values}
        self._theirs = theirs
        self._ours = dict(values)
        user_environment.set_by_switch = [
            (place.variables, ours, theirs[place])
            for place, ours in values.items()
            if place.variables
        ]

    def changed(self) -> dict[Place, Any]:
        """Return the places that the user has changed since they were set, with their values."""
        now = {place: place.get() for place in self._ours}
        return {place: now[place] for place in now if not _is_same(now[place], self._ours[place])}

    def kept(self) -> list[str]:
        """Return the names of the places with a value of the user from after the first switch."""
        after = self._theirs | self.changed()
        return [
            place.name for place, first in self._first.items() if not _is_same(after[place], first)
        ]


def _is_same(value: object, other: object) -> bool:
    if type(value) is type(other) is dict:
        return value == other
    return value is other  # a place can hold any object, even one that can't be compared


def variables(*names: str, readers: str = "") -> Place:
    """Return the place of environment variables that SDKs read together.

    Its value is a dict with those that are set. If the user changes one, the others are kept too.
    """

    def get() -> dict[str, str]:
        return {name: os.environ[name] for name in names if name in os.environ}

    def change(values: Mapping[str, str]) -> None:
        for name in names:
            if name in values:
                os.environ[name] = values[name]
            else:
                os.environ.pop(name, None)

    return Place(names[0], get, change, readers, names)


def entry(name: str, mapping: Callable[[], Any], key: str) -> Place:
    """Return the place of an entry in a library's dict of settings."""

    def change(value: Any) -> None:
        if value is ABSENT:
            mapping().pop(key, None)
        else:
            mapping()[key] = value

    return Place(name, lambda: mapping().get(key, ABSENT), change)


def effect(name: str, act: Callable[[Any], object]) -> Place:
    """Return a place that can't be read. Setting it calls a function with the value."""
    last: list[Any] = [ABSENT]

    def change(value: Any) -> None:
        last[0] = value
        act(value)

    return Place(name, lambda: last[0], change)
