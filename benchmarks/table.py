"""Format the times as a Markdown table, and write it to the performance page."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.scenarios import Measured

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

#: ``python -m benchmarks --update-page`` writes the text between these two lines.
_BEGIN, _END = "<!-- benchmarks -->", "<!-- end of benchmarks -->"

Rounds = Mapping[int, Sequence[Measured]]


def markdown(rounds: Rounds) -> str:
    """Return all rounds as a table with a row for each scenario, and ours before the slash."""
    sizes = [f"{size:,} profiles" for size in rounds]
    rows = [
        (row[0].what, row[0].against, *map(times, row))
        for row in zip(*rounds.values(), strict=True)
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in (("", "compared with", *sizes), *rows)]
    return "\n".join([lines[0], f"|---|---|{'---:|' * len(sizes)}", *lines[1:]])


def times(measured: Measured) -> str:
    """Return both times in milliseconds with two significant digits, such as 8.6 / 1,200."""
    both = (float(f"{seconds * 1000:.2g}") for seconds in (measured.ours, measured.theirs))
    return " / ".join(f"{milliseconds:,.{int(milliseconds < 10)}f}" for milliseconds in both)  # noqa: PLR2004


def machine() -> str:
    """Return a description of the machine and its software, without names and paths."""
    packages = f"boto3 {version('boto3')} and AWS CLI {version('awscli')}"
    return f"{_processor()} with Python {platform.python_version()}, {packages}"


def _processor() -> str:
    cores = f"{os.cpu_count()} cores"
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        match = None
    return f"{cores} ({match[1]})" if match else cores


def update(text: str, table: str) -> str:
    """Return a text with the table between its two markers. Raises ValueError without markers."""
    before, begin, tail = text.partition(_BEGIN)
    _, end, after = tail.partition(_END)
    if not end:
        raise ValueError(f"The text has no place for the table: {_BEGIN} and {_END} are missing.")
    return f"{before}{begin}\n{table}\n{end}{after}"
