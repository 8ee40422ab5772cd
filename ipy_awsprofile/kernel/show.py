"""Set the variables and settings that libraries get an identity from, and restore them later.

A variable or setting is called a *place*. After the last switch ends, each place is restored to its
value from before the first switch, unless the user has changed the value since then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipy_awsprofile.config.user_environment import SWITCHED
from ipy_awsprofile.place import Place, Variables


class Kernel:
    """The places that contain the active identity, with the values from the user and the switch."""

    # For example, with the variable `session` alone, which is 1 at first:
    #
    #                                   _first  _theirs  _ours
    #   show({session: A})              1       1        A
    #   show({session: B})              1       1        B
    #   the user runs `session = 2`     1       1        B       changed() is {session: 2}
    #   show({session: C})              1       2        C       kept() is ["session"]
    #   show({}), which sets 2          –       2        –

    def __init__(self) -> None:
        #: The values from before the first switch, of the places that are shown.
        self._first: dict[Place, object] = {}
        #: The user's values, which return when their places aren't shown anymore.
        self._theirs: dict[Place, Any] = {}
        #: The switch's values.
        self._ours: dict[Place, object] = {}

    def show(self, values: Mapping[Place, Any], kept: Mapping[Place, object]) -> None:
        """Set the places in ``values``, and restore all other places that an earlier call has set.

        ``kept`` maps places that the user has changed to the user's values, which these places
        keep. For example, if the user runs ``session = 2`` in a block, the variable still has this
        value after the block. If a place can't be set, restore all places and raise the error.
        """
        places = {**values, **self._ours}
        now = {place: place.get() for place in places}
        # The user's values: the current ones, except in places that still have our values. So a
        # value from after the last switch becomes the user's.
        unchanged = self._ours.keys() - self.changed().keys()
        theirs: dict[Place, Any] = now | {place: self._theirs[place] for place in unchanged}
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
        SWITCHED.groups = [
            (place.names, ours, theirs[place])
            for place, ours in values.items()
            if isinstance(place, Variables)
        ]

    def changed(self) -> dict[Place, object]:
        """Return the places that the user has changed since the last `show`, with their values."""
        changed = {}
        for place, ours in self._ours.items():
            now = place.get()
            if not _is_same(now, ours):
                changed[place] = now
        return changed

    def discard(self) -> None:
        """Give the places that code has changed since the last `show` the switch's values again."""
        for place in self.changed():
            place.set(self._ours[place])

    def kept(self) -> list[str]:
        """Return the names of the places that the user changed after the first switch."""
        after = self._theirs | self.changed()
        return [
            place.shown_name
            for place, first in self._first.items()
            if not _is_same(after[place], first)
        ]


def _is_same(value: object, other: object) -> bool:
    if type(value) is type(other) is dict:
        return value == other
    return value is other  # a place can hold any object, even one that can't be compared
