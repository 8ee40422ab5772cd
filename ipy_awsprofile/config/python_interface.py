"""Check the arguments of the package's Python functions, and the use of ``with`` statements.

The errors use the names of this package's parameters, even if the code used boto3's names.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import ContextDecorator
from dataclasses import dataclass, fields, replace
from functools import wraps
from inspect import Parameter, Signature, signature
from types import FrameType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.names import Arn, RoleName
from ipy_awsprofile.config.profiles import profiles_with_role
from ipy_awsprofile.config.regions import known_regions
from ipy_awsprofile.config.request import (
    IDENTITIES,
    SESSION,
    SessionRequest,
    SwitchRequest,
    options_of,
    python_arguments,
    require_type,
)
from ipy_awsprofile.config.settings import KEYS
from ipy_awsprofile.errors import InvalidOption, ProfileNotFound
from ipy_awsprofile.text import did_you_mean, letters_of, listed, misspelled

P = ParamSpec("P")
RequestT = TypeVar("RequestT")
Result = TypeVar("Result")

#: The parameters of the functions that take a request, by the function's name.
_REQUESTS = {"using_profile": frozenset(each.name for each in fields(SwitchRequest))}

#: What functions without a parameter of this name call it. The last two are boto3's.
_SYNONYMS = {
    "duration": "seconds",
    "durationseconds": "seconds",
    "profilename": "profile",
    "regionname": "region",
}

#: How similar a word must be to a parameter of a function, rather than to those of others.
_LIKE_PARAMETER = 0.8


def takes(
    request: Callable[P, RequestT],
) -> Callable[[Callable[[RequestT], Result]], Callable[P, Result]]:
    """Return a decorator that lets callers pass a request's fields instead of the request.

    The decorated function raises InvalidOption for unknown or missing arguments, and for arguments
    that don't name exactly one identity.
    """
    parameters = dict(signature(request).parameters)
    for internal in ("default_session_name", "source"):
        del parameters[internal]

    def decorate(function: Callable[[RequestT], Result]) -> Callable[P, Result]:
        name = function.__name__
        _REQUESTS[name] = frozenset(parameters)
        own = signature(function).return_annotation
        taken = Signature([*parameters.values()], return_annotation=own)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            passed = _Call(name, taken, args, kwargs)
            _require_arguments(passed)
            _require_no_session(passed)
            _require_no_role(passed)
            _require_no_arn(passed)
            made = request(*args, **kwargs)
            _require_identity(passed, made)
            return function(made)

        call.__signature__ = taken  # type: ignore[attr-defined]
        return call

    return decorate


def checks_arguments(function: Callable[P, Result]) -> Callable[P, Result]:
    """Decorate a function so that calls with invalid arguments raise InvalidOption.

    The function can be the ``__init__`` of a class.
    """
    name = function.__name__
    if ".followers." in function.__module__ and name != "storage_options":  # the package has it
        name = f"libraries.{name}"
    own = signature(function)
    skipped = 0
    if name == "__init__":
        name = function.__qualname__.split(".")[-2]
        skipped = 1  # `self`
        own = own.replace(parameters=[*own.parameters.values()][skipped:])
    parameters = own.parameters

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Result:
        given_args = args[skipped:]
        _require_arguments(_Call(name, own, given_args, kwargs))
        for given, value in {**dict(zip(parameters, given_args, strict=False)), **kwargs}.items():
            require_type(given, parameters[given].annotation, value)
        return function(*args, **kwargs)

    return checked


@dataclass(frozen=True, slots=True)
class _Call:
    """A call to a function of the package, with the arguments that the caller passed."""

    function: str
    signature: Signature
    args: tuple[object, ...]
    kwargs: Mapping[str, object]

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """A dict of the function's parameters by name."""
        return self.signature.parameters

    @property
    def positional(self) -> list[str]:
        """The names of the parameters that accept positional arguments."""
        kind = Parameter.POSITIONAL_OR_KEYWORD
        return [name for name, each in self.parameters.items() if each.kind is kind]

    @property
    def given(self) -> dict[str, object]:
        """A dict of the values that the code passed for the function's parameters, by name."""
        by_position = dict(zip(self.positional, self.args, strict=False))
        by_name = {name: self.kwargs[name] for name in self.kwargs if name in self.parameters}
        return {**by_position, **by_name}

    @property
    def taking_session(self) -> str | None:
        """The name of the parameter that takes a session, or None."""
        return next((name for name in _TAKING_SESSION if name in self.parameters), None)

    def statement(self, codes: Mapping[str, str]) -> str:
        """Return the code for a corrected call, with the passed arguments and additional ones.

        ``codes`` maps the names of additional parameters to the code of their arguments. For a
        context manager, the result is the whole ``with`` statement.
        """
        words = list[str]()
        for name, parameter in self.parameters.items():
            code = codes.get(name) or self._code_of(name)
            if not code:
                continue
            has_name = parameter.kind is Parameter.KEYWORD_ONLY or name in self.kwargs
            words.append(f"{name}={code}" if has_name else code)
        call = f"{self.function}({', '.join(words)})"
        if "ContextManager" in str(self.signature.return_annotation):
            return f"with {call} as {self.function}_session:"
        return call

    def _code_of(self, name: str) -> str:
        """Return the code of an argument that was passed, or an empty string.

        The result is an ellipsis for an object, and for a string that can be an access key,
        because the first two parameters of boto3.Session are keys.
        """
        if name not in self.given:
            return ""
        value = self.given[name]
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        can_be_key = isinstance(self.given.get(self.taking_session or ""), str)
        if isinstance(value, str) and can_be_key and name not in self.kwargs:
            return "…"
        if value is None or isinstance(value, str | int | float | Mapping):
            return repr(value)
        return getattr(value, "__name__", "…")  # a function


#: The parameters that take a session.
_TAKING_SESSION = (SESSION, "session_or_profile")


def _require_arguments(call: _Call) -> None:
    """Raise InvalidOption for unknown arguments of a function, and for missing arguments."""
    for name in call.kwargs:
        if name not in call.parameters:
            raise _unknown_parameter(call, name)
    positional = call.positional
    if len(call.args) > len(positional):
        raise _too_many_arguments(call)
    given = positional[: len(call.args)]
    twice = call.kwargs.keys() & set(given)
    if twice:
        raise InvalidOption(f"`{call.function}` got {listed(twice)} twice.", "Pass it once.")
    required = [name for name in positional if call.parameters[name].default is Parameter.empty]
    missing = [name for name in required if name not in call.given]
    if missing:
        raise InvalidOption(f"`{call.function}` needs {listed(missing)}.", _missing(call, missing))


def _require_no_session(call: _Call) -> None:
    """Raise InvalidOption if the code passed a session instead of the name of a profile."""
    passed = call.given.get("profile")
    if not hasattr(passed, "get_credentials"):
        return
    hint = (
        "The session that you passed is already open, so use it instead. The function that you "
        "pass to `across_profiles` gets the session of each profile."
    )
    if call.function != "open_session":
        arguments = python_arguments(_request_of(passed))
        others = ", with your other arguments" if len(call.given) > 1 else ""
        hint = f"Write `with {call.function}({arguments}):`{others}."
    raise InvalidOption(f"`{call.function}` takes a profile's name, but got a session.", hint)


def _require_no_role(call: _Call) -> None:
    """Raise InvalidOption if the code passed the record of a role instead of a profile's name."""
    role = call.given.get("profile")
    if hasattr(role, "sso_session") and not isinstance(role, str):
        line = call.statement({"profile": repr(str(role))})
        if call.function != "open_session":
            line = f"with {line}:"
        raise InvalidOption(
            f"`{call.function}` takes a name, but got a role from `list_assigned_roles`.",
            f"Write `{line}`.",
        )
    arn = getattr(role, "arn", None)
    if arn is None or isinstance(role, str):  # a `Profile` has an ARN, too
        return
    hint = "To use the role, pass it to `across_profiles` in a list: `[ROLE]`."
    source = _request_of(getattr(role, SESSION, None))
    if source == SessionRequest(source.profile) and source.profile != "NAME":  # without limits
        options: dict[str, Any] = {**call.given}
        del options["profile"]
        options |= {"role_arn": arn, "source_profile": source.profile}
        line = f"{call.function}({python_arguments(SwitchRequest(**options))})"
        hint = f"Write `{line}`."
        if call.function != "open_session":
            hint = f"Write `with {line}:`."
    raise InvalidOption(
        f"`{call.function}` takes a profile's name, but got an organization's role.", hint
    )


def _require_no_arn(call: _Call) -> None:
    """Raise ProfileNotFound if the code passed a role's ARN instead of a profile's name.

    The hint contains the call that assumes the role. It has the profile of the variable `session`
    with its limits. If the role has a profile, or belongs to a sign-in, another error says so.
    """
    arn = call.given.get("profile")
    config = read_config()
    if not isinstance(arn, str) or arn in config.profiles or not Arn.parse(arn).role:
        return
    named = RoleName.parse(arn)
    if named is None or named.is_assigned or len(profiles_with_role(named, config)) == 1:
        return
    given = {name: value for name, value in call.given.items() if name != "profile"}
    codes = {"role_arn": repr(arn), "source_profile": "'NAME'"}
    source = _request_of(_session_of_caller())
    is_known = source.profile in config.profiles and not source.policy
    if is_known:
        codes["source_profile"] = repr(str(source.profile))
        for name, value in (("region", source.region), ("read_only", source.read_only)):
            if value and name not in given:
                codes[name] = repr(value)
    line = replace(call, args=(), kwargs=given).statement(codes)
    if call.function != "open_session":
        line = f"with {line}:"
    hint = f"To assume the role as `{source.profile}`, write `{line}`."
    if not is_known:
        hint = (
            f"To assume the role with a profile's credentials, write `{line}`. Without "
            "`source_profile`, the default credentials assume the role."
        )
    raise ProfileNotFound(arn, hint)


def _missing(call: _Call, missing: list[str]) -> str:
    """Return a hint that contains the call with its missing arguments added."""
    codes: dict[str, str] = {}
    needs_session = False
    for name in missing:
        accepts_name = "str" in str(call.parameters[name].annotation)
        codes[name] = "'NAME'" if accepts_name else name.upper()
        if name not in _TAKING_SESSION:
            continue
        if _session_of_caller():
            codes[name] = SESSION
        elif not accepts_name:
            codes[name] = SESSION
            needs_session = True
    if missing == ["function"] and callable(call.given.get("profiles")):
        function = getattr(call.given["profiles"], "__name__", "FUNCTION")
        return f"Write `{call.function}('*', {function})`. The pattern `*` selects all profiles."
    line = f"rite `{call.statement(codes)}`."
    if needs_session:
        opening = f'Run `%aws_profile NAME`, or write `{SESSION} = open_session("NAME")`.'
        return f"{opening} Then w{line}"
    return f"W{line}"


def _session_of_caller() -> object:
    """Return the boto3 session in the calling code's global variable `session`, or None.

    In a cell for many profiles, the result is the session of one of the profiles.
    """
    import boto3  # loading the extension doesn't need it

    frame: FrameType | None = sys._getframe()  # noqa: SLF001  # quicker than `inspect`
    while frame:
        session = frame.f_globals.get(SESSION)
        if isinstance(session, boto3.Session):
            return session
        frame = frame.f_back
    return None


def advice_to_list_objects(session: object, bucket: str, prefix: str = "") -> str:
    """Return advice on how to list the objects in a bucket with a session."""
    is_of_caller = session is None or session is _session_of_caller()
    name = SESSION if is_of_caller else "SESSION"
    arguments = f"Bucket={bucket!r}"
    if prefix:
        arguments += f", Prefix={prefix!r}"
    return (
        f'For the objects in the bucket, write `{name}.client("s3").list_objects_v2({arguments})`.'
    )


def _unknown_parameter(call: _Call, name: str) -> InvalidOption:
    """Return the error for an unknown argument of a function, such as one of boto3's names."""
    hint = _parameter_meant(call, name) or f"`help({call.function})` describes the parameters."
    if name in KEYS:
        hint = "Save the keys in a profile with `aws configure`, and pass the profile's name."
    return InvalidOption(f"`{call.function}` has no parameter `{name}`.", hint)


def _too_many_arguments(call: _Call) -> InvalidOption:
    """Return the error for positional arguments that must be keyword arguments.

    The error quotes an argument only if the argument is a Region. Other values can be access keys,
    which are the first parameters of boto3.Session.
    """
    if not call.parameters:
        return InvalidOption(
            f"`{call.function}` doesn't have parameters.", f"Write `{call.function}()`."
        )
    if [*call.parameters] == ["pattern"] and all(isinstance(each, str) for each in call.args):
        line = f"{call.function}({','.join(map(str, call.args))!r})"
        return InvalidOption(
            f"`{call.function}` takes a single string.",
            f"To select profiles that match any of several patterns, write `{line}`.",
        )
    hint = f"Pass the other arguments by name. `help({call.function})` describes the parameters."
    *names, function = call.args
    if call.function == "across_profiles" and all(isinstance(name, str) for name in names):
        meant = replace(call, args=(",".join(map(str, names)), function))
        shown = getattr(function, "__name__", "")
        code = shown if shown.isidentifier() else "FUNCTION"
        hint = f"Write `{meant.statement({'function': code})}`."
    extra = call.args[len(call.positional)]
    if "region" in call.parameters:
        hint = 'Pass the other arguments by name, such as `region="us-west-2"`.'
        if isinstance(extra, str) and extra in known_regions():
            hint = f'Pass the second argument as `region="{extra}"`.'
    return InvalidOption(
        f"`{call.function}` accepts only {listed(call.positional)} by position.",
        hint,
    )


#: Parameters of other functions for a bucket.
_OF_BUCKET = {"bucket", "bucketname"}

#: Parameters of other tools for an MFA code.
_CODES = {"mfacode", "mfatoken", "otp", "tokencode", "totp"}


def _parameter_meant(call: _Call, name: str) -> str:
    """Return a sentence that suggests a parameter instead of an unknown one, or an empty string."""
    letters = letters_of(name)
    if letters in _CODES:
        return f"Leave out `{name}`. The notebook prompts you for the MFA code."
    of_function = _with_own_arguments(call)
    if of_function:
        return of_function
    of_bucket = _instead_of_bucket(call, name)
    if of_bucket:
        return of_bucket
    by_flag = {letters_of(each.flag): key for key, each in options_of(SwitchRequest).items()}
    name = by_flag.get(letters, name)
    for meant in (name, _SYNONYMS.get(letters)):
        if meant in call.parameters:
            return f"Did you mean `{meant}`?"
    shown = [each for each in call.parameters if not each.startswith("_")]
    shown = [each for each in shown if each not in call.given]
    near = misspelled(name, shown, _LIKE_PARAMETER)
    if near:
        return f"Did you mean `{near[0]}`?"
    of_run = _with_run_for_roles(call)
    if of_run:
        return of_run
    opening = _with_opened_session(call)
    if opening:
        return opening
    if not shown:
        return f"Write `{call.function}()`, which doesn't have parameters."
    if len(shown) == 1:
        return f"Did you mean `{shown[0]}`?"
    # Of two functions with the options of a request, each does what the other does.
    for function, parameters in _REQUESTS.items():
        if call.function in _REQUESTS and name in parameters:
            return f"`{function}` has the parameter `{name}`."
    return did_you_mean(name, shown)


def _instead_of_bucket(call: _Call, name: str) -> str:
    """Return a hint for a bucket's name that is passed to `list_buckets`, or an empty string."""
    bucket = call.kwargs[name]
    if call.function != "list_buckets" or letters_of(name) not in _OF_BUCKET:
        return ""
    if not isinstance(bucket, str):
        return ""
    objects = advice_to_list_objects(call.given.get("session"), bucket)
    return f"Did you mean `prefix`? {objects}"


def _with_own_arguments(call: _Call) -> str:
    """Return a hint to pass arguments to the function that `across_profiles` calls, or ""."""
    function = call.given.get("function")
    unknown = call.kwargs.keys() - call.parameters.keys()
    if call.function != "across_profiles" or not callable(function):
        return ""
    try:
        accepted = signature(function).parameters.keys()
    except ValueError:  # some functions that are written in C don't have a signature
        return ""
    if not unknown <= accepted:
        return ""
    own = [f"{name}={call.kwargs[name]!r}" for name in call.kwargs if name in unknown]
    name = getattr(function, "__name__", "FUNCTION")
    code = f"lambda session: {name}({', '.join(['session', *own])})"
    return f"Write `{call.statement({'function': code})}`."


#: The parameters of `across_profiles` that people pass to the function that lists its roles.
_OF_RUN = {"confirmed", "policy", "read_only", "regions", "write"}


def _with_run_for_roles(call: _Call) -> str:
    """Return a hint to pass parameters to `across_profiles`, or an empty string.

    A session that lists an organization's roles must also assume the roles, so the parameters for
    `across_profiles` can't limit the session.
    """
    unknown = call.kwargs.keys() - call.parameters.keys()
    if call.function != "organization_roles" or not unknown <= _OF_RUN:
        return ""
    options = [f"{name}={value!r}" for name, value in call.kwargs.items() if name in unknown]
    run = ", ".join([call.statement({}), "FUNCTION", *options])
    return f"Write `across_profiles({run})`."


def _with_opened_session(call: _Call) -> str:
    """Return a hint to pass the unknown parameters to `open_session`, or an empty string.

    The hint is for a call that passes a profile's name or options to a function that takes a
    session. The session in the hint combines the options in the call with the options of the passed
    or active session.
    """
    parameter = call.taking_session
    if parameter is None:
        return ""
    known = {"profile", *options_of(SessionRequest)}
    options: dict[str, Any] = {}
    for name in call.kwargs.keys() - call.parameters.keys():
        meant = _SYNONYMS.get(letters_of(name), name)
        if meant not in known:
            return ""
        options[meant] = call.kwargs[name]
    passed = options.pop("profile", None) or call.given.get(parameter) or _session_of_caller()
    request = replace(_request_of(passed), **options)
    code = f"open_session({python_arguments(request)})"
    accepts_name = "str" in str(call.parameters[parameter].annotation)
    if accepts_name and request == SessionRequest(request.profile):  # without options
        code = repr(request.profile)
    return f"Write `{call.statement({parameter: code})}`."


def _request_of(passed: object) -> SessionRequest:
    """Return the request for a profile or a session that was passed to a function.

    For an unknown name, or a session that this package didn't open, the request's profile is
    ``NAME``.
    """
    target = getattr(passed, "target", None)
    if target is not None:
        of_session: SessionRequest = target.request
        return SessionRequest(**of_session.session_options())
    if isinstance(passed, str) and passed in read_config().profiles:
        return SessionRequest(passed)
    return SessionRequest("NAME")


def _require_identity(call: _Call, request: Any) -> None:
    """Raise InvalidOption unless the arguments of a call name exactly one identity.

    ``request`` is the request with these arguments.
    """
    if request.names_one_identity:
        return
    function = call.function
    problem = f"`{function}` takes exactly one of {IDENTITIES}."
    if "profile" in call.given and request.profile is None:
        problem = f"The profile's name that was passed to `{function}` is None."
    hint = (
        f'Write `{function}("NAME")`, `{function}(role_arn="ARN")`, '
        f'`{function}(account="ID", role="NAME")` or `{function}(default=True)`.'
    )
    meant = request.with_one_identity(read_config().profiles)
    if meant:
        hint = f"Write `{function}({python_arguments(meant)})`."
    raise InvalidOption(problem, hint)


class ForWith(ContextDecorator):
    """A context manager that explains the correct statement if the code doesn't use ``with``.

    ``call`` is the code that creates the context manager. If the code never uses the object, Python
    shows a warning, as it does for a coroutine that is never awaited. Python doesn't show the
    warning if an error or the object's repr has already shown the explanation.
    """

    _has_told = True  # until it is complete

    def __init__(self, call: str) -> None:
        self._call = call
        self._has_told = False

    @property
    def _statement(self) -> str:
        return f"`with {self._call} as session:`"

    def __call__(self, function: Any) -> Any:
        """Decorate a function so that the context manager is active during each call."""
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
            """Raise an AttributeError whose message says how to get the session."""
            if name.startswith("_"):  # such as those that IPython looks for
                raise AttributeError(name)
            self._has_told = True
            raise AttributeError(
                f"`{self._call}` isn't a session. Write {self._statement}, and use "
                f"`session.{name}` in the block."
            )
