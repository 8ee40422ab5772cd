"""What was measured becomes a table of ratios, and the table gets into a document."""

from __future__ import annotations

import pytest

from benchmarks.table import machine, markdown, update
from benchmarks.timing import Measured


def test_ratios_and_growth() -> None:
    """Each line has the ratio of every round, and how much each side has grown."""
    rounds = {
        10: [Measured("a", "b", 1.0, 0.97), Measured("c", "d", 2.0, 5.0)],
        20_000: [Measured("a", "b", 1.5, 1800.0), Measured("c", "d", 2.0, 50.0)],
    }
    assert markdown(rounds).splitlines() == [
        "| what | against | 10 profiles | 20,000 profiles | growth: ours, theirs |",
        "| --- | --- | ---: | ---: | ---: |",
        "| a | b | 0.97 × | 1,200 × | 1.5, 1,856 × |",
        "| c | d | 2.5 × | 25 × | 1.0, 10 × |",
    ]


def test_what_is_measured_in_the_first_round_only() -> None:
    """A line has no ratio, and no growth, where it wasn't measured."""
    rounds = {10: [Measured("a", "b", 1.0, 2.0)], 20_000: []}
    assert markdown(rounds).splitlines()[-1] == "| a | b | 2.0 × |  |  |"


def test_only_what_is_between_the_markers_changes() -> None:
    """A newer table stands in the place of the older one."""
    first = update("before\n<!-- benchmarks --><!-- end of benchmarks -->\nafter", "| one |")
    text = "before\n<!-- benchmarks -->\n{}\n<!-- end of benchmarks -->\nafter"
    assert first == text.format("| one |")
    assert update(first, "| two |") == text.format("| two |")
    with pytest.raises(ValueError, match="No place"):
        update("before\n<!-- benchmarks -->", "| one |")


def test_machine_is_described_without_paths() -> None:
    """The description says cores and versions, and has no path."""
    assert "cores" in machine()
    assert "boto3" in machine()
    assert "/" not in machine()
