"""Measure ours and the alternative by turns, so that a busy machine affects both medians."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.stage import Stage


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement and the alternative to compare it with, as medians in seconds or bytes."""

    what: str
    against: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """Return how many times as much time or memory the alternative takes."""
        return self.theirs / self.ours


def by_turns(
    ours: Callable[[], float], theirs: Callable[[], float], *, times: int
) -> tuple[float, float]:
    """Run two measurements by turns, and return their medians without the first turn."""
    turns = [(ours(), theirs()) for _ in range(times + 1)][1:]
    mine, others = zip(*turns, strict=True)
    return statistics.median(mine), statistics.median(others)


def fresh(stage: Stage, code: str, *, before: Callable[[], object] = lambda: None) -> float:
    """Run code in a new interpreter, and return the number that it prints."""
    before()
    return float(_output(stage, [sys.executable, "-c", code]))


def command(stage: Stage, *arguments: str) -> float:
    """Run a command, and return its time in seconds."""
    start = time.perf_counter()
    _output(stage, list(arguments))
    return time.perf_counter() - start


def timed(code: str, *, setup: str = "") -> str:
    """Return a program that prints how many seconds the code takes after the setup."""
    lines = "\n".join(f"    {line}" for line in code.strip().splitlines())
    return (
        f"import time\n{setup}\ndef work():\n{lines}\n"
        "start = time.perf_counter()\nwork()\nprint(time.perf_counter() - start)"
    )


def repeated(
    stage: Stage, ours: str, theirs: str, *, setup: str, times: int
) -> tuple[float, float]:
    """Run each of two expressions several times in a process, and return their medians in seconds.

    Each has its own processes, because after a switch, sessions of boto3 share the parsed files.
    """
    return by_turns(
        lambda: fresh(stage, _repeatedly(ours, setup, times)),
        lambda: fresh(stage, _repeatedly(theirs, setup, times)),
        times=1,
    )


def _repeatedly(expression: str, setup: str, times: int) -> str:
    """Return a program that prints the median time of an expression, without the first time."""
    return (
        f"import statistics, time\n{setup}\n"
        "def seconds():\n"
        f"    start = time.perf_counter()\n    {expression}\n"
        "    return time.perf_counter() - start\n"
        f"print(statistics.median([seconds() for _ in range({times + 1})][1:]))"
    )


def _output(stage: Stage, arguments: list[str]) -> str:
    return subprocess.run(
        arguments, env=stage.environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
