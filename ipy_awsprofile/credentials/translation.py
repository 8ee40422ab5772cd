"""What AWS, botocore and Python raise becomes an error of ours, in one place.

Callers wrap a call in `translated`; the error that comes out names the profile and the next step,
and has the foreign error as its cause where that may be quoted.
"""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager

from botocore import exceptions as botocore
from dateutil.parser import ParserError

from ipy_awsprofile.credentials.aws_errors import ErrorResponse, from_response
from ipy_awsprofile.credentials.botocore_errors import from_exception
from ipy_awsprofile.credentials.chain import Chain
from ipy_awsprofile.credentials.validation import UnusableCredentialsError
from ipy_awsprofile.errors import AwsProfileError


class translated(AbstractContextManager[None]):  # noqa: N801  # it reads as what it does
    """Raise foreign errors as ours, without the stack that they come from.

    botocore's frames have keys, tokens and MFA codes among their variables, which IPython's
    ``%xmode Verbose`` prints, also of an error that is only the cause of another.

    ``chain`` names the profiles at work, from the one that was asked for to the one whose
    credentials start it; it is empty for a session that no profile of ours has opened. ``step``
    is the index of the profile whose credentials are being fetched.
    """

    def __init__(self, chain: tuple[str, ...], *, step: int = 0) -> None:
        self._chain = Chain(chain)
        self._step = step
        self._outer: BaseException | None = None

    def __enter__(self) -> None:
        self._outer = sys.exception()  # what the caller is at work on keeps its stack

    def __exit__(self, _kind: object, error: BaseException | None, _stack: object) -> None:
        if isinstance(error, AwsProfileError | KeyboardInterrupt):
            _forget_stack(error, self._outer)
            raise error
        if isinstance(error, Exception) and (ours := self._ours(error)):
            _forget_stack(error, self._outer)
            raise ours from (error if _is_quotable(error) else None)

    def _ours(self, error: Exception) -> AwsProfileError | None:
        chain = Chain(self._chain.names[self._step :])
        ours = (
            from_response(error, chain)
            if isinstance(error, botocore.ClientError)
            else from_exception(error, chain)
        )
        if ours and self._step:
            message = f"{str(ours).rstrip('.')}. It is needed for `{self._chain.asked_for}`."
            ours.args = (message,)
        return ours


def _forget_stack(error: BaseException | None, outer: BaseException | None) -> None:
    """Take the stacks off an error and what it comes from, up to what was there before."""
    while error is not None and error is not outer:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


#: Their texts, or those of what they come from, may quote what a source gave or a person typed.
_UNQUOTABLE = (
    botocore.CredentialRetrievalError,
    botocore.ParamValidationError,
    json.JSONDecodeError,
    ParserError,
    UnicodeDecodeError,
    TypeError,
    UnusableCredentialsError,
)


def _is_quotable(error: Exception) -> bool:
    if isinstance(error, botocore.ClientError):
        return not ErrorResponse.of(error).rejects_signature
    # HTTP's own words for a header that can't be sent hold the header.
    return not isinstance(error, _UNQUOTABLE) and type(error) is not botocore.HTTPClientError
