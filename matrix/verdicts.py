"""What each cell of the table means."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from matrix.recorder import ANONYMOUS, READ_ONLY, UNKNOWN

if TYPE_CHECKING:
    from matrix.phases import Observed
    from matrix.uses import Use


class Verdict(Enum):
    """A cell's letter, word and meaning, from the best to the worst."""

    NOT_APPLICABLE = ("-", "n/a", "the phase doesn't apply, such as an old object without objects")
    OK = ("o", "ok", "the expected identity signed")
    REFUSED = ("r", "refused", "the extension raised an error, or AWS refused; no one else signed")
    FALSE = ("F", "FALSE ALARM", "the expected identity signed, and a warning said otherwise")
    SAID = ("s", "said", "another identity signed, and the cell or the card said so")
    BROKEN = ("B", "broken", "an unexpected exception was raised, or no request was sent")
    STUCK = ("K", "stuck", "a new object signed as a former identity, and something said so")
    SILENT = ("X", "SILENT", "another identity signed, and nothing said so")

    @property
    def letter(self) -> str:
        """Return the table's letter."""
        return self.value[0]

    @property
    def word(self) -> str:
        """Return the word of the summary."""
        return self.value[1]

    @property
    def meaning(self) -> str:
        """Return the word and what it means."""
        return f"{self.word}: {self.value[2]}"


#: What the warning of a cell says: "… signs ListBuckets as RoleBeta, but `RoleGamma` is active".
_WARNING = re.compile(r"(?<!still )\bsigns [\w ]+ as .*\bactive\b")


def verdict(observed: Observed, use: Use, first: Observed) -> Verdict:
    """Return a phase's verdict. In the first phase of a notebook, the library works as usual."""
    others = set(observed.seen) - {ANONYMOUS, UNKNOWN, observed.expected}
    if others and not _says_so(observed, use):
        return Verdict.SILENT
    if others:
        return Verdict.STUCK if observed.is_new else Verdict.SAID
    if observed.is_ours:
        return Verdict.REFUSED
    # In a run, AWS refuses keys that don't exist, and libraries that find no keys fail.
    if _WARNING.search(observed.text):
        return Verdict.FALSE
    is_usual = observed.error in {"", first.error}
    if observed.phase.startswith("rows") and (UNKNOWN in observed.seen or not is_usual):
        return Verdict.REFUSED
    return Verdict.OK if is_usual and observed.expected in observed.seen else Verdict.BROKEN


def _says_so(observed: Observed, use: Use) -> bool:
    """Return whether the card or the cell names the variable or the library.

    With fewer permissions, only the card counts, because the cell's line would come too late.
    """
    names = (f"`{observed.variable}`", f"`{use.module}`")
    if any(name in observed.card for name in names):
        return True
    if READ_ONLY in observed.expected:
        return False
    return any(name in observed.text for name in names) or bool(_WARNING.search(observed.text))
