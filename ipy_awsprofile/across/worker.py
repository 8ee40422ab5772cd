"""Send a function to a worker process and call it there."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from ipy_awsprofile.across.outcomes import CallResult, Function, call, failure_of
from ipy_awsprofile.bindings.isolated_run import isolated_run
from ipy_awsprofile.errors import InvalidOption, NotForOneProfile

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ipy_awsprofile.sessions.portable import PortableSession


class PortableFunction:
    """A function that can be sent to an executor.

    If cloudpickle is installed, a function defined in a notebook is pickled by value. Raises
    InvalidOption if the function can't be sent to this executor.
    """

    def __init__(self, function: Function, executor: Executor) -> None:
        self._function: Function | None = function
        self._pickled = b"" if type(executor) is ThreadPoolExecutor else _pickled(function)

    def __getstate__(self) -> bytes:
        return self._pickled

    def __setstate__(self, pickled: bytes) -> None:
        self._function, self._pickled = None, pickled

    def __call__(self, session: Any) -> Any:
        """Call the function. Unpickle it first, so that unpickling errors can be reported."""
        if self._function is None:
            self._function = pickle.loads(self._pickled)  # noqa: S301  # it comes from the kernel
        return self._function(session)


def call_in_worker(session: PortableSession, function: PortableFunction) -> CallResult:
    """Open the session and call the function with it. This is the task for an executor."""
    try:
        opened = session.open()
    except Exception as error:  # noqa: BLE001
        return CallResult(failure=failure_of(error, session.keys))
    with isolated_run(_no_storage_options):
        return call(function, opened)


def _no_storage_options(_session: object) -> NoReturn:
    raise NotForOneProfile(
        "In a worker, the name of a profile isn't enough to open `s3://` paths.",
        "`from ipy_awsprofile import libraries`, then pass "
        "`filesystem=libraries.pyarrow_filesystem(session)` to `pandas.read_parquet`.",
    )


def _pickled(function: Function) -> bytes:
    pickler = _pickler(function)
    try:
        pickled: bytes = pickler.dumps(function)
    except Exception as error:
        raise InvalidOption(
            f"The function can't be sent to a worker: {failure_of(error).message}",
            "The variables that it uses are sent with it. Don't use sessions or clients of the "
            "notebook in it: the function gets its own session.",
        ) from error
    return pickled


def _pickler(function: Function) -> ModuleType:
    try:
        import cloudpickle
    except ImportError:
        if getattr(function, "__module__", "__main__") == "__main__":
            raise InvalidOption(
                "cloudpickle is needed to send a function of the notebook to a worker.",
                "Run `%pip install cloudpickle`, or import the function from a module that is "
                "installed on the workers.",
            ) from None
        return pickle
    module: ModuleType = cloudpickle
    return module
