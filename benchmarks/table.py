"""Format the ratios as a Markdown table, and write it to the performance page."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.cli import aws_cli
from benchmarks.timing import Measured

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

#: ``python -m benchmarks --update-page`` writes the text between these two lines.
_BEGIN, _END = "<!-- benchmarks -->", "<!-- end of benchmarks -->"

Rounds = Mapping[int, Sequence[Measured]]


def markdown(rounds: Rounds) -> str:
    """Return the ratios of all rounds as a table with a row for each measurement.

    The last column is the growth of each side from the first round to the last. The first round has
    all measurements; a cell is empty if its round doesn't have the measurement.
    """
    sizes = list(rounds)
    found = [{(one.what, one.against): one for one in row} for row in rounds.values()]
    columns = (f"{size:,} profiles" for size in sizes)
    header = ["what", "compared with", *columns, "growth: ours, theirs"]
    rule = ["---", "---", *("---:" for _ in range(len(sizes) + 1))]
    lines = [header, rule]
    for key, first in found[0].items():
        row = [each.get(key) for each in found]
        ratios = [f"{_number(each.ratio)} ×" if each else "" for each in row]
        last, growth = row[-1], ""
        if last:
            growth = f"{_number(last.ours / first.ours)}, {_number(last.theirs / first.theirs)} ×"
        lines.append([*key, *ratios, growth])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(ratio: float) -> str:
    """Return a ratio with about two significant digits, such as 0.97, 1.4, 23 or 1,200."""
    digits = 2 if ratio < 1 else 1 if ratio < 10 else 0  # noqa: PLR2004
    return f"{ratio:,.{digits}f}"


def machine() -> str:
    """Return a description of the machine and its software, without names and paths."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("boto3", "ipython"))
    return f"{_processor()}, Python {platform.python_version()}, {packages}, AWS CLI {aws_cli()[1]}"


def _processor() -> str:
    cores = f"{os.cpu_count()} cores"
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return f"{cores} ({found[1]})" if found else cores


def update(text: str, table: str) -> str:
    """Return a text with the table between its two markers. Raises ValueError without markers."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"The text has no place for the table: {_BEGIN} and {_END} are missing.")
    return f"{before}{begin}\n{table}\n{end}{after}"
