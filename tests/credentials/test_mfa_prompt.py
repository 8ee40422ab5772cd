"""MFA codes come from the user or from a command, and are never shown."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.credentials import mfa_prompt
from ipy_awsprofile.credentials.mfa_prompt import (
    ask_on_input_channel,
    code_from,
    device_of,
    require_code,
)
from ipy_awsprofile.errors import MfaRejected, MfaUnavailable
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

QUESTION = "Enter MFA code for arn:mfa: "


def test_device_of_a_question() -> None:
    """`device_of` reads the device's serial number from botocore's question."""
    assert device_of("Enter MFA code for arn:aws:iam::231179739868:mfa/a b: ").endswith("mfa/a b")


def test_terminal_is_asked() -> None:
    """In a terminal, the user enters the code, which isn't echoed."""
    ours, theirs = pty.openpty()
    code = (
        "from ipy_awsprofile.credentials.mfa_prompt import *\nprint(ask_on_input_channel('Code: '))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    ) as child:
        seen = b""
        while b"Code: " not in seen:
            seen += os.read(ours, 100)
        os.write(ours, b"123456\n")
        answer, _ = child.communicate(timeout=60)
        os.close(theirs)
        with suppress(OSError):  # the terminal has closed
            seen += os.read(ours, 100)
    os.close(ours)
    assert answer == b"123456\n"
    assert b"123456" not in seen


@pytest.mark.parametrize("error", [EOFError, NotImplementedError])
def test_front_end_that_cannot_answer(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """If the front end's getpass can't prompt, the error says that an MFA code is required."""

    def getpass(question: str) -> str:
        raise error

    monkeypatch.setattr("getpass.getpass", getpass)
    with pytest.raises(MfaUnavailable, match="An MFA code from arn:mfa is required"):
        ask_on_input_channel("Enter MFA code for arn:mfa: ")


def test_front_end_is_looked_up_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prompt looks up getpass when it is called, and so finds the front end's."""

    def getpass(question: str) -> str:
        return f"answer to {question}"

    monkeypatch.setattr("getpass.getpass", getpass)
    assert ask_on_input_channel("Code?") == "answer to Code?"


def test_another_thread_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """In threads other than the cell's, such as a thread for a child process, no prompt appears."""

    def getpass(question: str) -> str:
        return "123456"

    monkeypatch.setattr("getpass.getpass", getpass)
    with ThreadPoolExecutor(1) as pool, pytest.raises(MfaUnavailable, match="arn:mfa is required"):
        pool.submit(ask_on_input_channel, "Enter MFA code for arn:mfa: ").result()


@pytest.mark.parametrize("printed", ["123456", "  123456\n\n"])
def test_code_of_a_command(printed: str) -> None:
    """The code is the command's output without surrounding whitespace."""
    assert code_from(f"printf '{printed}'", QUESTION) == "123456"


@pytest.mark.parametrize(
    "command",
    [
        "exit 1",
        "true",
        "echo hush-12345",
        "printf '\\377'",
        "no-such-command",
        "echo 1234567",
    ],
)
def test_command_that_gives_no_code(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """If a command prints no code, the error names the device but doesn't quote the output."""
    with pytest.raises(MfaUnavailable, match="for arn:mfa didn't print an MFA code") as caught:
        code_from(command, QUESTION)
    assert "hush" not in f"{caught.value} {caught.value.hint} {caught.value.__context__!r}"
    assert "hush" not in "".join(capfd.readouterr())


def test_command_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a command exceeds its timeout, the user gets an error."""
    monkeypatch.setattr(mfa_prompt, "PROCESS_TIMEOUT", 0.1)
    with pytest.raises(MfaUnavailable, match="didn't print an MFA code"):
        code_from("exec sleep 60", QUESTION)


def test_process_of_a_profile(aws: EmbeddedAws, auditor: str) -> None:
    """If a profile has an `mfa_process`, its code is used, and no prompt appears."""
    code = aws.mfa_code(auditor)
    aws.write_profile(
        "Unattended",
        source_profile="AuditorUser",
        role_arn=role_of(aws),
        mfa_serial=auditor,
        mfa_process=f"echo {code}",
        region="us-west-2",
    )
    assert who_am_i(open_session("Unattended")).profile == "Unattended"


def role_of(aws: EmbeddedAws) -> str:
    """Return the ARN of the role in the profile Auditor."""
    lines = aws.config_file.read_text().partition("[profile Auditor]")[2].splitlines()
    return next(line.split(" = ")[1] for line in lines if line.startswith("role_arn"))


def test_command_in_config(aws: EmbeddedAws, auditor: str, shell: Shell) -> None:
    """`%config` can set a command that prints codes."""
    shell.good(f"%config AwsProfileMagics.mfa_process = 'echo {aws.mfa_code(auditor)}'")
    assert "Auditor" in shell.good("%aws_profile Auditor").text


def test_function_in_config(aws: EmbeddedAws, auditor: str, shell: Shell) -> None:
    """`%config` can set a function, which receives the device's serial number."""
    asked: list[str] = []

    def code_of(device: str) -> str:
        asked.append(device)
        return aws.mfa_code(device)

    shell.names["code_of"] = code_of
    shell.good("%config AwsProfileMagics.mfa_process = code_of")
    assert "Auditor" in shell.good("%aws_profile Auditor").text
    assert asked == [auditor]


def test_code_in_two_groups() -> None:
    """A code can be entered as two groups of digits."""
    assert require_code("123 456\n") == "123456"


@pytest.mark.parametrize("answer", ["", "12345", "1234567", "hush", "１２３４５６"])
def test_answer_that_is_not_a_code(answer: str) -> None:
    """An answer that can't be a code is neither sent nor quoted."""
    with pytest.raises(MfaRejected) as caught:
        require_code(answer)
    assert not answer or answer not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("broken", ["{}['totp']", "int('x')", "None + 1", "open('/none')"])
def test_function_that_fails(aws: EmbeddedAws, auditor: str, shell: Shell, broken: str) -> None:
    """If a function in `%config` raises an exception, the error names the function's setting."""
    shell.good(f"def code_of(device): {broken}")
    shell.good("%config AwsProfileMagics.mfa_process = code_of")
    error = shell.refused("%aws_profile Auditor")
    assert str(error).startswith("The function in `AwsProfileMagics.mfa_process` failed: ")
