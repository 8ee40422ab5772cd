"""Check that a function of the user takes the session as its only argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import Parameter, Signature, isfunction, ismethod, signature

from ipy_awsprofile.config.request import SESSION
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import one_line

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def require_session_parameter(caller: str, function: Callable[..., object], about: str) -> None:
    """Raise InvalidOption if a function can't be called with one argument, the session.

    ``caller`` is the name of the function that calls the user's function. ``about`` is a sentence
    for functions that have more parameters, or an empty string.
    """
    try:
        accepted = signature(function)
    except ValueError:  # some functions that are written in C don't have a signature
        return
    try:
        accepted.bind(None)
    except TypeError:
        name = name_of(function)
        hint = _code_with_session(caller, function, accepted)
        if len(accepted.parameters) > 1:
            hint = f"{hint} {about}".rstrip()
        raise InvalidOption(
            f"`{caller}` calls `{name}` with one argument, the session, which `{name}` doesn't "
            "accept.",
            hint,
        ) from None


def name_of(function: Callable[..., object]) -> str:
    """Return the name of a function of the user, on one line."""
    return one_line(getattr(function, "__qualname__", function), 80)


def _code_with_session(caller: str, function: Callable[..., object], accepted: Signature) -> str:
    """Return a hint with code for a function that takes only the session."""
    name = str(getattr(function, "__name__", ""))
    if isfunction(function) and name.isidentifier():
        others = list(_others_than_session(accepted))
        if others:
            values = ", ".join(f"{each}=…" for each in others)
            code = f"lambda {SESSION}: {name}({SESSION}, {values})"
            if caller == "on_switch":  # after an error in a decorator, the function doesn't exist
                return (
                    f"With `@on_switch`, write `def {name}({SESSION}):`. For a function that "
                    f"already exists, write `on_switch({code})`."
                )
            return f"Pass `{code}`."
        return f"Write `def {name}({SESSION}):`."
    if ismethod(function):
        owner = next(iter(signature(function.__func__).parameters), "self")
        return f"Write `def {name}({owner}, {SESSION}):`."
    return f"Write `lambda {SESSION}: …`."


def _others_than_session(accepted: Signature) -> Iterator[str]:
    """Yield the names of the required parameters after a first parameter `session`."""
    first, *others = [*accepted.parameters.values(), None]
    if first is None or first.name != SESSION:
        return
    for parameter in others:
        if parameter and parameter.default is Parameter.empty and parameter.kind in _NAMED:
            yield parameter.name
