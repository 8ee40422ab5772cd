"""Find polars' calls for S3 that name a profile. polars signs requests itself, without a client."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import ModuleType
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager

#: polars' functions for files, and those that write.
_FUNCTIONS = re.compile(r"(?:read|scan|write|sink)_\w+")
_WRITES = re.compile(r"write_(?:csv|ipc|ndjson|parquet)|sink_\w+")

#: The names of polars' storage option for a profile.
_OPTIONS = ("aws_profile", "profile")


class PolarsCall(NamedTuple):
    """A call of polars for a file in S3, and the profile that the code names.

    ``option`` is the storage option that names the profile, or None if a provider names it.
    """

    method: str
    profile: str
    option: str | None

    @property
    def writes(self) -> bool:
        """Whether the call writes the file."""
        return bool(_WRITES.fullmatch(self.method))


def calls_of_polars(cell: str, namespace: Mapping[str, object]) -> Iterator[PolarsCall]:
    """Yield the calls of a cell that name a profile. ``namespace`` has the notebook's variables.

    Arguments must be literals or variables.
    """
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse(TransformerManager().transform_cell(cell))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if not _FUNCTIONS.fullmatch(node.func.attr) or not node.args:
                continue
            if not _belongs_to_polars(node.func, namespace):
                continue
            if str(_value_of(node.args[0], namespace)).startswith("s3://"):
                yield from _named_in(node, node.func.attr, namespace)


def _belongs_to_polars(function: ast.Attribute, namespace: Mapping[str, object]) -> bool:
    """Return whether a function is polars', as far as its name and the code before it tell.

    pandas, Dask and others have functions with the same names that read files, but none that write.
    """
    owner = function.value
    value = namespace.get(owner.id) if isinstance(owner, ast.Name) else None
    if value is None:
        return not function.attr.startswith("read_")
    module = value.__name__ if isinstance(value, ModuleType) else type(value).__module__
    return module.partition(".")[0] == "polars"


def _named_in(call: ast.Call, method: str, namespace: Mapping[str, object]) -> Iterator[PolarsCall]:
    """Yield a call if its provider or, without a provider, its options name a profile."""
    arguments = {argument.arg: argument.value for argument in call.keywords}
    provider = arguments.get("credential_provider")
    if provider:
        value = _value_of(provider, namespace)
        for name in (getattr(value, "profile_name", None), _profile_of_provider(provider)):
            if isinstance(name, str):
                yield PolarsCall(method, name, None)
                return
    elif "storage_options" in arguments:
        options = _value_of(arguments["storage_options"], namespace)
        for option in _OPTIONS:
            name = options.get(option) if isinstance(options, Mapping) else None
            if isinstance(name, str):
                yield PolarsCall(method, name, option)
                return


def _profile_of_provider(node: ast.expr) -> object:
    """Return the profile in a call of ``CredentialProviderAWS``, or None."""
    if not isinstance(node, ast.Call):
        return None
    for argument in node.keywords:
        if argument.arg == "profile_name":
            return _value_of(argument.value, {})
    return None


def _value_of(node: ast.expr, namespace: Mapping[str, object]) -> object:
    """Return the value of a literal or a variable, or None if the value isn't known.

    The value of an f-string is its beginning.
    """
    if isinstance(node, ast.Name):
        return namespace.get(node.id)
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    with suppress(ValueError):
        value: object = ast.literal_eval(node)
        return value
    return None
