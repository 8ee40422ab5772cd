"""Prompt the user for MFA codes and sign-ins.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-mfa
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from io import FileIO
from typing import TYPE_CHECKING, Self, TextIO, TypeVar

from ipy_awsprofile.config.request import arguments
from ipy_awsprofile.errors import AwsProfileError, MfaRejected, MfaUnavailable

if TYPE_CHECKING:
    import subprocess

    from ipy_awsprofile.config.target import Target

_log = logging.getLogger(__name__)

#: Receives a `Question`, which contains the device's serial number, and returns the code.
MfaPrompter = Callable[[str], str]

#: Lets the user sign in for a target. Raises a subclass of AwsProfileError if that fails.
SignInPrompter = Callable[["Target"], None]

#: Timeout of a command in seconds. The user may have to touch a security key.
PROCESS_TIMEOUT = 60.0

_CODE = re.compile(r"[0-9]{6}")

#: The kernel's process. A forked child has a copy of its front end, which it can't use.
_KERNEL = os.getpid()

_is_unattended: ContextVar[bool] = ContextVar("is_unattended", default=False)


@contextmanager
def unattended() -> Iterator[None]:
    """Prevent prompts in a ``with`` block, because no cell is waiting for the block's result."""
    token = _is_unattended.set(True)
    try:
        yield
    finally:
        _is_unattended.reset(token)


class SignInStep(StrEnum):
    """The step that the user has to take on the sign-in page."""

    ALLOW = "allow"  # in the browser that the kernel has opened
    COMPARE_CODE = "compare"  # allow it if the page shows the same code
    ENTER_CODE = "enter"  # copy the code that the page shows


class Question(str):
    """botocore's prompt for an MFA code, with the name of the profile that needs the code.

    ``refused`` says why the previous code was rejected and what to enter now, or is empty for the
    first prompt. ``command`` is the magic that shows this prompt again when the user runs it.
    """

    __slots__ = ("command", "profile", "refused")

    profile: str
    refused: str
    command: str

    def __new__(cls, question: str, *, profile: str, refused: str, command: str) -> Self:
        """Return botocore's question with additional attributes."""
        text = super().__new__(cls, question)
        text.profile = profile
        text.refused = refused
        text.command = command
        return text


def device_of(question: str) -> str:
    """Return the serial number or ARN of the MFA device that botocore's prompt names."""
    # This is the wording of botocore's AssumeRoleCredentialFetcher.
    return question.removeprefix("Enter MFA code for ").rstrip(": ")


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal.

    On Windows, `isatty` isn't enough, because `isatty` also returns True for the NUL device.
    """
    if stream is None or not stream.isatty():
        return False
    if sys.platform != "win32":
        return True
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return not isinstance(raw, FileIO)


def somebody_is_there() -> bool:
    """Return whether the user sees the output of the running cell and can answer a prompt.

    While a cell runs, ipykernel replaces ``getpass.getpass``, and each request to run a cell says
    whether the front end can answer prompts. In a notebook, any thread can prompt. In a terminal,
    only the main thread can prompt, because Ctrl-C can't end another thread's prompt.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute
    """
    if _is_unattended.get() or os.getpid() != _KERNEL:
        return False
    if getpass.getpass.__module__ == getpass.__name__:
        is_main = threading.current_thread() is threading.main_thread()
        return is_main and is_terminal(sys.stdin)
    kernel = getattr(getpass.getpass, "__self__", None)
    return bool(getattr(kernel, "_allow_stdin", True))


def ask_on_input_channel(question: str, prompt: str | None = None) -> str:
    """Prompt the user in the front end or terminal without echo, and return the user's answer.

    ``prompt`` is shown instead of the question, for example if the user has already seen the
    device's name. Raise MfaUnavailable if no one is available to answer, or if the answer is empty.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel
    """
    if not somebody_is_there():
        raise _nobody_to_ask(question)
    try:
        answer = getpass.getpass(prompt or question)
    except (EOFError, NotImplementedError) as error:  # the base class of StdinNotImplementedError
        raise _nobody_to_ask(question) from error
    if not answer.strip():  # VS Code sends this after Escape
        raise no_code()
    return answer


def no_code() -> MfaUnavailable:
    """Return the exception to raise if the user hasn't answered a prompt."""
    return MfaUnavailable(
        "No code was entered.", "Nothing has changed. Run the cell again to enter an MFA code."
    )


def _nobody_to_ask(question: str) -> MfaUnavailable:
    command = getattr(question, "command", "`%aws_profile NAME`")
    return MfaUnavailable(
        f"An MFA code from {device_of(question)} is required, but no one is available to enter it.",
        f"Run {command} (or, if the profile is active, `%aws_profile --refresh`) where you can "
        "enter the code. Other notebooks and the AWS CLI can then use the session.",
    )


def code_from(command: str, question: str) -> str:
    """Run a command in a shell and return the MFA code that the command prints.

    The command comes from the setting ``mfa_process``, which aws-vault introduced. The user sees
    the command's standard error. Raise MfaUnavailable if the command fails, doesn't print six
    digits, or takes longer than a minute.

    https://github.com/99designs/aws-vault/blob/master/USAGE.md
    """
    import subprocess

    code = ""
    with suppress(OSError, ValueError, subprocess.SubprocessError):  # the messages have the output
        code = _output_of(command).strip()
    if not _CODE.fullmatch(code):
        raise MfaUnavailable(
            f"The mfa_process for {device_of(question)} didn't print an MFA code.",
            "Run this command in a terminal, and check that it prints six digits.",
        )
    return code


def _output_of(command: str) -> str:
    """Run a command in a shell and return its output, or an empty string if the command fails."""
    import subprocess

    # The user's own command, from their own files.
    with subprocess.Popen(  # noqa: S602
        command, shell=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        try:
            printed, _ = process.communicate(timeout=PROCESS_TIMEOUT)
        finally:
            end_process(process)
    return "" if process.returncode else printed


def end_process(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """End a process if it is still running. On Windows, also end the process's child processes.

    On Windows, child processes that aren't ended continue and keep the output pipe open.

    https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/taskkill
    """
    import subprocess

    if sys.platform == "win32" and process.poll() is None:
        command = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    process.kill()
    process.wait()


def require_code(answer: str) -> str:
    """Return the MFA code in the user's answer.

    Raise MfaRejected if the answer isn't a code. The exception's message doesn't quote the answer.
    """
    code = "".join(answer.split())  # some devices show the digits in two groups
    if not _CODE.fullmatch(code):
        error = MfaRejected(
            "An MFA code has exactly six digits.", "Run the cell again, and enter all six digits."
        )
        error.was_sent = False
        raise error
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The functions and settings that determine how the user is prompted.

    ``mfa_prompter`` receives botocore's prompt, which contains the MFA device's serial number, and
    returns the code. If a code is wrong, ``mfa_prompter`` is called again, up to ``attempts`` times
    in total. If a profile has an ``mfa_process``, its command provides the code instead.
    ``sign_in_prompter`` is None if no one is available to sign in.
    """

    mfa_prompter: MfaPrompter = ask_on_input_channel
    attempts: int = 1
    sign_in_prompter: SignInPrompter | None = None

    def prompt_sign_in(self, target: Target) -> None:
        """Let the user sign in for a target.

        Raise SignInRequired if no one is available to sign in.
        """
        from ipy_awsprofile.credentials.translation import no_sign_in  # slow to import

        if self.sign_in_prompter is None:
            raise no_sign_in(target)
        _log.debug("%s: prompting for a sign-in.", target.name)
        self.sign_in_prompter(target)


_T = TypeVar("_T")


class Prompter:
    """The prompter that botocore calls to get a target's MFA codes.

    Set ``person`` to change how later renewals prompt the user.
    """

    def __init__(self, person: Person, target: Target) -> None:
        self.person = person
        self._target = target
        self._refused = ""  # why the user's last code was rejected, and what to enter now
        self._answers = False  # whether the user answered, rather than a command

    def __call__(self, question: str) -> str:
        """Return an MFA code from the user or from the ``mfa_process`` command.

        Raise MfaUnavailable if no code is available, MfaRejected if the answer isn't a code, or any
        AwsProfileError that the prompter raises.
        """
        person = self.person
        target = self._target
        serial = device_of(question)
        _log.debug("%s: prompting for a code of %s.", target.name, serial)
        if not serial:  # botocore refuses an empty `mfa_serial` before it calls AWS
            return "000000"
        command = target.mfa_process(serial)
        if command:
            return code_from(command, question)
        names = (profile.name for profile in target.chain if profile.mfa_serial == serial)
        asked = Question(
            question,
            profile=next(names, target.name),
            refused=self._refused,
            command=f"`%aws_profile {arguments(target.request)}`",
        )
        self._answers = True
        try:
            answer = person.mfa_prompter(asked)
        except AwsProfileError:
            raise
        except Exception as error:  # noqa: BLE001  # its text can be the code
            raise MfaUnavailable(
                f"The function that returns MFA codes raised {type(error).__name__}.",
                "Correct the function that you passed as `mfa_prompter`.",
            ) from None
        return require_code(answer)

    def with_code(self, fetch: Callable[[], _T]) -> _T:
        """Call ``fetch``, which prompts for an MFA code, and return the result.

        If ``fetch`` raises MfaRejected, call ``fetch`` again to prompt the user, unless AWS
        rejected the device.
        """
        try:
            for _ in range(1, self.person.attempts):
                try:
                    return fetch()
                except MfaRejected as error:
                    is_device = "serial number" in str(error)
                    if is_device or not self._answers:
                        raise
                    self._refused = f"{error} {error.next_answer}"
            return fetch()
        finally:
            self._refused = ""
            self._answers = False  # later steps of the chain don't prompt again
