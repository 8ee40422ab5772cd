"""If a mistake in Python code causes an error, find the line that says what to write instead.

The line is shown below the error. The line states only facts that this module has checked, and
contains only code that works unchanged.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from traceback import walk_tb
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from boto3.session import Session

from ipy_awsprofile import errors, libraries
from ipy_awsprofile.call_stack import library_of
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.profiles import Profile
from ipy_awsprofile.config.request import SESSION, SessionRequest, python_arguments
from ipy_awsprofile.config.sign_ins import role_named, sign_in_of_pattern
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.follower import is_error_of
from ipy_awsprofile.followers.processes import line_about_ended_workers
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.notebook.clients_in_code import line_about_client
from ipy_awsprofile.notebook.misplaced_lines import line_about_misplaced
from ipy_awsprofile.notebook.passed_sessions import (
    code_of_block,
    first_import,
    line_about_passed_session,
    packages_of,
)
from ipy_awsprofile.notebook.paths_in_code import line_about_path
from ipy_awsprofile.sessions.session import Identity
from ipy_awsprofile.switch.named_profiles import request_named
from ipy_awsprofile.switch.user_functions import line_about_value
from ipy_awsprofile.text import letters_of, misspelled, variable_of

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher

#: How similar an undefined name must be to a function, and an attribute to an object's attribute.
#: A name that code imports from this package can be less similar.
_LIKE_FUNCTION = 0.85
_LIKE_ATTRIBUTE = 0.7

#: The package, which is imported before each of its modules.
_PACKAGE = sys.modules[__name__.partition(".")[0]]


def _names_of_errors() -> list[str]:
    """Return the names of this package's exceptions."""
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    return [kind.__name__ for kind in kinds if issubclass(kind, AwsProfileError)]


#: The public names of each public module.
_NAMES = {
    _PACKAGE.__name__: [*_PACKAGE.__all__, "libraries"],
    libraries.__name__: libraries.__all__,
    errors.__name__: _names_of_errors(),
}

#: Attributes that code expects of this package's objects, and their real names.
_ATTRIBUTES = {
    ("OrganizationRole", "account_id"): "account.id",
    ("OrganizationRole", "account_name"): "account.name",
    ("OrganizationRole", "id"): "account.id",
    ("OrganizationRole", "name"): "account.name",
    ("OrganizationRole", "profile"): "arn",
    ("OrganizationRole", "role_arn"): "arn",
    ("ProfilePicker", "profile"): "value",
    ("ProfilePicker", "profile_name"): "value",
}

#: Names that code expects for a function that switches, without case and underscores.
_SWITCHES = {
    *("activate", "assume", "assumerole", "awsprofile", "loadprofile", "profile", "setprofile"),
    *("switch", "switchprofile", "switchto"),
}

#: The columns of `list_buckets`, and the names in S3's response.
_COLUMNS = ["name", "creation_date", "region"]
_OF_RESPONSE = {"Name", "CreationDate", "BucketRegion", "Buckets"}

#: An item of a variable or of a call's result, such as ``profiles["RoleBeta"]``.
_ITEM = re.compile(r"((?<![\w.])[A-Za-z_]\w*(?:\([^()\n]*\))?)\[(['\"])([^'\"\n]+)\2\]")

#: An item of a variable, or of its attribute `loc`.
_ITEM_OF_FRAME = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\.loc)?\[(['\"])([^'\"\n]+)\2\]")

#: A loop over a variable or over a call's result, with its variable and what it iterates over.
_LOOP = re.compile(r"\bfor\s+([A-Za-z_]\w*)\s+in\s+([A-Za-z_]\w*(?:\([^()\n]*\))?)")

#: A call whose first argument is an access key ID for boto3.
_FIRST_ARGUMENT = re.compile(r"\bboto3\.(?:session\.)?Session\(\s*(['\"])([^'\"\n]+)\1")

#: A call with square brackets instead of round ones: its object, its name and its arguments.
_SQUARE_BRACKETS = re.compile(r"(?<![\w.])(?:(\w+)\.)?([A-Za-z_]\w*)\[([^\[\]\n]+)\]")
_NOT_SUBSCRIPTABLE = {
    "'function' object is not subscriptable",
    "'method' object is not subscriptable",
}

#: A session in place of its options, and Python's errors for options that aren't a dict.
_SESSION_AS_OPTIONS = re.compile(r"\bstorage_options=([A-Za-z_]\w*)(?=\s*[,)])")
_NOT_A_MAPPING = re.compile(
    r"must be a mapping, not (?:function|\w*Session)$"
    r"|'(?:function|\w*Session)' object is not a mapping$"
)

#: DuckDB's error for a second filesystem with the same name, and the call that caused the error.
_IS_REGISTERED = re.compile(r"Filesystem with name (\w+) has already been registered")
_REGISTERING = re.compile(r"(?<![\w.])(\w+)\.register_filesystem\(")

#: A function of this package in place of its result.
_FUNCTION_AS_OPTIONS = re.compile(r"\bstorage_options=storage_options\b(?!\()")

#: Options of a filesystem that are passed as its first parameter, `anon`.
_OPTIONS_BY_POSITION = re.compile(r"\bS3FileSystem\(\s*(storage_options\([^()]*\))\s*\)")

#: A line that runs a program with its own variables, and the arguments of ``%run``.
_RUN = re.compile(r"(?m)^[ \t]*(%run)[ \t]+((?!.*-i\b).+?)[ \t]*$")

#: A line of a configuration file that sets an option, with the option and its value.
_SETTING = re.compile(r"(?m)^[ \t]*(?:c\.)?AwsProfileMagics\.(\w+)[ \t]*=[ \t]*(.+?)[ \t]*$")


def line_about_python(
    error: Exception, cell: str, namespace: Mapping[str, object], switcher: Switcher | None
) -> str:
    """Return a line about the mistake that caused an error in a cell, or an empty string.

    ``cell`` is the cell's code, and ``namespace`` contains the notebook's variables. ``switcher``
    is None if the notebook hasn't used any profile.
    """
    if isinstance(error, AwsProfileError):  # its hint says what to do
        return ""
    with suppress(AwsProfileError):  # the user is still editing the config files
        return _Mistake(error, cell, namespace, switcher).line()
    return ""


def line_about_outside(error: NameError, cell: str, namespace: Mapping[str, object]) -> str | None:
    """Return a line about a name that isn't defined in code outside the notebook, or "".

    The result is None if the notebook's own code raised the error. The parameters are the same as
    in `line_about_python`.
    """
    frame = [frame for frame, _ in walk_tb(error.__traceback__)][-1]
    module = str(frame.f_globals.get("__name__"))
    file = Path(frame.f_code.co_filename)
    if frame.f_globals is namespace or library_of(frame):
        return None
    if module in sys.modules and module not in {"__main__", namespace.get("__name__")}:
        return _about_name_in_module(str(error.name), module)
    for line, arguments in _RUN.findall(cell):
        if file.stem in arguments and error.name == SESSION and SESSION in namespace:
            return (
                f"`{line}` doesn't pass the notebook's variables to the program. To use "
                f"`{SESSION}`, write `%run -i {arguments}`."
            )
    return None


def _about_name_in_module(name: str, module: str) -> str:
    """Return a line about a name that the code of a module doesn't define, or an empty string."""
    if name == SESSION:
        return (
            f"A module doesn't see the notebook's variables. Pass `{SESSION}` to the function in "
            f"`{module}` as an argument."
        )
    for package, names in _NAMES.items():
        if name in names:
            return (
                f"In the file of the module `{module}`, add `from {package} import {name}`. Then "
                f"run `import importlib, {module}; importlib.reload({module})`."
            )
    return ""


@dataclass(frozen=True, slots=True)
class _Mistake:
    """An error and the code of its cell, with the other arguments of `line_about_python`."""

    error: Exception
    cell: str
    namespace: Mapping[str, object]
    switcher: Switcher | None

    def line(self) -> str:
        """Return a line that says what to write instead, or an empty string."""
        line = line_about_passed_session(self.error, self.cell, self.namespace, self.switcher)
        line = line or line_about_client(self.error, self.namespace)
        line = line or line_about_misplaced(self.error, self.cell, self.namespace, self.switcher)
        if line:
            return line
        lines = {
            NameError: self._about_name,
            ImportError: self._about_import,
            AttributeError: self._about_attribute,
            TypeError: self._about_type,
            KeyError: self._about_column,
            RuntimeError: self._about_workers,
        }
        for kind, about in lines.items():
            line = about() if isinstance(self.error, kind) else ""
            if line:
                return line
        if is_error_of(self.error, "botocore.exceptions", "ProfileNotFound"):
            return self._about_profile()
        options = _OPTIONS_BY_POSITION.search(self.cell)
        if options and isinstance(self.error, PermissionError):
            line = f"S3FileSystem(**{options[1]})"
            return f"`S3FileSystem` takes the options as keyword arguments. Write `{line}`."
        path = line_about_path(self.error, self.cell, self.namespace)
        return path or self._about_first_argument() or self._about_registered()

    def _about_workers(self) -> str:
        """Return a line about worker processes that a switch has ended, or an empty string."""
        return line_about_ended_workers(self.error)

    # ---- names

    def _about_name(self) -> str:
        """Return a line about a name that isn't defined, or an empty string."""
        name = str(getattr(self.error, "name", ""))
        settings = _SETTING.findall(self.cell)
        if settings and name in {"c", "get_config", "AwsProfileMagics"}:
            lines = [f"`%config AwsProfileMagics.{key} = {value}`" for key, value in settings]
            return (
                "This code is for IPython's configuration file. In a notebook, write "
                f"{', '.join(lines)}{', each on a separate line' if len(lines) > 1 else ''}."
            )
        for module, names in _NAMES.items():
            if name in names:
                return _about_module_of(name, module)
        ended = self.switcher.ended if self.switcher else None
        if ended and ended.variable == name:
            options = python_arguments(SessionRequest(**ended.session_options()))
            return (
                f"`{name}` was set only until the end of the cell or block for `{ended.name}`. "
                f"For a session that remains available, run `{name} = open_session({options})`."
            )
        for module, names in _NAMES.items():
            # Other names, such as `Profile`, are common in users' own code.
            functions = [each for each in names if "_" in each.strip("_")]
            near = misspelled(letters_of(name), functions, _LIKE_FUNCTION)
            if near and near[0] in self.namespace:
                return f"Did you mean `{near[0]}`?"
            if near:
                return f"Did you mean `{near[0]}`? {_about_module_of(near[0], module)}"
        return self._about_variable(name)

    def _about_variable(self, name: str) -> str:
        """Return a line about the session's variable, or about `profile` in a wrong cell, or ""."""
        active = self.switcher.active if self.switcher else None
        variable = active.request.variable if active else SESSION
        is_called = re.search(rf"\b{re.escape(name)}\s*\(", self.cell)
        is_other = len(name) > len(variable) and name.startswith(variable)  # as in `session2`
        if variable in self.namespace and not (is_called or is_other):
            near = misspelled(letters_of(name), [variable], _LIKE_FUNCTION)
            if near:
                return f"Did you mean `{near[0]}`?"
        if name != "profile":
            return ""
        line = "`%%aws_profiles` sets the variable `profile`, but only for its own cell."
        if active:
            line += f" `{variable}.profile_name` is the name of the active profile."
        return line

    def _about_import(self) -> str:
        """Return a line about a name that can't be imported, or an empty string."""
        text = str(self.error)
        if re.search(r"\b(s3fs|fsspec)\b", text):
            # Through aiobotocore, s3fs requires an exact version of botocore. Without this
            # package's extra, pip can choose one that isn't compatible with the installed boto3.
            return (
                'For `s3://` paths, run `%pip install "ipy-awsprofile[s3fs]"`, then restart the '
                "kernel. If you install only s3fs, pip can choose a botocore that isn't compatible "
                "with your boto3."
            )
        missing = re.match(r"cannot import name '(\w+)'", text)
        module = str(getattr(self.error, "name", ""))
        if missing is None or module not in _NAMES:
            return ""
        return _about_missing(missing[1], module)

    def _about_attribute(self) -> str:
        """Return a line about an attribute that an object doesn't have, or an empty string."""
        owner = getattr(self.error, "obj", None)
        name = str(getattr(self.error, "name", ""))
        if str(self.error).startswith("'str' object"):  # not a subclass, such as `Profile`
            return self._about_loop()
        if isinstance(owner, ModuleType):
            return _about_missing(name, owner.__name__) if owner.__name__ in _NAMES else ""
        if isinstance(owner, FunctionType) and owner.__name__ in _PACKAGE.__all__:
            return self._about_function(owner, name)
        if isinstance(owner, FunctionType) and owner in PROCESS.user_functions.values():
            return line_about_value(owner)
        if name == "errors" and _is_of_many(owner):
            return f'Write `{self._variable_of(owner)}.attrs["errors"]`.'
        kind = type(owner)
        if hasattr(kind, "__getattr__"):  # its message says what to write
            return ""
        near = misspelled(letters_of(name), _attributes_of(kind), _LIKE_ATTRIBUTE)
        meant = _ATTRIBUTES.get((kind.__name__, name)) or next(iter(near), "")
        return f"Did you mean `{meant}`?" if meant else ""

    def _about_function(self, function: FunctionType, name: str) -> str:
        """Return a line about a function of this package whose result has the attribute ``name``.

        If the function needs an argument that isn't known, or its result doesn't have the
        attribute, the line says less.
        """
        says = f"`{function.__name__}` is a function."
        call = self._call_of(function)
        if not call:
            return f"{says} `help({function.__name__})` describes its parameters."
        written = re.search(rf"\b{function.__name__}\.{name}(\([^()\n]*\))?", self.cell)
        if written is None or not _result_has(function, name):
            return f"{says} Write `{call}`."
        return f"{says} Write `{call}.{name}{written[1] or ''}`."

    def _call_of(self, function: FunctionType) -> str:
        """Return code that calls a function with the active session, or an empty string."""
        if not str(function.__annotations__.get("return")).startswith(_RESULTS):
            return ""
        required = [
            each.name
            for each in signature(function).parameters.values()
            if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        active = self.switcher.active if self.switcher else None
        arguments = {SESSION: active.request.variable if active else SESSION}
        if function.__name__ == "open_session":
            return 'open_session("NAME")'
        if any(each not in arguments for each in required):
            return ""
        return f"{function.__name__}({', '.join(arguments[each] for each in required)})"

    def _variable_of(self, value: object) -> str:
        """Return the name of the notebook's variable for a value, or `result`."""
        return variable_of(value, self.namespace, "result")

    def _about_profile(self) -> str:
        """Return a line about a profile that boto3 can't find, or an empty string."""
        name = str(getattr(self.error, "kwargs", {}).get("profile", ""))
        config = read_config()
        names = config.profiles
        if role_named(name, config) and sign_in_of_pattern(name, config):
            return self._about_assigned_role(name)
        near = [] if name in names else misspelled(name, names)
        return f"Did you mean `{near[0]}`?" if near else ""

    def _about_assigned_role(self, name: str) -> str:
        """Return a line about a role's name, which isn't the name of a profile in the files."""
        active = self.switcher.active if self.switcher else None
        request = request_named(name, active.request if active else None)
        says = (
            f"`{name}` is a role in IAM Identity Center. boto3 finds only profiles in the shared "
            "files."
        )
        if packages_of(self.error) - {"boto3", "botocore", _PACKAGE.__name__}:
            step = code_of_block(request, self.namespace, "the profile's name")
            return f"{says} {step}"
        step = first_import("open_session", self.namespace)
        return f"{says} {step} `open_session({python_arguments(request)})`."

    # ---- values

    def _about_type(self) -> str:
        """Return a line about an argument or an item of the wrong type, or an empty string."""
        text = str(self.error)
        if text.startswith("on_switch() missing"):
            return "Write `@on_switch` without parentheses."
        if _FUNCTION_AS_OPTIONS.search(self.cell) and _NOT_A_MAPPING.search(text):
            line = f"storage_options=storage_options({SESSION})"
            return f"`storage_options` is a function. Write `{line}`."
        session = _SESSION_AS_OPTIONS.search(self.cell)
        if session and _NOT_A_MAPPING.search(text):
            return (
                "The options are a dict, and not a session. Run `from ipy_awsprofile import "
                f"storage_options`. Then write `storage_options=storage_options({session[1]})`."
            )
        if text in _NOT_SUBSCRIPTABLE:
            return self._about_brackets()
        if "string indices must be integers" in text:
            return self._about_loop()
        if "list indices must be integers" not in text:
            return ""
        for expression, key in self._items("list_profiles", _is_list_of_profiles):
            if key in read_config().profiles:
                return (
                    f"`{expression}` is a list. To select a profile by its name, write "
                    f"`next(each for each in {expression} if each == {key!r})`."
                )
            attribute = key if key in _attributes_of(Profile) else "account"
            return (
                f"`{expression}` is a list of names with attributes. Write "
                f"`[each.{attribute} for each in {expression}]`."
            )
        return ""

    def _about_brackets(self) -> str:
        """Return a line about a call with square brackets, or an empty string."""
        for owner, name, arguments in _SQUARE_BRACKETS.findall(self.cell):
            value = self.namespace.get(owner or name)
            if owner and isinstance(value, Session) and name in ("client", "resource"):
                return f"Write `{owner}.{name}({arguments})`, with round brackets."
            if not owner and isinstance(value, FunctionType) and name in _PACKAGE.__all__:
                return self._about_item_of_function(value, arguments)
        return ""

    def _about_item_of_function(self, function: FunctionType, written: str) -> str:
        """Return a line about a function of this package with square brackets after its name.

        ``written`` is the code in the brackets: an argument of the function, or an item's key.
        """
        name = function.__name__
        is_session = isinstance(self.namespace.get(written), Session)
        if is_session or (name == "open_session" and written[0] in "'\""):
            return f"`{name}` is a function. Write `{name}({written})`."
        call = self._call_of(function)
        if not call:
            return f"`{name}` is a function. `help({name})` describes its parameters."
        if str(function.__annotations__.get("return")).startswith(_WITH_ITEMS):
            call += f"[{written}]"
        return f"`{name}` is a function. Write `{call}`."

    def _about_loop(self) -> str:
        """Return a line about a loop over the column names of buckets, or an empty string."""
        for variable, expression in _LOOP.findall(self.cell):
            is_call = expression.startswith("list_buckets(")
            if is_call or _has_buckets(self.namespace.get(expression)):
                return (
                    f"A loop over a DataFrame yields the names of its columns. For its rows, write "
                    f"`for {variable} in {expression}.itertuples():`, and use `{variable}.name`."
                )
        return ""

    def _about_column(self) -> str:
        """Return a line about a column that a result of this package doesn't have, or ""."""
        of_profile = self._about_item_of_profile()
        if of_profile:
            return of_profile
        for expression, key in self._items("list_buckets", _has_buckets):
            if key in _OF_RESPONSE and key in self.error.args:
                return (
                    f"The columns of `{expression}` are `name`, `creation_date` and `region`, and "
                    "each row is a bucket."
                )
        return ""

    def _about_item_of_profile(self) -> str:
        """Return a line about a profile's name in place of a column or index, or ""."""
        for name, _, key in _ITEM_OF_FRAME.findall(self.cell):
            frame: Any = self.namespace.get(name)
            if key not in self.error.args or not _is_of_many(frame):
                continue
            if key in {row["profile"] for row in frame.attrs["errors"]}:
                return f'The error of `{key}` is in `{name}.attrs["errors"]`.'
            if key in set(frame["profile"]):
                return f"For the rows of this profile, write `{name}[{name}.profile == {key!r}]`."
        return ""

    def _items(
        self, function: str, is_result: Callable[[object], bool]
    ) -> Iterator[tuple[str, str]]:
        """Yield the expression and key of each item that the cell reads from a function's result.

        ``is_result`` returns whether a variable contains a result of the function.
        """
        for expression, _, key in _ITEM.findall(self.cell):
            is_call = expression.startswith(f"{function}(")
            if is_call or is_result(self.namespace.get(expression)):
                yield expression, key

    def _about_first_argument(self) -> str:
        """Return a line about a profile's name that boto3 takes for an access key, or ""."""
        for _, name in _FIRST_ARGUMENT.findall(self.cell):
            if name in read_config().profiles:
                return (
                    "The first argument of `boto3.Session` is an access key ID, not a profile's "
                    f"name. Write `boto3.Session(profile_name={name!r})`."
                )
        return ""

    def _about_registered(self) -> str:
        """Return a line about a filesystem that is registered in DuckDB a second time, or ""."""
        registered = _IS_REGISTERED.search(str(self.error))
        connection = _REGISTERING.search(self.cell)
        if registered is None or connection is None:
            return ""
        line = f"{connection[1]}.unregister_filesystem({registered[1]!r})"
        return f"Run `{line}` before you register the new filesystem."


def _about_module_of(name: str, module: str) -> str:
    line = f"To import `{name}`, run `from {module} import {name}`."
    if module == errors.__name__:
        line += (
            " For an error that AWS returns to a client of boto3, the class is "
            "`botocore.exceptions.ClientError`."
        )
    return line


def _about_missing(name: str, module: str) -> str:
    """Return a line about a name that a public module doesn't have."""
    if name == SESSION:
        return (
            f"`%aws_profile NAME` sets the variable `{SESSION}`. You don't need to import the "
            "variable."
        )
    if letters_of(name) in _SWITCHES:
        return (
            "`%aws_profile NAME` switches the notebook. In a script, run "
            "`from ipy_awsprofile import using_profile`, and write "
            '`with using_profile("NAME"):`.'
        )
    order = [module, *(other for other in _NAMES if other != module)]
    for other in order:
        if name in _NAMES[other]:
            return _about_module_of(name, other)
    for other in order:
        same_case = [each for each in _NAMES[other] if each[0].isupper() == name[0].isupper()]
        near = misspelled(letters_of(name), same_case) or misspelled(name, _NAMES[other])
        if near:
            return f"Did you mean `{near[0]}`? {_about_module_of(near[0], other)}"
    return f"To see the names in `{module}`, run `import {module}; help({module})`."


def _attributes_of(kind: type) -> list[str]:
    """Return the names of the public attributes of a class that come from this package."""
    names: list[str] = []
    for each in kind.__mro__:
        if each.__module__.startswith(f"{_PACKAGE.__name__}."):
            names += [name for name in vars(each) if not name.startswith("_")]
    return names


#: The annotations of the results of functions that code can call for a value.
_RESULTS = ("Identity", "ProfileSession", "dict[", "list[", "pd.DataFrame")
_WITH_ITEMS = ("dict[", "list[", "pd.DataFrame")


def _result_has(function: FunctionType, name: str) -> bool:
    """Return whether the result of a function of this package has an attribute."""
    kind = str(function.__annotations__.get("return", ""))
    if kind == "pd.DataFrame":
        import pandas as pd

        is_column = function.__name__ == "list_buckets" and name in _COLUMNS
        return is_column or hasattr(pd.DataFrame, name)
    if kind == "ProfileSession":
        return hasattr(Session, name)
    if kind == "Identity":
        return name in Identity.__dataclass_fields__
    if kind.startswith("dict["):
        return hasattr(dict, name)
    return kind.startswith("list[") and hasattr(list, name)


def _is_list_of_profiles(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(x, Profile) for x in value)


def _is_of_many(value: Any) -> bool:
    """Return whether a value is the result of code that ran for many profiles."""
    has_profiles = "profile" in getattr(value, "columns", ())
    return has_profiles and isinstance(value.attrs.get("errors"), list)


def _has_buckets(value: object) -> bool:
    return list(getattr(value, "columns", ())) == _COLUMNS
