"""Values in explanations are shortened to one line."""

from __future__ import annotations

import pytest

from ipy_awsprofile.explain.records import one_line


@pytest.mark.parametrize(
    ("text", "line"), [("a\n  b\0c", "a b c"), ("x" * 300, "x" * 199 + "…"), ("", "")]
)
def test_one_line(text: str, line: str) -> None:
    """A value becomes one line of at most 200 characters."""
    assert one_line(text) == line
