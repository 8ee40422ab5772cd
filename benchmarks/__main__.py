"""Measure and print one table of ratios: ``python -m benchmarks [--update-readme]``.

A ratio above 1 says how many times as long (or as much) the other way takes.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import listing, loading, memory, switching
from benchmarks.stage import embedded_aws
from benchmarks.table import README, machine, markdown, update
from benchmarks.timing import Measured

#: A topic is a module with ``measure(stage)``; its rows stand in this order.
TOPICS = (loading, listing, switching, memory)

#: How many profiles the config file has, round by round.
SIZES = (10, 1_000, 20_000)


def measure() -> dict[int, list[Measured]]:
    """Measure every topic with more and more profiles."""
    rounds: dict[int, list[Measured]] = {}
    with embedded_aws() as stage:
        for size in SIZES:
            stage.grow(size)
            rounds[size] = []
            for topic in TOPICS:
                for measured in topic.measure(stage):
                    print(f"{size:>6}  {measured.what}: {measured.ratio:.2f} ×", file=sys.stderr)
                    rounds[size].append(measured)
    return rounds


def main() -> None:
    """Measure, print the table, and put it into the README if asked to."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--update-readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    table = f"{markdown(measure())}\n\n{machine()}."
    print(table)
    if options.update_readme:
        README.write_text(update(README.read_text("utf-8"), table), "utf-8")


if __name__ == "__main__":
    main()
