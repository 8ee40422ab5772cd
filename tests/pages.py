"""The documentation's pages, with their cells and the output below each cell.

A block of text directly below a cell is the cell's output in a terminal. The tests compare outputs
as nbval does in the tutorials, without what differs from run to run.
"""

from __future__ import annotations

import re
from configparser import RawConfigParser, SectionProxy
from dataclasses import dataclass
from pathlib import Path

from tests.shells import Ran

ROOT = Path(__file__).parents[1]

_CELL = re.compile(
    r"^```(?P<language>ipython3|ini)\n(?P<source>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?",
    re.M | re.S,
)
_LOADED = re.compile(
    r"^The ipy_awsprofile extension is already loaded\..*\n.*%reload_ext.*\n?", re.M
)
_SERVER = re.compile(r"^  server +http://127\.0\.0\.1:.*\n", re.M)
_PROGRESS = re.compile(r"^.*\d+%\|.*\n?", re.M)


@dataclass(frozen=True, slots=True)
class PageCell:
    """A cell of a page, or a part of the config file, depending on `language`.

    `shown` is the output on the page, or None.
    """

    language: str
    source: str
    shown: str | None


def page_cells(text: str) -> list[PageCell]:
    """Return a page's cells and parts of the config file, in order."""
    cells = _CELL.finditer(text)
    return [PageCell(cell["language"], cell["source"], cell["shown"]) for cell in cells]


def output_of(ran: Ran, home: Path) -> str:
    """Return the output of a cell in the terminal of a user with this home folder.

    It omits progress bars, and all of a traceback but its last line. It also omits the message that
    the extension is already loaded, because the test has loaded it, and the row for a server that
    isn't AWS, because the pages are about AWS.
    """
    if "Traceback (most recent call last)" in ran.text:
        return f"{type(ran.error).__name__}: {ran.error}\n"
    text = _PROGRESS.sub("", ran.text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _SERVER.sub("", text)
    text = _LOADED.sub("", re.sub(r"^Out\[\d+\]: ?\n?", "", text, flags=re.M))
    return text.replace(str(home), "/home/ann").strip("\n") + "\n"


#: The name of an error's class, because older botocores have fewer classes for S3's errors.
_OF_BOTOCORE = re.compile(r"^\w+: (?=An error occurred \()", re.M)


def comparable(text: str) -> str:
    """Return an output without the parts that differ from run to run, and with single spaces."""
    for rule in _rules():
        text = re.sub(rule["regex"], rule["replace"], text)
    text = _OF_BOTOCORE.sub("ClientError: ", text)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return "\n".join(line for line in lines if line)


def _rules() -> list[SectionProxy]:
    """Return the rules about what differs from run to run."""
    rules = RawConfigParser()
    rules.read(ROOT / "notebooks" / "sanitize.cfg")
    return [rules[name] for name in rules.sections()]


def keep_varying_parts(shown: str, output: str) -> str:
    """Return a new output with the times and names of the former one, so that a diff is short."""
    for rule in _rules():
        former = [match[0] for match in re.finditer(rule["regex"], shown)]

        def earlier(match: re.Match[str], former: list[str] = former) -> str:
            return former.pop(0) if former else match[0]

        output = re.sub(rule["regex"], earlier, output)
    return output


def with_outputs(text: str, outputs: list[str]) -> str:
    """Return the page with these outputs of its cells, replacing only outputs that it shows.

    What differs from run to run stays as the page has it.
    """
    real = iter(outputs)

    def updated(cell: re.Match[str]) -> str:
        output = next(real)
        if cell["shown"] is None or comparable(cell["shown"]) == comparable(output):
            return cell[0]
        output = keep_varying_parts(cell["shown"], output)
        return f"```ipython3\n{cell['source']}```\n\n```text\n{output}```\n"

    return _CELL.sub(updated, text)
