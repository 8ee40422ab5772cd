"""Errors of AWS, botocore and Python are translated to ours, in one place.

A call is wrapped in `translated`. Our error names the profile and what to do next, and has the
foreign error as its cause if that can't contain a secret.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import AbstractContextManager

from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError
from dateutil.parser import ParserError

from ipy_awsprofile.credentials.aws_errors import from_response
from ipy_awsprofile.credentials.botocore_errors import from_exception
from ipy_awsprofile.credentials.chain_names import ChainNames
from ipy_awsprofile.credentials.deadline import is_in_force, limited
from ipy_awsprofile.credentials.error_response import ErrorResponse
from ipy_awsprofile.credentials.interrupts import forget_stack
from ipy_awsprofile.credentials.system_limits import system_limit
from ipy_awsprofile.errors import AwsProfileError


class translated(AbstractContextManager[None]):  # noqa: N801  # it reads as what it does
    """Raise our error instead of a foreign one, and forget the foreign error's stack.

    The variables in botocore's frames can be keys, tokens and MFA codes. IPython's ``%xmode
    Verbose`` prints them, even for an error's cause.

    ``chain`` has the names of the role chain's profiles, as in ``Identity.chain``. ``step`` is the
    index of the profile whose credentials are needed. The calls wait for servers only so long: see
    `deadline.limited`.
    """

    def __init__(self, chain: tuple[str, ...], *, step: int = 0) -> None:
        self._chain = ChainNames(chain)
        self._step = step
        self._limited = limited(sys._getframe(1))  # noqa: SLF001  # that of the block
        self._outer: BaseException | None = None

    def __enter__(self) -> None:
        log_each_failure_once()
        self._outer = sys.exception()  # an error that the caller is handling keeps its stack
        self._limited.__enter__()

    def __exit__(self, _kind: object, error: BaseException | None, _stack: object) -> None:
        self._limited.__exit__(None, None, None)
        if error is None:
            return
        forget_stack(error, self._outer)
        if isinstance(error, Exception) and (limit := system_limit(error)):
            raise limit from None
        if isinstance(error, AwsProfileError) or not isinstance(error, Exception):
            raise error
        raise self._ours(error) from (error if _is_quotable(error) else None)

    def _ours(self, error: Exception) -> AwsProfileError:
        chain = ChainNames(self._chain.names[self._step :])
        ours = (
            from_response(error, chain)
            if isinstance(error, botocore.ClientError)
            else from_exception(error, chain)
        )
        if not chain.names:  # no command has a session's name
            ours.hint = ours.hint.replace(chain.asked_for, "NAME")
        if self._step:
            message = f"{str(ours).rstrip('.')}. It is needed for `{self._chain.asked_for}`."
            ours.args = (message,)
        return ours


#: Texts of others, or of their causes, can quote what a source returned or a person typed.
_QUOTABLE = (
    botocore.BotoCoreError,
    ResponseParserError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
)
_UNQUOTABLE = (
    botocore.CredentialRetrievalError,
    botocore.ParamValidationError,
    json.JSONDecodeError,
    ParserError,
    UnicodeDecodeError,
)


def _is_quotable(error: Exception) -> bool:
    if isinstance(error, botocore.ClientError):
        return not ErrorResponse.of(error).rejects_signature
    # The text about a header that can't be sent quotes the header.
    if type(error) is botocore.HTTPClientError:
        return False
    return isinstance(error, _QUOTABLE) and not isinstance(error, _UNQUOTABLE)


#: The failures that botocore logs, with a traceback, before it raises them.
_LOGGED = {
    "botocore.credentials": ("Refreshing temporary credentials failed",),
    "botocore.tokens": ("Refreshing token failed", "SSO token refresh attempt failed"),
}


def log_each_failure_once() -> None:
    """Keep botocore from logging the traceback of a failure that we raise as our error.

    The filter stays, and asks whether a `translated` block is running in the thread that logs. A
    filter that each block added and removed would be left in force when Ctrl-C interrupts the
    block at its end.
    """
    for name in _LOGGED:
        logging.getLogger(name).addFilter(_is_logged)  # a filter is added only once


def _is_logged(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], AwsProfileError):
        return False
    return not (is_in_force() and str(record.msg).startswith(_LOGGED[record.name]))
