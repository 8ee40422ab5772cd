"""Translate errors of AWS, botocore and Python to this package's exceptions.

Wrap calls in `translated`. The resulting exception names the profile and says what to do next. The
original error is its cause, unless that error can contain a secret. Passwords and queries in URLs
can be secrets.
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
from ipy_awsprofile.credentials.interrupts import causes, forget_stack
from ipy_awsprofile.credentials.system_limits import system_limit
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.text import redacted_urls


class translated(AbstractContextManager[None]):  # noqa: N801  # used like a function
    """Raise this package's exception instead of the original error, without its traceback.

    botocore's stack frames can contain keys, tokens and MFA codes. IPython's ``%xmode Verbose``
    prints their variables, even for an error's cause.

    ``chain`` has the names of the role chain's profiles, as in ``Identity.chain``. ``step`` is the
    index of the profile that needs credentials. Calls have a time limit; see `deadline.limited`.
    """

    def __init__(self, chain: tuple[str, ...], *, step: int = 0) -> None:
        self._chain = ChainNames(chain)
        self._step = step
        self._limited = limited(sys._getframe(1))  # noqa: SLF001  # the frame of the block
        self._outer: BaseException | None = None

    def __enter__(self) -> None:
        log_each_failure_once()
        self._outer = sys.exception()  # keep the traceback of an error that the caller is handling
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
        ours, cause = self._ours(error), error if _is_quotable(error, self._outer) else None
        del error  # a traceback can print the variables of this frame
        raise ours from cause

    def _ours(self, error: Exception) -> AwsProfileError:
        chain = ChainNames(self._chain.names[self._step :])
        ours = (
            from_response(error, chain)
            if isinstance(error, botocore.ClientError)
            else from_exception(error, chain)
        )
        if not chain.names:  # "this session" isn't the name of a profile
            ours.hint = ours.hint.replace(chain.asked_for, "NAME")
        if self._step:
            message = f"{str(ours).rstrip('.')}. It is needed for `{self._chain.asked_for}`."
            ours.args = (message,)
        return ours


#: Other exceptions, or their causes, can quote a source's response or the user's input.
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


def _is_quotable(error: Exception, outer: BaseException | None) -> bool:
    """Return whether a traceback that shows the error and its causes contains no secret."""
    if isinstance(error, botocore.ClientError):
        return not ErrorResponse.of(error).rejects_signature
    # The message for a header that can't be sent quotes the header.
    if type(error) is botocore.HTTPClientError:
        return False
    if not isinstance(error, _QUOTABLE) or isinstance(error, _UNQUOTABLE):
        return False
    texts = map(str, causes(error, outer))
    return all(redacted_urls(text) == text for text in texts)


#: Failures that botocore logs with a traceback before it raises them.
_LOGGED = {
    "botocore.credentials": ("Refreshing temporary credentials failed",),
    "botocore.tokens": ("Refreshing token failed", "SSO token refresh attempt failed"),
}


def log_each_failure_once() -> None:
    """Prevent botocore from logging the traceback of a failure that we raise.

    The filter is permanent, and checks whether the logging thread runs a `translated` block. If
    each block added and removed a filter, Ctrl-C at the end of a block could prevent the removal.
    """
    for name in _LOGGED:
        logging.getLogger(name).addFilter(_is_logged)  # logging adds a filter only once


def _is_logged(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], AwsProfileError):
        return False
    return not (is_in_force() and str(record.msg).startswith(_LOGGED[record.name]))
