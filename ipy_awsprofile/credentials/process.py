"""Run a credential_process with a timeout and clear errors.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import botocore.session
from botocore.compat import compat_shell_split
from botocore.credentials import ProcessProvider, ProfileProviderBuilder
from botocore.exceptions import CredentialRetrievalError

from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.credentials.file_keys import ConfigFileProvider, SharedFileProvider
from ipy_awsprofile.credentials.process_wait import Waiting, ends_within, untold
from ipy_awsprofile.credentials.validation import UnusableCredentialsError, require_usable
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.text import program

#: Timeout of a credential_process in seconds, as in the AWS SDK for Go.
PROCESS_TIMEOUT = 60.0

#: The maximum output of a credential_process in bytes.
_MOST_OUTPUT = 1_000_000


class CheckedProfileProviders(ProfileProviderBuilder):
    """botocore's providers for a profile, with a checked provider for credential_process."""

    _session: botocore.session.Session
    #: Shows a notice while the cell waits for a process.
    waiting: Waiting = staticmethod(untold)
    #: Starts a credential_process, as `CredentialProcess` does.
    start: Callable[..., Any]

    def _create_shared_credential_provider(self, profile_name: str) -> SharedFileProvider:
        file = self._session.get_config_variable("credentials_file")
        return SharedFileProvider(profile_name, file)

    def _create_config_provider(self, profile_name: str) -> ConfigFileProvider:
        file = self._session.get_config_variable("config_file")
        return ConfigFileProvider(profile_name=profile_name, config_filename=file)

    def _create_process_provider(self, profile_name: str) -> ProcessProvider:
        process: Any = partial(self.start, profile_name, self.waiting)
        return _CheckedProcessProvider(
            profile_name, lambda: self._session.full_config, popen=process
        )


class CredentialProcess(subprocess.Popen[bytes]):
    """A process that is killed after the timeout and raises an exception if it fails.

    It runs in the user's own environment, so that its command can't use the switched identity.
    """

    def __init__(self, profile: str, waiting: Waiting, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options | {"env": user_environment()})
        self._what = f"the credential_process of `{profile}`"
        self._waiting = waiting

    def communicate(self, input: Any = None, timeout: float | None = None) -> Any:  # noqa: A002, ARG002
        """Return the process's output. Raises an exception if it fails or times out."""
        read = (_Output(self.stdout), _Output(self.stderr))

        def has_ended(seconds: float) -> bool:
            ends = time.monotonic() + seconds
            try:
                for output in read:
                    output.wait(max(ends - time.monotonic(), 0))
                self.wait(max(ends - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                return False
            return True

        seconds = timeout or PROCESS_TIMEOUT
        try:
            if not ends_within(seconds, has_ended, self._what, self._waiting):
                raise subprocess.TimeoutExpired("credential_process", seconds)
        except BaseException:  # even an interrupt
            self.kill()
            self.wait()  # not for its output, which child processes can keep open
            raise
        if self.returncode:
            raise subprocess.CalledProcessError(self.returncode, "credential_process")
        return tuple(output.text for output in read)


class _TooMuchOutputError(Exception):
    """A process printed more output than credentials need."""


class _Output:
    """The output of a process, up to a limit, because some processes never stop."""

    def __init__(self, pipe: Any) -> None:
        self.text = b""
        self._pipe = pipe
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the output. Raises TimeoutExpired and _TooMuchOutputError."""
        self._reader.join(seconds)
        if self._reader.is_alive():
            raise subprocess.TimeoutExpired("credential_process", seconds)
        if len(self.text) > _MOST_OUTPUT:
            raise _TooMuchOutputError

    def _read(self) -> None:
        with self._pipe:
            self.text = self._pipe.read(_MOST_OUTPUT + 1)


class _BadCommandError(Exception):
    """A command can't be split into words because a quotation mark is missing."""


#: The exceptions of a credential_process and our messages, which never quote its output.
_PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (OSError, "can't be run: {0.strerror} (`{program}`)"),
    (json.JSONDecodeError, "didn't print JSON"),
    (UnicodeDecodeError, "didn't print JSON"),
    (RecursionError, "didn't print JSON"),
    (_BadCommandError, "isn't a command: {0}"),
    (ValueError, "didn't print JSON"),  # such as a number with 5,000 digits
    (_TooMuchOutputError, "prints more than credentials"),
    (IndexError, "isn't a command: it is empty"),
    (AttributeError, "printed JSON that isn't an object"),
    (TypeError, "printed JSON that isn't an object"),
    (CredentialRetrievalError, "printed no credentials: Version isn't 1, or a key is missing"),
    (UnusableCredentialsError, "printed credentials that can't be used: {0}"),
)


class _CheckedProcessProvider(ProcessProvider):
    """botocore's provider, modified to raise CredentialsUnavailable for all problems."""

    def _retrieve_credentials_using(self, credential_process: str) -> Any:
        try:
            _require_words(credential_process)
            credentials = super()._retrieve_credentials_using(credential_process)  # type: ignore[misc]
            require_usable(credentials)
        except subprocess.TimeoutExpired:
            problem = f"didn't end within {PROCESS_TIMEOUT:.0f} seconds"
        except subprocess.CalledProcessError as error:
            problem = f"failed with status {error.returncode}"
        except tuple(kind for kind, _ in _PROBLEMS) as error:
            problem = next(text for kind, text in _PROBLEMS if isinstance(error, kind))
            problem = problem.format(error, program=program(credential_process) or "its first word")
        else:
            return credentials
        raise CredentialsUnavailable(
            f"The credential_process of `{self._profile_name}` {problem}.",  # type: ignore[attr-defined]
            "Run its command in a terminal to see what it prints or waits for.",
        )


def _require_words(command: str) -> None:
    try:
        compat_shell_split(command)
    except ValueError as error:
        raise _BadCommandError(error) from None
