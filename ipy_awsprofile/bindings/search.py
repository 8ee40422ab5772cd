"""Search the notebook's variables, and the objects inside other objects.

The search only inspects objects. It runs none of their code that could call AWS, prompt the user or
change anything.
"""

from __future__ import annotations

import gc
from asyncio import AbstractEventLoop
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import IOBase
from itertools import chain, islice
from types import FrameType, FunctionType, GetSetDescriptorType, ModuleType, TracebackType
from typing import Any, Generic, TypeVar

from ipy_awsprofile.bindings.namespace import variables

_T = TypeVar("_T")

#: Returns information about a wanted object, or None for any other object.
Look = Callable[[Any], _T | None]

#: How many objects to inspect for one variable, and for all variables.
_OF_ONE, _OF_ALL = 500, 5_000

#: Packages with objects that lead to the shell, and so to everything, or to very many objects.
_FOREIGN = (
    *("IPython.", "ipykernel.", "ipy_awsprofile.", "ipywidgets.", "traitlets."),
    *("aiobotocore.", "boto3.", "botocore."),
)

#: Attributes of pyarrow's C++ objects that return the objects they read through.
_BENEATH = ("filesystem", "base_fs", "handler", "children")


@dataclass(frozen=True, slots=True)
class Found(Generic[_T]):
    """An object that was found, information about it, and a variable that leads to it."""

    name: str
    value: Any
    what: _T


def search(namespace: Mapping[str, Any], look: Look[_T]) -> Iterator[Found[_T]]:
    """Yield the objects that ``look`` accepts, once for each variable that leads to them.

    The number of inspected objects is limited, so that a switch stays fast.
    """
    values = variables(namespace)
    holders, wanted = defaultdict[int, list[int]](list), dict[int, tuple[Any, _T]]()
    seen, budget = {id(namespace)}, _OF_ALL
    for value in filter(_can_lead_on, values.values()):
        inside = _inside(value, seen, wanted, look)
        for holder, held in islice(inside, min(_OF_ONE, budget)):
            budget -= 1
            holders[held].append(holder)
    for one, (value, what) in wanted.items():
        leading = _leading_to(one, holders)
        yield from (Found(name, value, what) for name in values if id(values[name]) in leading)


def _leading_to(wanted: int, holders: Mapping[int, Iterable[int]]) -> set[int]:
    """Return the IDs of the wanted object and of all objects that lead to it."""
    leading, waiting = {wanted}, [wanted]
    for one in waiting:  # the list grows
        new = set(holders.get(one, ())) - leading
        leading |= new
        waiting += new
    return leading


def beneath(value: Any) -> Iterator[Any]:
    """Yield the filesystems and the Python handlers that a pyarrow object reads through."""
    waiting = deque([value])
    while waiting:
        kind = type(one := waiting.popleft())
        for name in _BENEATH if module_of(one).startswith("pyarrow.") else ():
            # A Python property could run any code.
            if isinstance(getattr(kind, name, None), GetSetDescriptorType):
                with suppress(Exception):
                    held = getattr(one, name)
                    new = held[:10] if isinstance(held, list) else [held]
                    waiting.extend(new)
                    yield from new


def _inside(
    value: Any, seen: set[int], wanted: dict[int, tuple[Any, _T]], look: Look[_T]
) -> Iterator[tuple[int, int]]:
    """Yield the IDs of each holder and each object in it, nearest first, and add to ``wanted``.

    Wanted objects aren't searched.
    """
    waiting = deque([value])
    while waiting:
        if id(holder := waiting.popleft()) in seen:
            continue
        seen.add(id(holder))
        if (what := look(holder)) is not None:
            wanted[id(holder)] = holder, what
            continue
        for held in _held(holder):
            if _can_lead_on(held):
                yield id(holder), id(held)
                waiting.append(held)


def _can_lead_on(value: Any) -> bool:
    """Return whether an object can hold other objects, and doesn't lead to everything.

    The garbage collector doesn't track pyarrow's objects, or dicts and tuples of untracked objects.
    """
    is_untracked = issubclass(type(value), (dict, tuple)) or module_of(value).startswith("pyarrow.")
    return (is_untracked or gc.is_tracked(value)) and not _leads_everywhere(value)


def _held(holder: Any) -> Iterable[Any]:
    """Return the objects that an object refers to, except a function's globals and closed files."""
    kind = type(holder)
    if kind is FunctionType:
        return (holder.__closure__, holder.__defaults__, holder.__kwdefaults__, holder.__dict__)
    if issubclass(kind, type):
        return list(vars(holder).values())
    if _is_ended(holder):
        return ()
    # pyarrow returns a new filesystem object each time, so only the object that returns it matters.
    handlers = (one for one in beneath(holder) if not module_of(one).startswith("pyarrow._"))
    return chain(gc.get_referents(holder), handlers)


def _is_ended(value: Any) -> bool:
    """Return whether an object is a closed fsspec file. A text file refers to such a file."""
    if not issubclass(type(value), IOBase):
        return False
    with suppress(AttributeError):
        return object.__getattribute__(value, "__dict__").get("_closed") is True
    return False


def _leads_everywhere(value: Any) -> bool:
    """Return whether an object isn't the notebook's own, or leads to all other objects."""
    if issubclass(type(value), type):
        return bool(value.__module__ != "__main__")
    is_everything = issubclass(
        type(value), (ModuleType, FrameType, TracebackType, AbstractEventLoop)
    )
    return is_everything or module_of(value).startswith(_FOREIGN)


def module_of(value: Any) -> str:
    """Return the module of an object's type, with a trailing dot."""
    return f"{type(value).__module__}."
