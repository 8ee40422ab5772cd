"""If another program signs in meanwhile, a sign-in attempt ends and uses the stored token."""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import sign_in_target, target_of
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.aws_login import begin_entered_login, begin_login
from ipy_awsprofile.sessions.browser_sign_in import begin_browser_sign_in
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session
from ipy_awsprofile.sessions.sso_sign_in import begin_device_sign_in
from tests.identity_center import PROD, organisation, sign_in_by_aws_cli
from tests.shells import aws_cli_2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from ipy_awsprofile.sessions.sign_in_attempt import SignInAttempt
    from tests.shells import Shell

WAYS = pytest.mark.parametrize("begin", [begin_browser_sign_in, begin_device_sign_in])
LOGINS = pytest.mark.parametrize("begin", [begin_login, begin_entered_login])


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)


@pytest.fixture
def ann(aws: EmbeddedAws) -> IamUser:
    """Create a user with a profile for `aws login`."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.codes.user = user
    return user


def seconds(attempt: SignInAttempt, during: Callable[[], object]) -> int:
    """Call `during` while an attempt waits, and return how many of 20 seconds it waits on."""
    waiting: Iterator[Any] = attempt.waiting(lambda _seconds: None)
    next(waiting)
    during()
    left = sum(1 for _ in zip(range(20), waiting, strict=False))
    attempt.close()
    return left


@WAYS
@pytest.mark.parametrize("before", ["missing", "expired", "valid"])
def test_another_program_signs_in(aws: EmbeddedAws, begin: Any, before: str) -> None:
    """Another program's sign-in ends the wait at once, without a call to AWS."""
    if before != "missing":
        aws.sso.sign_in("corp", expires_in=-60 if before == "expired" else None)
    attempt = begin(sign_in_target("corp"))
    aws.calls.clear()
    assert seconds(attempt, partial(aws.sso.sign_in, "corp")) == 0
    assert [call.action for call in aws.calls] == []
    assert who_am_i(open_session("prod-reader")).account == PROD


@WAYS
@pytest.mark.parametrize("what", ["nothing", "expired", "half", "elsewhere", "other session"])
def test_other_changes_do_not_end_the_wait(
    aws: EmbeddedAws, begin: Any, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a valid token for the same start URL, stored during the wait, ends it."""
    aws.sso.sign_in("corp")
    attempt = begin(sign_in_target("corp"))

    def another_program() -> None:
        if what == "elsewhere":
            monkeypatch.setattr(type(aws.sso), "start_url", "https://other.awsapps.com/start")
        if what != "nothing":
            session = "other" if what == "other session" else "corp"
            file = aws.sso.sign_in(session, expires_in=-60 if what == "expired" else None)
            if what == "half":
                file.write_text(file.read_text()[:-20])

    assert seconds(attempt, another_program) == 20


@LOGINS
def test_another_program_logs_in(aws: EmbeddedAws, ann: IamUser, begin: Any) -> None:
    """For an `aws login` profile, a valid token file for its login_session ends the wait."""
    attempt = begin(target_of(SessionRequest(profile="Ann")))
    other = aws.create_user("Bob", account=ROLE_ACCOUNT)

    def another_user() -> None:
        aws.signin.login(other)
        aws.signin.login(ann, expires_in=-60)

    assert seconds(attempt, another_user) == 20
    attempt = begin(target_of(SessionRequest(profile="Ann")))
    aws.calls.clear()
    assert seconds(attempt, partial(aws.signin.login, ann)) == 0
    assert aws.calls == []
    assert who_am_i(open_session("Ann")).arn == ann.arn


def test_no_code_is_needed_then(
    aws: EmbeddedAws, ann: IamUser, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another program has logged in, pressing Enter without a code completes the sign-in."""

    def logged_in(_question: str) -> str:
        aws.signin.login(ann)
        return ""

    monkeypatch.setattr("getpass.getpass", logged_in)
    ran = shell.good("%aws_profile Ann")
    assert "If another program has already signed in, press Enter." in ran.text
    assert ann.arn in ran.text
    monkeypatch.setattr("getpass.getpass", lambda _question: "")
    error = shell.run("%aws_profile Ann --login").error
    assert isinstance(error, CredentialsUnavailable)


@pytest.mark.slow
def test_version_2_of_the_aws_cli(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiting cell continues when `aws sso login` signs in from a terminal."""
    aws_cli_2()
    terminals = []

    def begin_and_go_to_a_terminal(target: Any) -> Any:
        attempt = begin_device_sign_in(target)
        terminals.append(threading.Thread(target=sign_in_by_aws_cli, args=(aws,)))
        terminals[0].start()
        return attempt

    name = "ipy_awsprofile.sessions.sign_in.begin_device_sign_in"
    monkeypatch.setattr(name, begin_and_go_to_a_terminal)
    monkeypatch.setattr("getpass.getpass", lambda _question: "")  # the front end takes input
    ran = shell.good("%aws_profile prod-reader")
    terminals[0].join()
    assert "if the page shows this code" in ran.text
    assert PROD in ran.text
    (token,) = (
        json.loads(file.read_text())
        for file in (aws.home / ".aws/sso/cache").iterdir()
        if "accessToken" in file.read_text()
    )
    assert token["accessToken"] not in ran.text
