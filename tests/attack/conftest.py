"""Rounds for each random test.

A random test uses the fixture ``rounds``, and takes all its random values from there::

    def test_something(rounds: Rounds, shell: Shell) -> None:
        for random in rounds(20):  # in `make attack`, until the time is over; otherwise 20
            ...

A test that fails shows its seeds. To repeat the last round, run
``ATTACK_SEED=… make test ARGS="tests/attack -k something"``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from random import Random

import pytest

Rounds = Callable[[int], Iterator[Random]]


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Rounds:
    """Return a function that yields random generators: a few, or for the test's part of the time.

    `make attack` divides its minutes among the random tests.
    """
    tests = sum("rounds" in getattr(item, "fixturenames", ()) for item in request.session.items)
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    seconds = float(os.environ.get("ATTACK_MINUTES", "0")) * 60 * workers / tests
    only = os.environ.get("ATTACK_SEED")

    def rounds(few: int) -> Iterator[Random]:
        for number in [int(only)] if only else _seeds(few, seconds):
            print(f"ATTACK_SEED={number}")  # noqa: T201  # pytest shows it with an error
            yield Random(number)

    return rounds


def _seeds(few: int, seconds: float) -> Iterator[int]:
    """Yield a few numbers, or new ones until the time is over."""
    if not seconds:
        yield from range(few)
        return
    end = time.monotonic() + seconds
    for number in count(int(time.time() * 1000)):
        yield number
        if time.monotonic() > end:
            return
