"""Find the line about an S3 path or address that code passes to a function in a wrong form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

from ipy_awsprofile.follower import is_error_of
from ipy_awsprofile.kernel.refusals import is_address_of_aws
from ipy_awsprofile.notebook.passed_sessions import packages_of

#: The ARN of an object or a bucket of S3.
_ARN = re.compile(r"\barn:aws[\w-]*:s3:::([^'\"\s]+)")

#: An S3 path that lacks a slash or has capitals, in the errors of Python and fsspec.
_PATH = re.compile(r"'s3:/(?!/)|Protocol not known: S3$", re.IGNORECASE)

#: A call of Python's `open`, with its arguments, and the mode among them.
_OPEN = re.compile(r"(?<![\w.])open\(([^()\n]+)\)")
_MODE = re.compile(r"(?:,\s*|\bmode\s*=\s*)(['\"])[rwabxt+]+\1")

#: The host of S3, whose paths begin with a bucket, or the host of a bucket.
_HOST = re.compile(r"(?:(?P<bucket>[a-z0-9.-]+)\.)?s3[.-](?:[a-z0-9.-]+\.)?amazonaws\.com(?:\.cn)?")


def line_about_path(error: Exception, cell: str, namespace: Mapping[str, object]) -> str:
    """Return a line about an S3 path that caused an error in a cell, or an empty string.

    The parameters are the same as in `line_about_python`.
    """
    if is_error_of(error, "urllib.error", "HTTPError"):
        return _about_address(error)
    if isinstance(error, FileNotFoundError):
        arn = _ARN.search(str(error))
        if arn:
            return f"Write the path `s3://{arn[1]}` instead of the ARN."
        file = str(error.filename)
        if file.startswith("s3:/") and _is_of_pathlib(file, cell, namespace):
            return _about_pathlib(error, file.replace("s3:/", "s3://", 1))
        if file.startswith("s3://") and not packages_of(error) & {"fsspec", "s3fs"}:
            return _about_local_file(file, cell, namespace)
    if _PATH.search(str(error)):
        return "An S3 path begins with `s3://`, in lower case and with two slashes."
    return ""


def _is_of_pathlib(file: str, cell: str, namespace: Mapping[str, object]) -> bool:
    """Return whether `pathlib` has removed a slash from the path in an error."""
    if file.startswith("s3://") or file in cell:
        return False
    if re.search(r"\bPath\(", cell) and "s3://" in cell:
        return True
    paths = [str(value) for value in namespace.values() if isinstance(value, PurePath)]
    return any(path.startswith("s3:/") and file.startswith(path) for path in paths)


def _about_pathlib(error: Exception, path: str) -> str:
    """Return a line about a path whose second slash `pathlib` has removed."""
    says = "`Path` is only for local files, and removes a slash from `s3://`."
    if packages_of(error):  # a library, such as pandas
        return f"{says} Pass the string `{path!r}` instead."
    return f"{says} " + _code_to_open(f"{path!r}, mode='r'")


def _about_local_file(path: str, cell: str, namespace: Mapping[str, object]) -> str:
    """Return a line about an S3 path that a function took for the path of a local file."""
    calls: list[str] = []
    for arguments in _OPEN.findall(cell):
        first = arguments.partition(",")[0].strip()
        if namespace.get(first) == path or first.strip("'\"") == path:
            calls.append(arguments)
    if not calls:
        return (
            f"The code used `{path}` as the path of a local file. For S3 paths, use pandas or "
            "`s3fs.S3FileSystem()`."
        )
    arguments = calls[0]
    if not _MODE.search(arguments):
        arguments += ", mode='r'"  # it is "rb" in s3fs
    return f"Python's `open` is only for local files. {_code_to_open(arguments)}"


def _code_to_open(arguments: str) -> str:
    return f"Run `import s3fs`. Then write `s3fs.S3FileSystem().open({arguments})`."


def _about_address(error: Exception) -> str:
    """Return a line about pandas' request to the address of an object, which isn't signed."""
    url = str(getattr(error, "url", ""))
    address = urlsplit(url)
    is_refused = getattr(error, "code", 0) == HTTPStatus.FORBIDDEN
    if not is_refused or "Signature=" in url or "pandas" not in packages_of(error):
        return ""
    host = address.hostname or ""
    of_s3 = _HOST.fullmatch(host)
    if not of_s3 and (host.endswith(".amazonaws.com") or not is_address_of_aws(url)):
        return ""
    path = unquote(address.path).lstrip("/")
    if of_s3 and of_s3["bucket"]:
        path = f"{of_s3['bucket']}/{path}"
    return (
        f"pandas doesn't sign requests to `{address.scheme}://` addresses. Write the path "
        f"`s3://{path}`."
    )
