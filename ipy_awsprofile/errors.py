"""The exceptions that this package raises.

An error message never contains a key, a token or an MFA code. An error message is safe to log,
because it consists only of names, paths and AWS's messages.
"""

# The hierarchy of the exceptions:
#
# AwsProfileError
# ├── InvalidOption · ConfigFileError · ProfileNotFound · InvalidProfile    invalid input
# ├── ProtectedProfile · UnexpectedAccount · SwitchInterrupted          refused or ended switches
# ├── NotAllowed · EventNotRecorded                                 the organization's policy
# ├── StaleIdentity · NotForOneProfile · NoProfileAnswered · IdentityChanged    wrong identities
# ├── MfaUnavailable · MfaRejected
# ├── AccessDenied
# │   └── RoleNotAssigned
# ├── CredentialsRejected
# │   └── CredentialsExpired
# ├── CredentialsUnavailable
# │   └── SignInRequired
# ├── EndpointUnreachable · ServiceError                                    AWS or the network
# └── UnexpectedError                                                       bugs in this package

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import botocore  # the package alone, which imports nothing else

from ipy_awsprofile._version import __version__
from ipy_awsprofile.text import one_line, printable

_log = logging.getLogger(__name__)

#: KeyboardInterrupt, or CancelledError in a cell with `await`.
_Interrupt = TypeVar("_Interrupt", bound=BaseException)


class AwsProfileError(Exception):
    """Base class of all exceptions in this package.

    ``str(error)`` is a single line that describes the error. ``hint`` is a single line that tells
    the user what to do next, or an empty string.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(one_line(message))
        self.hint = one_line(hint)

    def __reduce__(self) -> tuple[object, ...]:
        """Return the values that let pickle recreate the error without calling its constructor."""
        return type(self).__new__, (type(self), *self.args), vars(self)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows and programs log instead of a traceback.

        The list has a single item because some modes of IPython join the items without line breaks.
        """
        lines = [f"{type(self).__name__}: {self}", *filter(None, [self.hint])]
        return [printable("\n".join(lines))]


class InvalidOption(AwsProfileError):
    """An option or argument has an invalid value, or a required Region is missing."""


class ConfigFileError(AwsProfileError):
    """A shared AWS file or an organization's policy file is malformed or can't be read.

    ``path`` is the file's path. ``line`` is the line number (starting at 1), or None if the error
    affects the whole file.
    """

    def __init__(
        self, path: Path, problem: str, line: int | None = None, *, hint: str = ""
    ) -> None:
        location = str(path)
        if line is not None:
            location += f", line {line}"
        correct = f"Correct the file (`{path.name}`), then run the cell again."
        super().__init__(f"{location}: {problem}", hint or correct)
        self.path = path
        self.line = line


class ProfileNotFound(AwsProfileError):
    """The shared AWS files don't contain the requested profile."""

    def __init__(self, name: str, hint: str = "") -> None:
        if name.startswith("arn:") and not hint:
            arn = re.sub(":sts:(.*:)assumed-role/(.*)/.*", r":iam:\1role/\2", name)
            if "role/AWSReservedSSO_" in arn:
                hint = _parts_of_assigned_role(arn)
            elif ":role/" in arn:
                hint = f"To use a role, write `--role-arn {arn}`, or `role_arn=` in Python."
        message = f"There is no profile `{name}` in the shared config files."
        super().__init__(message, hint or "`%aws_profiles` lists the profiles.")
        self.name = name


def _parts_of_assigned_role(arn: str) -> str:
    """Return a hint with the account and the name of an IAM Identity Center role."""
    account, name = "ID", "NAME"
    parts = re.search(r":(\d{12}):.*role/AWSReservedSSO_(.+)_[0-9a-f]{16}$", arn)
    if parts:
        account, name = parts.groups()
    return f"Use the role's account and name: `--account {account} --role {name}`."


class InvalidProfile(AwsProfileError):
    """A profile's settings are invalid, for example because its source profile doesn't exist."""


class ProtectedProfile(AwsProfileError):
    """A profile is protected, and the user didn't confirm the switch.

    ``pattern`` is the pattern in the setting `protected` that matches the profile. ``account`` is
    the ID of the profile's account, or an empty string if the account isn't known.
    """

    def __init__(self, name: str, pattern: str, account: str = "") -> None:
        message = f"The pattern `{pattern}` protects the profile `{name}`"
        if account:
            message += f" in the account {account}"
        hint = "Add `--yes` to confirm the switch, or `confirmed=True` in Python."
        super().__init__(f"{message}.", hint)
        self.pattern = pattern
        self.account = account


class NotAllowed(AwsProfileError):
    """The organization's policy forbids the action.

    The hint names the policy file and a contact.
    """


class EventNotRecorded(AwsProfileError):
    """An event can't be written to the audit file that the organization's policy requires."""


class IdentityChanged(AwsProfileError):
    """The active profile's new credentials and old credentials belong to different identities."""


class UnexpectedAccount(AwsProfileError):
    """STS reported an unexpected account, so the switch wasn't made."""


class StaleIdentity(AwsProfileError):
    """A client would sign a request as an identity that is no longer active."""


class NotForOneProfile(AwsProfileError):
    """Code that runs for many profiles would use another identity or affect another profile."""


class NoProfileAnswered(AwsProfileError):
    """A function or cell that ran for many profiles failed for every profile.

    ``errors`` is a DataFrame that has a row for each failure and the same methods as
    ``result.attrs["errors"]``. For example, ``errors.retry()`` runs the function or cell again.
    """

    errors: Any = None


class MfaUnavailable(AwsProfileError):
    """An MFA code is required, but no front end is available to prompt the user for the code."""


class MfaRejected(AwsProfileError):
    """AWS rejected the MFA code or the MFA device, or the code doesn't consist of six digits.

    ``was_sent`` is False if the code doesn't consist of six digits and therefore wasn't sent to
    AWS.
    """

    was_sent = True

    @property
    def next_answer(self) -> str:
        """The message that tells the user what to enter at the next MFA prompt."""
        if self.was_sent:
            return "Each code works only once. Wait for the next code, and then enter it."
        return "The code wasn't sent to AWS. Enter all six digits."


class AccessDenied(AwsProfileError):
    """AWS recognizes the caller but denies the action."""


class RoleNotAssigned(AccessDenied):
    """The role isn't assigned to the signed-in user in IAM Identity Center."""


class CredentialsRejected(AwsProfileError):
    """AWS rejected credentials, for example because they are unknown, inactive or incomplete."""


class CredentialsExpired(CredentialsRejected):
    """AWS rejected temporary credentials because they have expired."""


class CredentialsUnavailable(AwsProfileError):
    """The profile's credential source (process, container or sign-in) didn't return credentials."""


class SignInRequired(CredentialsUnavailable):
    """A profile requires a sign-in, and the user hasn't signed in or the sign-in has expired."""


class EndpointUnreachable(AwsProfileError):
    """An endpoint can't be reached, or the endpoint didn't respond before the timeout."""


class ServiceError(AwsProfileError):
    """AWS or an AWS-compatible server returned an error that no other class covers."""


class SwitchInterrupted(AwsProfileError):
    """The user interrupted a switch or another operation with Ctrl-C."""

    def __init__(self, what: str = "The switch", hint: str = "Nothing has changed.") -> None:
        super().__init__(f"{what} was interrupted.", hint)


def show_briefly(error: _Interrupt) -> _Interrupt:
    """Make IPython show two lines instead of a traceback for this error, and return the error.

    ``error`` must come from a Ctrl-C that interrupted a renewal of the credentials.
    """
    lines = (
        "KeyboardInterrupt: The renewal of the credentials was interrupted.",
        "Nothing has changed. Run the cell again to renew the credentials.",
    )
    error._render_traceback_ = lambda: [printable("\n".join(lines))]  # type: ignore[attr-defined]
    return error


class UnexpectedError(AwsProfileError):
    """This package has a bug: it raised an exception that neither AWS nor the user caused."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"ipy_awsprofile has a fault: {type(error).__name__} in {_line_of(error)} "
            f"(ipy_awsprofile {__version__}, botocore {botocore.__version__}).",
            "Please report this line. To add a log, see `Report a problem` in the documentation.",
        )


#: The names of this package's modules begin with this string.
_OURS = f"{__package__}."


def _line_of(error: BaseException) -> str:
    """Return the file and line number of this package's innermost frame in a traceback.

    The result has the form ``ipy_awsprofile/text.py:12``.
    """
    passed = ""
    for module, line in _steps(error):
        if module.startswith(_OURS):
            passed = f"{module.replace('.', '/')}.py:{line}"
    return passed


def is_raised_here(error: BaseException) -> bool:
    """Return whether the function that raised an exception belongs to this package."""
    return module_of(error).startswith(_OURS)


def module_of(error: BaseException) -> str:
    """Return the name of the module that raised ``error``, or "" if the error wasn't raised."""
    steps = _steps(error)
    return steps[-1][0] if steps else ""


def _steps(error: BaseException) -> list[tuple[str, int]]:
    """Return the module name and line number of each traceback entry, outermost caller first."""
    steps = traceback.walk_tb(error.__traceback__)
    return [(str(frame.f_globals.get("__name__", "")), line) for frame, line in steps]


def log_stack(error: BaseException, text: str) -> None:
    """Log ``text`` with an exception's type and stack, but without its message or any variables."""
    stack = traceback.format_tb(error.__traceback__)
    _log.debug("%s\n%s at\n%s", text, type(error).__name__, "".join(stack))


@contextmanager
def faults_as_errors() -> Iterator[None]:
    """Convert exceptions in a ``with`` block, except AwsProfileError, to UnexpectedError."""
    try:
        yield
    except AwsProfileError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it's a fault
        log_stack(error, "A fault:")
        raise UnexpectedError(error) from speaking_cause(error)


def speaking_cause(error: Exception) -> Exception | None:
    """Return the exception without its stack, or None if the message can contain secrets.

    Only messages about names in code, such as the messages of AttributeError, are known to be free
    of secrets.
    """
    if isinstance(error, AttributeError | ImportError | NameError):
        return without_stack(error)
    return None


def without_stack(error: Exception) -> Exception:
    """Return the exception without its stack and causes, both of which can contain secrets."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
