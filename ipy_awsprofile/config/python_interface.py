"""Check how Python code calls the package's functions, and how it uses blocks.

An error names the function and its own parameters, even if the code uses boto3's.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import ContextDecorator
from dataclasses import fields
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.config.request import (
    IDENTITIES,
    SESSION,
    SwitchRequest,
    options_of,
    python_arguments,
    require_type,
)
from ipy_awsprofile.config.settings import KEYS
from ipy_awsprofile.config.user_environment import SWITCHED
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.text import did_you_mean, letters_of, listed, misspelled

P = ParamSpec("P")
RequestT = TypeVar("RequestT")
Result = TypeVar("Result")

#: The parameters of the Python functions, by the function's name.
_PARAMETERS = {"using_profile": frozenset(each.name for each in fields(SwitchRequest))}

#: What functions without a parameter of this name call it.
_SYNONYMS = {"duration": "seconds", "durationseconds": "seconds"}

#: How similar a word must be to a parameter of a function, rather than to those of others.
_LIKE_PARAMETER = 0.8


def takes(
    request: Callable[P, RequestT],
) -> Callable[[Callable[[RequestT], Result]], Callable[P, Result]]:
    """Return a decorator that replaces a function's request by the request's own parameters.

    Raises InvalidOption in terms of the function for arguments that it doesn't have, and for a
    request that doesn't name one identity.
    """
    parameters = dict(signature(request).parameters)
    for internal in ("default_session_name", "source"):
        del parameters[internal]

    def decorate(function: Callable[[RequestT], Result]) -> Callable[P, Result]:
        name = function.__name__
        _PARAMETERS[name] = frozenset(parameters)
        own = signature(function).return_annotation
        taken = Signature([*parameters.values()], return_annotation=own)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            _require_arguments(name, parameters, args, kwargs)
            made = request(*args, **kwargs)
            _require_identity(name, made)
            return function(made)

        call.__signature__ = taken  # type: ignore[attr-defined]
        return call

    return decorate


def checks_arguments(function: Callable[P, Result]) -> Callable[P, Result]:
    """Return a function that raises InvalidOption for arguments that it can't have."""
    name = function.__name__
    parameters = signature(function).parameters
    _PARAMETERS[name] = frozenset(parameters)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Result:
        _require_arguments(name, parameters, args, kwargs)
        for given, value in {**dict(zip(parameters, args, strict=False)), **kwargs}.items():
            require_type(given, parameters[given].annotation, value)
        return function(*args, **kwargs)

    return checked


def _require_arguments(
    function: str,
    parameters: Mapping[str, Parameter],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> None:
    """Raise InvalidOption for arguments that a function doesn't have, and for missing ones."""
    for name in kwargs:
        if name not in parameters:
            raise _unknown_parameter(function, name, parameters)
    positional = [
        name for name, each in parameters.items() if each.kind is Parameter.POSITIONAL_OR_KEYWORD
    ]
    if len(args) > len(positional):
        raise _too_many_arguments(function, parameters, positional, args[len(positional)])
    given = positional[: len(args)]
    twice = kwargs.keys() & set(given)
    if twice:
        raise InvalidOption(f"`{function}` got {listed(twice)} twice.", "Pass it once.")
    required = [name for name in positional if parameters[name].default is Parameter.empty]
    missing = [name for name in required if name not in {*given, *kwargs}]
    if missing:
        hint = f"Write `{function}({', '.join(required)})`."
        if SESSION in missing and not SWITCHED.groups:  # so there is no variable with this name
            hint = (
                f'Run `%aws_profile NAME`, or write `{SESSION} = open_session("NAME")`. Then '
                f"{hint[0].lower()}{hint[1:]}"
            )
        raise InvalidOption(f"`{function}` needs {listed(missing)}.", hint)


def _unknown_parameter(
    function: str, name: str, parameters: Mapping[str, Parameter]
) -> InvalidOption:
    """Return the error for an argument that a function doesn't have, such as boto3's names."""
    hint = _parameter_meant(name, parameters) or f"`help({function})` describes its parameters."
    if name in KEYS:
        hint = "Save the keys in a profile with `aws configure`, and pass the profile's name."
    return InvalidOption(f"`{function}` has no parameter `{name}`.", hint)


def _too_many_arguments(
    function: str, parameters: Mapping[str, Parameter], positional: list[str], extra: object
) -> InvalidOption:
    """Return the error for an argument that must have its name.

    It repeats only Regions, because other values can be keys: boto3.Session takes them first.
    """
    hint = f"Pass the others by name: `help({function})` describes them."
    if "region" in parameters:
        hint = 'Pass the others by name, such as `region="us-west-2"`.'
        if isinstance(extra, str) and extra in known_regions():
            hint = f'Pass the second one as `region="{extra}"`.'
    return InvalidOption(
        f"`{function}` takes only {listed(positional)} without a name.",
        hint,
    )


def _parameter_meant(name: str, parameters: Mapping[str, Parameter]) -> str:
    """Return a sentence about the parameter that an unknown parameter resembles, or ""."""
    letters = letters_of(name)
    by_flag = {letters_of(each.flag): key for key, each in options_of(SwitchRequest).items()}
    name = by_flag.get(letters, name)
    for meant in (name, _SYNONYMS.get(letters)):
        if meant in parameters:
            return f"Did you mean `{meant}`?"
    shown = [each for each in parameters if not each.startswith("_")]
    near = misspelled(name, shown, _LIKE_PARAMETER)
    if near:
        return f"Did you mean `{near[0]}`?"
    for function, of_function in _PARAMETERS.items():
        if name in of_function:
            return f"`{function}` has the parameter `{name}`."
    return did_you_mean(name, shown)


def _require_identity(function: str, request: Any) -> None:
    """Raise InvalidOption unless the arguments of a Python function name exactly one identity."""
    if request.names_one_identity:
        return
    hint = (
        f'Write `{function}("NAME")`, `{function}(role_arn="ARN")`, '
        f'`{function}(account="ID", role="NAME")` or `{function}(default=True)`.'
    )
    meant = request.with_one_identity(read_config().profiles)
    if meant:
        hint = f"Write `{function}({python_arguments(meant)})`."
    raise InvalidOption(f"`{function}` takes exactly one of {IDENTITIES}.", hint)


class ForWith(ContextDecorator):
    """An object for a ``with`` statement, which says so if it is used in another way.

    ``call`` is the code that creates it. Like a coroutine that is never awaited, an object that is
    never used causes a warning, unless its text was shown.
    """

    _has_told = True  # until it is complete

    def __init__(self, call: str) -> None:
        self._call = call
        self._has_told = False

    @property
    def _statement(self) -> str:
        return f"`with {self._call} as session:`"

    def __call__(self, function: Any) -> Any:
        """Decorate a function, whose calls use the object."""
        self._has_told = True
        return super().__call__(function)

    def __repr__(self) -> str:
        self._has_told = True
        return f"<has no effect without `with`: write {self._statement}>"

    def __del__(self) -> None:
        if self._has_told or sys.is_finalizing():
            return
        text = f"`{self._call}` has no effect without `with`. Write {self._statement}."
        warnings.warn(text, RuntimeWarning, stacklevel=2, source=self)

    if not TYPE_CHECKING:  # otherwise, editors would accept any attribute

        def __getattr__(self, name: str) -> object:
            """Raise AttributeError, which says where the session is."""
            if name.startswith("_"):  # such as those that IPython looks for
                raise AttributeError(name)
            self._has_told = True
            raise AttributeError(
                f"`{self._call}` isn't a session. Write {self._statement}, and use "
                f"`session.{name}` in its block."
            )
