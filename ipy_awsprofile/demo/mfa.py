"""Virtual MFA devices, which show a new six-digit code every 30 seconds. Each code works once.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_enable_virtual.html
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyotp

from ipy_awsprofile.demo.refusals import Refusal

if TYPE_CHECKING:
    from ipy_awsprofile.demo.principals import Principal
    from ipy_awsprofile.demo.sessions import Clock

_STEP = 30  # seconds, the default of RFC 6238 and of every authenticator app
_UNKNOWN_DEVICE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  "
    "Please verify your MFA serial number is valid and associated with this user."
)
# AWS's message ends with this space.
_WRONG_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
_ONE_OF_TWO = (
    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. "
)


class MfaDevices:
    """The MFA devices of all users, and the used codes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._devices: dict[str, tuple[str, str]] = {}
        self._used: set[tuple[str, int]] = set()

    def add(self, user_arn: str) -> str:
        """Create a user's device; return its serial number, which is an ARN."""
        serial = user_arn.replace(":user/", ":mfa/", 1)
        with self._lock:
            self._devices[serial] = (user_arn, pyotp.random_base32())
        return serial

    def seed(self, serial: str) -> str:
        """Return the seed in a device's QR code. Raises KeyError for an unknown device."""
        return self._devices[serial][1]

    def code(self, serial: str) -> str:
        """Return the code that a device shows now. Raises KeyError for an unknown device."""
        return self._code_at(self.seed(serial), self._step())

    def check(self, caller: Principal, serial: str | None, code: str | None) -> bool:
        """Check and consume a code; return False without a code. Raises AWS's AccessDenied."""
        if serial is None and code is None:
            return False
        if serial is None or code is None:
            raise Refusal("AccessDenied", _ONE_OF_TWO)
        with self._lock:
            owner, seed = self._devices.get(serial, (None, ""))
            if owner != caller.arn:
                raise Refusal("AccessDenied", _UNKNOWN_DEVICE)
            now = self._step()
            steps = [s for s in (now - 1, now, now + 1) if self._code_at(seed, s) == code]
            fresh = [step for step in steps if (serial, step) not in self._used]
            if not fresh:
                raise Refusal("AccessDenied", _WRONG_CODE)
            self._used.add((serial, fresh[0]))
        return True

    def seeds(self) -> set[str]:
        """Return the seeds of all devices."""
        return {seed for _, seed in self._devices.values()}

    def _step(self) -> int:
        return int(self._clock().timestamp()) // _STEP

    @staticmethod
    def _code_at(seed: str, step: int) -> str:
        code: str = pyotp.TOTP(seed, interval=_STEP).generate_otp(step)
        return code
