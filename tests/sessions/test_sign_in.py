"""Users sign in to IAM Identity Center from a cell, with the AWS CLI's token files."""

from __future__ import annotations

import _thread
import json
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import sign_in_target, target_of
from ipy_awsprofile.demo.stages.scenario import allow, trusting
from ipy_awsprofile.errors import (
    AwsProfileError,
    CredentialsUnavailable,
    InvalidOption,
    InvalidProfile,
    SwitchInterrupted,
)
from ipy_awsprofile.sessions.session import open_session, who_am_i
from ipy_awsprofile.sessions.sign_in import Attempt, Callback, begin_sign_in
from tests.identity_center import PROD, organisation, sign_in_by_aws_cli
from tests.shells import aws_cli_2, run_aws_cli, run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    """Write profiles with and without an [sso-session], and a role with such a source profile."""
    organisation(aws)
    role: Any = {"sso_account_id": PROD, "sso_role_name": "Reader", "region": "us-west-2"}
    aws.write_profile("Legacy", sso_start_url=aws.sso.start_url, sso_region="us-east-1", **role)
    trust = trusting(aws.sso.assign(PROD, "Reader"))
    behind = aws.create_role("Behind", account=PROD, trust=trust, policy=allow("s3:*"))
    aws.write_profile("Behind", source_profile="prod-reader", role_arn=behind, region="us-west-2")


@pytest.fixture
def front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide a front end with a user who sees the output."""
    monkeypatch.setattr("getpass.getpass", lambda _question: "")


def token_files(aws: EmbeddedAws) -> list[Path]:
    """Return the files in the AWS CLI's token cache."""
    return list((aws.home / ".aws" / "sso" / "cache").glob("*"))


def begun(profile: str = "prod-reader") -> Attempt:
    """Begin a sign-in with a code that the user compares."""
    attempt = begin_sign_in(target_of(SessionRequest(profile=profile)), device_code=True)
    attempt.interval = 0
    return attempt


def seconds(attempt: Attempt, during: Callable[[], object] = lambda: None) -> int:
    """Call a function while an attempt waits, and return how many of 20 seconds it waits on."""
    waiting: Any = attempt.waiting(lambda _seconds: None)
    next(waiting)
    during()
    return sum(1 for _ in zip(range(20), waiting, strict=False))


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


# --- An attempt ---


@pytest.mark.parametrize("profile", ["prod-reader", "Legacy"])
def test_sign_in_writes_the_clis_token(aws: EmbeddedAws, profile: str) -> None:
    """A sign-in writes a private token file that botocore and the AWS CLI use."""
    attempt = begun(profile)
    assert seconds(attempt, partial(aws.sso.approve, str(attempt.code))) == 0
    (file,) = token_files(aws)
    assert file.stat().st_mode & 0o777 == 0o600
    token = json.loads(file.read_text())
    assert {"startUrl", "region", "accessToken", "expiresAt"} < token.keys()
    assert ("refreshToken" in token) == (profile == "prod-reader")
    identity = who_am_i(open_session(profile))
    assert re.search(r"assumed-role/AWSReservedSSO_Reader_\w{16}/", identity.arn)
    cli = run_aws_cli("sts", "get-caller-identity", "--profile", profile, "--output", "json")
    assert json.loads(cli.stdout)["Arn"] == identity.arn


@pytest.mark.slow
def test_version_2_of_the_cli_uses_our_token(aws: EmbeddedAws) -> None:
    """Version 2 of the AWS CLI uses and renews our token."""
    command = [aws_cli_2(), "sts", "get-caller-identity", "--profile", "prod-reader"]

    def cli_account() -> object:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return json.loads(said)["Account"]

    attempt = begun()
    assert seconds(attempt, partial(aws.sso.approve, str(attempt.code))) == 0
    (file,) = token_files(aws)
    ours = json.loads(file.read_text())
    assert cli_account() == PROD
    file.write_text(json.dumps(ours | {"expiresAt": "2020-01-01T00:00:00Z"}))
    shutil.rmtree(aws.home / ".aws" / "cli" / "cache")
    assert cli_account() == PROD
    renewed = json.loads(file.read_text())
    assert renewed.keys() == ours.keys()
    assert renewed["accessToken"] != ours["accessToken"]


def test_slow_down(aws: EmbeddedAws) -> None:
    """If AWS asks to slow down, the interval increases by five seconds."""
    attempt = begun()
    assert seconds(attempt) == 20
    assert attempt.interval == 5


def test_refused(aws: EmbeddedAws) -> None:
    """A refused sign-in raises an error without a secret, and writes no token."""
    attempt = begun()
    with pytest.raises(CredentialsUnavailable, match="of `prod-reader` was refused") as caught:
        seconds(attempt, partial(aws.sso.deny, str(attempt.code)))
    assert token_files(aws) == []
    shown = f"{attempt!r} {caught.value!r} {caught.value.hint}"
    assert "--login --device-code" in shown
    assert not [secret for secret in (*aws.secrets(), attempt.url) if secret in shown]


def test_too_late(aws: EmbeddedAws) -> None:
    """A sign-in raises an error when its code has expired at AWS."""
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        attempt = begun()
        with pytest.raises(CredentialsUnavailable, match="wasn't completed in time"):
            seconds(attempt, partial(clock.shift, timedelta(hours=1)))


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"role_arn": "x", "source_profile": "UserAlpha"}, InvalidOption, "has no sign-in"),
        ({"sso_account_id": "1", "sso_role_name": "x"}, InvalidProfile, "sso_region is missing"),
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
    """A profile without complete sign-in settings raises an error."""
    aws.write_profile("Odd", **settings)
    with pytest.raises(error, match=says):
        begun("Odd")


@pytest.mark.parametrize("what", ["valid", "half", "other session"])
def test_another_program_signs_in(aws: EmbeddedAws, what: str) -> None:
    """Another program's sign-in ends the wait, unless it is partial or for elsewhere."""
    aws.sso.sign_in("corp")
    attempt = begin_sign_in(sign_in_target("corp"), device_code=True)

    def another_program() -> None:
        session = "other" if what == "other session" else "corp"
        file = aws.sso.sign_in(session)
        if what == "half":
            file.write_text(file.read_text()[:-20])

    assert seconds(attempt, another_program) == (0 if what == "valid" else 20)


@pytest.mark.slow
def test_version_2_of_the_aws_cli_signs_in(aws: EmbeddedAws) -> None:
    """An attempt ends when `aws sso login` signs in from a terminal."""
    aws_cli_2()
    attempt = begun()
    terminal = threading.Thread(target=sign_in_by_aws_cli, args=(aws,))
    terminal.start()
    assert [*attempt.waiting()]
    terminal.join()
    assert who_am_i(open_session("prod-reader")).account == PROD


# --- The page for the browser's answer ---


def test_the_browsers_answer(capfd: pytest.CaptureFixture[str]) -> None:
    """The page takes the first answer to our request only, prints nothing, and then closes."""
    callback = Callback()
    state = re.findall(r"state=([^&]+)", callback.query("client", "S256"))[0]
    for query in ("code=x&state=other", "code=x", "error=access_denied", "state=%ff"):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(f"{callback.uri}?{query}")
    assert (callback.code, callback.is_refused) == ("", False)
    for answer in ("code=ours", "code=reloaded", "error=access_denied"):
        with urllib.request.urlopen(f"{callback.uri}?{answer}&state={state}") as response:
            assert b"You can close this page" in response.read()
    assert (callback.code, callback.is_refused) == ("ours", False)
    callback.close()
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(callback.uri)
    assert capfd.readouterr() == ("", "")


# --- Sessions ---


def test_expired_token_is_renewed_by_the_refresh_token(aws: EmbeddedAws) -> None:
    """An expired token is renewed by its refresh token, without a prompt."""
    aws.sso.sign_in("corp")
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        s3 = open_session("prod-reader").client("s3")
        for _ in range(2):
            clock.shift(timedelta(hours=3))
            assert "Buckets" in s3.list_buckets()


def test_expired_sign_in(aws: EmbeddedAws) -> None:
    """When the sign-in has expired, a call starts a new sign-in, and then continues."""
    aws.sso.sign_in("corp")
    asked = []

    def sign_in(target: Any) -> None:
        asked.append(target.names)
        aws.sso.sign_in("corp")

    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        s3 = open_session("Behind", sign_in=sign_in).client("s3")
        clock.shift(timedelta(days=3))
        assert "Buckets" in s3.list_buckets()
        assert asked == [("Behind", "prod-reader")]


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
    assert "Behind ← prod-reader" in ran.text
    called = [call.action for call in aws.calls]
    assert called.count("sso-oidc:StartDeviceAuthorization") == 1
    assert called[-2:] == ["sso:GetRoleCredentials", "sts:AssumeRole"]
    shown = ran.printed + ran.text + caplog.text
    assert not [secret for secret in aws.secrets() if secret in shown]
    assert caplog.records == []


@pytest.mark.slow
def test_login_forces_a_sign_in(aws: EmbeddedAws, shell: Shell, front_end: None) -> None:
    """`--login` starts a new sign-in, even if a valid token exists."""
    aws.sso.sign_in("corp")
    for line in ("%aws_profile prod-reader --login", "%aws_profile --login"):
        with BrowserUser(aws, aws.sso.approve) as user:
            shell.good(line)
        assert len(user.decided) == 1


@pytest.mark.slow
def test_another_user_signs_in(aws: EmbeddedAws, shell: Shell, front_end: None) -> None:
    """After a sign-in as another user, all roles and the list of roles are the new user's."""
    for user, roles in (("ann", ("Reader", "Second")), ("bob", ("Reader", "Second", "Third"))):
        for role in roles:
            aws.sso.assign(PROD, role, policy=allow("*"), user=user)
    aws.sso.sign_in("corp")
    for line in (f"corp:{PROD}/Second", "prod-reader"):
        assert shell.good(f"%aws_profile {line}").text.count("/ann") == 1
    assert "Third" not in shell.good("%aws_profiles --sso").text
    with BrowserUser(aws, lambda code: aws.sso.approve(code, "bob")):
        shell.good("%aws_profile prod-reader --login")
    assert "/bob" in shell.good(f"%aws_profile corp:{PROD}/Second").text
    shell.good("session.client('s3').list_buckets() and None")
    assert str(aws.calls[-1].arn).endswith("/bob")
    assert "Third" in shell.good("%aws_profiles --sso").text


@pytest.mark.slow
def test_ctrl_c_ends_the_wait(aws: EmbeddedAws, shell: Shell, front_end: None) -> None:
    """Ctrl-C during the wait ends the switch, which changes nothing."""
    with BrowserUser(aws, lambda _code: _thread.interrupt_main()):
        ran = shell.run("%aws_profile prod-reader")
    assert isinstance(ran.error, SwitchInterrupted)
    assert "session" not in shell.names
    assert token_files(aws) == []


@pytest.mark.slow
def test_unattended_notebook(aws: EmbeddedAws) -> None:
    """An unattended notebook doesn't wait, and its error says what to run."""
    cells, text = run_notebook(
        "%load_ext ipy_awsprofile", "%aws_profile prod-reader", environment=aws.environment()
    )
    assert "SignInRequired" in cells[1].error.ename
    assert "aws sso login --profile prod-reader" in text
    assert aws.calls == []
