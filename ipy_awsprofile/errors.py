"""The exceptions that this package raises.

An error message never contains a key, a token or an MFA code. It consists of names, paths and
AWS's messages, so it is safe to log.

AwsProfileError
├── InvalidOption · ConfigFileError · ProfileNotFound · InvalidProfile    what the user has written
├── ProtectedProfile · UnexpectedAccount · SwitchInterrupted              nothing has changed
├── StaleIdentity · NotForOneProfile · NoProfileAnswered · IdentityChanged    another identity
├── MfaUnavailable · MfaRejected
├── AccessDenied
│   └── RoleNotAssigned
├── CredentialsRejected
│   └── CredentialsExpired
├── CredentialsUnavailable
│   └── SignInRequired
├── EndpointUnreachable · ServiceError                                    AWS, or the way to it
└── UnexpectedError                                                       a fault of this package
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore  # the package alone, which imports nothing else

from ipy_awsprofile._version import __version__
from ipy_awsprofile.text import one_line, printable

_log = logging.getLogger(__name__)


class AwsProfileError(Exception):
    """Base class of all exceptions in this package.

    ``str(error)`` is one line that describes the error. ``hint`` is one line that says what to do
    next; it can be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(one_line(message))
        self.hint = one_line(hint)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the message and attributes, because subclasses have different constructors."""
        return type(self).__new__, (type(self), *self.args), vars(self)

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows, and programs log, instead of a traceback.

        It is one text, because IPython joins a list without line breaks in some of its modes.
        """
        lines = [f"{type(self).__name__}: {self}", *filter(None, [self.hint])]
        return [printable("\n".join(lines))]


class InvalidOption(AwsProfileError):
    """An option or argument has an invalid value, or a necessary Region is missing."""


class ConfigFileError(AwsProfileError):
    """A shared config or credentials file is malformed or can't be read.

    ``path`` is the file. ``line`` starts at 1; it is None if the error affects the whole file.
    """

    def __init__(self, path: Path, problem: str, line: int | None = None) -> None:
        location = str(path)
        if line is not None:
            location += f", line {line}"
        hint = f"Correct the file (`{path.name}`), then run the cell again."
        super().__init__(f"{location}: {problem}", hint)
        self.path = path
        self.line = line


class ProfileNotFound(AwsProfileError):
    """No section of the shared files has this name."""

    def __init__(self, name: str, hint: str = "") -> None:
        if name.startswith("arn:"):
            arn = re.sub(":sts:(.*:)assumed-role/(.*)/.*", r":iam:\1role/\2", name)
            if "role/AWSReservedSSO_" in arn:
                hint = "Use the role's account and name: `--account ID --role NAME`."
            elif ":role/" in arn:
                hint = f"For a role, write `--role-arn {arn}`, or `role_arn=` in Python."
        message = f"There is no profile `{name}` in the shared config files."
        super().__init__(message, hint or "`%aws_profiles` lists the profiles.")
        self.name = name


class InvalidProfile(AwsProfileError):
    """A profile's settings can't lead to credentials, for example because its source is missing."""


class ProtectedProfile(AwsProfileError):
    """The profile matches a protected ``pattern``, and the switch wasn't confirmed.

    ``account`` is the ID of its account, if the files or STS say it.
    """

    def __init__(self, name: str, pattern: str, account: str = "") -> None:
        message = f"The pattern `{pattern}` protects the profile `{name}`"
        if account:
            message += f": its account is {account}"
        hint = "Add `--yes` to switch to it, or `confirmed=True` in Python."
        super().__init__(f"{message}.", hint)
        self.pattern = pattern
        self.account = account


class IdentityChanged(AwsProfileError):
    """The active profile's new credentials belong to a different identity than the old ones."""


class UnexpectedAccount(AwsProfileError):
    """STS reports a different account than the user expects. Nothing has changed."""


class StaleIdentity(AwsProfileError):
    """A client would sign requests as an identity that isn't active anymore."""


class NotForOneProfile(AwsProfileError):
    """Code for one of many profiles would use a different identity or affect other profiles."""


class NoProfileAnswered(AwsProfileError):
    """A function or cell failed for every profile.

    ``errors`` has a row for each profile and the same methods as ``result.attrs["errors"]``:
    ``errors.retry()`` runs the function or cell again.
    """

    errors: Any = None


class MfaUnavailable(AwsProfileError):
    """An MFA code is required, and no front end can prompt the user for it."""


class MfaRejected(AwsProfileError):
    """AWS refused the MFA code or the device, or the code doesn't have six digits.

    ``was_sent`` is False for a code that AWS hasn't seen, because it can't be one.
    """

    was_sent = True

    @property
    def next_answer(self) -> str:
        """What to enter at the next prompt."""
        if self.was_sent:
            return "Each code works once: wait for the next one, and enter it."
        return "Nothing was sent to AWS: enter all six digits."


class AccessDenied(AwsProfileError):
    """AWS recognizes the caller, but denies the action."""


class RoleNotAssigned(AccessDenied):
    """The signed-in user isn't assigned the role in IAM Identity Center."""


class CredentialsRejected(AwsProfileError):
    """AWS rejects the keys because they are unknown or inactive, or the secret is wrong."""


class CredentialsExpired(CredentialsRejected):
    """The temporary credentials have expired."""


class CredentialsUnavailable(AwsProfileError):
    """The profile's credential source (a process, container or sign-in) returned no credentials."""


class SignInRequired(CredentialsUnavailable):
    """A profile gets its credentials from a sign-in that is missing or has expired."""


class EndpointUnreachable(AwsProfileError):
    """An endpoint can't be reached, or didn't respond within the timeout."""


class ServiceError(AwsProfileError):
    """Any other error from AWS or an AWS-compatible server."""


class SwitchInterrupted(AwsProfileError):
    """The user stopped a switch, or part of a switch, with Ctrl-C."""

    def __init__(self, what: str = "The switch", hint: str = "Nothing has changed.") -> None:
        super().__init__(f"{what} was interrupted.", hint)


def show_briefly(error: KeyboardInterrupt) -> KeyboardInterrupt:
    """Let IPython show two lines for Ctrl-C during a renewal or its question. Return the error."""
    lines = (
        "KeyboardInterrupt: The renewal of the credentials was interrupted.",
        "Nothing has changed. Run the cell again to renew them.",
    )
    error._render_traceback_ = lambda: [printable("\n".join(lines))]  # type: ignore[attr-defined]
    return error


class UnexpectedError(AwsProfileError):
    """A fault of this package: an exception that nothing else explains."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"ipy_awsprofile has a fault: {type(error).__name__} in {_line_of(error)} "
            f"(ipy_awsprofile {__version__}, botocore {botocore.__version__}).",
            "Please report this line. To add a log, see `Report a problem` in the documentation.",
        )


#: The beginning of the names of this package's modules.
_OURS = f"{__package__}."


def _line_of(error: BaseException) -> str:
    """Return the last line of this package that an exception has passed, such as ``text.py:12``."""
    passed = ""
    for module, line in _steps(error):
        if module.startswith(_OURS):
            passed = f"{module.replace('.', '/')}.py:{line}"
    return passed


def is_raised_here(error: BaseException) -> bool:
    """Return whether this package raised an exception itself, rather than a function it calls."""
    module, _ = _steps(error)[-1]
    return module.startswith(_OURS)


def _steps(error: BaseException) -> list[tuple[str, int]]:
    """Return the modules and lines of an exception's traceback, from the outermost caller on."""
    steps = traceback.walk_tb(error.__traceback__)
    return [(str(frame.f_globals.get("__name__", "")), line) for frame, line in steps]


def log_stack(error: BaseException, text: str) -> None:
    """Log a text, and an exception's type and stack, but no message and variables of frames."""
    stack = traceback.format_tb(error.__traceback__)
    _log.debug("%s\n%s at\n%s", text, type(error).__name__, "".join(stack))


@contextmanager
def faults_as_errors() -> Iterator[None]:
    """Raise UnexpectedError instead of any exception that isn't this package's own."""
    try:
        yield
    except AwsProfileError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it's a fault
        log_stack(error, "A fault:")
        raise UnexpectedError(error) from speaking_cause(error)


def speaking_cause(error: Exception) -> Exception | None:
    """Return an exception about code, without its stack. The texts of others can be secrets."""
    if isinstance(error, AttributeError | ImportError | NameError):
        return without_stack(error)
    return None


def without_stack(error: Exception) -> Exception:
    """Return an exception without its stack and its own causes, which can contain secrets."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
