"""The programs outside the kernel that got credentials from it, as far as the system says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

#: Programs that start others, without the extension that they have on Windows.
_SHELLS = {
    *("bash", "csh", "dash", "fish", "ksh", "sh", "tcsh", "zsh"),
    *("cmd", "powershell", "pwsh"),
}

#: The number of receipts that are kept.
_MOST = 1000


class Program(NamedTuple):
    """The name and the process ID of a running program."""

    name: str
    process_id: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Keys that a program got. ``agent`` is the name that an agent gives itself, or empty.

    ``profile`` is the profile that the program used, ``identity`` the notebook's, and ``access``
    says whether the keys are for reading or for writing. AWS stops accepting them at ``expires``.
    """

    time: datetime
    program: str
    process_id: int
    agent: str
    profile: str
    identity: str
    access: str
    expires: datetime | None


class Receipts:
    """A receipt for each set of keys that a program got, the oldest first."""

    def __init__(self) -> None:
        self._receipts: dict[tuple[int, str, datetime | None], Receipt] = {}

    def __len__(self) -> int:
        return len(self._receipts)

    def add(self, receipt: Receipt) -> None:
        """Keep a receipt, unless the program has got the same keys before."""
        self._receipts.setdefault((receipt.process_id, receipt.profile, receipt.expires), receipt)
        if len(self._receipts) > _MOST:
            del self._receipts[next(iter(self._receipts))]

    def frame(self) -> pd.DataFrame:
        """Return the receipts as a DataFrame."""
        import pandas as pd  # loading the extension doesn't need it

        return pd.DataFrame(list(self._receipts.values()))


def program_of(process_id: int) -> Program:
    """Return the nearest parent of a process that isn't a shell.

    On Windows, the Python of a virtual environment starts another one with the same arguments.
    """
    import psutil  # loading the extension doesn't need it

    with suppress(psutil.Error):
        process = psutil.Process(process_id)
        arguments = process.cmdline()[1:]
        for parent in process.parents():
            name = parent.name().removesuffix(".exe")
            if name.lower() in _SHELLS:
                continue
            if parent.cmdline()[1:] != arguments:
                return Program(name, parent.pid)
    return Program("", process_id)
