"""Rounds for each random test, and their number at the end of the run.

A random test uses the fixture ``rounds``, and takes all its random values from there::

    def test_something(rounds: Rounds, shell: Shell) -> None:
        for random in rounds(20):  # 20 in `make test`; in `make attack`, until the time is over
            name = random.choice(names)

If a round fails, the report shows its seed. To repeat the round, run
``ATTACK_SEED=… make test ARGS="tests/attack -k something"``.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.attack.rounds import Rounds

_ROUNDS = pytest.StashKey[Rounds]()
_SECONDS = pytest.StashKey[float]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Divide the minutes of `make attack` among the random tests."""
    count = sum("rounds" in getattr(item, "fixturenames", ()) for item in items)
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    minutes = float(os.environ.get("ATTACK_MINUTES", "0"))
    config.stash[_SECONDS] = minutes * 60 * workers / max(count, 1)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Rounds:
    """Return the rounds of the test."""
    seed = os.environ.get("ATTACK_SEED")
    rounds = Rounds(request.node.name, request.config.stash[_SECONDS], int(seed) if seed else None)
    request.node.stash[_ROUNDS] = rounds
    return rounds


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the number of rounds to a test's report, and the seed of a round that failed."""
    report = yield
    rounds = item.stash.get(_ROUNDS, None)
    if rounds and report.when == "call":
        end = f"failed with ATTACK_SEED={rounds.seed}" if report.failed else "found nothing"
        report.sections.append(("rounds", f"{item.name}: {rounds.done} rounds, {end}"))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the number of rounds of each test that passed."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.sections:
            if name == "rounds":
                terminalreporter.write_line(text)
