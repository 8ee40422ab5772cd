"""Texts of explanations."""

from __future__ import annotations

import pytest

from ipy_awsprofile.explain.records import one_line


@pytest.mark.parametrize(
    ("text", "line"), [("a\n  b\0c", "a b c"), ("x" * 300, "x" * 199 + "…"), ("", "")]
)
def test_one_line(text: str, line: str) -> None:
    """A value becomes one line with a maximum length."""
    assert one_line(text) == line
