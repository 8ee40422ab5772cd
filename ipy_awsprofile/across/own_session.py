"""A function for many profiles must not use what signs as the notebook, such as a global client.

Its rows would be of another account than they say. What a function uses is read from its bytecode,
so that this is known before the first call.

https://docs.python.org/3/library/dis.html
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from dis import get_instructions
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.bindings.duckdb_secrets import connections, secrets_of
from ipy_awsprofile.bindings.owners import lent_name
from ipy_awsprofile.bindings.session_of_thread import default_of_notebook
from ipy_awsprofile.bindings.signers import key_of, signers
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.libraries.duckdb import OWN_CONNECTION

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher


@dataclass(frozen=True, slots=True)
class _Used:
    """A variable that code uses; ``by`` is the function in the notebook that does so, if any."""

    name: str
    value: Any
    by: str = ""


def require_own_session(function: Callable[..., Any], switcher: Switcher) -> None:
    """Raise InvalidOption if a function, or one that it calls, uses what signs as the notebook.

    What was made for a profile by its name, as by `open_session`, may be used.
    """
    used = [_Used(getattr(function, "__name__", type(function).__name__), function)]
    inner = _plain_function(function)
    if inner:
        used += _used([inner.__code__], inner.__globals__)
    _require_own(used, switcher)


def require_own_variables(
    codes: Iterable[CodeType],
    names: Mapping[str, Any],
    given: Set[str],
    switcher: Switcher,
) -> None:
    """Raise InvalidOption if code of a cell uses such a variable among these ``names``.

    The variables that are ``given`` to the cell for each profile are its own.
    """
    used = list(_used(codes, names, given))
    for one in used:
        if one.name in given:  # by a function of another cell, which can't have the cell's own
            raise _refusal(one, "")
    _require_own(used, switcher)


def _require_own(used: Iterable[_Used], switcher: Switcher) -> None:
    keys = set(_keys_of_notebook(switcher))
    lent = switcher.session and lent_name(switcher.session)
    for one in used:
        for _, signer, is_inside in signers({one.name: one.value}):
            if key_of(signer.credentials) in keys or (signer.profile and signer.profile == lent):
                made = signer.again.format(name=one.name, session="session")
                raise _refusal(one, "" if is_inside else made)
        for connection in connections([one.value]):
            if any(key in keys for _, key in secrets_of(connection)):
                raise _refusal(one, OWN_CONNECTION)


def _refusal(used: _Used, made: str) -> InvalidOption:
    if used.by:
        return InvalidOption(
            f"`{used.by}()` uses the notebook's `{used.name}`, not the session of each profile.",
            f"Make the session an argument: `{used.by}(session)`.",
        )
    return InvalidOption(
        f"`{used.name}` works as the notebook, not as each profile.",
        f"Make it in the cell or function, from its session{f': `{made}`' if made else ''}.",
    )


def _keys_of_notebook(switcher: Switcher) -> Iterator[str]:
    """Yield the access key IDs of the notebook's identity, now and before, and of what it lends."""
    default = {"session": default_of_notebook()}
    of_default = (signer.credentials for _, signer, _ in signers(default))
    yield from filter(None, map(key_of, (*switcher.credentials, *of_default)))
    if switcher.session and switcher.session.issued:
        yield switcher.session.issued[1].access_key


def _plain_function(function: Any) -> FunctionType | None:
    """Return the function that is called in the end; None for one that isn't written in Python."""
    while isinstance(function, partial | MethodType):
        function = function.func if isinstance(function, partial) else function.__func__
    if not isinstance(function, FunctionType):
        function = getattr(type(function), "__call__", None)  # noqa: B004
    return function if isinstance(function, FunctionType) else None


def _used(
    codes: Iterable[CodeType], names: Mapping[str, Any], given: Set[str] = frozenset()
) -> Iterator[_Used]:
    """Yield the variables that code uses, and those of functions in the same namespace."""
    waiting = [(code, _global_names(code), "") for code in codes]
    own = given | {name for _, (_, assigned), _ in waiting for name in assigned}
    seen, known = {code for code, _, _ in waiting}, names.keys() | given
    for code, (read, _), by in waiting:  # it grows
        for name in read:
            if (name in own and not by) or name not in known:
                continue
            value = names.get(name)
            yield _Used(name, value, by)
            inner = _plain_function(value)
            if inner and inner.__globals__ is names and inner.__code__ not in seen:
                seen.add(inner.__code__)
                waiting.append((inner.__code__, _global_names(inner.__code__), name))
        # Also if it is imported here; with a connection of its own, it doesn't use the default one.
        if "duckdb" in code.co_names and "connect" not in code.co_names:
            yield _Used("duckdb", sys.modules.get("duckdb"), by)


def _global_names(code: CodeType) -> tuple[set[str], set[str]]:
    """Return the global names that code reads, in its inner functions too, and that it assigns."""
    read, assigned, waiting = set(), set(), [code]
    for one in waiting:  # it grows
        waiting += [constant for constant in one.co_consts if isinstance(constant, CodeType)]
        for step in get_instructions(one):
            if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
                read.add(step.argval)
            elif step.opname in ("STORE_NAME", "STORE_GLOBAL"):
                assigned.add(step.argval)
    return read, assigned
