"""The table of speed ratios, and its place on the performance page."""

from __future__ import annotations

import pytest

from benchmarks.table import PAGE, machine, markdown, update
from benchmarks.timing import Measured


def test_ratios_and_growth() -> None:
    """Each row has the ratio for each number of profiles, and the growth of both sides."""
    rounds = {
        10: [Measured("a", "b", 1.0, 0.97), Measured("c", "d", 2.0, 5.0)],
        20_000: [Measured("a", "b", 1.5, 1800.0), Measured("c", "d", 2.0, 50.0)],
    }
    assert markdown(rounds).splitlines() == [
        "| what | compared with | 10 profiles | 20,000 profiles | growth: ours, theirs |",
        "| --- | --- | ---: | ---: | ---: |",
        "| a | b | 0.97 × | 1,200 × | 1.5, 1,856 × |",
        "| c | d | 2.5 × | 25 × | 1.0, 10 × |",
    ]


def test_a_measurement_of_only_the_first_round() -> None:
    """A row without a second measurement has neither a second ratio nor a growth."""
    rounds = {10: [Measured("a", "b", 1.0, 2.0)], 20_000: []}
    assert markdown(rounds).splitlines()[-1] == "| a | b | 2.0 × |  |  |"


def test_only_what_is_between_the_markers_changes() -> None:
    """A new table replaces the old one between the markers."""
    first = update("before\n<!-- benchmarks --><!-- end of benchmarks -->\nafter", "| one |")
    text = "before\n<!-- benchmarks -->\n{}\n<!-- end of benchmarks -->\nafter"
    assert first == text.format("| one |")
    assert update(first, "| two |") == text.format("| two |")
    assert "\n| two |\n" in update(PAGE.read_text(), "| two |")
    with pytest.raises(ValueError, match="no place"):
        update("before\n<!-- benchmarks -->", "| one |")


@pytest.mark.slow
def test_the_description_of_the_machine() -> None:
    """The description of the machine has its cores and versions, and no path."""
    assert "cores" in machine()
    assert "boto3" in machine()
    assert "/" not in machine()
