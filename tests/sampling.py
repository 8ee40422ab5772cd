"""The sample of the exhaustive tests in `make test`; `make nightly` runs all of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from zlib import crc32

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

#: Hypothesis' examples, which are always the same in `make test`, and new each night.
_PATIENT = settings(database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("sample", _PATIENT, max_examples=40, derandomize=True)
settings.register_profile("nightly", _PATIENT, max_examples=400)


def split_sample(
    items: Sequence[pytest.Item],
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Return the tests of the sample, in their order, and the other tests.

    From a table marked with ``nightly(keep=3)``, the sample has three rows. They depend on hashes
    of their names, so they are always the same, from all over the table.
    """
    left_out = set()
    for rows in _tables(items):
        marker = rows[0].get_closest_marker("nightly")
        assert marker
        rows.sort(key=lambda row: crc32(row.nodeid.encode()))
        left_out.update(rows[marker.kwargs["keep"] :])
    return [one for one in items if one not in left_out], [one for one in items if one in left_out]


def _tables(items: Iterable[pytest.Item]) -> Iterable[list[pytest.Item]]:
    """Return the rows of each marked test."""
    tables: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("nightly"):
            tables[item.nodeid.partition("[")[0]].append(item)
    return tables.values()
