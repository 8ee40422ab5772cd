"""Tools that some tests need: how a test does without one, and what the end of a run says."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

_LEFT_OUT = re.compile(r"needs (?P<tool>.+) \(Debian: `apt install (?P<package>[\w ]+)`\)")


def missing(tool: str, package: str) -> BaseException:
    """Return what skips the test that needs the tool of Debian's package; in CI it fails."""
    give_up = pytest.fail if os.environ.get("CI") else pytest.skip
    return give_up.Exception(f"needs {tool} (Debian: `apt install {package}`)")


def left_out(reasons: Iterable[str]) -> list[str]:
    """Return, from the reasons of skipped tests, a line for each tool that was missing."""
    found = [match for reason in reasons if (match := _LEFT_OUT.search(reason))]
    counted = [(one["tool"], one["package"]) for one in found]
    lines = [
        f"{counted.count(pair)} test{'s' if counted.count(pair) > 1 else ''} without {pair[0]}"
        for pair in dict.fromkeys(counted)
    ]
    packages = " ".join(dict.fromkeys(package for _, package in counted))
    return [*lines, f"On Debian, this brings what is missing: apt install {packages}"] * bool(found)
