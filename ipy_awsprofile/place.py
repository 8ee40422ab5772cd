"""A place in which a switch shows an identity, such as a variable or a library's setting."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from ipy_awsprofile.gate import PROCESS

#: The value of a place that doesn't exist.
ABSENT: Final = object()


class Place(ABC):
    """A variable, an attribute or a setting of a library.

    Places with the same name are equal, unless they have different owners: each shell has variables
    of its own. ``if_changed`` says for the card what uses the user's value after a change. It is
    empty for places that only a switch changes.
    """

    def __init__(self, name: str, if_changed: str = "", owner: object = None) -> None:
        self.name = name
        self.if_changed = if_changed
        self.owner = owner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and other.name == self.name and other.owner is self.owner

    def __hash__(self) -> int:
        return hash(self.name)

    @abstractmethod
    def get(self) -> object:
        """Return the value, or `ABSENT`."""

    @abstractmethod
    def set(self, value: Any) -> None:
        """Set the value, or remove it if that is `ABSENT`."""


class Variables(Place):
    """Environment variables that SDKs read together. The first one is the place's name.

    The value is a dict with those that are set. If the user changes one, the others are kept too.
    """

    def __init__(self, *names: str, if_changed: str = "") -> None:
        super().__init__(names[0], if_changed)
        self.names = names

    def get(self) -> dict[str, str]:
        """Return the variables that are set."""
        return {name: os.environ[name] for name in self.names if name in os.environ}

    def set(self, value: Mapping[str, str]) -> None:
        """Set these variables, and remove the others."""
        for name in self.names:
            if name in value:
                os.environ[name] = value[name]
            else:
                os.environ.pop(name, None)


class DictItem(Place):
    """An entry of a dict, such as a library's settings, which can be replaced by another dict."""

    def __init__(
        self,
        name: str,
        settings: Callable[[], dict[str, Any]],
        key: str,
        if_changed: str = "",
        owner: object = None,
    ) -> None:
        super().__init__(name, if_changed, owner)
        self._settings = settings
        self._key = key

    def get(self) -> object:
        """Return the setting."""
        return self._settings().get(self._key, ABSENT)

    def set(self, value: Any) -> None:
        """Set or remove the setting."""
        if value is ABSENT:
            self._settings().pop(self._key, None)
        else:
            self._settings()[self._key] = value


class Effect(Place):
    """What a function changes when it is called with the value. It can't be read."""

    def __init__(self, name: str, act: Callable[[Any], object]) -> None:
        super().__init__(name)
        self._act = act

    def get(self) -> object:
        """Return the last value in this process."""
        return PROCESS.effects.get(self.name, ABSENT)

    def set(self, value: Any) -> None:
        """Call the function."""
        PROCESS.effects[self.name] = value
        self._act(value)
