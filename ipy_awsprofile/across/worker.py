"""What travels to a worker beside the session: the function, and what calls it there."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.across.outcomes import Answer, Function, answer_of, problem_of
from ipy_awsprofile.errors import InvalidOption

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ipy_awsprofile.sessions.portable import PortableSession


class PortableFunction:
    """A function that is pickled by value where it is from a notebook, if cloudpickle is there.

    Raises InvalidOption if it can't travel to this executor.
    """

    def __init__(self, function: Function, executor: Executor) -> None:
        self._function: Function | None = function
        self._pickled = b"" if type(executor) is ThreadPoolExecutor else _pickled(function)

    def __getstate__(self) -> bytes:
        return self._pickled

    def __setstate__(self, pickled: bytes) -> None:
        self._function, self._pickled = None, pickled

    def __call__(self, session: Any) -> Any:
        """Call the function; unpickled only now, so that what is wrong with that can be told."""
        if self._function is None:
            self._function = pickle.loads(self._pickled)  # noqa: S301  # the kernel has sent it
        return self._function(session)


def work(session: PortableSession, function: PortableFunction) -> Answer:
    """Call the function with the session; this is what an executor is given to do."""
    try:
        opened = session.open()
    except Exception as error:  # noqa: BLE001
        return Answer(problem=problem_of(error, (session.secret_key, session.token)))
    return answer_of(function, opened)


def _pickled(function: Function) -> bytes:
    pickler = _pickler(function)
    try:
        pickled: bytes = pickler.dumps(function)
    except Exception as error:
        raise InvalidOption(
            f"The function can't be sent to a worker: {problem_of(error).message}",
            "It takes along the variables that it uses. Leave sessions and clients out: the "
            "function gets a session of its own.",
        ) from error
    return pickled


def _pickler(function: Function) -> ModuleType:
    try:
        import cloudpickle
    except ImportError:
        if getattr(function, "__module__", "__main__") == "__main__":
            raise InvalidOption(
                "A function of the notebook needs cloudpickle to be sent to a worker.",
                "Run `%pip install cloudpickle`, or import the function from a module that the "
                "workers have.",
            ) from None
        return pickle
    module: ModuleType = cloudpickle
    return module
