"""Measure and print a table of times: ``python -m benchmarks [picker|scale] [--update-page]``."""

from __future__ import annotations

import argparse
import sys

from benchmarks import picker, scale, scenarios
from benchmarks.stage import ACCOUNTS, embedded_aws
from benchmarks.table import PAGE, Rounds, machine, markdown, times, update

#: The number of profiles in the config file in each round.
SIZES = (ACCOUNTS, 1_000)


def measure(*, of_picker: bool) -> Rounds:
    """Return the measurements of each round, by its number of profiles."""
    topic = picker if of_picker else scenarios
    rounds: dict[int, list[scenarios.Measured]] = {}
    with embedded_aws() as stage:
        for size in SIZES:
            stage.grow(size)
            rounds[size] = []
            for measured in topic.measure(stage):
                print(f"{size:>5}  {measured.what}: {times(measured)} ms", file=sys.stderr)
                rounds[size].append(measured)
    return rounds


def main() -> None:
    """Measure and print the table; with ``--update-page``, also write it to its page."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    help_of_topic = "measure the picker in a browser, or hundreds of roles, instead"
    parser.add_argument("topic", nargs="?", choices=["picker", "scale"], help=help_of_topic)
    parser.add_argument("--update-page", action="store_true", help="write the table to its page")
    options = parser.parse_args()
    if options.topic and options.update_page:
        parser.error("The table of the page has no topic.")
    if options.topic == "scale":
        scale.main()
        return
    table = markdown(measure(of_picker=bool(options.topic)))
    table += f"\n\nWe measured the times in this table on {machine()}."
    print(table)
    if options.update_page:
        PAGE.write_text(update(PAGE.read_text("utf-8"), table), "utf-8")


if __name__ == "__main__":
    main()
