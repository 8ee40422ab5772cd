"""Find polars' writes to S3 that name a profile. polars signs requests itself, without a client."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from IPython.core.inputtransformer2 import TransformerManager

#: The methods with which polars writes a file.
_WRITES = re.compile(r"write_(?:csv|ipc|ndjson|parquet)|sink_\w+")

#: The names of polars' storage option for a profile.
_OPTIONS = ("aws_profile", "profile")


class PolarsWrite(NamedTuple):
    """A write to S3 by polars: the name of its method, and the profile that the code names."""

    method: str
    profile: str


def writes_of_polars(cell: str, namespace: Mapping[str, object]) -> Iterator[PolarsWrite]:
    """Yield the writes of a cell that name a profile. ``namespace`` has the notebook's variables.

    Arguments must be literals or variables.
    """
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse(TransformerManager().transform_cell(cell))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            is_write = _WRITES.fullmatch(node.func.attr) and node.args
            profile = _profile_of(node, namespace) if is_write else None
            if profile and str(_value_of(node.args[0], namespace)).startswith("s3://"):
                yield PolarsWrite(node.func.attr, profile)


def _profile_of(call: ast.Call, namespace: Mapping[str, object]) -> str | None:
    """Return the name of the profile in the options or the provider of a call, or None."""
    for argument in call.keywords:
        value = _value_of(argument.value, namespace)
        names: list[object] = []
        if argument.arg == "storage_options" and isinstance(value, Mapping):
            names = [value.get(option) for option in _OPTIONS]
        if argument.arg == "credential_provider":
            names = [getattr(value, "profile_name", None), _profile_of_provider(argument.value)]
        for name in names:
            if isinstance(name, str):
                return name
    return None


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
