"""The code field of the picker, as botocore's way to ask for an MFA code."""

from __future__ import annotations

from ipy_awsprofile.credentials.mfa import device_of
from ipy_awsprofile.errors import MfaUnavailable


class CodeField:
    """Answers the question for a code with what was typed, once; otherwise notes the device.

    A widget's callback has no input channel: nothing may wait for an answer there. So the switch
    is tried first (the AWS CLI's cache may have a session that needs no code), and ends with
    MfaUnavailable where it needs one; then the person is asked, and it is tried again.
    """

    def __init__(self, code: str | None) -> None:
        self._code = code
        #: The serial number or ARN of the device that was asked for, or None.
        self.device: str | None = None

    def __call__(self, question: str) -> str:
        """Return the code. Raises MfaUnavailable if none was typed, or it is used up."""
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
