"""Read and write the variables and settings (*places*) that a switch changes."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from ipy_awsprofile.gate import PROCESS

#: The value of a place that doesn't exist.
ABSENT: Final = object()


class Place(ABC):
    """A variable, an attribute or a library's setting that a switch changes.

    Two places are equal if they have the same name and the same owner. For example, the variables
    of two shells have different owners. ``if_changed`` is the card's description of the code that
    uses a value set by the user. ``if_changed`` is empty for places that only a switch changes.
    """

    def __init__(self, name: str, if_changed: str = "", owner: object = None) -> None:
        self.name = name
        self.if_changed = if_changed
        self.owner = owner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and other.name == self.name and other.owner is self.owner

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def shown_name(self) -> str:
        """The name of the place that is shown to the user."""
        return self.name

    @property
    def is_used(self) -> bool:
        """Whether the code that ``if_changed`` describes uses the current value."""
        return True

    @abstractmethod
    def get(self) -> object:
        """Return the current value, or `ABSENT` if the place doesn't exist."""

    @abstractmethod
    def set(self, value: Any) -> None:
        """Set the value, or remove the place if the value is `ABSENT`."""

    def code_to_set(self, value: Any) -> str:  # noqa: ARG002  # of a subclass
        """Return the code that sets a value, or an empty string if a switch sets the value."""
        return ""


class Variables(Place):
    """A group of environment variables that SDKs read together.

    The group's name is the name of its first variable, and the group's value is a dict of the
    variables that are set. If the user changes one of the variables, a switch doesn't change the
    others. ``is_read`` is true if a switch reads the user's values of these variables for the new
    session. SDKs don't use the variables in ``parts`` unless another variable is also set.
    """

    def __init__(
        self,
        *names: str,
        if_changed: str = "",
        is_read: bool = False,
        parts: Collection[str] = (),
    ) -> None:
        super().__init__(names[0], if_changed)
        self.names = names
        self._is_read = is_read
        self._parts = parts

    @property
    def shown_name(self) -> str:
        """The name of the first variable that is set or, if none is set, of the first variable."""
        return next(iter(self.get()), self.name)

    @property
    def is_used(self) -> bool:
        """Whether SDKs use the variables that are set."""
        values = self.get()
        return not values or not set(values) <= set(self._parts)

    def get(self) -> dict[str, str]:
        """Return a dict of the variables in this group that are set."""
        return {name: os.environ[name] for name in self.names if name in os.environ}

    def set(self, value: Mapping[str, str]) -> None:
        """Set the variables in ``value``, and remove the other variables in this group."""
        for name in self.names:
            if name in value:
                os.environ[name] = value[name]
            else:
                os.environ.pop(name, None)

    def code_to_set(self, value: Mapping[str, str]) -> str:
        """Return the code that sets the variables in ``value``, or "" if a switch sets them."""
        if not self._is_read:
            return ""
        steps = ["import os"]
        for name in self.names:
            if name in value:
                steps.append(f"os.environ[{name!r}] = {value[name]!r}")
            elif name in os.environ:
                steps.append(f"del os.environ[{name!r}]")
        return "; ".join(steps)


class DictItem(Place):
    """An entry in a dict, such as a setting in a library's dict of settings.

    ``settings`` is a function that returns the dict, because libraries can replace the dict object.
    """

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
        """Return the value of the entry, or `ABSENT` if the dict doesn't contain the entry."""
        return self._settings().get(self._key, ABSENT)

    def set(self, value: Any) -> None:
        """Set the entry, or remove the entry from the dict if the value is `ABSENT`."""
        if value is ABSENT:
            self._settings().pop(self._key, None)
        else:
            self._settings()[self._key] = value


class Effect(Place):
    """A setting that can't be read, and that is changed by calling a function with a value."""

    def __init__(self, name: str, act: Callable[[Any], object]) -> None:
        super().__init__(name)
        self._act = act

    def get(self) -> object:
        """Return the value that was last set in this process, or `ABSENT` if no value was set."""
        return PROCESS.effects.get(self.name, ABSENT)

    def set(self, value: Any) -> None:
        """Call the function with the value, and store the value for `get`."""
        PROCESS.effects[self.name] = value
        self._act(value)
