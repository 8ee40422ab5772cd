"""A problem of a profile, and the form in which a line of a shared file is displayed."""

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
    """Return a file and line for display, for example ``config:3``."""
    return f"{file.name}:{line}" if file else ""
