"""The picker's code field, as a function that botocore calls for an MFA code."""

from __future__ import annotations

from ipy_awsprofile.credentials.mfa import device_of
from ipy_awsprofile.errors import MfaUnavailable


class CodeField:
    """Returns the typed code once; without one, it keeps the device's name and raises.

    A widget's callback has no input channel, so it can't wait for an answer. The first try of a
    switch has no code (a session in the AWS CLI's cache may need none). If it raises
    MfaUnavailable, the view asks for the code, and the switch is tried again.
    """

    def __init__(self, code: str | None) -> None:
        self._code = code
        #: The serial number or ARN of the device whose code was needed, or None.
        self.device: str | None = None

    def __call__(self, question: str) -> str:
        """Return the code. Raises MfaUnavailable if none was typed, or it was returned before."""
        self.device = device_of(question)
        code, self._code = self._code, None
        if code is not None:
            return code
        raise MfaUnavailable(
            f"A code of the MFA device {self.device} is needed.",
            "Refresh in the picker, or run `%aws_profile --refresh`.",
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.device or 'no device yet'}>"
