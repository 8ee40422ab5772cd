"""Recognize the errors that libraries raise because AWS refused a request.

The records in `followers` identify a library's errors by the class and message of the exception.
This module doesn't import any of the libraries. HTTP 403 responses from other sites, missing files
and permission errors for local files don't count as refusals by AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.follower import Refusal, followers, is_error_of
from ipy_awsprofile.gate import PROCESS


def refusals_in(error: BaseException) -> list[Refusal]:
    """Return the refused requests that caused an error, with the most recent request first.

    The result is empty for this package's own errors, because their hints already say what to do.
    """
    chain = list(_chain(error))
    if any(isinstance(each, AwsProfileError) for each in chain):
        return []
    refusals: list[Refusal] = []
    readers = _readers()
    for each in chain:
        for read in readers:
            refusal = read(each)
            if refusal:
                refusals.append(refusal)
    return refusals


def _readers() -> list[Callable[[BaseException], Refusal | None]]:
    """Return the functions that read errors from botocore, programs and imported libraries.

    If several libraries have the same function, the result contains the function once.
    """
    readers: list[Callable[[BaseException], Refusal | None]] = [_read_botocore, _read_process]
    for follower in followers():
        read = follower.read_refusal
        if read and read not in readers:
            readers.append(read)
    return readers


#: Errors that are in the user's own code, even if it was handling a refusal.
_OF_CODE = (AttributeError, ImportError, NameError, SyntaxError, TypeError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, its causes and, for an exception group, its members."""
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
    """Return the cause and the context of an error, if the error has them.

    The context is the error that was being handled when this error was raised. `raise … from None`
    hides the context.
    """
    origins: list[BaseException] = []
    if error.__cause__:
        origins.append(error.__cause__)
    is_hidden = error.__suppress_context__ and not error.__cause__
    if error.__context__ and not is_hidden and not isinstance(error, _OF_CODE):
        origins.append(error.__context__)
    return origins


# botocore -----------------------------------------------------------------------------------------


def _read_botocore(error: BaseException) -> Refusal | None:
    """Return the refused request that caused an error in boto3 or aiobotocore, or None.

    Libraries such as s3fs pass these errors on.
    """
    if is_error_of(error, "botocore.exceptions", "NoCredentialsError"):
        return Refusal(was_unsigned=True)
    if not is_error_of(error, "botocore.exceptions", "ClientError"):
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


# Programs -----------------------------------------------------------------------------------------


def _read_process(error: BaseException) -> Refusal | None:
    """Return a possible refusal if a program that received credentials in this cell failed.

    The program's session may have expired, but only STS can confirm the expiry.
    """
    if PROCESS.lent_in_cell and is_error_of(error, "subprocess", "CalledProcessError"):
        return Refusal(status=HTTPStatus.BAD_REQUEST)
    return None
