"""The exceptions that this package raises.

::

    AwsProfileError
    ├── InvalidOption            an option, argument or setting has an invalid value
    ├── ConfigFileError          a shared file is malformed or can't be read
    ├── ProfileNotFound          no section of the shared files has this name
    ├── InvalidProfile           the profile can't provide credentials
    │   ├── InvalidSource        source_profile or credential_source is missing or invalid
    │   └── SourceLoop           the source profiles form a loop
    ├── ProtectedProfile         the switch wasn't confirmed
    ├── IdentityChanged          new credentials belong to a different identity
    ├── UnexpectedAccount        STS reports a different account than expected
    ├── SessionNotLimited        STS can't limit the session as requested
    ├── ReadOnlyIdentity         a read-only identity would have sent a call that writes
    ├── NoRegion                 a call needs an AWS Region, and none is set
    ├── InvalidCell              the cell for many profiles isn't valid, or has a cell magic
    ├── StaleIdentity            a client created before a switch would sign as the old identity
    ├── NotForOneProfile         code for one profile would use another identity or affect others
    ├── NoProfileAnswered        a function or cell failed for every profile
    ├── MfaUnavailable           a code is required, and no one is available to enter it
    ├── MfaRejected              AWS refused the code, or it doesn't have six digits
    ├── AccessDenied             AWS recognizes the caller, but denies the action
    │   └── RoleNotAssigned      the user isn't assigned the role in IAM Identity Center
    ├── CredentialsRejected      AWS doesn't accept the keys
    │   └── CredentialsExpired   the temporary credentials have expired
    ├── CredentialsUnavailable   the source (process, container, sign-in) returned no credentials
    │   └── SignInRequired       the user must sign in first
    ├── EndpointUnreachable      the endpoint can't be reached or didn't respond in time
    ├── ServiceError             any other error that AWS returns
    └── SwitchInterrupted        the user pressed Ctrl-C during a switch

An error message never contains a key, a token or an MFA code. It consists of names, paths and
AWS's messages, so it is safe to log.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from ipy_awsprofile.text import LONGEST, arguments, assigned_name, quoted, shortened, visible


class AwsProfileError(Exception):
    """Base class of all exceptions in this package.

    ``str(error)`` is one line that describes the error. ``hint`` is one line that says what to do
    next; it can be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        # Names and values from the files can contain line breaks.
        super().__init__(_shown(message))
        self.hint = _shown(hint)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the message and attributes, because subclasses have different constructors."""
        return _restored, (type(self), self.args, vars(self))

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows instead of a traceback: the message and the hint.

        Front ends show these lines in a box, and programs that run notebooks (nbclient, papermill)
        write them to their logs. Therefore, errors don't display a card.
        https://ipython.readthedocs.io/en/stable/config/integrating.html
        """
        return [f"{type(self).__name__}: {self}", *filter(None, [self.hint])]


def _shown(text: str) -> str:
    return shortened(visible(" ".join(shortened(text, 2 * LONGEST).splitlines())), LONGEST)


def _restored(
    kind: type[AwsProfileError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> AwsProfileError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class InvalidOption(AwsProfileError):
    """An option, an argument, or the setting that it overrides has an invalid value."""


class ConfigFileError(AwsProfileError):
    """A shared config or credentials file is malformed or can't be read.

    ``path`` is the file. ``line`` starts at 1; it is None if the error affects the whole file.
    """

    def __init__(self, path: Path, problem: str, line: int | None = None) -> None:
        where = str(path) if line is None else f"{path}, line {line}"
        super().__init__(
            f"{where}: {problem}",
            f"Correct the file (`{path.name}`), then run the cell again.",
        )
        self.path = path
        self.line = line


class ProfileNotFound(AwsProfileError):
    """No section of the shared files has this name. ``nearest`` has the most similar names.

    ``advice`` says what to do if a mistake in the files is the cause.
    """

    def __init__(self, name: str, nearest: tuple[str, ...] = (), advice: str = "") -> None:
        names = " or ".join(f"`{near}`" for near in nearest)
        question = f"Did you mean {names}?" if names else ""
        if name.startswith("arn:") and not names:
            advice = f"For a role, write `--role-arn {name}`, or `role_arn=` in Python."
        hint = f"{question} {advice}".strip() or "`%aws_profiles` lists the profiles."
        super().__init__(f"There is no profile `{name}` in the shared config files.", hint)
        self.name = name
        self.nearest = nearest


class InvalidProfile(AwsProfileError):
    """A profile can't provide credentials."""


class InvalidSource(InvalidProfile):
    """source_profile or credential_source is missing or invalid, or both are set."""


class SourceLoop(InvalidProfile):
    """A source profile refers back to a profile that is already in the role chain."""


class ProtectedProfile(AwsProfileError):
    """The profile is protected by a pattern in ``%config``, and the switch wasn't confirmed."""

    def __init__(self, name: str, account: str = "") -> None:
        where = f": its account is {account}" if account else ""
        super().__init__(
            f"The profile `{name}` is protected{where}.",
            "Add `--yes` to switch to it, or `confirmed=True` in Python.",
        )


class IdentityChanged(AwsProfileError):
    """The active profile's new credentials belong to a different identity than the old ones."""


class UnexpectedAccount(AwsProfileError):
    """STS reports a different account than the user expects. Nothing has changed."""

    def __init__(self, name: str, account: str, expected: str) -> None:
        super().__init__(
            f"`{name}` is in account {account}, not in {expected}."
            if account
            else f"The server doesn't report the account of `{name}`.",
            "Nothing has changed. Use a profile in the expected account.",
        )


class SessionNotLimited(AwsProfileError):
    """STS can't limit the session because the endpoint doesn't support GetScopedCredentials."""


class ReadOnlyIdentity(AwsProfileError):
    """A read-only identity tried to make a call that writes. The call wasn't sent."""


class NoRegion(AwsProfileError):
    """A call needs an AWS Region, and neither an option nor the profile specifies one."""


class InvalidCell(AwsProfileError):
    """The cell for many profiles isn't valid Python, or has a cell magic in it. Nothing was run.

    ``rendered`` has the lines that IPython shows for a syntax error in a regular cell.
    """

    def __init__(self, message: str, hint: str = "", rendered: list[str] | None = None) -> None:
        super().__init__(message, hint)
        self.rendered = rendered

    def _render_traceback_(self) -> list[str]:
        return self.rendered or super()._render_traceback_()


class StaleIdentity(AwsProfileError):
    """A client created before a switch would sign requests as the previous identity."""


class NotForOneProfile(AwsProfileError):
    """Code for one of many profiles would use a different identity or affect other profiles."""


class NoProfileAnswered(AwsProfileError):
    """A function or cell failed for every profile.

    ``errors`` has a row for each profile and the same methods as ``result.attrs["errors"]``:
    ``errors.retry()`` runs the function or cell again.
    """

    def __init__(self, message: str, hint: str, errors: Any) -> None:
        super().__init__(message, hint)
        self.errors = errors


class MfaUnavailable(AwsProfileError):
    """An MFA code is required, and no front end can prompt the user for it."""


class MfaRejected(AwsProfileError):
    """AWS refused the MFA code or the device, or the code doesn't have six digits."""

    #: Whether AWS refused the device, so that none of its codes can work.
    is_about_device = False


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
    """A profile gets its credentials from a sign-in that is missing or has expired.

    ``source`` is the profile that signs in: either ``name`` or the start of its role chain.
    ``command`` is the AWS CLI command to sign in, if it isn't ``aws sso login``.
    """

    def __init__(
        self,
        name: str,
        source: str,
        problem: str = "is missing or has expired",
        *,
        command: str | None = None,
    ) -> None:
        profile, role = f"--profile {shlex.quote(source)}", assigned_name(source)
        session = role.sign_in if role else source.removeprefix("sso-session ")
        if role or session != source:
            profile = f"--sso-session {shlex.quote(session)}"
        again = arguments(name, "--login")
        if name == f"sso-session {session}":
            again = f"--sso {quoted(session)} --login"
        super().__init__(
            f"The sign-in of `{source}` {problem}.",
            f"Run `%aws_profile {again}` interactively, or "
            f"`{command or f'aws sso login {profile}'}` in a terminal.",
        )


class EndpointUnreachable(AwsProfileError):
    """An endpoint can't be reached, or didn't respond within the timeout."""


class ServiceError(AwsProfileError):
    """Any other error from AWS or an AWS-compatible server."""


class SwitchInterrupted(AwsProfileError):
    """The user stopped a switch, or part of a switch, with Ctrl-C."""

    def __init__(self, what: str = "The switch", hint: str = "Nothing has changed.") -> None:
        super().__init__(f"{what} was interrupted.", hint)
