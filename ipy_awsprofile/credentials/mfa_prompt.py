"""Get MFA codes from the user at the front end or from the user's command.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-mfa
"""

from __future__ import annotations

import getpass
import re
import sys
import threading
from collections.abc import Callable
from typing import Self

from ipy_awsprofile.credentials.process_wait import Waiting, ends_within, untold
from ipy_awsprofile.errors import MfaRejected, MfaUnavailable

#: Receives a `Question`, which contains the device's serial number, and returns the code.
MfaPrompter = Callable[[str], str]

#: Timeout of a command in seconds. The user may have to touch a security key.
PROCESS_TIMEOUT = 60.0

_CODE = re.compile(r"[0-9]{6}")

#: The command for a question without a profile.
_ANY_PROFILE = "`%aws_profile NAME`"


class Question(str):
    """botocore's prompt for a code, with the name of the profile that needs it.

    ``refused`` is the reason that the previous code was rejected, or empty for the first prompt.
    ``command`` is the command that shows this prompt again where the user can answer.
    """

    __slots__ = ("command", "profile", "refused")

    profile: str
    refused: str
    command: str

    def __new__(
        cls, question: str, profile: str, refused: str = "", command: str = _ANY_PROFILE
    ) -> Self:
        """Return the question with these attributes."""
        text = super().__new__(cls, question)
        text.profile, text.refused, text.command = profile, refused, command
        return text


def device_of(question: str) -> str:
    """Return the serial number or ARN of the MFA device in botocore's prompt."""
    # This is the wording of botocore's AssumeRoleCredentialFetcher.
    return question.removeprefix("Enter MFA code for ").rstrip(": ")


def somebody_is_there() -> bool:
    """Return whether the user sees the output of the running cell and can answer a prompt.

    While a cell runs, ipykernel replaces ``getpass.getpass``, and each request to run a cell says
    whether the front end can answer prompts. Only the main thread can prompt the user.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if getpass.getpass.__module__ == getpass.__name__:
        return bool(sys.stdin and sys.stdin.isatty())
    kernel = getattr(getpass.getpass, "__self__", None)
    return bool(getattr(kernel, "_allow_stdin", True))


def ask_on_input_channel(question: str, prompt: str | None = None) -> str:
    """Prompt the user in the front end or terminal, without echo, and return the answer.

    ``prompt`` replaces the question, for example if the device has already been shown.
    Raises MfaUnavailable if no one is available to answer.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel
    """
    if not somebody_is_there():
        raise _nobody_to_ask(question)
    try:
        return getpass.getpass(prompt or question)
    except (EOFError, NotImplementedError) as error:  # the base class of StdinNotImplementedError
        raise _nobody_to_ask(question) from error


def code_from(command: str, question: str, waiting: Waiting = untold) -> str:
    """Run the command in a shell, and return the code that it prints.

    This is aws-vault's ``mfa_process`` setting. The user sees the command's standard error, and
    ``waiting`` shows a notice if it takes long. Raises MfaUnavailable if the command fails, doesn't
    print six digits, or takes longer than a minute.

    https://github.com/99designs/aws-vault/blob/master/USAGE.md
    """
    code = _printed_by(command, f"the mfa_process for {device_of(question)}", waiting)
    if not _CODE.fullmatch(code):
        raise MfaUnavailable(
            f"The mfa_process for {device_of(question)} didn't print an MFA code.",
            "Run its command in a terminal to see what it prints: it must be six digits.",
        )
    return code


def _printed_by(command: str, what: str, waiting: Waiting) -> str:
    """Return a command's output, or "" if the command fails. An interrupt ends it."""
    import subprocess

    printed = b""

    def has_ended(seconds: float) -> bool:
        nonlocal printed
        try:
            printed, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    try:
        with subprocess.Popen(  # noqa: S602  # the user's own command, from their own files
            command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            try:
                ended = ends_within(PROCESS_TIMEOUT, has_ended, what, waiting)
            finally:
                process.kill()
    except (OSError, subprocess.SubprocessError):  # their messages contain the output
        return ""
    return printed.decode(errors="replace").strip() if ended and not process.returncode else ""


def code_for(
    question: str, command: str | None, ask: MfaPrompter, waiting: Waiting = untold
) -> str:
    """Return the code from the device's command; without a command, prompt for it.

    For ``waiting``, see `code_from`. Raises the exceptions of `code_from`, `require_code` and the
    prompter.
    """
    if command:
        return code_from(command, question, waiting)
    return require_code(ask(question))


def require_code(answer: str) -> str:
    """Return the code in the user's answer. Raises MfaRejected, which doesn't quote the answer."""
    code = "".join(answer.split())  # some devices show the digits in two groups
    if not _CODE.fullmatch(code):
        raise MfaRejected(
            "An MFA code has exactly six digits.", "Run the cell again, and enter a new code."
        )
    return code


def _nobody_to_ask(question: str) -> MfaUnavailable:
    command = question.command if isinstance(question, Question) else _ANY_PROFILE
    return MfaUnavailable(
        f"An MFA code from {device_of(question)} is required, but no one is available to enter it.",
        f"Run {command}, or `%aws_profile --refresh` if the profile is active, where you can enter "
        "it. Other notebooks and the AWS CLI can then use the session.",
    )
