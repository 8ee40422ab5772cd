"""Users sign in to IAM Identity Center from a cell, with the AWS CLI's token files."""

from __future__ import annotations

import _thread
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import (
    AwsProfileError,
    CredentialsUnavailable,
    InvalidOption,
    InvalidProfile,
    SignInRequired,
    SwitchInterrupted,
)
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session
from ipy_awsprofile.sessions.sso_sign_in import DeviceSignIn, begin_device_sign_in, sso_settings
from tests.shells import aws_cli_2, run_aws_cli, run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.fixture(autouse=True)
def organisation(aws: EmbeddedAws) -> None:
    """Write profiles with and without an [sso-session], and a role with such a source profile."""
    role = aws.sso.assign(ROLE_ACCOUNT, "Analyst", policy=allow("*"))
    with aws.config_file.open("a") as config:
        config.write(
            f"[sso-session corp]\nsso_start_url = {aws.sso.start_url}\nsso_region = us-east-1\n"
            "sso_registration_scopes = sso:account:access\n\n"
        )
    whose: Any = {"sso_account_id": ROLE_ACCOUNT, "sso_role_name": "Analyst", "region": "us-west-2"}
    aws.write_profile("Analyst", sso_session="corp", **whose)
    aws.write_profile("Legacy", sso_start_url=aws.sso.start_url, sso_region="us-east-1", **whose)
    behind = aws.create_role(
        "Behind",
        account=ROLE_ACCOUNT,
        trust={
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sts:AssumeRole"}
            ]
        },
        policy=allow("s3:*"),
    )
    aws.write_profile("Behind", source_profile="Analyst", role_arn=behind, region="us-west-2")


def token_files(aws: EmbeddedAws) -> list[Path]:
    """Return the files in the AWS CLI's token cache."""
    return list((aws.home / ".aws" / "sso" / "cache").glob("*"))


def begun(profile: str = "Analyst") -> DeviceSignIn:
    """Begin a sign-in, and return it."""
    return begin_device_sign_in(target_of(SessionRequest(profile=profile)))


class BrowserUser:
    """A user at a browser, who allows or refuses a sign-in as soon as it waits."""

    def __init__(self, aws: EmbeddedAws, decide: Callable[[str], object]) -> None:
        self._aws = aws
        self._decide = decide
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.decided: list[str] = []

    def __enter__(self) -> BrowserUser:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            for device in list(self._aws.sso.tokens._devices.values()):
                if device.user_code not in self.decided:
                    self.decided.append(device.user_code)
                    self._decide(device.user_code)


@pytest.fixture
def front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide a front end that shows outputs, and fail the test if a cell prompts."""

    def getpass(question: str) -> str:
        raise AssertionError(question)

    monkeypatch.setattr("getpass.getpass", getpass)


# --- An attempt ---


@pytest.mark.slow
def test_sign_in_writes_the_clis_token(aws: EmbeddedAws) -> None:
    """A sign-in writes a private token file that botocore and the AWS CLI use."""
    attempt = begun()
    assert attempt.is_done() is False
    aws.sso.approve(attempt.code)
    assert attempt.is_done() is True
    (file,) = token_files(aws)
    assert file.stat().st_mode & 0o777 == 0o600
    assert {"startUrl", "region", "accessToken", "expiresAt", "refreshToken"} < set(
        json.loads(file.read_text())
    )
    identity = who_am_i(open_session("Analyst"))
    assert re.search(r"assumed-role/AWSReservedSSO_Analyst_\w{16}/", identity.arn)
    cli = run_aws_cli("sts", "get-caller-identity", "--profile", "Analyst", "--output", "json")
    assert json.loads(cli.stdout)["Arn"] == identity.arn


@pytest.mark.slow
def test_version_2_of_the_cli_uses_our_token(aws: EmbeddedAws) -> None:
    """Version 2 of the AWS CLI uses and renews our token."""
    attempt = begun()
    aws.sso.approve(attempt.code)
    assert attempt.is_done()
    (file,) = token_files(aws)
    ours = json.loads(file.read_text())
    assert cli_2_account() == ROLE_ACCOUNT
    file.write_text(json.dumps(ours | {"expiresAt": "2020-01-01T00:00:00Z"}))
    shutil.rmtree(aws.home / ".aws" / "cli" / "cache")
    assert cli_2_account() == ROLE_ACCOUNT
    renewed = json.loads(file.read_text())
    assert renewed.keys() == ours.keys()
    assert renewed["accessToken"] != ours["accessToken"]


def cli_2_account() -> str:
    """Return the account that version 2 of the AWS CLI reports for the profile Analyst."""
    command = [aws_cli_2(), "sts", "get-caller-identity", "--profile", "Analyst"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    account: str = json.loads(said)["Account"]
    return account


def test_profile_without_a_session_section(aws: EmbeddedAws) -> None:
    """A profile without an [sso-session] signs in without a refresh token."""
    attempt = begun("Legacy")
    aws.sso.approve(attempt.code)
    assert attempt.is_done()
    (file,) = token_files(aws)
    assert "refreshToken" not in json.loads(file.read_text())
    assert who_am_i(open_session("Legacy")).account == ROLE_ACCOUNT


def test_slow_down(aws: EmbeddedAws) -> None:
    """After a call that came too soon, the interval increases by five seconds."""
    attempt = begun()
    before = attempt.interval
    assert [attempt.is_done(), attempt.is_done()] == [False, False]
    assert attempt.interval == before + 5


def test_refused(aws: EmbeddedAws) -> None:
    """A refused sign-in raises an error, and writes no token."""
    attempt = begun()
    aws.sso.deny(attempt.code)
    with pytest.raises(CredentialsUnavailable, match="sign-in of `Analyst` was refused"):
        attempt.is_done()
    assert token_files(aws) == []


def test_too_late(aws: EmbeddedAws) -> None:
    """A sign-in raises an error when its code has expired."""
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        attempt = begun()
        clock.shift(timedelta(hours=1))
        with pytest.raises(CredentialsUnavailable, match="wasn't completed in time"):
            attempt.is_done()


@pytest.mark.slow
def test_waiting(aws: EmbeddedAws) -> None:
    """Waiting yields the time left until the user approves the sign-in."""
    attempt = begun()
    aws.calls.clear()
    left = []
    with BrowserUser(aws, lambda code: None) as user:
        for remaining in attempt.waiting():
            left.append(remaining)
            if len(left) == 3:
                aws.sso.approve(attempt.code)
        assert user.decided == [attempt.code]
    assert left == sorted(left, reverse=True)
    assert timedelta(0) < left[-1] < timedelta(minutes=10)


def test_repr_shows_no_secret(aws: EmbeddedAws) -> None:
    """The attempt and its errors hide the client secret and the device code."""
    attempt = begun()
    texts = [repr(attempt)]
    aws.sso.deny(attempt.code)
    with pytest.raises(AwsProfileError) as caught:
        attempt.is_done()
    texts += [repr(caught.value), str(caught.value), caught.value.hint]
    assert not [secret for secret in aws.secrets() if any(secret in text for text in texts)]


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"role_arn": "x", "source_profile": "UserAlpha"}, InvalidOption, "has no sign-in"),
        (
            {"sso_account_id": "1", "sso_role_name": "x"},
            InvalidProfile,
            "sso_start_url or sso_region is missing",
        ),
        (
            {"sso_account_id": "1", "sso_role_name": "x", "sso_session": "nowhere"},
            InvalidProfile,
            r"\[sso-session nowhere\] doesn't say",
        ),
    ],
)
def test_profile_that_cannot_sign_in(
    aws: EmbeddedAws, settings: Any, error: type[AwsProfileError], says: str
) -> None:
    """A profile without complete sign-in settings raises an error before any call."""
    aws.write_profile("Odd", **settings)
    aws.calls.clear()
    with pytest.raises(error, match=says):
        sso_settings(target_of(SessionRequest(profile="Odd")))
    assert aws.calls == []


# --- Sessions ---


def test_missing_sign_in(aws: EmbeddedAws) -> None:
    """In a script, a missing sign-in raises an error with a hint, even for a source profile."""
    for name in ("Analyst", "Behind"):
        with pytest.raises(SignInRequired, match="sign-in of `Analyst` is missing") as caught:
            open_session(name)
        assert f"%aws_profile {name} --login" in caught.value.hint


def test_expired_token_is_renewed_by_the_refresh_token(aws: EmbeddedAws) -> None:
    """An expired token is renewed by its refresh token, without a prompt."""
    aws.sso.sign_in("corp")
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        session = open_session("Analyst")
        s3 = session.client("s3")
        for _ in range(2):
            clock.shift(timedelta(hours=3))
            assert "Buckets" in s3.list_buckets()


def test_expired_sign_in(aws: EmbeddedAws) -> None:
    """When the sign-in has expired, a call starts a new sign-in, and then continues."""
    aws.sso.sign_in("corp")
    asked = []

    def sign_in(target: Any) -> None:
        asked.append(target.chain)
        aws.sso.sign_in("corp")

    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        session = open_session("Behind", sign_in=sign_in)
        s3 = session.client("s3")
        clock.shift(timedelta(days=3))
        assert "Buckets" in s3.list_buckets()
        assert asked == [("Behind", "Analyst")]


def test_role_that_is_not_assigned(aws: EmbeddedAws) -> None:
    """The error for a role that isn't assigned names the settings to check."""
    aws.sso.sign_in("corp")
    aws.write_profile(
        "Owner", sso_session="corp", sso_account_id=ROLE_ACCOUNT, sso_role_name="Owner"
    )
    with pytest.raises(AwsProfileError, match="No access") as caught:
        open_session("Owner", region="us-west-2")
    assert "sso_role_name" in caught.value.hint


# --- Cells ---


@pytest.mark.slow
def test_sign_in_at_a_cell(
    aws: EmbeddedAws, shell: Shell, front_end: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A switch shows the code to sign in with, waits, and continues."""
    with BrowserUser(aws, aws.sso.approve) as user:
        ran = shell.good("%aws_profile Behind")
    (code,) = user.decided
    assert code in ran.printed
    assert "Behind ← Analyst" in ran.text
    shown = ran.printed + ran.text + caplog.text
    assert not [secret for secret in aws.secrets() if secret in shown]
    assert caplog.records == []


@pytest.mark.slow
def test_refused_at_a_cell(aws: EmbeddedAws, shell: Shell, front_end: None) -> None:
    """If the user refuses the sign-in, the switch changes nothing."""
    with BrowserUser(aws, aws.sso.deny):
        ran = shell.run("%aws_profile Analyst")
    assert "was refused" in str(ran.error)
    assert "Traceback" not in ran.printed
    assert "session" not in shell.names


@pytest.mark.slow
def test_login_forces_a_sign_in(aws: EmbeddedAws, shell: Shell, front_end: None) -> None:
    """`--login` starts a new sign-in, even if a valid token exists."""
    aws.sso.sign_in("corp")
    for line in ("%aws_profile Analyst --login", "%aws_profile --login"):
        with BrowserUser(aws, aws.sso.approve) as user:
            shell.good(line)
        assert len(user.decided) == 1


@pytest.mark.slow
def test_another_user_signs_in(aws: EmbeddedAws, shell: Shell, front_end: None) -> None:
    """After a sign-in as another user, all roles and the list of roles are the new user's."""
    for user, roles in (("ann", ("Analyst", "Second")), ("bob", ("Analyst", "Second", "Third"))):
        for role in roles:
            aws.sso.assign(ROLE_ACCOUNT, role, policy=allow("*"), user=user)
    aws.sso.sign_in("corp")
    for line in (f"corp:{ROLE_ACCOUNT}/Second", "Analyst"):
        assert shell.good(f"%aws_profile {line}").text.count("/ann") == 1
    assert "Third" not in shell.good("%aws_profiles --sso").text
    with BrowserUser(aws, lambda code: aws.sso.approve(code, "bob")):
        shell.good("%aws_profile Analyst --login")
    assert "/bob" in shell.good(f"%aws_profile corp:{ROLE_ACCOUNT}/Second").text
    assert "Third" in shell.good("%aws_profiles --sso").text


@pytest.mark.parametrize("line", ["%aws_profile UserAlpha --login", "%aws_profile --login"])
def test_login_without_a_sign_in(shell: Shell, front_end: None, line: str) -> None:
    """`--login` for a profile without a sign-in raises an error."""
    assert isinstance(shell.refused(line), InvalidOption)


@pytest.mark.slow
def test_ctrl_c_ends_the_wait(aws: EmbeddedAws, shell: Shell, front_end: None) -> None:
    """Ctrl-C during the wait ends the switch, which changes nothing."""

    def interrupted(_code: str) -> None:
        _thread.interrupt_main()

    with BrowserUser(aws, interrupted):
        ran = shell.run("%aws_profile Analyst")
    assert isinstance(ran.error, SwitchInterrupted)
    assert "session" not in shell.names
    assert token_files(aws) == []


@pytest.mark.slow
def test_unattended_notebook(aws: EmbeddedAws) -> None:
    """An unattended notebook doesn't wait, and its error says what to run."""
    cells, text = run_notebook(
        "%load_ext ipy_awsprofile", "%aws_profile Analyst", environment=aws.environment()
    )
    assert "SignInRequired" in cells[1].error.ename
    assert "aws sso login --profile Analyst" in text
