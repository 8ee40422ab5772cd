"""MFA codes, from a person at the front end or from a command of the user.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-mfa
"""

from __future__ import annotations

import getpass
import re
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Self

from ipy_awsprofile.credentials.process_wait import Waiting, ends_within, untold
from ipy_awsprofile.errors import MfaRejected, MfaUnavailable

#: Gets a `Question`, which contains the device's serial number, and returns the code.
MfaPrompter = Callable[[str], str]

#: Timeout of a command in seconds: a person may have to touch a security key.
PROCESS_TIMEOUT = 60.0

_CODE = re.compile(r"[0-9]{6}")

#: The command for a question that names no profile.
_ANY_PROFILE = "`%aws_profile NAME`"


class Question(str):
    """botocore's question for a code, with the name of the profile that needs it.

    ``refused`` is what is wrong with the code that was entered before, if it is asked again.
    ``command`` is the line that asks the same question where a person can answer.
    """

    __slots__ = ("command", "profile", "refused")

    profile: str
    refused: str
    command: str

    def __new__(
        cls, question: str, profile: str, refused: str = "", command: str = _ANY_PROFILE
    ) -> Self:
        """Return the question as a text."""
        text = super().__new__(cls, question)
        text.profile, text.refused, text.command = profile, refused, command
        return text


def device_of(question: str) -> str:
    """Return the MFA device's serial number or ARN in botocore's question."""
    # botocore's AssumeRoleCredentialFetcher words it like this.
    return question.removeprefix("Enter MFA code for ").rstrip(": ")


def somebody_is_there() -> bool:
    """Return whether a person sees the output of the running cell, and can answer a question.

    While a cell runs, ``getpass.getpass`` is ipykernel's own, and each request to run a cell says
    whether the front end can answer. In another thread nobody can be asked.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if getpass.getpass.__module__ == getpass.__name__:
        return bool(sys.stdin and sys.stdin.isatty())
    kernel = getattr(getpass.getpass, "__self__", None)
    return bool(getattr(kernel, "_allow_stdin", True))


def ask_on_input_channel(question: str, prompt: str | None = None) -> str:
    """Ask a person, without echo, through the front end or terminal, and return the answer.

    ``prompt`` is shown instead of the question, for example if the device was shown already.
    Raises MfaUnavailable if no one is available to answer.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel
    """
    if not somebody_is_there():
        raise _nobody_to_ask(question)
    try:
        return getpass.getpass(prompt or question)
    except (EOFError, NotImplementedError) as error:  # StdinNotImplementedError is a child of it
        raise _nobody_to_ask(question) from error


def code_from(command: str, question: str, waiting: Waiting = untold) -> str:
    """Run the command in a shell, and return the code that it prints.

    This is aws-vault's ``mfa_process``. The user sees its standard error, and ``waiting`` says so
    if it takes long. Raises MfaUnavailable if it fails, doesn't print six digits, or
    takes longer than a minute.

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
    """Return what a command prints, or nothing if it fails; an interrupt ends it, too."""
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
    except (OSError, subprocess.SubprocessError):  # their texts contain the output
        return ""
    return printed.decode(errors="replace").strip() if ended and not process.returncode else ""


def code_for(
    question: str, processes: Mapping[str, str], ask: MfaPrompter, waiting: Waiting = untold
) -> str:
    """Return the code from the command for the device, or else from the prompter.

    ``processes`` has commands by serial number of the device; for ``waiting`` see `code_from`.
    Raises what `code_from`, `require_code` and the prompter raise.
    """
    command = processes.get(device_of(question))
    if command:
        return code_from(command, question, waiting)
    return require_code(ask(question))


def require_code(answer: str) -> str:
    """Return the code in a person's answer. Raises MfaRejected, which doesn't quote it."""
    code = "".join(answer.split())  # some devices show two groups of digits
    if not _CODE.fullmatch(code):
        raise MfaRejected(
            "An MFA code has exactly six digits.", "Run the cell again, and enter a new code."
        )
    return code


def _nobody_to_ask(question: str) -> MfaUnavailable:
    command = question.command if isinstance(question, Question) else _ANY_PROFILE
    return MfaUnavailable(
        f"An MFA code of {device_of(question)} is required, but no one is available to enter it.",
        f"Run {command}, or `%aws_profile --refresh` if it is active, where you can enter it; the "
        "session is then shared through the AWS CLI's cache.",
    )
