"""A problem of a profile, and a place in the shared files, as they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem, and how to fix it. A profile with a ``fatal`` problem doesn't work."""

    says: str
    fix: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.says} {self.fix}"


def place(file: Path | None, line: int | None) -> str:
    """Return a line of a file, for example ``config:3``."""
    return f"{file.name}:{line}" if file else ""
