"""Measure and print a table of ratios: ``python -m benchmarks [picker] [--update-page]``.

A ratio is how many times as long (or as much memory) the alternative takes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

from benchmarks import (
    accounts,
    calls,
    following,
    listing,
    loading,
    memory,
    picker,
    roles,
    switching,
)
from benchmarks.stage import Stage, embedded_aws
from benchmarks.table import PAGE, machine, markdown, update
from benchmarks.timing import Measured


class Topic(Protocol):
    """A module that measures one topic."""

    def measure(self, stage: Stage) -> Iterator[Measured]:
        """Measure with the stage's number of profiles."""


#: The rows of the table are in this order.
TOPICS: Sequence[Topic] = (loading, listing, switching, following, memory, accounts, roles, calls)

#: The number of profiles in the config file in each round.
SIZES = (10, 1_000, 20_000)


def measure(topics: Sequence[Topic]) -> dict[int, list[Measured]]:
    """Return the measurements of each round, by its number of profiles."""
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
    """Measure and print the table; with ``--update-page``, also write it to its page."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    picker_help = "measure the picker in a browser instead"
    parser.add_argument("topic", nargs="?", choices=["picker"], help=picker_help)
    parser.add_argument("--update-page", action="store_true", help="write the table to its page")
    options = parser.parse_args()
    if options.topic and options.update_page:
        parser.error("The table of the page doesn't include the picker.")
    table = f"{markdown(measure([picker] if options.topic else TOPICS))}\n\n{machine()}."
    print(table)
    if options.update_page:
        PAGE.write_text(update(PAGE.read_text("utf-8"), table), "utf-8")


if __name__ == "__main__":
    main()
