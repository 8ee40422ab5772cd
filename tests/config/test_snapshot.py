"""An operation reads one state of the files, whoever rewrites them meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_awsprofile.config.shared_files import SharedFiles, read_shared_files
from ipy_awsprofile.config.snapshot import read_once


def test_files_are_read_once(shared_files: tuple[Path, Path]) -> None:
    """In a function, and in those that it calls, the files are as they were read first."""
    config, _ = shared_files
    files = SharedFiles.from_environment()
    config.write_text("[profile one]\n")

    def names() -> list[str]:
        return list(read_shared_files(files).profiles)

    @read_once
    def inner() -> list[str]:
        return names()

    @read_once
    def outer() -> None:
        assert inner() == ["one"]
        config.write_text("[profile other]\n")
        assert names() == inner() == ["one"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outer()
    assert names() == inner() == ["other"]
