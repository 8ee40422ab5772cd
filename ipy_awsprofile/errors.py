"""Every error of this package: what happened, and what to do next.

::

    AwsProfileError
    ├── InvalidOption            an option, argument or setting has an invalid value
    ├── ConfigFileError          a shared file is malformed or can't be read
    ├── ProfileNotFound          no section of the shared files has this name
    ├── InvalidProfile           the section can't lead to credentials
    │   ├── InvalidSource        source_profile or credential_source is missing or invalid
    │   └── SourceLoop           the source profiles form a loop
    ├── ProtectedProfile         the switch wasn't confirmed
    ├── IdentityChanged          the keys in the file belong to another identity now
    ├── UnexpectedAccount        STS names another account than expected
    ├── SessionNotLimited        STS can't limit the session as requested
    ├── ReadOnlyIdentity         a call would write as an identity that is read-only
    ├── NoRegion                 a call needs an AWS Region, and none is set
    ├── InvalidCell              the cell for many profiles isn't valid Python
    ├── StaleIdentity            a client from before a switch would sign as its identity
    ├── NotForOneProfile         what a function or cell does would be done for another profile
    ├── NoProfileAnswered        a function or cell failed for every profile
    ├── MfaUnavailable           a code is required, and no one is available to enter it
    ├── MfaRejected              AWS refused the code, or it doesn't have six digits
    ├── AccessDenied             AWS knows the caller and refuses the action
    │   └── RoleNotAssigned      IAM Identity Center doesn't give the person this role
    ├── CredentialsRejected      AWS doesn't accept the keys
    │   └── CredentialsExpired   they have expired
    ├── CredentialsUnavailable   the source (process, container, sign-in) gave no credentials
    │   └── SignInRequired       a person must sign in first
    ├── EndpointUnreachable      the endpoint didn't answer, or not in time
    ├── ServiceError             any other error response of AWS
    └── SwitchInterrupted        Ctrl-C during a switch

An error's text never contains a key, a token or an MFA code. It is built from names, paths and
AWS's messages, so it can be logged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ipy_awsprofile.text import LONGEST, assigned_name, shortened, visible


class AwsProfileError(Exception):
    """Base of every error of this package.

    ``str(error)`` says what happened in one line. ``hint`` says what to do next, in one line that
    may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        # Names and values from the files can contain line ends.
        super().__init__(_shown(message))
        self.hint = _shown(hint)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the text: the constructors of the children take other arguments."""
        return _restored, (type(self), self.args, vars(self))

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of the stack: the message, and the hint.

        Front ends show these lines in a box, and programs that run notebooks (nbclient, papermill)
        write them to their logs: so there is no card beside them.
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
    """An option or argument, or the setting that it replaces, has an invalid value."""


class ConfigFileError(AwsProfileError):
    """A shared config or credentials file is malformed or can't be read.

    ``path`` is the file; ``line`` counts from 1, or is None if the error is about the whole file.
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

    ``advice`` is what to do if a mistake in the files explains it.
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
    """A profile's section can't lead to credentials."""


class InvalidSource(InvalidProfile):
    """source_profile or credential_source is missing or invalid, or both are set."""


class SourceLoop(InvalidProfile):
    """A source profile leads back to a profile that is in the role chain already."""


class ProtectedProfile(AwsProfileError):
    """The profile is protected by a pattern in ``%config``, and the switch wasn't confirmed."""

    def __init__(self, name: str, account: str = "") -> None:
        where = f": its account is {account}" if account else ""
        super().__init__(
            f"The profile `{name}` is protected{where}.",
            "Add `--yes` to switch to it, or `confirmed=True` in Python.",
        )


class IdentityChanged(AwsProfileError):
    """The active profile's keys were replaced in their file by a different identity's keys."""


class UnexpectedAccount(AwsProfileError):
    """STS reports a different account than the user expects; nothing has changed."""

    def __init__(self, name: str, account: str, expected: str) -> None:
        super().__init__(
            f"`{name}` is in account {account}, not in {expected}."
            if account
            else f"The server doesn't tell in which account `{name}` is.",
            "Nothing has changed. Use a profile of the expected account.",
        )


class SessionNotLimited(AwsProfileError):
    """STS can't limit the session as requested: the endpoint doesn't know GetScopedCredentials."""


class ReadOnlyIdentity(AwsProfileError):
    """A call would write as an identity that is read-only; it wasn't sent."""


class NoRegion(AwsProfileError):
    """A call needs an AWS Region, and neither an option nor the profile names one."""


class InvalidCell(AwsProfileError):
    """The cell for many profiles isn't valid Python; nothing was run.

    ``rendered`` are the lines in which IPython shows such an error of any other cell.
    """

    def __init__(self, message: str, rendered: list[str]) -> None:
        super().__init__(message)
        self.rendered = rendered

    def _render_traceback_(self) -> list[str]:
        return self.rendered


class StaleIdentity(AwsProfileError):
    """A client from before a switch would sign as an identity that isn't active any more."""


class NotForOneProfile(AwsProfileError):
    """What a function or cell for many profiles does would concern the notebook or all of them."""


class NoProfileAnswered(AwsProfileError):
    """A function or cell failed for every profile.

    ``errors`` has a row for each profile, as ``result.attrs["errors"]`` has for some, and the same
    methods: ``errors.retry()`` runs it again.
    """

    def __init__(self, message: str, hint: str, errors: Any) -> None:
        super().__init__(message, hint)
        self.errors = errors


class MfaUnavailable(AwsProfileError):
    """An MFA code is needed, and no front end can ask a person for it."""


class MfaRejected(AwsProfileError):
    """AWS refused the MFA code or the device, or the code doesn't have six digits."""

    #: Whether AWS refused the device, so that no code of it can be right.
    is_about_device = False


class AccessDenied(AwsProfileError):
    """AWS knows the caller and refuses the action."""


class RoleNotAssigned(AccessDenied):
    """The signed-in user isn't assigned the role in IAM Identity Center."""


class CredentialsRejected(AwsProfileError):
    """AWS doesn't accept the keys: they are unknown or inactive, or the secret is wrong."""


class CredentialsExpired(CredentialsRejected):
    """The temporary credentials have expired."""


class CredentialsUnavailable(AwsProfileError):
    """The profile's source of credentials (a process, a container, a sign-in) gave none."""


class SignInRequired(CredentialsUnavailable):
    """The sign-in that a profile's credentials come from is missing or has expired.

    ``source`` is the profile that signs in: ``name`` itself, or the one that starts its role chain.
    ``command`` is that of the AWS CLI, if it isn't ``aws sso login``.
    """

    def __init__(
        self,
        name: str,
        source: str,
        problem: str = "is missing or has expired",
        *,
        command: str | None = None,
    ) -> None:
        profile, role = f"--profile {source}", assigned_name(source)
        session = role.sign_in if role else source.removeprefix("sso-session ")
        if role or session != source:
            profile = f"--sso-session {session}"
        again = name if name != f"sso-session {session}" else f"--sso {session}"
        super().__init__(
            f"The sign-in of `{source}` {problem}.",
            f"Run `%aws_profile {again} --login` where you see its output, or "
            f"`{command or f'aws sso login {profile}'}` in a terminal.",
        )


class EndpointUnreachable(AwsProfileError):
    """An endpoint didn't answer, or not within the timeout."""


class ServiceError(AwsProfileError):
    """AWS, or a server that is compatible with it, answered with another error."""


class SwitchInterrupted(AwsProfileError):
    """A person stopped a switch, or a part of it, with Ctrl-C."""

    def __init__(self, what: str = "The switch", hint: str = "Nothing has changed.") -> None:
        super().__init__(f"{what} was interrupted.", hint)
