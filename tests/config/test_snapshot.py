"""An operation reads one state of the files, whoever rewrites them meanwhile."""

from __future__ import annotations

from pathlib import Path

from ipy_awsprofile.config.shared_files import SharedFiles, read_shared_files
from ipy_awsprofile.config.snapshot import read_once


def test_files_are_read_once(shared_files: tuple[Path, Path]) -> None:
    """In a block, and in blocks in it, the files are as they were read first."""
    config, _ = shared_files
    files = SharedFiles.from_environment()
    config.write_text("[profile one]\n")

    def names() -> list[str]:
        return list(read_shared_files(files).profiles)

    with read_once():
        with read_once():
            assert names() == ["one"]
        config.write_text("[profile other]\n")
        assert names() == ["one"]
    assert names() == ["other"]
