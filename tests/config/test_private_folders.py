"""Folders are made for their owner only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_awsprofile.config.private_folders import make_private


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let everybody into whatever is created without a mode."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_mode(tmp_path: Path) -> None:
    """Missing parents are private too; what exists keeps its mode, and a second call is fine."""
    known = tmp_path / "known"
    known.mkdir(mode=0o755)
    for _ in range(2):
        make_private(known / "a" / "b")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (known, known / "a", known / "a" / "b")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A file where a folder should be is an OSError."""
    (tmp_path / "a").write_text("")
    with pytest.raises(OSError, match="a"):
        make_private(tmp_path / "a" / "b")
