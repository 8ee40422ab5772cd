"""Traits of settings that say in one sentence what they allow, and how to set it.

``%config`` shows an error's text alone, and the cell succeeds: so all is in the text.

https://traitlets.readthedocs.io/en/stable/config.html
"""

from __future__ import annotations

from typing import Any, NoReturn

import traitlets

from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import short_line


class _SaysWhatIsAllowed:
    """A trait whose metadata has ``allowed``, in words, and an ``example`` of Python code."""

    def error(
        self, obj: Any, value: object, error: Exception | None = None, info: str | None = None
    ) -> NoReturn:
        """Raise InvalidOption for a value, or for an element of a list."""
        name, metadata = getattr(self, "name", None), getattr(self, "metadata", {})
        if obj is None or name is None:  # an element, whose list says what is allowed
            raise traitlets.TraitError(value, info, self)
        setting = f"{type(obj).__name__}.{name}"
        # Only a text that isn't allowed is quoted: another value can be a command with a secret.
        is_text = isinstance(value, str)
        what = (
            f"`{short_line(str(value), 40)}`"
            if is_text
            else f"a value of type {type(value).__name__}"
        )
        verb = "contain" if error else "be"
        raise InvalidOption(
            f"`{setting}` can't {verb} {what}. Use {metadata['allowed']}, for example "
            f"`%config {setting} = {metadata['example']}`."
        )


def _saying(kind: Any) -> Any:
    """Return a kind of trait that says what is allowed; the help shows the same name."""
    return type(kind.__name__, (_SaysWhatIsAllowed, kind), {})


Bool = _saying(traitlets.Bool)
CaselessStrEnum = _saying(traitlets.CaselessStrEnum)
List = _saying(traitlets.List)
Unicode = _saying(traitlets.Unicode)
Union = _saying(traitlets.Union)
