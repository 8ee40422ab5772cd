"""Traits with errors that list the allowed values and an example.

``%config`` logs only the message of an error, so the message contains everything.

https://traitlets.readthedocs.io/en/stable/config.html
"""

from __future__ import annotations

from typing import Any, NoReturn

import traitlets

from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import one_line


class _Setting:
    """A trait with the metadata ``allowed``, a description, and ``example``, Python code."""

    def error(
        self, obj: Any, value: object, error: Exception | None = None, info: str | None = None
    ) -> NoReturn:
        """Raise InvalidOption for a value, or for an element of a list."""
        name, metadata = getattr(self, "name", None), getattr(self, "metadata", {})
        if obj is None or name is None:  # an element; the list raises the error
            raise traitlets.TraitError(value, info, self)
        setting = f"{type(obj).__name__}.{name}"
        # Other values can contain a secret, such as a command in a list.
        is_text = isinstance(value, str)
        what = f"`{one_line(value, 40)}`" if is_text else f"a value of type {type(value).__name__}"
        verb = "contain" if error else "be"
        raise InvalidOption(
            f"`{setting}` can't {verb} {what}. Use {metadata['allowed']}, for example "
            f"`%config {setting} = {metadata['example']}`."
        )


def _as_setting(kind: Any) -> Any:
    """Return a subclass with these errors and the same name, which the help shows."""
    return type(kind.__name__, (_Setting, kind), {})


Bool = _as_setting(traitlets.Bool)
CaselessStrEnum = _as_setting(traitlets.CaselessStrEnum)
List = _as_setting(traitlets.List)
Unicode = _as_setting(traitlets.Unicode)
Union = _as_setting(traitlets.Union)
