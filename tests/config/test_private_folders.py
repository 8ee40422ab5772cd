"""Only their owner can access the folders that we create."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_awsprofile.config.private_folders import make_private, replace_file


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Clear the umask, so that everyone can access files created without a mode."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_mode(tmp_path: Path) -> None:
    """Missing parents are created private, existing folders keep their mode, and a retry works."""
    known = tmp_path / "known"
    known.mkdir(mode=0o755)
    for _ in range(2):
        make_private(known / "a" / "b")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (known, known / "a", known / "a" / "b")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A file in place of a parent folder raises an OSError."""
    (tmp_path / "a").write_text("")
    with pytest.raises(OSError, match="a"):
        make_private(tmp_path / "a" / "b")


@pytest.mark.parametrize("limit", [0, 1, 5_000])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_full_disk(tmp_path: Path, limit: int, old: bytes | None) -> None:
    """If the disk is full, the old file stays, the error names it, and no draft remains."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "file"
    if old:
        path.write_bytes(old)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signals = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        with pytest.raises(OSError, match="too large") as refused:
            replace_file(path, b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, signals)
    assert refused.value.filename == str(path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == (
        {"file": old} if old else {}
    )
    replace_file(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
