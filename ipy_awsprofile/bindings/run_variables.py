"""Variables with open readers, which functions can't use in a run over many profiles.

pyarrow, deltalake and others don't sign with botocore, so the gate can't refuse their requests. An
object that the notebook has opened would read as the notebook for every profile. During a run, such
a variable holds a stand-in that refuses every use by a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.run_signatures import works_for_a_run
from ipy_awsprofile.bindings.shared import SharedBinding
from ipy_awsprofile.errors import NotForOneProfile

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.open_readers import OpenReaders
    from ipy_awsprofile.sessions.session import ProfileSession


def variables_with_readers(
    namespace: Mapping[str, Any],
    function: Callable[..., Any],
    readers: OpenReaders,
    active: ProfileSession | None,
) -> set[str]:
    """Return the names of the notebook's variables that lead to an open reader.

    Raises NotForOneProfile if the function itself holds one, in a closure or as a default argument.
    """
    everything = {**namespace, _FUNCTION: function}
    readers.note(everything, active)
    names = {name for name, _, _ in readers.from_before(everything)}
    if _FUNCTION in names:
        raise _refusal(_FUNCTION.capitalize())
    return names


_FUNCTION = "the function"


@contextmanager
def _no_readers(namespace: MutableMapping[str, Any], names: Iterable[str]) -> Iterator[None]:
    before = {name: namespace[name] for name in names}
    ours = {name: _StandIn(name, value) for name, value in before.items()}
    namespace.update(ours)
    try:
        yield
    finally:
        for name, stand_in in ours.items():
            if namespace.get(name) is stand_in:  # otherwise the user has reassigned it
                namespace[name] = before[name]


#: Keeps functions of a run from using these variables of a namespace.
no_readers_of_notebook = SharedBinding(_no_readers)


class _StandIn:
    """Replaces a variable's value, and behaves like the value in the notebook's own threads."""

    def __init__(self, name: str, value: Any) -> None:
        object.__setattr__(self, "_held", (name, value))

    def __getattribute__(self, attribute: str) -> Any:
        return getattr(_value(self), attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:
        setattr(_value(self), attribute, value)


def _value(stand_in: _StandIn) -> Any:
    name, value = object.__getattribute__(stand_in, "_held")
    if works_for_a_run():
        raise _refusal(f"`{name}`")
    return value


def _refusal(what: str) -> NotForOneProfile:
    return NotForOneProfile(
        f"{what} contains an object that was opened in S3 with the notebook's identity.",
        "Open it in the function: run `from ipy_awsprofile import libraries`, and pass "
        "`filesystem=libraries.pyarrow_filesystem(session)`.",
    )


def _special(name: str) -> Callable[..., Any]:
    def method(self: _StandIn, *args: Any, **kwargs: Any) -> Any:
        return getattr(_value(self), name)(*args, **kwargs)

    return method


# Python looks these up in the type: https://docs.python.org/3/reference/datamodel.html
for _name in (
    *("__bool__", "__call__", "__contains__", "__enter__", "__eq__", "__exit__", "__getitem__"),
    *("__hash__", "__iter__", "__len__", "__next__", "__repr__", "__setitem__", "__str__"),
):
    setattr(_StandIn, _name, _special(_name))
