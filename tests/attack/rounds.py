"""Rounds of a random test, which are the same each time, or new until the time is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random


@dataclass(slots=True)
class Rounds:
    """The rounds of one test, each with its seed.

    Without ``seconds``, there is a fixed number of rounds. ``only`` is the seed of a single round.
    """

    name: str
    seconds: float = 0
    only: int | None = None
    done: int = 0
    seed: int = 0

    def __call__(self, few: int) -> Iterator[Random]:
        """Yield a random generator for each of a ``few`` rounds, or until the time is over."""
        if self.only is not None:
            yield self._begin(self.only)
        elif not self.seconds:
            for seed in range(few):
                yield self._begin(seed)
        else:
            end, seed = time.monotonic() + self.seconds, time.time_ns() // 1_000_000
            while not self.done or time.monotonic() < end:
                yield self._begin(seed)
                seed += 1

    def _begin(self, seed: int) -> Random:
        self.seed, self.done = seed, self.done + 1
        return Random(f"{self.name} {seed}")
