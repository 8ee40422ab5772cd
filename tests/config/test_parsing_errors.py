"""A parsing error is explained even if the file has changed since it was read."""

from __future__ import annotations

from configparser import MissingSectionHeaderError
from typing import TYPE_CHECKING

from ipy_awsprofile.config.parsing_errors import problem_and_line

if TYPE_CHECKING:
    from pathlib import Path

NO_SECTION = ("There are settings before the first [section].", 3)


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    """The error describes the text that was read, even if the file is since deleted or binary."""
    file = tmp_path / "config"
    error = MissingSectionHeaderError(str(file), 3, "region = x")
    assert problem_and_line(file, error) == NO_SECTION
    file.write_bytes(b"\xff\xfe\x00")
    assert problem_and_line(file, error) == NO_SECTION
    file.write_text("[profile A\n")
    assert problem_and_line(file, error) == ("The header of this section has no closing `]`.", 1)
