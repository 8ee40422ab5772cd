"""Measure and print one table of ratios: ``python -m benchmarks [picker] [--update-readme]``.

A ratio above 1 says how many times as long (or as much) the other way takes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

from benchmarks import accounts, listing, loading, memory, picker, switching
from benchmarks.stage import Stage, embedded_aws
from benchmarks.table import README, machine, markdown, update
from benchmarks.timing import Measured


class Topic(Protocol):
    """A module with what is measured."""

    def measure(self, stage: Stage) -> Iterator[Measured]:
        """Measure with as many profiles as the stage has."""


#: Their rows stand in this order.
TOPICS: Sequence[Topic] = (loading, listing, switching, memory, accounts)

#: How many profiles the config file has, round by round.
SIZES = (10, 1_000, 20_000)


def measure(topics: Sequence[Topic]) -> dict[int, list[Measured]]:
    """Measure topics with more and more profiles."""
    rounds: dict[int, list[Measured]] = {}
    with embedded_aws() as stage:
        for size in SIZES:
            stage.grow(size)
            rounds[size] = []
            for topic in topics:
                for measured in topic.measure(stage):
                    print(f"{size:>6}  {measured.what}: {measured.ratio:.2f} ×", file=sys.stderr)
                    rounds[size].append(measured)
    return rounds


def main() -> None:
    """Measure, print the table, and put it into the README if asked to."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("topic", nargs="?", choices=["picker"], help="in a browser; not in README")
    parser.add_argument("--update-readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    if options.topic and options.update_readme:
        parser.error("README.md has the other topics.")
    table = f"{markdown(measure([picker] if options.topic else TOPICS))}\n\n{machine()}."
    print(table)
    if options.update_readme:
        README.write_text(update(README.read_text("utf-8"), table), "utf-8")


if __name__ == "__main__":
    main()
