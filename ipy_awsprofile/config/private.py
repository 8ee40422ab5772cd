"""Keep files and folders private to one user, and objects private to one process."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import sleep
from typing import NoReturn, SupportsIndex, TypeVar
from weakref import ref

_T = TypeVar("_T")

#: How often to try again to use a file that another program has open.
_RETRIES = 100

#: The code of Windows for a file that is open or read-only.
#: https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes--0-499-
_ACCESS_DENIED = 5


class NotWritable(OSError):
    """Raised if a file can't be written because of its folder or disk.

    ``filename`` is the path of the file.
    """


def use_file(path: Path, act: Callable[[Path], _T]) -> _T:
    """Call ``act``, which reads, replaces or removes a file, and return the result of ``act``.

    Raise any OSError that remains after the retries. On Windows, ``act`` fails while another
    program has the file open exclusively, so this function retries for a second. Windows also
    refuses to replace or remove a read-only file, so the function makes the file writable.

    https://learn.microsoft.com/en-us/windows/win32/fileio/creating-and-opening-files
    """
    for _ in range(_RETRIES):
        try:
            return act(path)
        except PermissionError as error:
            if not hasattr(error, "winerror"):  # only errors of Windows have it
                raise
            if error.winerror == _ACCESS_DENIED:
                with suppress(OSError):
                    path.chmod(0o600)
        sleep(0.01)
    return act(path)


def replace_file(
    path: Path, content: bytes, before: Callable[[Path], object] = lambda _draft: None
) -> None:
    """Replace a file atomically, or create a private file (0600) and its folder (0700).

    ``before`` is called with the path of the draft just before the draft replaces the file. Raise
    NotWritable if, for example, the disk is full. Exceptions from ``before`` aren't caught. After
    an error, the file is unchanged and the draft is deleted.
    """
    with _new_draft(path) as draft:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        before(draft)
        use_file(path, partial(os.replace, draft))


def require_writable(path: Path) -> None:
    """Raise NotWritable if `replace_file` wouldn't be able to write a file."""
    with _new_draft(path):
        pass


@contextmanager
def _new_draft(path: Path) -> Iterator[Path]:
    """Create a private file next to ``path``, and remove it after the ``with`` block.

    Raise NotWritable if the file can't be created or written.
    """
    import tempfile  # not needed to read the files

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        os.close(handle)
        try:
            yield Path(name)
        finally:
            with suppress(OSError):  # it has replaced the file
                os.unlink(name)
    except OSError as error:
        raise NotWritable(error.errno, error.strerror, str(path)) from None


def cache_folder() -> Path:
    """Return the path of this package's cache folder. The folder might not exist yet.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named or "~/.cache").expanduser() / "ipy_awsprofile"


def require_private(path: Path | int) -> None:
    """Raise PermissionError unless the user owns a file or folder and no other user has access.

    ``path`` can be the file descriptor of an open file, because another user can't replace an open
    file. On Windows, this function does nothing, because a user's folders there are private by
    default.
    """
    if not hasattr(os, "getuid"):
        return
    status = os.stat(path)
    access = stat.filemode(status.st_mode)
    if status.st_uid != os.getuid() or not access.endswith("------"):
        whose = f"belongs to the user with the ID {status.st_uid}"
        raise PermissionError(f"`{path}` {whose} and has the mode {access}; it must be yours alone")


def read_file(path: Path) -> bytes:
    """Return the content of a file. Raise OSError."""
    return use_file(path, Path.read_bytes)


def read_private_file(path: Path) -> bytes:
    """Return a private file's content. Raise OSError if another user may have written the file."""

    def read(path: Path) -> bytes:
        with open(path, "rb") as file:
            require_private(file.fileno())
            return file.read()

    return use_file(path, read)


def remove_file(path: Path) -> None:
    """Remove a file if it exists. Raise OSError."""
    use_file(path, partial(Path.unlink, missing_ok=True))


def remove_folder(folder: Path) -> None:
    """Remove a folder and its files, except for those that the user isn't allowed to remove."""
    with suppress(OSError):
        for path in folder.rglob("*"):
            if path.is_file():
                remove_file(path)
    shutil.rmtree(folder, ignore_errors=True)


#: The attributes that a forked child replaces, by the ID of their object: the object, the name, and
#: what creates the value.
_of_process: dict[tuple[int, str], tuple[ref[object], Callable[[], object]]] = {}


def of_process(owner: object, *, name: str, create: Callable[[], _T]) -> _T:
    """Create an attribute's value, such as a lock, and create it anew in each forked child process.

    When the process forks, another thread might be holding a lock. In the child process, that
    thread doesn't exist and never releases the lock. To prevent deadlocks, the package creates all
    its locks with this function.

    https://docs.python.org/3/library/os.html#os.register_at_fork
    """
    _of_process[id(owner), name] = ref(owner), create
    return create()


def _begin_child() -> None:
    """In a forked child process, recreate all values that `of_process` has created."""
    for (number, name), (reference, create) in list(_of_process.items()):
        owner = reference()
        if owner is None:
            _of_process.pop((number, name), None)
        else:
            setattr(owner, name, create())


if hasattr(os, "register_at_fork"):  # Windows doesn't fork
    os.register_at_fork(after_in_child=_begin_child)


class StaysInProcess:
    """A mixin that prevents objects with secrets from being pickled or copied."""

    __slots__ = ()

    @property
    def step_instead(self) -> str:
        """What to do instead of copying or pickling the object, or an empty string."""
        return ""

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        """Raise TypeError."""
        problem = f"{self!r} can't be copied or pickled, because it stays in its process."
        raise TypeError(f"{problem} {self.step_instead}".strip())
