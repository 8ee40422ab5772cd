"""Recognize an error that AWS's refusal caused, whatever library raised it.

Libraries are recognized by the class and the text of their exception. Nothing is imported. Other
sites' HTTP 403, files that don't exist and the local disk's permissions aren't AWS's refusals.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.gate import PROCESS


@dataclass(frozen=True, slots=True)
class Refusal:
    """How AWS has refused a request, as far as the error says it.

    ``code`` is AWS's, such as AccessDenied, and empty if the response has no body. ``operation`` is
    AWS's, such as PutObject, or the request's HTTP method, such as PUT. ``parsed`` is the response
    as botocore has parsed it. A request without credentials ``was_unsigned``; it may not even have
    been sent. ``independent`` is the name of the library if it keeps credentials of its own.
    """

    code: str = ""
    status: int = 0
    operation: str = ""
    message: str = ""
    parsed: Mapping[str, Any] | None = None
    was_unsigned: bool = False
    independent: str = ""


def refusals_in(error: BaseException) -> list[Refusal]:
    """Return AWS's refusals in an error and in its causes, the last one first.

    Our own errors say themselves what to do.
    """
    chain = list(_chain(error))
    if any(isinstance(each, AwsProfileError) for each in chain):
        return []
    refusals: list[Refusal] = []
    for each in chain:
        for reader in READERS:
            refusal = reader.read(each)
            if refusal:
                refusals.append(refusal)
    return refusals


#: Errors that are in the user's own code, even if it was handling a refusal.
_OF_CODE = (AttributeError, ImportError, NameError, SyntaxError, TypeError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its causes and, in a group, its members."""
    waiting = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
        waiting += _origins(each)


def _origins(error: BaseException) -> list[BaseException]:
    """Return the cause of an error, and the error that was being handled, such as a first attempt.

    `raise … from None` hides what was being handled.
    """
    origins: list[BaseException] = []
    if error.__cause__:
        origins.append(error.__cause__)
    is_hidden = error.__suppress_context__ and not error.__cause__
    if error.__context__ and not is_hidden and not isinstance(error, _OF_CODE):
        origins.append(error.__context__)
    return origins


def is_of(error: BaseException, module: str, name: str) -> bool:
    """Return whether an error is of a class, or of one derived from it, without importing it."""
    kinds = type(error).__mro__
    # DuckDB's classes are in a module whose name has an underscore.
    return any((kind.__module__.lstrip("_"), kind.__name__) == (module, name) for kind in kinds)


# botocore -----------------------------------------------------------------------------------------


def _read_botocore(error: BaseException) -> Refusal | None:
    """Read an error of boto3, aiobotocore, or a library that passes theirs on."""
    if is_of(error, "botocore.exceptions", "NoCredentialsError"):
        return Refusal(was_unsigned=True)
    if not is_of(error, "botocore.exceptions", "ClientError"):
        return None
    parsed = getattr(error, "response", None)
    if not isinstance(parsed, Mapping):
        return None
    details: Mapping[str, object] = parsed.get("Error") or parsed  # Ceph has it at the top level
    metadata = parsed.get("ResponseMetadata") or {}
    code = str(details.get("Code") or "")
    if code.isdigit():  # the response had no body
        code = ""
    return Refusal(
        code,
        int(metadata.get("HTTPStatusCode") or 0),
        str(getattr(error, "operation_name", "")),
        str(details.get("Message") or ""),
        parsed,
    )


# AWS's C++ SDK, in Arrow --------------------------------------------------------------------------

_ARROW = re.compile(
    r"AWS Error ([A-Z_]+)(?: \(HTTP status (\d+)\))? during (\w+) operation: (.*)", re.DOTALL
)
_NOT_PARSED = re.compile(r"Unable to parse ExceptionName: (\w+) Message: (.*)", re.DOTALL)
_NO_BODY = "No response body."


def _read_arrow(error: BaseException) -> Refusal | None:
    """Read an error of Arrow's S3 filesystem, which Python raises as OSError."""
    found = isinstance(error, OSError) and _ARROW.search(str(error))
    if not found:
        return None
    name, status, operation, message = found.groups()
    code = "".join(word.title() for word in name.split("_"))
    not_parsed = _NOT_PARSED.match(message)
    if not_parsed:
        code, message = not_parsed.groups()
    elif code == "Unknown" or message == _NO_BODY:
        code = ""
    if name == "ACCESS_DENIED":
        status = HTTPStatus.FORBIDDEN
    return Refusal(code, int(status or 0), operation, message)


# Rust's object_store ------------------------------------------------------------------------------

_STYLE = re.compile(r"\x1b\[[0-9;]*m|\s*↳\s*")
_OBJECT_STORE = re.compile(
    r"Error performing ([A-Z]+) (\S+) in \S+ - .*?status(?: code)?\W*(\d{3})", re.DOTALL
)
_METADATA = re.compile(r"/latest/(api/token|meta-data)")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)


def _read_object_store(error: BaseException) -> Refusal | None:
    """Read an error of the S3 client in polars, deltalake, obstore, and other libraries of Rust."""
    text = _STYLE.sub(" ", str(error)) if isinstance(error, Exception) else ""
    found = _OBJECT_STORE.search(text)
    if not found:
        return None
    method, url, status = found.groups()
    if _METADATA.search(url):  # no credentials were found, not even an instance's
        return Refusal(was_unsigned=True)
    if not is_address_of_aws(url):
        return None
    answered = text[found.end() :]
    code = _CODE.search(answered)
    message = _MESSAGE.search(answered)
    return Refusal(code[1] if code else "", int(status), method, message[1] if message else "")


def is_address_of_aws(url: str) -> bool:
    """Return whether a URL is of AWS, or of a server that is used instead of AWS."""
    host = urlsplit(url).hostname or ""
    if re.search(r"\.amazonaws\.com(\.cn)?$", host):
        return True
    endpoints = [PROCESS.effects.get("S3 endpoint")]  # of the profile
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        endpoints.append(os.environ.get(name))
    servers = [urlsplit(each).netloc for each in endpoints if isinstance(each, str)]
    return urlsplit(url).netloc in servers


# AWS's SDK for Rust, in daft ----------------------------------------------------------------------

_CODE_OF_RUST = re.compile(r'\bcode: "(\w+)"')


def _read_daft(error: BaseException) -> Refusal | None:
    """Read an error of daft's S3 client, which has no code if the response has no body."""
    if not is_of(error, "daft.exceptions", "DaftCoreException"):
        return None
    text = str(error)
    if "unhandled error" not in text:
        return None
    code = _CODE_OF_RUST.search(text)
    return Refusal(code[1] if code else "", HTTPStatus.FORBIDDEN, independent="daft")


# DuckDB -------------------------------------------------------------------------------------------

#: DuckDB names a Region only for S3.
_IN_S3 = re.compile(r"\bs3://|\bin region '")
_METHOD = re.compile(r"\b(GET|HEAD|PUT|POST|DELETE)\b")


def _read_duckdb(error: BaseException) -> Refusal | None:
    """Read an error of DuckDB's extension httpfs for a path of S3."""
    if not is_of(error, "duckdb", "HTTPException"):
        return None
    text = str(error)
    if not _IN_S3.search(text):
        return None
    body = str(getattr(error, "body", ""))
    code = _CODE.search(body)
    message = _MESSAGE.search(body)
    method = _METHOD.search(text)
    return Refusal(
        code[1] if code else "",
        int(getattr(error, "status_code", 0)),
        method[1] if method else "",
        message[1] if message else "",
    )


# Programs -----------------------------------------------------------------------------------------


def _read_process(error: BaseException) -> Refusal | None:
    """Return what a program that got credentials in this cell can have met: an ended session.

    Only STS can tell.
    """
    if PROCESS.lent and is_of(error, "subprocess", "CalledProcessError"):
        return Refusal(status=HTTPStatus.BAD_REQUEST)
    return None


# All libraries ------------------------------------------------------------------------------------


class Reader(NamedTuple):
    """Some libraries, how to read their errors, and the versions that were tried."""

    libraries: tuple[str, ...]
    read: Callable[[BaseException], Refusal | None]
    tried: str


READERS = (
    Reader(
        (
            *("boto3", "aiobotocore", "s3fs", "pandas", "awswrangler", "Dask", "MLflow"),
            *("smart_open", "redshift-connector", "PyAthena", "SQLAlchemy"),
        ),
        _read_botocore,
        "botocore 1.43, aiobotocore 3.10, s3fs 2026.9, awswrangler 3.17, PyAthena 4.2",
    ),
    Reader(("pyarrow", "pandas", "PyIceberg"), _read_arrow, "pyarrow 25"),
    Reader(
        ("polars", "deltalake", "obstore"),
        _read_object_store,
        "polars 2.1, deltalake 1.6, obstore 0.12",
    ),
    Reader(("daft",), _read_daft, "daft 0.7"),
    Reader(("DuckDB",), _read_duckdb, "duckdb 1.5"),
    Reader(("subprocess",), _read_process, "Python 3.11"),
)
