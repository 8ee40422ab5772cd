"""Every error of ours: what happened, and what to do next.

::

    AwsProfileError
    ├── InvalidOption            what was typed after the magic's name
    ├── ConfigFileError          a shared file is malformed or can't be read
    ├── ProfileNotFound          no section has that name
    ├── InvalidProfile           the section can't lead to credentials
    │   ├── InvalidSource        source_profile or credential_source is missing, double or unknown
    │   └── SourceLoop           the source profiles lead back to themselves
    ├── ProtectedProfile         a switch that has to be confirmed wasn't
    ├── UnexpectedAccount        STS names another account than the one expected
    ├── NoRegion                 a call needs a region and nothing names one
    ├── MfaUnavailable           a code is needed, and nobody is there to give it
    ├── MfaRejected              AWS refused the code, or it is none
    ├── AccessDenied             AWS knows who asks, and says no
    ├── CredentialsRejected      AWS doesn't accept the keys
    │   └── CredentialsExpired   … any more
    ├── CredentialsUnavailable   a source (process, container, sign-in) gave no credentials
    │   └── SignInRequired       … until somebody signs in
    ├── EndpointUnreachable      no answer, or none in time
    ├── ServiceError             any other answer of AWS
    └── SwitchInterrupted        Ctrl-C at a switch

An error's text never holds a key, a token or an MFA code. It is built from names, paths and
what AWS answered, so it may be logged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ipy_awsprofile.text import visible


class AwsProfileError(Exception):
    """Base of every error of this package.

    ``str(error)`` says what happened in one line. ``hint`` says what to do next, in one line that
    may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        # A setting that goes on in the next line would take the message with it.
        super().__init__(visible(" ".join(message.splitlines())))
        self.hint = visible(" ".join(hint.splitlines()))
        #: A face that has shown the error as a card sets this, so that it isn't told twice.
        self.shown = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive being pickled or copied: the children make their text of other arguments."""
        return _made_again, (type(self), self.args, vars(self))

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show what happened instead of our stack.

        https://ipython.readthedocs.io/en/stable/config/integrating.html
        """
        lines = [f"{type(self).__name__}: {self}"]
        if self.hint and not self.shown:
            lines.append(self.hint)
        return lines


def _made_again(
    kind: type[AwsProfileError], args: tuple[Any, ...], attributes: dict[str, Any]
) -> AwsProfileError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class InvalidOption(AwsProfileError):
    """An option or argument, or the setting it stands in for, has an impossible value."""


class ConfigFileError(AwsProfileError):
    """A shared config or credentials file is malformed or can't be read.

    ``path`` is the file; ``line`` counts from 1, or is None where the whole file is meant.
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
    """No section of the shared files has this name. ``nearest`` holds the most similar names."""

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        names = " or ".join(f"`{near}`" for near in nearest)
        hint = (
            f"Did you mean {names}?" if names else "`%aws_profiles` lists the profiles there are."
        )
        super().__init__(f"There is no profile `{name}` in the shared config files.", hint)
        self.name = name
        self.nearest = nearest


class InvalidProfile(AwsProfileError):
    """A profile's section can't lead to credentials."""


class InvalidSource(InvalidProfile):
    """source_profile or credential_source is missing, doubled, or names nothing that exists."""


class SourceLoop(InvalidProfile):
    """A chain of source profiles comes back to a profile that it has passed."""


class ProtectedProfile(AwsProfileError):
    """The profile is protected by a pattern in ``%config``, and the switch wasn't confirmed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The profile `{name}` is protected.", "Add `--yes` if you mean to work in it."
        )


class UnexpectedAccount(AwsProfileError):
    """STS names another account than the one that the user expects."""

    def __init__(self, name: str, account: str, expected: str) -> None:
        super().__init__(
            f"`{name}` is in account {account}, not in {expected}.",
            "Nothing was switched. Choose a profile of the account that you mean.",
        )


class NoRegion(AwsProfileError):
    """A call needs an AWS Region, and neither an option nor the profile names one."""


class MfaUnavailable(AwsProfileError):
    """An MFA code is needed, and no front end can ask a person for it."""


class MfaRejected(AwsProfileError):
    """AWS refused the MFA code or the device, or what was typed is no code."""


class AccessDenied(AwsProfileError):
    """AWS knows the caller and refuses the action."""


class CredentialsRejected(AwsProfileError):
    """AWS doesn't accept the keys: unknown, disabled, or with the wrong secret."""


class CredentialsExpired(CredentialsRejected):
    """The temporary credentials were good once and aren't any more."""


class CredentialsUnavailable(AwsProfileError):
    """The profile's source of credentials (a process, a container, a sign-in) gave none."""


class SignInRequired(CredentialsUnavailable):
    """The sign-in that a profile's credentials come from is missing or has expired.

    ``source`` is the profile that signs in, which is ``name`` itself or starts its chain.
    """

    def __init__(self, name: str, source: str) -> None:
        super().__init__(
            f"The sign-in of `{source}` is missing or has expired.",
            f"Run `%aws_profile {name} --login` where you see its output, or `aws sso login "
            f"--profile {source}` in a terminal.",
        )


class EndpointUnreachable(AwsProfileError):
    """An endpoint didn't answer, or not within the time that was allowed."""


class ServiceError(AwsProfileError):
    """AWS, or a server that speaks its protocol, answered with an error of another kind."""


class SwitchInterrupted(AwsProfileError):
    """The person at the keyboard stopped a switch, or what belongs to it."""

    def __init__(
        self, what: str = "The switch", hint: str = "The notebook works as it did before."
    ) -> None:
        super().__init__(f"{what} was interrupted.", hint)
