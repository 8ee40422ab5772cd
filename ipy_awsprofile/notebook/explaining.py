"""If AWS refuses a request, explain below the error who signed the request and what to do.

The explanation has at most two sentences and states only facts that this module has checked. This
module doesn't do anything in a cell that succeeds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from botocore.credentials import Credentials
from botocore.exceptions import ProfileNotFound

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.names import Arn
from ipy_awsprofile.config.request import Form, Origin, arguments, python_arguments
from ipy_awsprofile.config.shared import python_of
from ipy_awsprofile.credentials.botocore_session import rejection_of
from ipy_awsprofile.credentials.caller import caller_of
from ipy_awsprofile.credentials.error_table import DENIED, ENDED, EXPIRED, REJECTED, SET_THE_CLOCK
from ipy_awsprofile.credentials.providers import is_renewed, reject, renewing_of
from ipy_awsprofile.errors import AwsProfileError, MfaUnavailable, SignInRequired
from ipy_awsprofile.follower import Leftover, Refusal
from ipy_awsprofile.gate import PROCESS, Signer, owner_of_keys
from ipy_awsprofile.kernel.refusals import has_wrong_clock
from ipy_awsprofile.label import ActiveProfile, Label, Signature, is_read_only
from ipy_awsprofile.notebook.passed_sessions import code_of_block, packages_of
from ipy_awsprofile.sessions.assigned_roles import known_account_name
from ipy_awsprofile.sessions.issuing import try_to_renew
from ipy_awsprofile.switch.named_profiles import (
    has_no_credentials,
    line_about_hidden,
    request_named,
)
from ipy_awsprofile.switch.stack import OpenProfile
from ipy_awsprofile.switch.switcher import Switcher
from ipy_awsprofile.switch.writing import (
    MISSING,
    advice_for_writing,
    names_other_policy,
    needs_more_than_reading,
)
from ipy_awsprofile.text import one_line

#: The pattern for the caller in AWS's error messages.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_CALLER = re.compile(r"\bUser: (arn:\S+) is not authorized")

_CHOOSE = "Run `%aws_profile NAME`."

#: Objects that had no credentials when they should have signed a request.
_OWNERS = {
    Signer.CLIENT: "The client has",
    Signer.MADE_BY_CLIENT: "The client of the waiter or paginator has",
    Signer.RESOURCE: "The resource has",
    Signer.LIBRARY: "The library's object has",
}


def explain_error(
    error: Exception, refusals: list[Refusal], switcher: Switcher, *, is_recording: bool
) -> None:
    """Show a line below an error if a session has expired or AWS has refused a request."""
    if PROCESS.is_run or _says_what_to_do(error):
        return
    line = _line_about_expiry(switcher) or _line_about_copy(error, switcher)
    if refusals and not line:
        refusal = _most_telling(refusals)
        line = _Explanation(refusal, switcher, is_recording=is_recording).line()
    if line:
        PROCESS.warn(line)


def _says_what_to_do(error: Exception) -> bool:
    return isinstance(error, AwsProfileError) and bool(error.hint)


def _most_telling(refusals: list[Refusal]) -> Refusal:
    """Return the latest refusal of a signed request, or the latest refusal if none was signed."""
    for refusal in refusals:
        if not _was_unsigned(refusal):
            return refusal
    return refusals[0]


def _line_about_expiry(switcher: Switcher) -> str:
    """Return a warning if the active session can't be renewed unattended, or an empty string."""
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


def _line_about_copy(error: Exception, switcher: Switcher) -> str:
    """Return a warning if boto3 can't find a profile of the user's config file, or "".

    While boto3 uses a config file that contains only the kernel's session, boto3 doesn't read the
    user's config file.
    """
    active = switcher.active
    if active is None or not isinstance(error, ProfileNotFound):
        return ""
    name = error.kwargs.get("profile")
    if isinstance(name, ActiveProfile) and name.label != active.label:
        return (
            f"These options are from the time when `{name.label.name}` was active. "
            f"{Signer.OPTIONS.hint()}"
        )
    try:
        profiles = read_config().profiles
    except AwsProfileError:
        return ""
    name = str(name)
    if name not in profiles:
        return ""
    if python_of(profiles[name]):
        return (
            f"`{name}` is for programs outside the notebook. In the notebook, "
            f"`{active.label.name}` is already active, so use `boto3.Session()`."
        )
    request = request_named(name, active.request)
    problem = line_about_hidden(active.label)
    if has_no_credentials(name):
        return (
            f"{problem} `{name}` has no credentials of its own. To use `{active.label.name}`, "
            "leave out the profile's name."
        )
    step = f"Use `open_session({python_arguments(request)})`."
    libraries = packages_of(error) - {"boto3", "botocore", "ipy_awsprofile"}
    if libraries:  # they may take only a profile's name
        is_fsspec = libraries & {"fsspec", "s3fs"}
        left_out = "`storage_options=` or `profile=`" if is_fsspec else "the profile's name"
        step = code_of_block(request, switcher.namespace, left_out)
    if not active.label.limits:  # the profiles that other programs find aren't limited
        step += " You can also move the keys to the credentials file."
    return f"{problem} {step}"


@dataclass(frozen=True, slots=True)
class _Signer:
    """The identity that signed a request, as far as the identity is known.

    ``label`` describes the identity, or is None if the code used its own keys or the identity isn't
    known. ``credentials`` contains the credentials that signed the request, or the credentials that
    were passed to the library. ``is_noted`` is true if botocore signed the request in this cell.
    ``is_certain`` is false if the active identity probably signed the request but the identity
    can't be verified.
    """

    label: Label | None = None
    credentials: Any = None
    is_noted: bool = False
    is_certain: bool = True


def _signer_of(refusal: Refusal, switcher: Switcher) -> _Signer:
    """Return the identity that signed a request that AWS refused.

    A library that isn't written in Python signs with credentials that it received in this cell or
    in an earlier cell. The objects of such a library can use credentials from before a switch.
    """
    signature = _signature_of(refusal)
    if signature:
        return _Signer(signature.label, signature.credentials, is_noted=True)
    if len(PROCESS.lent_in_cell) == 1:
        (lent,) = PROCESS.lent_in_cell
        return _Signer(lent, lent.credentials)
    active = switcher.active
    if active is None or PROCESS.lent_in_cell:
        return _Signer()
    is_certain = _names_caller(refusal.message, active.label)
    if "session policy" in refusal.message and not active.label.limits:
        return _Signer()  # an object from before the switch has limits that the profile lacks
    others = switcher.identities_of_objects() - {active.label}
    if others and not is_certain:
        return _Signer()
    return _Signer(active.label, active.label.credentials, is_certain=is_certain)


def _lacks_token(credentials: object) -> bool:
    """Return whether credentials are temporary keys without their session token."""
    if not isinstance(credentials, Credentials) or is_renewed(credentials):
        return False
    if credentials.token:
        return False
    return str(credentials.access_key).startswith("ASIA")


def _names_caller(message: str, label: Label) -> bool:
    """Return whether an error message from AWS names the principal that a label describes."""
    caller = _CALLER.search(message)
    if caller is None or not label.principal:
        return False
    return f"{caller[1]}/".startswith(f"{label.principal}/")


class _Explanation:
    """Explains a refusal by AWS to the user, and says what the user can do.

    ``is_recording`` is true if ``%aws_calls`` is recording calls.
    """

    def __init__(self, refusal: Refusal, switcher: Switcher, *, is_recording: bool) -> None:
        self._refusal = refusal
        self._switcher = switcher
        self._is_recording = is_recording
        self._active = switcher.active
        self._signer = _signer_of(refusal, switcher)

    def line(self) -> str:
        """Return the explanation, or an empty string if AWS might not have refused the request."""
        refusal = self._refusal
        signature = _signature_of(refusal)
        if signature and signature.token_variable:
            return self._line_about_token(signature.token_variable)
        if _was_unsigned(refusal):
            return self._line_without_credentials()
        if refusal.about_library:
            return self._line_about_library(refusal.about_library)
        code = refusal.code or self._code_from_sts()
        if has_wrong_clock(code, refusal.message, refusal.parsed):
            return f"AWS refused the request because this machine's clock is wrong. {SET_THE_CLOCK}"
        if code in EXPIRED | ENDED:
            return self._line_about_session(code)
        if code in REJECTED:
            return f"{self._who()} AWS doesn't accept the signature ({code})."
        if code in DENIED:
            return self._line_about_permissions()
        if not code and refusal.status == HTTPStatus.FORBIDDEN:
            return self._line_about_permissions()
        return ""

    # ---- who signed

    @property
    def _is_of_active(self) -> bool:
        """Whether the active profile's session signed the request, or probably signed it."""
        return self._active is not None and self._signer.label == self._active.label

    @property
    def _is_of_code(self) -> bool:
        """Whether the request was signed as an identity that the code itself chose."""
        label = self._signer.label
        if label is None:
            return self._signer.is_noted  # the code's own keys
        return label.is_chosen or label.origin is not None

    def _who(self) -> str:
        """Return a sentence about the identity that signed the request."""
        signer = self._signer
        if signer.label and signer.is_certain:
            return f"The request was signed as {_described(signer.label, signer.credentials)}."
        if signer.label:
            who = _described(signer.label, signer.credentials)
            return (
                f"Unless your code passed other credentials or none, the request was signed as "
                f"{who}."
            )
        if signer.is_noted and self._active:
            name = self._active.label.name
            return f"The request was signed with your code's own keys, not as `{name}`."
        if signer.is_noted:
            return "The request was signed with your code's own keys."
        if PROCESS.lent_in_cell:
            names = sorted(map(_name_of, PROCESS.lent_in_cell))
            return f"The request was signed as {' or '.join(names)}."
        if self._active is None:
            return "No profile is active."
        return (
            f"`{self._active.label.name}` is active, but an object from before the switch may have "
            "signed the request as another identity."
        )

    def _line_about_library(self, leftover: Leftover) -> str:
        """Return an explanation for a library that keeps its own credentials."""
        code = self._refusal.code
        if code and code not in DENIED | EXPIRED | ENDED | REJECTED:
            return ""
        is_active = "No profile is active."
        if self._active:
            is_active = (
                f"{_described(self._active.label, self._active.label.credentials)} is active."
            )
        return f"{is_active} {leftover}"

    def _line_about_token(self, variable: str) -> str:
        """Return an explanation for a request that was sent with the API key in a variable."""
        code = self._refusal.code
        is_forbidden = self._refusal.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        if not is_forbidden and code not in DENIED | EXPIRED | ENDED | REJECTED:
            return ""
        sent = f"The request was sent with the API key in `{variable}`"
        if self._active is None:
            return f"{sent}."
        name = self._active.label.name
        return (
            f"{sent}, not as `{name}`. To use `{name}`, run "
            f"`import os; del os.environ[{variable!r}]`."
        )

    # ---- what to do

    def _line_without_credentials(self) -> str:
        """Return an explanation for a request that wasn't signed."""
        active = self._active
        unsigned = PROCESS.without_credentials
        if unsigned and unsigned.active:
            step = unsigned.signer.step(unsigned.client)
            return (
                f"{_OWNERS[unsigned.signer]} no credentials, although "
                f"`{unsigned.active.name}` was active. {step[0].upper()}{step[1:]}"
            )
        if active is None:
            if unsigned and unsigned.signer is not Signer.LIBRARY:
                owner = _OWNERS[unsigned.signer].lower()
                step = unsigned.signer.step(unsigned.client)
                return (
                    f"No profile is active, so {owner} no credentials. Run `%aws_profile NAME`, "
                    f"and {step}"
                )
            return f"No profile is active, so AWS got no credentials. {_CHOOSE}"
        if self._signer.is_noted:
            return f"The request was sent without credentials, not as `{active.label.name}`."
        about = self._refusal.about_library
        return str(about) if about else ""

    def _line_about_permissions(self) -> str:
        """Return an explanation for a request that AWS denied."""
        steps = self._what_to_do()
        return " ".join([self._who(), *steps])

    def _what_to_do(self) -> list[str]:
        """Return a list of the next steps after a denied request. The list can be empty."""
        active = self._active
        label = self._signer.label
        if label and label.origin and self._is_limited_to_reading(label):
            return self._steps_to_write(label, label.origin)
        if "session policy" in self._refusal.message:
            return [
                "The session's limits, for example from `--policy`, `policy=` or `scoped`, don't "
                "allow this action."
            ]
        if active is None and self._is_of_code:
            return []
        if active is None:
            return [_CHOOSE]
        if not self._is_of_active:
            return []
        if "explicit deny" in self._refusal.message and renewing_of(active.label.credentials):
            return [
                "If an administrator has ended the session with an explicit deny, run "
                "`%aws_profile --refresh` to get a new session."
            ]
        steps = [*self._missing_permission(), *self._other_steps()]
        if not steps:
            return []
        sentence = ", and ".join(steps)
        return [f"{sentence[0].upper()}{sentence[1:]}."]

    def _missing_permission(self) -> list[str]:
        """Return a list with the missing permission if AWS's message names the permission."""
        missing = MISSING.search(self._refusal.message)
        if missing is None:
            return []
        action, resource = missing.groups()
        lacks = f"it lacks `{action}`"
        if is_read_only(self._signer.label) and names_other_policy(self._refusal.message):
            lacks = f"even without the read-only limit, it lacks `{action}`"
        if resource:
            lacks += f" on `{one_line(resource, 200)}`"
        return [lacks]

    def _other_steps(self) -> list[str]:
        """Return a list with another helpful step: listing the denied calls or switching back."""
        if self._is_recording and self._signer.is_noted:
            return ["`%aws_calls --denied` lists such calls"]
        before = self._switcher.request_before
        if before is None or not self._was_another_principal():
            return []
        return [f"`%aws_profile {arguments(before)}` switches back to the profile from before"]

    def _was_another_principal(self) -> bool:
        """Return whether another role or user was active before.

        The same role lacks the same permissions, and switching back can remove a limit.
        """
        former, active = self._switcher.previous, self._active
        if former is None or active is None:
            return False
        if former.label.profile == active.label.profile:
            return False
        return former.label.principal != active.label.principal

    def _is_limited_to_reading(self, label: Label) -> bool:
        """Return whether the request failed because the session is read-only."""
        refusal = self._refusal
        if not is_read_only(label):
            return False
        return needs_more_than_reading(refusal.operation, refusal.message)

    def _steps_to_write(self, label: Label, origin: Origin) -> list[str]:
        """Return a list with a step that opens the session for writing, or an empty list.

        The list is empty if the session came from a switch that isn't active anymore.
        """
        if origin.form is Form.LINE and not self._is_of_active:
            return []
        refusal = self._refusal
        account = Arn.parse(_principal_of(label, self._signer.credentials)).account
        advice = advice_for_writing(
            origin,
            account,
            self._switcher.protection,
            operation=refusal.operation,
            message=refusal.message,
        )
        return [advice] if advice else []

    # ---- a session that AWS rejects

    def _code_from_sts(self) -> str:
        """Return the error code that STS returns for the credentials, or an empty string.

        Call this method if the response that AWS sent to the library has no error code.
        """
        if self._refusal.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN):
            return rejection_of(self._signer.credentials)
        return ""

    def _line_about_session(self, code: str) -> str:
        """Return an explanation for credentials that AWS rejects, and renew the active session."""
        signer = self._signer
        if signer.label is None and signer.is_noted:
            problem = f"AWS doesn't accept your code's own keys ({code})."
            if _lacks_token(signer.credentials):
                problem += " Temporary keys also need their session token."
            return problem
        if signer.label is None:
            return ""
        name = _name_of(signer.label)
        if not is_renewed(signer.credentials):
            problem = f"AWS doesn't accept the keys of {name} ({code})."
            if owner_of_keys(signer.credentials):
                return (
                    f"{problem} Keys that your code has copied from a session aren't renewed. To "
                    "use the active identity, leave out the keys, or copy them again from "
                    "`session`."
                )
            return f"{problem} Renew the keys at their source."
        active = self._active
        if active is None or not self._is_of_active:
            return f"AWS doesn't accept the session of {name} anymore ({code})."
        if not signer.is_noted and not rejection_of(signer.credentials):
            return (
                f"The library has an earlier session of {name}, which AWS doesn't accept anymore "
                f"({code}). Create the library's object again."
            )
        if not reject(signer.credentials, signer.credentials._access_key):  # noqa: SLF001
            return f"AWS doesn't accept the session of {name} ({code}), although it is new."
        return f"AWS has ended the session of {name} ({code}), {self._renewal_of(active)}"

    def _renewal_of(self, active: OpenProfile) -> str:
        """Renew a session without prompting the user.

        Return the end of a sentence that says what to run next.
        """
        problem = try_to_renew(active.session)
        self._switcher.show_new_session()
        if problem is None:
            return "so it was renewed. Run the cell again."
        needed = "can't be opened unattended"
        if isinstance(problem, SignInRequired):
            needed = "requires a sign-in"
        elif isinstance(problem, MfaUnavailable):
            needed = "requires an MFA code"
        return f"and a new one {needed}. Run `%aws_profile --refresh`."


def _signature_of(refusal: Refusal) -> Signature | None:
    """Return a refused request's signature if botocore sent the request in this cell, or None."""
    for parsed, signature in PROCESS.refusals:
        if parsed is refusal.parsed:
            return signature
    return None


def _was_unsigned(refusal: Refusal) -> bool:
    signature = _signature_of(refusal)
    if signature is None:
        return refusal.was_unsigned
    return signature.credentials is None


def _described(label: Label, credentials: object) -> str:
    """Return a description of an identity: its name, role, limits and account, if known."""
    arn = Arn.parse(_principal_of(label, credentials))
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


def _name_of(label: Label) -> str:
    """Return a profile's name as code, or the description of an identity without a profile."""
    if not label.profile or " " in label.profile:
        return label.profile or "another identity"
    return f"`{label.profile}`"


def _principal_of(label: Label, credentials: object) -> str | None:
    """Return the principal that STS has reported for a signer's identity, or None."""
    if label.principal:
        return label.principal
    caller = caller_of(credentials)  # of `open_session`, which doesn't ask STS
    return caller.principal if caller else None
