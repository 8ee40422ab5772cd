"""MFA codes come from the user or a command, for a switch and for each renewal.

The embedded AWS and botocore run in this process, so that the tests can move its clock.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from ipy_awsprofile.credentials import person
from ipy_awsprofile.credentials.person import (
    Person,
    ask_on_input_channel,
    code_from,
    end_process,
    unattended,
)
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import CredentialsRejected, MfaRejected, MfaUnavailable
from ipy_awsprofile.sessions.session import open_session, who_am_i
from ipy_awsprofile.switch.using_profile import using_profile
from tests.aws import EmbeddedAws
from tests.sessions.traces import actions
from tests.shells import Shell

QUESTION = "Enter MFA code for arn:mfa: "


class Phone:
    """A user's MFA device, which records the prompts."""

    def __init__(self, aws: EmbeddedAws, serial: str) -> None:
        self._aws = aws
        self.serial = serial
        self.questions: list[str] = []

    def __call__(self, question: str) -> str:
        """Return the code that the device shows."""
        self.questions.append(question)
        return self._aws.iam.mfa_code(self.serial)


@pytest.fixture
def phone(aws: EmbeddedAws, auditor: str) -> Phone:
    """Return the MFA device of the profile Auditor."""
    return Phone(aws, auditor)


# --- Prompts ---


def test_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library's thread prompts, but work that no cell waits for doesn't."""
    monkeypatch.setattr("getpass.getpass", lambda _question: "123456")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask_on_input_channel, QUESTION).result() == "123456"
    with unattended(), pytest.raises(MfaUnavailable, match="arn:mfa is required"):
        ask_on_input_channel(QUESTION)


def test_wrong_code_is_asked_again(
    phone: Phone, shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a code is invalid or AWS refuses it, the cell prompts again, up to three times in all.

    It says that the next code is needed only if AWS has seen the code.
    """
    right = phone("")
    wrong = "000000" if right != "000000" else "1" * 6
    answers = iter([wrong, "12345", right])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    printed = shell.good("%aws_profile Auditor").text
    assert "profile  Auditor" in printed
    assert "AWS refused the MFA code for `Auditor`" in printed
    assert "An MFA code has exactly six digits. The code wasn't sent to AWS. Enter all" in printed
    assert printed.count("Each code works only once. Wait for the next code") == 1
    assert aws.actions.count("sts:AssumeRole") == 2  # with the wrong code and the right one
    assert wrong not in printed
    answers = iter([wrong] * 4)
    assert isinstance(shell.run("%aws_profile --refresh").error, MfaRejected)
    assert next(answers) == wrong  # the fourth code wasn't used
    assert "Auditor" in shell.good("%aws_profile").text


def test_an_empty_answer_gives_up(
    phone: Phone, shell: Shell, monkeypatch: pytest.MonkeyPatch, aws: EmbeddedAws
) -> None:
    """An empty answer, which VS Code sends after Escape, ends the switch at the first prompt."""
    shell.good("%aws_profile RoleBeta")
    answers = iter([""])
    monkeypatch.setattr("getpass.getpass", lambda _question: next(answers))
    error = shell.refused("%aws_profile Auditor")
    assert str(error) == "No code was entered."
    assert error.hint.startswith("Nothing has changed.")
    assert "RoleBeta" in shell.good("%aws_profile").text


def test_keys_that_aws_rejects(
    aws: EmbeddedAws, phone: Phone, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If AWS rejects the keys that assume a role, the switch prompts only once."""
    monkeypatch.setattr("getpass.getpass", phone)
    secret = re.compile("(?m)^aws_secret_access_key = .*$")
    text = secret.sub("aws_secret_access_key = wrong", aws.credentials_file.read_text())
    aws.credentials_file.write_text(text)
    assert isinstance(shell.refused("%aws_profile Auditor"), CredentialsRejected)
    assert len(phone.questions) == 1


# --- Commands ---


@pytest.mark.parametrize("command", ["exit 1", "cd .", "echo hush-12345"])
def test_command_that_gives_no_code(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """If a command prints no code, the error names the device, and quotes no output."""
    with pytest.raises(MfaUnavailable, match="for arn:mfa didn't print an MFA code") as caught:
        code_from(command, QUESTION)
    assert "hush" not in f"{caught.value} {caught.value.hint} {caught.value.__context__!r}"
    assert "hush" not in "".join(capfd.readouterr())


def test_end_of_a_command() -> None:
    """A command that takes too long ends. On Windows, so does the program that its shell runs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        address = server.getsockname()
        program = f"import socket; socket.create_connection({address}).recv(1)"
        command = f'"{sys.executable}" -I -S -c "{program}"'
        if sys.platform != "win32":  # there, a shell can replace itself with a program
            command = f"exec {command}"
        process = subprocess.Popen(command, shell=True)
        connection, _ = server.accept()
        end_process(process)
        with connection, suppress(ConnectionResetError):
            connection.settimeout(60)
            assert connection.recv(1) == b""  # the program has ended


def test_command_that_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a command prints no code in time, the switch fails."""
    monkeypatch.setattr(person, "PROCESS_TIMEOUT", 0.1)
    program = "import time; time.sleep(600)"
    with pytest.raises(MfaUnavailable, match="for arn:mfa didn't print an MFA code"):
        code_from(f'"{sys.executable}" -I -S -c "{program}"', QUESTION)


# --- Renewal ---


def test_code_for_each_session(aws: EmbeddedAws, clock: Any, phone: Phone) -> None:
    """One code serves all sessions until it expires, and then the same client prompts again."""
    session = open_session("Auditor", mfa_prompter=phone)
    s3 = session.client("s3")
    for asked in (1, 2, 3):
        assert s3.list_buckets()["Buckets"]
        assert who_am_i(open_session("Auditor", mfa_prompter=phone)) == who_am_i(session)
        assert phone.questions == [f"Enter MFA code for {phone.serial}: "] * asked
        assert actions(aws) == ["sts:AssumeRole", "s3:ListAllMyBuckets"]
        clock.shift(timedelta(hours=2))


@pytest.mark.parametrize("of_both", [False, True])
def test_one_code_for_a_chain(aws: EmbeddedAws, clock: Any, phone: Phone, *, of_both: bool) -> None:
    """A role behind a role with MFA needs one code, even if both profiles name the device."""
    role_arn = aws.iam.create_role(
        "Behind",
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{ROLE_ACCOUNT}:role/Auditor"),
        policy=allow("s3:*"),
    )
    settings: Any = {"mfa_serial": phone.serial} if of_both else {}
    aws.write_profile("Behind", source_profile="Auditor", role_arn=role_arn, **settings)
    session = open_session("Behind", mfa_prompter=phone, region="us-west-2")
    clock.shift(timedelta(hours=2))
    aws.calls.clear()
    session.client("s3").list_buckets()
    assert len(phone.questions) == 2
    assert actions(aws) == ["sts:AssumeRole", "sts:AssumeRole", "s3:ListAllMyBuckets"]
    clock.shift(timedelta(minutes=30))
    session.client("s3").list_buckets()
    assert len(phone.questions) == 2


def test_leaving_a_scope_asks_nobody(
    aws: EmbeddedAws, clock: Any, phone: Phone, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a scope doesn't prompt, even if the earlier identity has expired meanwhile."""
    with monkeypatch.context() as attended:
        attended.setattr("getpass.getpass", phone)
        shell.good("%aws_profile Auditor")
    with using_profile("RoleBeta"):
        clock.shift(timedelta(hours=2))
        aws.calls.clear()
    assert aws.calls == []
    assert len(phone.questions) == 1
    assert shell.names["session"].chain[0] == "Auditor"


def test_short_session_asks_once(
    clock: Any, phone: Phone, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 15-minute session needs one code and one call, across switches, until it ends."""
    monkeypatch.setattr("getpass.getpass", phone)
    shell.good("%aws_profile Auditor --duration 15m")
    shell.good("s3 = session.client('s3')")
    clock.shift(timedelta(minutes=13))
    shell.good("assert s3.list_buckets()['Buckets']")
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile Auditor --duration 15m")
    assert len(phone.questions) == 1
    clock.shift(timedelta(minutes=3))
    shell.good("assert s3.list_buckets()['Buckets']")
    assert len(phone.questions) == 2


def test_nobody_answers_before_the_end(clock: Any, phone: Phone) -> None:
    """If no one can answer, a session is used until it ends."""
    session = open_session("Auditor", mfa_prompter=phone)
    session.prompter.person = Person()
    clock.shift(timedelta(minutes=59, seconds=45))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(session.client("s3").list_buckets).result()["Buckets"]


# --- Roles without MFA ---


@pytest.mark.parametrize(
    ("minutes", "minutes_left", "is_used"),
    [(15, 4, True), (15, 3, False), (60, 16, True), (60, 14, False)],
)
def test_time_before_the_end(
    aws: EmbeddedAws, clock: Any, *, minutes: int, minutes_left: int, is_used: bool
) -> None:
    """Clients and the cache use a session for three quarters of its time."""
    duration = f"{minutes}m"
    s3 = open_session("RoleBeta", duration=duration).client("s3")
    clock.shift(timedelta(minutes=minutes - minutes_left))
    aws.calls.clear()
    open_session("RoleBeta", duration=duration)
    s3.list_buckets()
    s3.list_buckets()
    assert actions(aws).count("sts:AssumeRole") == (not is_used)
