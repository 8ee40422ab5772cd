"""Users sign in to IAM Identity Center from a cell, with the AWS CLI's token files."""

from __future__ import annotations

import _thread
import io
import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine
from werkzeug.wrappers import Request, Response

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import login_target, target_of
from ipy_awsprofile.demo.stages import allow
from ipy_awsprofile.errors import (
    CredentialsUnavailable,
    InvalidOption,
    InvalidProfile,
    SwitchInterrupted,
)
from ipy_awsprofile.sessions.session import open_session, who_am_i
from ipy_awsprofile.sessions.signing_in import Attempt, Callback, begin_sign_in, sign_out
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, organisation
from tests.processes import is_private, open_elsewhere
from tests.shells import Shell, aws_cli_2, run_notebook


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    """Write profiles with and without an [sso-session]."""
    organisation(aws)
    role: Any = {"sso_account_id": PROD, "sso_role_name": "Reader", "region": "us-west-2"}
    aws.write_profile("Legacy", sso_start_url=aws.sso.start_url, sso_region="us-east-1", **role)


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
    """A user at a browser, who allows or refuses a sign-in as soon as the cell shows its link."""

    def __init__(self, aws: EmbeddedAws, decide: Callable[[str], object]) -> None:
        self._link = re.compile(rf"{re.escape(aws.endpoint_url)}\S+user_code=(\S+)")
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
            output = sys.stdout.getvalue() if isinstance(sys.stdout, io.StringIO) else ""
            for code in self._link.findall(output):
                if code not in self.decided:
                    self.decided.append(code)
                    self._decide(code)


# --- An attempt ---


@pytest.mark.parametrize("profile", ["prod-reader", "Legacy"])
def test_the_aws_clis_token(aws: EmbeddedAws, profile: str) -> None:
    """A sign-in writes a private token file, which version 2 of the AWS CLI uses and renews."""
    attempt = begun(profile)
    assert seconds(attempt, partial(aws.sso.approve, str(attempt.code))) == 0
    (file,) = token_files(aws)
    assert is_private(file)
    ours = json.loads(file.read_text())
    assert {"startUrl", "region", "accessToken", "expiresAt"} < ours.keys()
    identity = who_am_i(open_session(profile))
    assert re.search(r"assumed-role/AWSReservedSSO_Reader_\w{16}/", identity.arn)
    if profile == "Legacy":  # AWS doesn't issue refresh tokens for a profile without [sso-session]
        assert "refreshToken" not in ours
        return
    file.write_text(json.dumps(ours | {"expiresAt": "2020-01-01T00:00:00Z"}))
    shutil.rmtree(aws.home / ".aws" / "cli" / "cache")
    command = [aws_cli_2(), "sts", "get-caller-identity", "--profile", profile]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["Account"] == PROD
    renewed = json.loads(file.read_text())
    assert renewed.keys() == ours.keys()
    assert renewed["accessToken"] != ours["accessToken"]


def test_a_token_that_another_program_reads(aws: EmbeddedAws) -> None:
    """A sign-in, a renewal and `--logout` wait for it on Windows, and leave no other file."""

    def sign_in() -> None:
        attempt = begun()
        seconds(attempt, partial(aws.sso.approve, str(attempt.code)))

    sign_in()
    (file,) = token_files(aws)
    first = json.loads(file.read_text())
    with open_elsewhere(file):
        sign_in()
    second = json.loads(file.read_text())
    assert second["accessToken"] != first["accessToken"]
    file.write_text(json.dumps(second | {"expiresAt": "2020-01-01T00:00:00Z"}))
    with open_elsewhere(file):
        who_am_i(open_session("prod-reader"))
    assert json.loads(file.read_text())["accessToken"] != second["accessToken"]
    assert token_files(aws) == [file]
    with open_elsewhere(file):
        sign_out(target_of(SessionRequest(profile="prod-reader")))
    assert token_files(aws) == []


def test_refused(aws: EmbeddedAws) -> None:
    """A refused sign-in raises an error without a secret, and writes no token."""
    attempt = begun()
    with pytest.raises(CredentialsUnavailable, match="of `prod-reader` was refused") as caught:
        seconds(attempt, partial(aws.sso.deny, str(attempt.code)))
    assert token_files(aws) == []
    shown = f"{attempt!r} {caught.value!r} {caught.value.hint}"
    assert caught.value.hint == "Run the cell again."
    assert not [secret for secret in (*aws.iam.secrets, attempt.url) if secret in shown]


def test_too_late(aws: EmbeddedAws) -> None:
    """A sign-in raises an error when its code has expired at AWS."""
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        attempt = begun()
        with pytest.raises(CredentialsUnavailable, match="wasn't completed in time"):
            seconds(attempt, partial(clock.shift, timedelta(hours=1)))


def test_profile_that_cannot_sign_in(aws: EmbeddedAws) -> None:
    """A profile without complete sign-in settings raises an error."""
    with pytest.raises(InvalidOption, match="doesn't have a sign-in"):
        begun("RoleBeta")
    aws.write_profile("Odd", sso_account_id="1", sso_role_name="x", sso_session="nowhere")
    with pytest.raises(InvalidProfile, match=r"\[sso-session nowhere\], which doesn") as caught:
        begun("Odd")
    assert caught.value.hint.startswith("Write a section `[sso-session NAME]` with sso_start_url")
    aws.write_profile("Crop", sso_account_id="1", sso_role_name="x", sso_session="crop")
    with pytest.raises(InvalidProfile) as caught:
        begun("Crop")
    assert caught.value.hint == "Did you mean `corp`?"


@pytest.mark.parametrize("region", ["us-east-1", ""])
def test_company_address(aws: EmbeddedAws, region: str) -> None:
    """For a company's own address, the hint says which address to write."""
    aws.write_profile(
        "Odd",
        sso_account_id="1",
        sso_role_name="x",
        region="us-west-2",
        sso_start_url="https://aws.example.com",
        sso_region=region,
    )
    with pytest.raises(InvalidProfile, match="sso_start_url") as caught:
        begun("Odd")
    assert "such as https://example.awsapps.com/start, and sso_region to" in caught.value.hint


@pytest.mark.parametrize("session", ["corp", "other"])
def test_another_program_signs_in(aws: EmbeddedAws, session: str) -> None:
    """Another program's sign-in, such as `aws sso login`, ends the wait if it is the same one."""
    aws.sso.sign_in("corp")
    attempt = begin_sign_in(login_target(SessionRequest(sso="corp")), device_code=True)
    assert seconds(attempt, partial(aws.sso.sign_in, session)) == (0 if session == "corp" else 20)


# --- The page for the browser's answer ---


def test_the_browsers_answer(capfd: pytest.CaptureFixture[str]) -> None:
    """The page takes the first answer to our request only, prints nothing, and then closes."""
    callback = Callback()
    state = re.findall(r"state=([^&]+)", callback.query("client", "S256"))[0]
    for query in ("code=x&state=other", "code=x", "error=access_denied", "state=%ff"):
        with pytest.raises(urllib.error.HTTPError, match="400") as caught:
            urllib.request.urlopen(f"{callback.uri}?{query}")
        assert b"No notebook waits for this sign-in" in caught.value.read()
    assert (callback.code, callback.is_refused) == ("", False)
    for answer in ("code=ours", "code=reloaded", "error=access_denied"):
        with urllib.request.urlopen(f"{callback.uri}?{answer}&state={state}") as response:
            assert b"You can close this page" in response.read()
    assert (callback.code, callback.is_refused) == ("ours", False)
    callback.close()
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(callback.uri)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("answer", ["code=x", "error=access_denied"])
def test_what_the_page_says(answer: str) -> None:
    """The page says what happened for which profile, without scripts, links or the code."""
    callback = Callback(profile="prod & <test>")
    state = re.findall(r"state=([^&]+)", callback.query("client", "S256"))[0]
    with urllib.request.urlopen(f"{callback.uri}?{answer}&state={state}") as response:
        page = response.read().decode()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    callback.close()
    says = "Sign-in allowed" if answer == "code=x" else "Sign-in not allowed"
    assert f"<h1>{says} for prod &amp; &lt;test&gt;</h1>" in page
    assert "ipy_awsprofile" in page
    assert "prefers-color-scheme: dark" in page
    assert not re.search(r"<script|<link|<img|https?:|url\(|@import|code=x", page)


# --- Sessions ---


def second(
    aws: EmbeddedAws,
    request: str,
    use_token: Callable[[], object],
    write_file: Callable[[], object],
) -> Callable[[Request], Response]:
    """Return an answer for a request that arrives after another program's, which writes a file."""
    _, answer = aws.unsigned[request]

    def answer_second(http: Request) -> Response:
        use_token()
        threading.Timer(0.2, write_file).start()
        return answer(http)

    return answer_second


@pytest.mark.parametrize(
    "cell", ["%aws_profile prod-reader", "%aws_profile Login", "%aws_profiles --sso"]
)
def test_another_program_renews_first(aws: EmbeddedAws, shell: Shell, cell: str) -> None:
    """If another program uses the refresh token first, the cell uses its file, without a prompt."""
    ann = aws.iam.create_user("Ann", account=PROD, policy=allow("*"))
    aws.write_profile("Login", login_session=ann.arn, region="us-west-2")
    aws.sso.sign_in("corp", expires_in=-60)
    aws.signin.login(ann, expires_in=-60)
    others: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "POST /token": (
            partial(aws.sso.expire_tokens, refresh=True),
            partial(aws.sso.sign_in, "corp"),
        ),
        "POST /v1/token": (aws.signin.expire, partial(aws.signin.login, ann)),
    }
    with ExitStack() as opened:
        for request, (use_token, write_file) in others.items():
            opened.enter_context(
                aws.answering(request, second(aws, request, use_token, write_file))
            )
        shell.good(cell)
    renewals = ("sso-oidc:CreateToken", "signin:CreateOAuth2Token")
    assert len([call for call in aws.calls if call.action in renewals]) == 1


# --- Cells ---


def test_another_user_signs_in(aws: EmbeddedAws, shell: Shell, person: None) -> None:
    """`--login` signs in again, and then all roles and their list are the new user's."""
    for user, roles in (("ann", ("Reader", "Second")), ("bob", ("Reader", "Second", "Third"))):
        for role in roles:
            aws.sso.assign(PROD, role, policy=allow("*"), user=user)
    aws.sso.sign_in("corp")
    for line in (f"corp:{PROD}/Second", "prod-reader"):
        card = shell.good(f"%aws_profile {line}").text
        assert card.count("/ann") == 1
        assert "UTC, renews until your sign-in ends" in card
    assert "Third" not in shell.good("%aws_profiles --sso").text
    with BrowserUser(aws, lambda code: aws.sso.approve(code, "bob")):
        shell.good("%aws_profile --login")
    assert "/bob" in shell.good(f"%aws_profile corp:{PROD}/Second").text
    shell.good("session.client('s3').list_buckets() and None")
    assert str(aws.calls[-1].arn).endswith("/bob")
    assert "Third" in shell.good("%aws_profiles --sso").text


def test_ctrl_c_ends_the_wait(aws: EmbeddedAws, shell: Shell, person: None) -> None:
    """Ctrl-C during the wait ends the switch, which changes nothing."""
    with BrowserUser(aws, lambda _code: _thread.interrupt_main()):
        ran = shell.run("%aws_profile prod-reader")
    assert isinstance(ran.error, SwitchInterrupted)
    assert "session" not in shell.names
    assert token_files(aws) == []


def test_unattended_notebook(aws: EmbeddedAws, auditor: str) -> None:
    """An unattended notebook waits neither for a sign-in nor for a code, and says what to run."""
    cells, text = run_notebook(
        "%load_ext ipy_awsprofile",
        *("%aws_profile prod-reader", "%aws_profile Auditor"),
        environment=aws.environment(),
    )
    assert [cell.error.ename for cell in cells[1:]] == ["SignInRequired", "MfaUnavailable"]
    assert "aws sso login --profile prod-reader" in text
    assert auditor in text
    assert aws.calls == []


def test_exit_during_a_sign_in() -> None:
    """A process that ends while a sign-in in its browser waits isn't held up."""
    code = """
from ipy_awsprofile.sessions.signing_in import Callback

def waiting():
    callback = Callback()
    try:
        while True:
            yield
    finally:
        callback.close()

attempt = waiting()
next(attempt)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
