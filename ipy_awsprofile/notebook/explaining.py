"""The line below an error that AWS's refusal caused: as whom it was signed, and what to do.

It has at most two sentences, and nothing that wasn't checked. A cell that doesn't fail never comes
here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from ipy_awsprofile.calls.actions import action_named, action_of
from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.config.request import arguments
from ipy_awsprofile.credentials.botocore_session import rejection_of
from ipy_awsprofile.credentials.caller import caller_of
from ipy_awsprofile.credentials.error_table import DENIED, ENDED, EXPIRED, REJECTED, SET_THE_CLOCK
from ipy_awsprofile.credentials.providers import reject, renewing_of
from ipy_awsprofile.errors import AwsProfileError, MfaUnavailable, SignInRequired
from ipy_awsprofile.follower import Leftover, Refusal
from ipy_awsprofile.gate import PROCESS, READ_ONLY, Label, Signature
from ipy_awsprofile.kernel.refusals import has_wrong_clock
from ipy_awsprofile.sessions.assigned_roles import known_account_name
from ipy_awsprofile.sessions.issuing import try_to_renew
from ipy_awsprofile.switch.opening import is_protected
from ipy_awsprofile.switch.stack import OpenProfile
from ipy_awsprofile.switch.switcher import Switcher
from ipy_awsprofile.text import one_line

#: How AWS names who called, and what is missing.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_CALLER = re.compile(r"\bUser: (arn:\S+) is not authorized")
_MISSING = re.compile(r'not authorized to perform: ([\w-]+:\w+)(?: on resource: "?([^\s"]+)"?)?')

#: The HTTP methods that change something, which are the operations of some readers.
_WRITING = {"DELETE", "PATCH", "POST", "PUT"}

_CHOOSE = "Run `%aws_profile NAME`."


def explain_error(
    error: Exception, refusals: list[Refusal], switcher: Switcher, *, is_recording: bool
) -> None:
    """Show a line below an error if a session has ended, or for the refusals that caused it."""
    if PROCESS.is_run or (isinstance(error, AwsProfileError) and error.hint):
        return  # the error says what to do
    line = _line_about_expiry(switcher)
    if refusals and not line:
        signed = [each for each in refusals if not _was_unsigned(each)]
        # pandas tries again without credentials.
        refusal = next(iter(signed or refusals))
        line = _Explanation(refusal, switcher, is_recording=is_recording).line()
    if line:
        PROCESS.warn(line)


def _line_about_expiry(switcher: Switcher) -> str:
    """Return a line if the active session can't be renewed unattended, or an empty string."""
    session = switcher.session
    if session is None:
        return ""
    problem = try_to_renew(session)
    if isinstance(problem, SignInRequired):
        return f"{problem} Run `%aws_profile --refresh`."
    if isinstance(problem, MfaUnavailable):
        return (
            f"The session of `{session.chain[0]}` has expired, and a new one requires an MFA "
            "code. Run `%aws_profile --refresh`."
        )
    return ""


class _Explanation:
    """What a notebook knows about a refusal: who signed, as far as that is known, and what to do.

    ``is_recording`` says whether ``%aws_calls`` records botocore's calls.
    """

    def __init__(self, refusal: Refusal, switcher: Switcher, *, is_recording: bool) -> None:
        self._refusal = refusal
        self._switcher = switcher
        self._is_recording = is_recording
        self._active = switcher.active
        self._signature = _signature_of(refusal)
        self._label = self._label_of_signer()

    def line(self) -> str:
        """Return the line, or an empty string if it isn't certain that AWS refused the request."""
        refusal = self._refusal
        if _was_unsigned(refusal):
            return self._line_without_credentials()
        if refusal.about_library:
            return self._line_about_library(refusal.about_library)
        code = refusal.code or self._code_from_sts()
        if has_wrong_clock(code, refusal.message, refusal.parsed):
            return f"AWS refused this because this machine's clock is wrong. {SET_THE_CLOCK}"
        if code in EXPIRED | ENDED:
            return self._line_about_session(code)
        if code in REJECTED:
            return f"{self._who()} AWS doesn't accept the signature ({code})."
        is_forbidden = not code and refusal.status == HTTPStatus.FORBIDDEN
        if is_forbidden or code in DENIED:
            return f"{self._who()} {self._what_to_do()}".strip()
        return ""

    # ---- who signed

    @property
    def _is_of_active(self) -> bool:
        """Whether the active profile's session signed, or probably did."""
        return self._active is not None and self._label == self._active.label

    def _label_of_signer(self) -> Label | None:
        """Return the identity that signed, or probably did; None if it isn't known.

        A library in another language signs with what was lent to it, in this cell or earlier. So
        its objects can be older than a switch.
        """
        if self._signature:
            return self._signature.label
        lent = PROCESS.lent_in_cell
        if len(lent) == 1:
            return next(iter(lent))
        active = self._active
        if active is None or lent:
            return None
        others = self._switcher.identities_of_objects() - {active.label}
        if others and not self._was_called_by(active.label):
            return None
        return active.label

    def _was_called_by(self, label: Label) -> bool:
        """Return whether AWS's message names the principal of a label."""
        caller = _CALLER.search(self._refusal.message)
        if caller is None or not label.principal:
            return False
        return f"{caller[1]}/".startswith(f"{label.principal}/")

    def _who(self) -> str:
        """Return a sentence that says who signed, as far as it is known, or an empty string."""
        active = self._active
        label = self._label
        if label:
            is_certain = self._signature or label in PROCESS.lent_in_cell
            if is_certain or self._was_called_by(label):
                return f"This was signed as {self._described(label)}."
            return f"This was probably signed as {self._described(label)}."
        if active is None:
            return "No profile is active."
        if self._signature:
            return f"This was signed with the code's own keys, not as `{active.label.name}`."
        return (
            f"`{active.label.name}` is active, but an object from before the switch keeps its own "
            "identity."
        )

    def _line_about_library(self, leftover: Leftover) -> str:
        """Return the line about a library that keeps credentials of its own."""
        code = self._refusal.code
        if code and code not in DENIED | EXPIRED | ENDED | REJECTED:
            return ""
        is_active = "No profile is active."
        if self._active:
            is_active = f"{self._described(self._active.label)} is active."
        return f"{is_active} {leftover}"

    def _described(self, label: Label) -> str:
        """Return an identity with its role, limits and account, as far as they are known."""
        arn = Arn.parse(self._principal_of(label))
        kind, _, resource = arn.resource.partition("/")
        details: list[str] = []
        if kind == "assumed-role":
            role = re.sub(r"^AWSReservedSSO_(.+)_[0-9a-f]{16}$", r"\1", resource.partition("/")[0])
            if role != label.profile:
                details.append(role)
        if label.limits:
            details.append(label.limits)
        text = _name_of(label)
        if details:
            text += f" ({', '.join(details)})"
        if not arn.account:
            return text
        account_name = known_account_name(arn.account)
        if account_name:
            return f"{text} in {one_line(account_name, 80)}, {arn.account}"
        return f"{text} in the account {arn.account}"

    def _principal_of(self, label: Label) -> str | None:
        """Return the principal that STS has reported for the identity that signed, if any."""
        if label.principal:
            return label.principal
        caller = caller_of(self._credentials)  # of `open_session`, which doesn't ask STS
        return caller.principal if caller else None

    # ---- what to do

    def _line_without_credentials(self) -> str:
        """Return the line for a request without a signature."""
        active = self._active
        if active is None:
            return f"No profile is active, so AWS got no credentials. {_CHOOSE}"
        if self._signature:
            return f"This was sent without credentials, not as `{active.label.name}`."
        return ""

    def _what_to_do(self) -> str:
        """Return the sentence with the next step after a missing permission, or an empty string."""
        active = self._active
        if active is None:
            return _CHOOSE
        if not self._is_of_active:
            return ""
        if self._is_limited_to_reading(active):
            return self._line_to_write(active)
        message = self._refusal.message
        if "explicit deny" in message and renewing_of(active.label.credentials):
            return (
                "An explicit deny can mean that an administrator has ended the session, and "
                "`%aws_profile --refresh` gets a new one."
            )
        steps: list[str] = []
        missing = _MISSING.search(message)
        if missing:
            resource = f" on `{one_line(missing[2], 200)}`" if missing[2] else ""
            steps.append(f"it lacks `{missing[1]}`{resource}")
        steps += self._other_steps()
        text = ", and ".join(steps)
        return f"{text[:1].upper()}{text[1:]}." if text else ""

    def _other_steps(self) -> list[str]:
        """Return what else can help: the profile from before, or the recorded calls."""
        if self._is_recording and self._signature:
            return ["`%aws_calls --denied` lists such calls"]
        before = self._switcher.previous
        if before is None or is_protected(before, self._switcher.protection):
            return []
        if self._active and before.label == self._active.label:
            return []
        line = arguments(before.request)
        return [f"`%aws_profile {line}` switches back to the profile from before"]

    def _is_limited_to_reading(self, active: OpenProfile) -> bool:
        """Return whether a session is read-only, and the request would have needed more."""
        if READ_ONLY not in active.label.limits:
            return False
        message = self._refusal.message
        if "session policy" in message:
            return True
        missing = _MISSING.search(message)
        operation = self._refusal.operation
        if missing:
            return action_named(missing[1]).access not in {"read", "list"}
        if operation.isupper():
            return operation in _WRITING
        return action_of("s3", operation).access not in {"read", "list"}

    def _line_to_write(self, active: OpenProfile) -> str:
        """Return the line that opens a profile for writing, unless it is protected."""
        if is_protected(active, self._switcher.protection):
            return ""
        request = replace(active.request, read_only=False, write=True)
        return f"To write, run `%aws_profile {arguments(request)}`."

    # ---- a session that AWS rejects

    @property
    def _credentials(self) -> Any:
        """The credentials that signed, or that were lent."""
        if self._signature:
            return self._signature.credentials
        return self._label.credentials if self._label else None

    def _code_from_sts(self) -> str:
        """Return STS's code for the credentials if the response has none, or an empty string."""
        if self._refusal.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN):
            return rejection_of(self._credentials)
        return ""

    def _line_about_session(self, code: str) -> str:
        """Return the line about credentials that AWS doesn't accept. Renew the active session."""
        active = self._active
        credentials = self._credentials
        label = self._label
        if label is None:
            if not self._signature:
                return ""
            return f"AWS doesn't accept the code's own keys ({code})."
        name = _name_of(label)
        if renewing_of(credentials) is None:
            return f"AWS doesn't accept the keys of {name} ({code}). Renew them at their source."
        if active is None or not self._is_of_active:
            return f"AWS doesn't accept the session of {name} anymore ({code})."
        if not self._signature and not rejection_of(credentials):
            return (
                f"The library has an earlier session of {name}, which AWS doesn't accept anymore "
                f"({code}). Create the library's object again."
            )
        key = credentials._access_key  # noqa: SLF001  # not public
        if not reject(credentials, key):
            return f"AWS doesn't accept the session of {name} ({code}), although it is new."
        problem = try_to_renew(active.session)
        self._switcher.show_new_session()
        rejected = f"AWS has ended the session of {name} ({code})"
        if problem is None:
            return f"{rejected}, so it was renewed. Run the cell again."
        needed = "can't be opened unattended"
        if isinstance(problem, SignInRequired):
            needed = "requires a sign-in"
        elif isinstance(problem, MfaUnavailable):
            needed = "requires an MFA code"
        return f"{rejected}, and a new one {needed}. Run `%aws_profile --refresh`."


def _signature_of(refusal: Refusal) -> Signature | None:
    """Return who signed the request that AWS has refused, if botocore sent it in this cell."""
    for parsed, signature in PROCESS.refusals:
        if parsed is refusal.parsed:
            return signature
    return None


def _was_unsigned(refusal: Refusal) -> bool:
    signature = _signature_of(refusal)
    if signature is None:
        return refusal.was_unsigned
    return signature.credentials is None


def _name_of(label: Label) -> str:
    """Return the name of a profile as code, or the description of a default identity."""
    if not label.profile or " " in label.profile:
        return label.profile or "another identity"
    return f"`{label.profile}`"
