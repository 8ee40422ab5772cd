"""No other user can read, replace or create the private folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.bindings import private_folder
from ipy_awsprofile.bindings.private_folder import PrivateFolder
from ipy_awsprofile.errors import CredentialsUnavailable
from tests.bindings.borrowing import KERNEL_TESTS, as_nobody, needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shells import Shell

pytestmark = KERNEL_TESTS

OWN = f"ipy-awsprofile-{os.geteuid()}"


@pytest.fixture
def base() -> Iterator[Path]:
    """Create a folder that other users can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, base: Path) -> dict[str, Path]:
    """Create the candidate locations for the folder, to which only the user can write."""
    places = {name: base / name for name in ("runtime", "temporary", "cache")}
    for place in places.values():
        place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(places["runtime"]))
    monkeypatch.setattr(tempfile, "tempdir", str(places["temporary"]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(places["cache"]))
    return places


@pytest.fixture(autouse=True)
def _held() -> Iterator[None]:
    """Keep the folders of a test until it ends, then remove them."""
    yield
    while HELD:
        HELD.pop().remove()


HELD: list[PrivateFolder] = []


def new_folder() -> Path:
    """Create a private folder."""
    HELD.append(PrivateFolder())
    return HELD[-1].path


def test_abandoned_folders(places: dict[str, Path]) -> None:
    """The next process removes the folder of a killed process, and keeps all other folders."""
    (other := places["runtime"] / "ipy-awsprofile-of-something-else").mkdir()
    own = new_folder()
    code = (
        "import os, signal; from ipy_awsprofile.bindings.private_folder import PrivateFolder\n"
        "folder = PrivateFolder(); print(folder.path, flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    theirs = Path(process.stdout.readline().strip())
    assert [new_folder().exists(), own.exists(), theirs.exists()] == [True] * 3
    process.kill()
    process.communicate(timeout=60)
    assert theirs.exists()
    assert [new_folder().exists(), own.exists(), other.exists()] == [True] * 3
    assert not theirs.exists()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_interrupted_creation(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """A full disk or Ctrl-C during the creation leaves no files."""

    def write(_path: Path, _content: bytes) -> None:
        raise error

    monkeypatch.setattr(private_folder, "write_private_file", write)
    with pytest.raises(type(error)):
        PrivateFolder()
    assert list(places["runtime"].iterdir()) == []


def test_order(places: dict[str, Path]) -> None:
    """The locations are tried in order, and only the user can open the folder."""
    for place in places.values():
        folder = new_folder()
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
        place.chmod(0o777)
    with pytest.raises(CredentialsUnavailable, match=f"replace files in `{places['temporary']}`"):
        new_folder()


@pytest.mark.parametrize(
    ("mode", "parent"),
    [
        (0o700, "temporary"),
        (0o755, "temporary"),
        (0o1777, f"temporary/{OWN}"),
        (0o1770, f"temporary/{OWN}"),
        (0o777, "cache"),
        (0o775, "cache"),
        (0o2770, "cache"),
    ],
)
def test_mode(places: dict[str, Path], mode: int, parent: str, base: Path) -> None:
    """If others can write to a location, it needs the sticky bit, and the user gets a subfolder."""
    del os.environ["XDG_RUNTIME_DIR"]
    places["temporary"].chmod(mode)
    assert new_folder().parent == base / parent


def test_whole_path(places: dict[str, Path]) -> None:
    """A folder below a folder that others can write to isn't used, even through a link."""
    below = places["runtime"] / "below"
    below.mkdir(mode=0o700)
    link = places["cache"] / "link"
    link.symlink_to(below)
    for named in (below, link):
        os.environ["XDG_RUNTIME_DIR"] = str(named)
        places["runtime"].chmod(0o700)
        assert new_folder().parent == below
        places["runtime"].chmod(0o777)
        assert new_folder().parent == places["temporary"]


@pytest.mark.parametrize("named", ["", "missing", "file"])
def test_no_such_folder(places: dict[str, Path], named: str, base: Path) -> None:
    """If XDG_RUNTIME_DIR doesn't name a folder, the next location is used."""
    (base / "file").touch()
    os.environ["XDG_RUNTIME_DIR"] = named and str(base / named)
    assert new_folder().parent == places["temporary"]


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1777])
def test_place_of_another_user(places: dict[str, Path], mode: int) -> None:
    """A location that another user owns isn't used, whatever its mode is."""
    places["runtime"].chmod(mode)
    os.chown(places["runtime"], 65534, 65534)
    assert new_folder().parent == places["temporary"]


def created(folder: Path) -> str:
    """Create a folder, and return a text."""
    folder.mkdir()
    return "created"


def renamed(path: Path) -> str:
    """Rename a file or folder, and return a text."""
    path.rename(f"{path}-renamed")
    return "renamed"


@needs_root
def test_name_that_another_user_has_taken(places: dict[str, Path]) -> None:
    """If another user has created the user's subfolder, the next location is used."""
    places["runtime"].chmod(0o1777)
    assert as_nobody(partial(created, places["runtime"] / OWN)) == "created"
    assert new_folder().parent == places["temporary"]


@needs_root
def test_another_user_replaces_nothing(places: dict[str, Path]) -> None:
    """No other user can rename the folder, or a parent of it, to replace it."""
    del os.environ["XDG_RUNTIME_DIR"]
    for mode in (0o777, 0o1777):
        places["temporary"].chmod(mode)
        folder = new_folder()
        for path in (folder, *folder.parents[:3]):
            assert as_nobody(partial(renamed, path)).startswith("PermissionError"), path
    (places["temporary"] / "other").touch()
    places["temporary"].chmod(0o777)  # the unused location
    assert as_nobody(partial(renamed, places["temporary"] / "other")) == "renamed"


def test_a_switch_says_what_to_set(
    places: dict[str, Path], shell: Shell, aws: object, base: Path
) -> None:
    """Without a safe location, a switch fails, and works after you follow the advice."""
    for place in places.values():
        place.chmod(0o777)
    error = shell.refused("%aws_profile RoleBeta")
    assert error.hint.startswith("Set XDG_RUNTIME_DIR or TMPDIR to a folder")
    (base / "own").mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(base / "own")
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile --off")
