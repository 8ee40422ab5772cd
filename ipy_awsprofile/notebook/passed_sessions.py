"""Find the line about a session or profile that code passes to a library in a way that fails.

The line names code that uses the same identity, with the limits of its session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from traceback import walk_tb
from types import ModuleType
from typing import TYPE_CHECKING

from boto3.exceptions import ResourceNotExistsError
from boto3.session import Session
from botocore.client import BaseClient

from ipy_awsprofile.call_stack import library_of
from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.request import SessionRequest, python_arguments
from ipy_awsprofile.label import label_of
from ipy_awsprofile.sessions.session import ProfileSession, found_credentials
from ipy_awsprofile.switch.named_profiles import is_visible, request_with_limit
from ipy_awsprofile.text import variable_of

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher

#: The error of a pandas function for a parameter that it doesn't have.
_OF_PANDAS = re.compile(
    r"\b(?:read|to)_\w+\(\) got an unexpected keyword argument "
    r"'(session|boto3_session|profile|profile_name|aws_profile)'"
)

#: A call of such a function, with the module or object that it belongs to.
_CALL = re.compile(r"\b(\w+)\.(?:read|to)_\w+\(")

#: boto3's errors for a parameter that a session and its clients don't have.
_OF_BOTO3 = re.compile(
    r"\bSession\.(\w+)\(\) got an unexpected keyword argument "
    r"'(region|profile|profile_name|aws_region|aws_profile|session|boto3_session)'"
)

#: The error of aiobotocore for a parameter that s3fs passes on to a session or a client.
_OF_S3FS = re.compile(
    r"\bAioSession\.(?:__init__|_create_client)\(\) got an unexpected keyword argument '(\w+)'"
)

#: The errors of polars and pyarrow for a session, with the name of the argument, the argument for
#: this session, and the end of the hint.
_INSTEAD_OF_SESSION = (
    (
        re.compile(r"Session' object is not callable"),
        "credential_provider",
        "**libraries.polars_options({})",
        " instead of `credential_provider=…`",
    ),
    (
        re.compile(r"(?i)\bfilesystem\b.*Session\b"),
        "filesystem",
        "filesystem=libraries.pyarrow_filesystem({})",
        ", and leave out `s3://` in the path",
    ),
)

#: A call of boto3, and the error for a session in place of the Region.
_CALL_OF_BOTO3 = re.compile(r"\bboto3\.(client|resource)\(([^()\n]*)\)")
_SESSION_AS_REGION = re.compile(r"expected string or bytes-like object, got '\w*Session'")

_METHODS = ("client", "resource")
_OF_SESSION = ("session", "boto3_session")


def line_about_passed_session(
    error: Exception, cell: str, namespace: Mapping[str, object], switcher: Switcher | None
) -> str:
    """Return a line about a session or profile that a library doesn't accept, or "".

    The parameters are the same as in `line_about_python`.
    """
    passed = _Passed(error, cell, namespace, switcher)
    if isinstance(error, TypeError | ValueError):
        return passed.about_parameter() or passed.about_argument()
    if isinstance(error, ResourceNotExistsError):
        return passed.about_position()
    if isinstance(error, AttributeError):
        return passed.about_object()
    return ""


def packages_of(error: BaseException) -> set[str]:
    """Return the names of the installed packages whose code the cell called before an error."""
    packages = {library_of(frame) for frame, _ in walk_tb(error.__traceback__)}
    return {name for name in packages if name and name != "IPython"}  # which runs the cell


def code_of_block(
    request: SessionRequest, namespace: Mapping[str, object], left_out: str = "options"
) -> str:
    """Return advice to use an identity in a block. ``left_out`` is what to leave out there."""
    statement = f"with using_profile({python_arguments(request)}):"
    return (
        f"{first_import('using_profile', namespace)} `{statement}`, and leave out {left_out} in "
        "the block."
    )


def first_import(name: str, namespace: Mapping[str, object]) -> str:
    """Return the beginning of advice that ends with code that uses a name of this package."""
    if name in namespace:
        return "Write"
    return f"Run `from ipy_awsprofile import {name}`. Then write"


@dataclass(frozen=True, slots=True)
class _Passed:
    """An error and the code of its cell, with the other arguments of `line_about_python`."""

    error: Exception
    cell: str
    namespace: Mapping[str, object]
    switcher: Switcher | None

    def about_parameter(self) -> str:
        """Return a line about a parameter that a function doesn't have, or an empty string."""
        text = str(self.error)
        of_pandas = _OF_PANDAS.search(text)
        if of_pandas:
            return self._about_pandas(of_pandas[1])
        of_boto3 = _OF_BOTO3.search(text)
        if of_boto3:
            return self._about_boto3(of_boto3[1], of_boto3[2])
        if _SESSION_AS_REGION.search(text):
            return self.about_position()
        of_s3fs = _OF_S3FS.search(text)
        return self._about_s3fs(of_s3fs[1]) if of_s3fs else ""

    def about_argument(self) -> str:
        """Return a line about a session in place of another argument, or an empty string."""
        for error, parameter, code, hint in _INSTEAD_OF_SESSION:
            if not error.search(str(self.error)):
                continue
            value = self._value_of(parameter)
            if not isinstance(value, ProfileSession):
                continue
            if self._is_active(value):
                return self._about_active("`s3://` paths use", value, f"`{parameter}`")
            instead = code.format(self._variable_of(value))
            return f"{first_import('libraries', self.namespace)} `{instead}`{hint}."
        return ""

    def about_position(self) -> str:
        """Return a line about a session as an argument without a name of a call of boto3, or ""."""
        for method, arguments in _CALL_OF_BOTO3.findall(self.cell):
            written = [argument.strip() for argument in arguments.split(",")]
            for name in written:
                if isinstance(self.namespace.get(name), Session):
                    others = [argument for argument in written if argument != name]
                    return f"Write `{name}.{method}({', '.join(others) or '…'})`."
        return ""

    def about_object(self) -> str:
        """Return a line about an object that a library uses as a session, or an empty string."""
        owner = getattr(self.error, "obj", None)
        name = getattr(self.error, "name", "")
        if name == "create_client" and "s3fs" in packages_of(self.error):
            return self._about_filesystem(owner)
        if name == "replace" and isinstance(owner, Session):
            return self.about_position()
        if name == "client" and isinstance(owner, str):
            return self._about_name_of_profile(owner)
        return ""

    # ---- pandas and s3fs

    def _about_pandas(self, parameter: str) -> str:
        """Return a line about a parameter that a pandas function doesn't have."""
        value = self._value_of(parameter)
        left_out = f"`{parameter}`"
        if not self._calls_pandas():
            return self._about_active("`s3://` paths use", value, left_out)
        if isinstance(value, ProfileSession) and not self._is_active(value):
            name = self._variable_of(value)
            return self._with_options(value, f"storage_options=storage_options({name})", left_out)
        is_profile = isinstance(value, str) and value in read_config().profiles
        if is_profile and not self._is_active(value):
            return code_of_block(request_with_limit(str(value)), self.namespace, left_out)
        return self._about_active("`s3://` paths use", value, left_out)

    def _calls_pandas(self) -> bool:
        """Return whether the cell calls only functions of pandas and Dask, and not of polars."""
        owners = [self.namespace.get(name) for name in _CALL.findall(self.cell)]
        modules = [each.__name__ for each in owners if isinstance(each, ModuleType)]
        return all(name.partition(".")[0] in {"dask", "pandas"} for name in modules)

    def _about_filesystem(self, owner: object) -> str:
        """Return a line about an object that a filesystem of s3fs has got as its session."""
        left_out = "`session`"
        if isinstance(owner, ProfileSession) and not self._is_active(owner):
            name = self._variable_of(owner)
            return self._with_options(owner, f"S3FileSystem(**storage_options({name}))", left_out)
        if isinstance(owner, Session | BaseClient):
            return self._about_active("s3fs uses", owner, left_out)
        return ""

    def _about_s3fs(self, parameter: str) -> str:
        """Return a line about a parameter that s3fs names differently or doesn't need, or ""."""
        if parameter in ("region", "region_name", "aws_region"):
            return self._about_region_of_s3fs(parameter)
        if parameter in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
            return self._about_active("s3fs uses", None, "the keys")
        if parameter in ("profile", "profile_name", "aws_profile"):
            return self._about_profile_of_s3fs(parameter)
        return ""

    def _about_region_of_s3fs(self, parameter: str) -> str:
        """Return a line about a Region that s3fs takes only as an argument of its clients."""
        if parameter != "region_name" and "client_kwargs" in self.cell:
            return "Did you mean `region_name`?"
        options = {"region_name": self._value_of(parameter) or "REGION"}
        code = f"client_kwargs={options}"
        if re.search(rf"['\"]{parameter}['\"]\s*:", self.cell):  # an item of a dict
            code = f"'client_kwargs': {options}"
        return f"For s3fs, the Region is an argument of its clients. Write `{code}`."

    def _about_profile_of_s3fs(self, parameter: str) -> str:
        """Return a line about a parameter with a profile's name that s3fs names differently."""
        value = self._value_of(parameter)
        if parameter == "profile":  # only an argument of a client
            return "`profile` is an option of s3fs itself. Move it out of `client_kwargs`."
        if not isinstance(value, str) or is_visible(value):
            return f"s3fs names this option `profile`. Write `profile` instead of `{parameter}`."
        if value in read_config().profiles:
            return code_of_block(request_with_limit(value), self.namespace, f"`{parameter}`")
        return ""

    def _with_options(self, session: ProfileSession, code: str, left_out: str) -> str:
        """Return advice to pass a session's options or, if they aren't enough, to use a block."""
        target = session.target
        if target.resolves_by_name and is_visible(target.name):
            return f"{first_import('storage_options', self.namespace)} `{code}`."
        return code_of_block(target.request, self.namespace, left_out)

    def _about_active(self, who: str, value: object, left_out: str) -> str:
        """Return advice to use the active identity, or an empty string if no profile is active."""
        active = self.switcher.active if self.switcher else None
        if active is None:
            return ""
        line = f"{who} the active identity, `{active.request.name}`."
        if self._is_active(value):
            return f"{line} Leave out {left_out}."
        line += f" To use this identity, leave out {left_out}."
        if "profile" in left_out:
            line += " To use a different profile, run `%aws_profile NAME` first."
        return line

    # ---- boto3 and awswrangler

    def _about_boto3(self, method: str, parameter: str) -> str:
        """Return a line about a parameter that boto3 names differently or doesn't have."""
        if "region" in parameter:
            return "Did you mean `region_name`?"
        if method not in _METHODS:
            return "" if parameter in _OF_SESSION else "Did you mean `profile_name`?"
        value = self._value_of(parameter)
        if isinstance(value, Session):
            return f"Write `{self._variable_of(value)}.{method}({self._without(parameter)})`."
        if parameter in _OF_SESSION and not isinstance(value, str):
            return f"A session has this method: write `SESSION.{method}(…)`."
        request = request_with_limit(value if isinstance(value, str) else "NAME")
        return (
            "To use a different profile, run `from ipy_awsprofile import open_session`, and write "
            f"`open_session({python_arguments(request)}).{method}(…)`."
        )

    def _about_name_of_profile(self, name: str) -> str:
        """Return a line about a profile's name in place of a session, or an empty string."""
        if self._value_of("boto3_session") != name:
            return ""
        if self._is_active(name):
            return f"`{name}` is the active identity. Leave out `boto3_session`."
        if name not in read_config().profiles:
            return "`boto3_session` takes a session, such as `boto3_session=session`."
        return (
            "`boto3_session` takes a session, not a profile's name. "
            f"{first_import('open_session', self.namespace)} "
            f"`boto3_session=open_session({python_arguments(request_with_limit(name))})`."
        )

    # ---- arguments

    def _value_of(self, parameter: str) -> object:
        """Return the value of a keyword argument or of a dict's item, or None if it isn't known.

        The code of a known value is a string or the name of a variable. If the cell passes several
        values, the value isn't known.
        """
        written = re.compile(
            rf"\b{parameter}(?:\s*=|['\"]\s*:)\s*"
            r"(?:(['\"])([^'\"\n]*)\1|([A-Za-z_]\w*)\s*[,)}])"
        )
        values: list[object] = []
        for quote, text, name in written.findall(self.cell):
            values.append(text if quote else self.namespace.get(name))
        known = values[0] if values else None
        return known if all(each is known or each == known for each in values) else None

    def _without(self, parameter: str) -> str:
        """Return the other arguments of a boto3 call that the cell makes, or "…"."""
        call = re.compile(rf"\bboto3\.\w+\(([^()\n]*),\s*{parameter}\s*=\s*\w+\s*\)")
        others = call.findall(self.cell)
        return str(others[0]) if len(others) == 1 else "…"

    def _variable_of(self, session: Session) -> str:
        """Return the name of the notebook's variable for a session, or `session`."""
        return variable_of(session, self.namespace, "session")

    def _is_active(self, value: object) -> bool:
        """Return whether a session, a client or a profile's name has the active identity."""
        active = self.switcher.active if self.switcher else None
        if active is None:
            return False
        if isinstance(value, str):
            return value == active.request.profile
        if isinstance(value, Session):
            return label_of(found_credentials(value)) == active.label
        return False
