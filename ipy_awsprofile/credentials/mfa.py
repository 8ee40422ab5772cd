"""Where MFA codes come from: a person at the front end, or a command of the user's.

https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-mfa
"""

from __future__ import annotations

import getpass
import re
import sys
import threading
from collections.abc import Callable, Mapping

from ipy_awsprofile.errors import MfaRejected, MfaUnavailable

#: Takes botocore's question, which names the device, and returns the code.
MfaPrompter = Callable[[str], str]

#: Seconds that a command gets: somebody may have to touch a key.
PROCESS_TIMEOUT = 60.0

_CODE = re.compile(r"[0-9]{6}")


def device_of(question: str) -> str:
    """Read the serial number or ARN of the device out of botocore's question."""
    # The words are those of botocore's AssumeRoleCredentialFetcher.
    return question.removeprefix("Enter MFA code for ").rstrip(": ")


def somebody_is_there() -> bool:
    """Say whether a person sees what the running cell shows, and can answer.

    ipykernel puts its own ``getpass.getpass`` in place while a cell runs, and is told with each
    cell whether the front end can answer. In another thread nobody waits for a question.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html#execute
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if getpass.getpass.__module__ == getpass.__name__:
        return bool(sys.stdin and sys.stdin.isatty())
    kernel = getattr(getpass.getpass, "__self__", None)
    return bool(getattr(kernel, "_allow_stdin", True))


def ask_on_input_channel(question: str, prompt: str | None = None) -> str:
    """Ask a person, without echo, through whatever input there is at the moment of the call.

    ``prompt`` is shown instead of the question if the device has been named already. Raises
    MfaUnavailable where nobody can answer.

    https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-stdin-router-dealer-channel
    """
    if not somebody_is_there():
        raise _nobody_to_ask(question)
    try:
        return getpass.getpass(prompt or question)
    except (EOFError, NotImplementedError) as error:  # StdinNotImplementedError is a child
        raise _nobody_to_ask(question) from error


def code_from(command: str, question: str) -> str:
    """Run the command in a shell, and return the code that it prints.

    It is aws-vault's ``mfa_process``: what it says on standard error is for the person. Raises
    MfaUnavailable if it fails, prints no six digits, or takes longer than a minute.

    https://github.com/99designs/aws-vault/blob/master/USAGE.md
    """
    import subprocess

    try:
        done = subprocess.run(  # noqa: S602  # the user's own command, from their own files
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=PROCESS_TIMEOUT,
            check=True,
        )
        code = done.stdout.decode(errors="replace").strip()
    except (OSError, subprocess.SubprocessError):  # their texts hold what the command printed
        code = ""
    if not _CODE.fullmatch(code):
        raise MfaUnavailable(
            f"The mfa_process for {device_of(question)} gave no MFA code.",
            "Run its command in a terminal to see what it says: six digits are expected.",
        )
    return code


def code_for(question: str, processes: Mapping[str, str], ask: MfaPrompter) -> str:
    """Get the code from the command of its device, if there is one, else by asking.

    ``processes`` has commands by device. Raises what `code_from`, `require_code` and the prompter
    raise.
    """
    command = processes.get(device_of(question))
    return code_from(command, question) if command else require_code(ask(question))


def require_code(answer: str) -> str:
    """Return a person's answer as a code. Raises MfaRejected, without quoting it, for no code."""
    code = "".join(answer.split())  # some devices show it in two groups
    if not _CODE.fullmatch(code):
        raise MfaRejected(
            "That is no MFA code: it has six digits.", "Run the cell again, and type a new one."
        )
    return code


def _nobody_to_ask(question: str) -> MfaUnavailable:
    return MfaUnavailable(
        f"An MFA code of {device_of(question)} is needed, and nobody can be asked for it here.",
        "Run `%aws_profile NAME` where you can type, or `%aws_profile --refresh` if it is active; "
        "the session is then shared through the AWS CLI's cache.",
    )
