"""Find the variables that a function uses, before the function runs for many profiles.

This module reads the function's bytecode, in which variables and attributes have different
instructions, such as ``LOAD_GLOBAL fs`` and ``LOAD_ATTR fs``. For example, ``lambda session:
session.fs`` doesn't use the notebook's variable ``fs``. The list ``co_names``, which
`inspect.getclosurevars` uses on Python 3.11, contains both kinds of names.

https://docs.python.org/3/library/dis.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dis import get_instructions
from itertools import chain
from types import CodeType, FunctionType

from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.kernel.leftovers import is_handle, starts_workers


def require_no_handles(function: object, namespace: Mapping[str, object]) -> None:
    """Raise NotForOneProfile if a function uses an object that keeps the notebook's identity.

    Files that the notebook opened in S3, and pools of worker processes, keep the notebook's
    identity.
    """
    if not isinstance(function, FunctionType):
        return
    for what, value in _values_of(function, namespace):
        if starts_workers(value):
            raise NotForOneProfile(
                f"{what} runs code in processes that have the notebook's identity.",
                "In the function, use only the profile's `session`.",
            )
        if is_handle(value):
            raise NotForOneProfile(
                f"{what} was opened in S3 before the run and keeps the identity that it was "
                "opened with.",
                "Open the object in the function, with the profile's `session`.",
            )


def _values_of(
    function: FunctionType, namespace: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    """Yield the names and values of the variables that a function uses.

    If the function uses other functions of the notebook, the variables of these functions are
    included.
    """
    functions = [function]
    for reached in functions:  # the list grows
        for name, value in _variables_of(reached, namespace).items():
            yield f"`{name}`", value
            if not isinstance(value, FunctionType) or value in functions:
                continue
            if value.__globals__ is namespace:
                functions.append(value)


def _variables_of(function: FunctionType, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return a function's default arguments, and the variables that the function uses, by name."""
    code = function.__code__
    defaults = function.__defaults__ or ()
    arguments = code.co_varnames[: code.co_argcount]
    variables: dict[str, object] = dict(zip(reversed(arguments), reversed(defaults), strict=False))
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not assigned yet
            variables[name] = cell.cell_contents
    # A cell with `%%aws_profiles` becomes a function with its code in variables.
    codes = list(_codes_in((code, *variables.values())))
    own: set[str] = set()
    names: set[str] = set()
    for step in chain.from_iterable(map(get_instructions, codes)):
        if step.opname == "STORE_NAME":
            own.add(step.argval)
        elif step.opname in {"LOAD_NAME", "LOAD_GLOBAL"}:  # not an attribute
            names.add(step.argval)
    for known in (function.__globals__, namespace):
        for name in (names - own) & known.keys():
            variables[name] = known[name]
    return variables


def _codes_in(values: Iterable[object]) -> Iterator[CodeType]:
    """Yield the code objects in ``values``, and all code objects that are nested in them."""
    for value in values:
        if isinstance(value, CodeType):
            yield value
            yield from _codes_in(value.co_consts)
