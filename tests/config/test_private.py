"""Only their owner can access the folders and files that we create."""

from __future__ import annotations

import stat
from pathlib import Path
from unittest.mock import Mock

import pytest

from ipy_awsprofile.config.private import replace_file


def test_mode(tmp_path: Path) -> None:
    """New files and their folders are private, and an existing folder stays as it is."""
    (known := tmp_path / "known").mkdir(mode=0o755)
    for _ in range(2):
        replace_file(known / "new" / "file", b"new")
    paths = known, known / "new", known / "new" / "file"
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o755, 0o700, 0o600]
    with pytest.raises(OSError, match="file"):
        replace_file(known / "new" / "file" / "c", b"")


def test_a_write_that_fails(tmp_path: Path) -> None:
    """If a file can't be replaced, the old file stays, and no draft remains."""
    (path := tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="full"):
        replace_file(path, b"new", before=Mock(side_effect=OSError("full")))
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {"file": b"old"}
