"""An MFA session for long-term keys needs one code, and several notebooks share it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from ipy_awsprofile import open_session, using_profile, who_am_i
from ipy_awsprofile.credentials.person import device_of
from ipy_awsprofile.demo.aws import append_section
from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.stages import USER_ACCOUNT, trusting
from ipy_awsprofile.errors import InvalidOption, MfaUnavailable
from tests.aws import EmbeddedAws
from tests.roles import answer_with_codes
from tests.shells import Shell, run_aws_cli, run_python

#: A policy that allows everything, but requires MFA.
WITH_MFA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        }
    ],
}

LIST = "session.client('s3').list_buckets()['Buckets'] and None"


@pytest.fixture
def user(aws: EmbeddedAws) -> Signer:
    """Create a user with the profile `P` and an MFA device, whose policy requires MFA."""
    user = aws.iam.create_user("Careful", account=USER_ACCOUNT, policy=WITH_MFA, mfa=True)
    aws.create_bucket("careful", account=USER_ACCOUNT)
    aws.write_profile("P", region="us-west-2", mfa_serial=user.mfa_serial)
    append_section(aws.credentials_file, "P", user.settings())
    return user


@pytest.fixture
def asked(aws: EmbeddedAws, user: Signer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer prompts in the shell with the device's codes, and return the requested devices."""
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(device_of(question))
        return aws.iam.mfa_code(asked[-1])

    monkeypatch.setattr("getpass.getpass", answer)
    return asked


@pytest.fixture
def later() -> Iterator[Callable[[timedelta], None]]:
    """Stop the clock of this process and its embedded AWS, and yield a function that moves it."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller.shift


@pytest.mark.parametrize("is_vs_code", [True, False])
def test_the_box_of_vs_code(
    shell: Shell,
    aws: EmbeddedAws,
    user: Signer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_vs_code: bool,
) -> None:
    """In VS Code, the card says where the box is and what closes it, unlike an interrupt."""
    answer_with_codes(aws, str(user.mfa_serial), monkeypatch)
    monkeypatch.setattr(shell.ip, "kernel", object(), raising=False)
    if is_vs_code:
        shell.names["__vsc_ipynb_file__"] = "notebook.ipynb"
    shown = shell.good("%aws_profile P --mfa").text
    assert "An MFA code is needed" in shown
    assert ("To cancel, press Escape in that box." in shown) == is_vs_code


@pytest.mark.usefixtures("later")
def test_one_code(shell: Shell, aws: EmbeddedAws, user: Signer, asked: list[str]) -> None:
    """With `--mfa`, one code and one call serve the kernel, the AWS CLI and other notebooks."""
    card = shell.good("%aws_profile P --mfa").text
    assert user.arn in card
    assert "12 hours left" in card
    assert aws.actions == ["sts:GetSessionToken", "sts:GetCallerIdentity"]
    shell.good(LIST)
    shell.good("session.client('iam').list_users() and None")
    assert run_aws_cli("s3api", "list-buckets").returncode == 0
    session = "__import__('ipy_awsprofile').open_session('P', mfa=True)"
    run_python(f"{session}.client('s3').list_buckets()")
    listed = [call.access_key_id for call in aws.calls if call.action == "s3:ListAllMyBuckets"]
    assert len(listed) == 3
    assert len(set(listed)) == 1
    assert user.access_key_id not in listed
    assert asked == [user.mfa_serial]


def test_with_and_without(shell: Shell, aws: EmbeddedAws, user: Signer, asked: list[str]) -> None:
    """Without `--mfa`, AWS denies access, and cards and clients keep the two sessions apart."""
    assert "no expiry" in shell.good("%aws_profile P").text
    assert "AccessDenied" in str(shell.run(LIST).error)
    assert asked == []
    shell.good("plain = session.client('s3')")
    card = shell.good("%aws_profile P --mfa").text
    assert "`plain` still signs as P:" in card
    shell.good(f"{LIST}\ns3 = session.client('s3')\ndel plain")
    assert "`s3` still signs as P, with MFA:" in shell.good("%aws_profile P").text
    shell.good(f"%%aws_profile P --mfa\n{LIST}")
    assert "AccessDenied" in str(shell.run(LIST).error)
    with using_profile("P", mfa=True) as session:
        assert who_am_i(session).arn == user.arn
        assert session.client("s3").list_buckets()["Buckets"]
    assert "AccessDenied" in str(shell.run(LIST).error)
    assert len(asked) == 1


def test_expiry(shell: Shell, aws: EmbeddedAws, later: Any, asked: list[str]) -> None:
    """If the session is about to expire, the next call prompts for a code; clients keep working."""
    shell.good("%aws_profile P --mfa --duration 1h")
    shell.good("s3 = session.client('s3')")
    later(timedelta(minutes=30))
    shell.good("s3.list_buckets() and None")
    assert len(asked) == 1
    later(timedelta(minutes=31))
    shell.good("s3.list_buckets() and None")
    assert len(asked) == 2
    aws.calls.clear()
    later(timedelta(minutes=1))
    shell.good("%aws_profile --refresh")
    assert len(asked) == 3
    assert aws.actions == ["sts:GetSessionToken", "sts:GetCallerIdentity"]
    later(timedelta(minutes=1))
    error = shell.refused("%aws_profile P --mfa --duration 48h")
    assert error.hint == "An MFA session lasts from 15 minutes to 36 hours."
    later(timedelta(minutes=1))
    assert "36 hours left" in shell.good("%aws_profile P --mfa --duration 36h").text


def test_nobody_to_ask(shell: Shell, aws: EmbeddedAws, user: Signer) -> None:
    """If no one can answer, a switch fails, and works once the session is in the cache."""
    error = shell.refused("%aws_profile P --mfa")
    assert isinstance(error, MfaUnavailable)
    assert error.hint.startswith("Run `%aws_profile P --mfa` (or, ")
    open_session("P", mfa=True, mfa_prompter=lambda _: aws.iam.mfa_code(str(user.mfa_serial)))
    shell.good("%aws_profile P --mfa")


@pytest.mark.usefixtures("auditor")
def test_nobody_to_ask_in_a_script() -> None:
    """Without a terminal, a script fails at once, on Windows, too, where NUL looks like one."""
    code = "from ipy_awsprofile import using_profile\nwith using_profile('Auditor'):\n    pass"
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "MfaUnavailable: An MFA code from" in done.stderr


def test_hints(shell: Shell, aws: EmbeddedAws, user: Signer, asked: list[str], later: Any) -> None:
    """If `--mfa` can't be used, the error says why, and its advice works."""
    role = aws.iam.create_role("R", account=USER_ACCOUNT, trust=trusting(user.arn))
    about_role: dict[str, Any] = {"source_profile": "P", "role_arn": role, "region": "us-west-2"}
    aws.write_profile("R", mfa_serial=user.mfa_serial, **about_role)
    refused = shell.refused("%aws_profile R --mfa")
    assert isinstance(refused, InvalidOption)
    assert refused.hint.startswith("Leave out `--mfa`.")
    shell.good("%aws_profile R")
    aws.write_profile("Q", region="us-west-2")
    append_section(aws.credentials_file, "Q", user.settings())
    refused = shell.refused("%aws_profile Q --mfa")
    assert "doesn't have both" in str(refused)
    text = aws.config_file.read_text()
    text = text.replace("[profile Q]", f"[profile Q]\nmfa_serial = {user.mfa_serial}")
    aws.config_file.write_text(text)
    later(timedelta(minutes=2))  # AWS accepts each code once
    shell.good("%aws_profile Q --mfa")


def test_read_only(shell: Shell, aws: EmbeddedAws, asked: list[str]) -> None:
    """A read-only MFA session needs one code, and still meets the policy's condition."""
    card = shell.good("%aws_profile P --mfa --read-only").text
    assert "read-only in" in card
    assert aws.actions == [
        "sts:GetSessionToken",
        "sts:GetScopedCredentials",
        "sts:GetCallerIdentity",
    ]
    shell.good(LIST)
    assert "AccessDenied" in str(shell.run("session.client('s3').create_bucket(Bucket='x')").error)
    shell.good("%aws_profile P --mfa")  # the session with MFA is in the cache
    shell.good("session.client('s3').delete_bucket(Bucket='careful')")
    assert len(asked) == 1


@pytest.mark.usefixtures("sts_of_aws")
def test_misspelled_region(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card says if botocore doesn't know the Region, and suggests another one."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.us-west-2.amazonaws.com")
    says = "`us-wst-2` isn't a Region that botocore knows. Did you mean `us-west-2`"
    assert says in shell.good("%aws_profile RoleBeta --region us-wst-2").text
    assert says not in shell.good("%aws_profile RoleBeta").text
