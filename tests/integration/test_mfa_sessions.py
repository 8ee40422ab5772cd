"""An MFA session for long-term keys needs one code, and several notebooks share it."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from ipy_awsprofile import open_session, using_profile, who_am_i
from ipy_awsprofile.demo.shared_files import append_section
from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT
from ipy_awsprofile.errors import CredentialsRejected, InvalidOption, MfaRejected, MfaUnavailable
from tests.rotation import keys_of
from tests.sessions.traces import actions, cached_roles
from tests.shells import run_aws_cli, run_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.iam.users_and_roles import IamUser
    from tests.shells import Shell

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
def user(aws: EmbeddedAws) -> IamUser:
    """Create a user with the profile `P` and an MFA device, whose policy requires MFA."""
    user = aws.create_user("Careful", account=USER_ACCOUNT, policy=WITH_MFA, mfa=True)
    aws.create_bucket("careful", account=USER_ACCOUNT)
    aws.write_profile("P", region="us-west-2", mfa_serial=user.mfa_serial)
    append_section(aws.credentials_file, "P", keys_of(user))
    return user


@pytest.fixture
def asked(shell: Shell, aws: EmbeddedAws, user: IamUser) -> list[str]:
    """Answer prompts in the shell with the device's codes, and return the requested devices."""
    asked: list[str] = []

    def code(device: str) -> str:
        asked.append(device)
        return aws.mfa_code(device)

    answer_with(shell, code)
    return asked


def answer_with(shell: Shell, code: Callable[[str], str]) -> None:
    """Answer prompts for codes with a function, as the setting mfa_process does."""
    shell.ip.magics_manager.registry["AwsProfileMagics"].mfa_process = code


@pytest.fixture
def later() -> Iterator[Callable[[timedelta], None]]:
    """Yield a function that moves the clock of this process and its embedded AWS."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield traveller.shift


@pytest.mark.slow
def test_without_the_option(shell: Shell, aws: EmbeddedAws, asked: list[str]) -> None:
    """Without `--mfa`, the keys are used without a prompt, and AWS denies access."""
    assert "no expiry" in shell.good("%aws_profile P").text
    assert "AccessDenied" in str(shell.run(LIST).error)
    ran = run_aws_cli("sts", "get-caller-identity", "--output", "json")
    assert json.loads(ran.stdout)["Arn"].endswith("/Careful")
    assert asked == []
    assert "sts:GetSessionToken" not in actions(aws)


@pytest.mark.slow
def test_with_the_option(shell: Shell, aws: EmbeddedAws, user: IamUser, asked: list[str]) -> None:
    """With `--mfa`, one code and one call serve the kernel, IAM, the AWS CLI and another Python."""
    aws.calls.clear()
    text = shell.good("%aws_profile P --mfa").text
    assert user.arn in text
    assert "12 hours left" in text
    assert asked == [user.mfa_serial]
    assert actions(aws) == ["sts:GetSessionToken", "sts:GetCallerIdentity"]
    shell.good(LIST)
    shell.good("session.client('iam').list_users() and None")
    assert run_aws_cli("s3api", "list-buckets").returncode == 0
    run_python("import boto3; boto3.client('s3').list_buckets()")
    listed = [call for call in aws.calls if call.action == "s3:ListAllMyBuckets"]
    assert {call.access_key_id for call in listed} != {user.access_key_id}
    assert len({call.access_key_id for call in listed}) == 1
    assert len(asked) == 1
    assert len(listed) == 3


@pytest.mark.slow
def test_second_notebook(shell: Shell, aws: EmbeddedAws, user: IamUser, asked: list[str]) -> None:
    """Another notebook uses the session without a prompt, and the session's file is private."""
    shell.good("%aws_profile P --mfa")
    aws.calls.clear()
    session = "__import__('ipy_awsprofile').open_session('P', mfa=True)"
    assert "careful" in run_python(f"print({session}.client('s3').list_buckets())")
    assert actions(aws) == ["s3:ListAllMyBuckets"]
    (file,) = cached_roles(aws)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert user.secret_access_key not in file.read_text()
    assert user.access_key_id not in file.read_text()
    shell.good("%aws_profile --off")
    shell.good("%aws_profile P --mfa")
    assert asked == [user.mfa_serial]


def test_with_and_without(shell: Shell, aws: EmbeddedAws, asked: list[str]) -> None:
    """Each card is right, with or without `--mfa`, and names clients of the other session."""
    shell.good("%aws_profile P --mfa")
    shell.good("s3 = session.client('s3')")
    assert "`s3` still signs as P, with MFA:" in shell.good("%aws_profile P").text
    assert "AccessDenied" in str(shell.run(LIST).error)
    shell.good("plain = session.client('s3')")
    text = shell.good("%aws_profile P --mfa").text
    assert "`plain` still signs as P:" in text
    assert "`s3`" not in text
    shell.good(LIST)
    shell.good("%aws_profile --off")
    assert len(asked) == 1


def test_expiry(shell: Shell, aws: EmbeddedAws, later: Any, asked: list[str]) -> None:
    """If the session is about to expire, the next call prompts for a code; clients keep working."""
    shell.good("%aws_profile P --mfa --duration 1h")
    shell.good("s3 = session.client('s3')")
    assert len(asked) == 1
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
    assert actions(aws) == ["sts:GetSessionToken", "sts:GetCallerIdentity"]


def test_wrong_code(shell: Shell, aws: EmbeddedAws, user: IamUser, asked: list[str]) -> None:
    """A wrong code is one error that changes nothing, and the next code works."""
    shell.good("%aws_profile UserAlpha")
    right = aws.mfa_code(str(user.mfa_serial))
    answer_with(shell, lambda _: "000000" if right != "000000" else "111111")
    refused = shell.refused("%aws_profile P --mfa")
    assert isinstance(refused, MfaRejected)
    assert "`P`" in str(refused)
    assert "UserAlpha" in shell.good("%aws_profile").text
    assert cached_roles(aws) == set()
    answer_with(shell, lambda _: right)
    assert user.arn in shell.good("%aws_profile P --mfa").text


def test_nobody_to_ask(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """If no one can answer, a switch fails, and works once the session is in the cache."""
    error = shell.refused("%aws_profile P --mfa")
    assert isinstance(error, MfaUnavailable)
    assert error.hint.startswith("Run `%aws_profile P --mfa`, or ")
    open_session("P", mfa=True, mfa_prompter=lambda _: aws.mfa_code(str(user.mfa_serial)))
    shell.good("%aws_profile P --mfa")


def test_scopes(shell: Shell, aws: EmbeddedAws, user: IamUser, asked: list[str]) -> None:
    """A cell or a block can have MFA, and afterwards the notebook doesn't."""
    shell.good("%aws_profile P")
    shell.good(f"%%aws_profile P --mfa\n{LIST}")
    assert "AccessDenied" in str(shell.run(LIST).error)
    with using_profile("P", mfa=True) as session:
        assert who_am_i(session).arn == user.arn
        assert session.client("s3").list_buckets()["Buckets"]
    assert "AccessDenied" in str(shell.run(LIST).error)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("duration", "problem"), [(899, "valid min value: 900"), (129601, "or equal to 129600")]
)
def test_durations(aws: EmbeddedAws, user: IamUser, duration: int, problem: str) -> None:
    """The error for a duration outside AWS's limits has the limit."""
    code = lambda _: aws.mfa_code(str(user.mfa_serial))  # noqa: E731
    with pytest.raises(Exception, match=problem):
        open_session("P", mfa=True, duration=duration, mfa_prompter=code)


def test_longest(shell: Shell, aws: EmbeddedAws, asked: list[str]) -> None:
    """An MFA session can last 36 hours."""
    assert "36 hours left" in shell.good("%aws_profile P --mfa --duration 36h").text


def test_keys_that_are_refused(shell: Shell, aws: EmbeddedAws, user: IamUser) -> None:
    """If AWS rejects the keys, the error is about the keys and not about the code."""
    answer_with(shell, lambda _: "123456")
    text = aws.credentials_file.read_text()
    aws.credentials_file.write_text(text.replace(user.secret_access_key, "x" * 40))
    assert isinstance(shell.refused("%aws_profile P --mfa"), CredentialsRejected)


def test_hints(shell: Shell, aws: EmbeddedAws, user: IamUser, asked: list[str], later: Any) -> None:
    """If `--mfa` can't be used, the error says why, and its advice works."""
    role = aws.create_role(
        "R", account=USER_ACCOUNT, trust=json.loads(json.dumps(TRUST).replace("ARN", user.arn))
    )
    about_role: dict[str, Any] = {"source_profile": "P", "role_arn": role, "region": "us-west-2"}
    aws.write_profile("R", mfa_serial=user.mfa_serial, **about_role)
    refused = shell.refused("%aws_profile R --mfa")
    assert isinstance(refused, InvalidOption)
    assert refused.hint.startswith("Leave the option out, ")
    shell.good("%aws_profile R")
    aws.write_profile("Q", region="us-west-2")
    append_section(aws.credentials_file, "Q", keys_of(user))
    refused = shell.refused("%aws_profile Q --mfa")
    assert "doesn't have both" in str(refused)
    aws.config_file.write_text(
        aws.config_file.read_text().replace(
            "[profile Q]", f"[profile Q]\nmfa_serial = {user.mfa_serial}"
        )
    )
    later(timedelta(minutes=2))  # AWS accepts each code once
    shell.good("%aws_profile Q --mfa")


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "ARN"}, "Action": "sts:AssumeRole"},
    ],
}


def test_explanation_and_completion(
    shell: Shell, aws: EmbeddedAws, user: IamUser, asked: list[str]
) -> None:
    """Tab offers the option, and the explanation shows the cached session."""
    assert "--mfa" in shell.completions("%aws_profile P --m")
    shell.good("%aws_profile P --mfa")
    text = shell.good("%aws_profile --explain").text
    assert "cached session until" in text


def test_no_secret_is_shown(shell: Shell, aws: EmbeddedAws, user: IamUser, tmp_path: Path) -> None:
    """No output contains a code or a key, even with the variables of all stack frames."""
    shell.good("%xmode Verbose")
    answer_with(shell, lambda _: "271828")
    cells = ("%aws_profile P --mfa", "%aws_profile --explain P", LIST, "1 / (session and 0)")
    texts = [shell.run(cell).printed for cell in cells]
    answer_with(shell, aws.mfa_code)
    shell.good("%aws_profile P --mfa")
    texts += [shell.run(cell).printed + shell.run(cell).text for cell in cells]
    secrets = (*aws.secrets(), "271828", user.access_key_id)
    assert [one for one in secrets if any(one in text for text in texts)] == []


def test_read_only_with_mfa(shell: Shell, aws: EmbeddedAws, asked: list[str]) -> None:
    """A read-only MFA session needs one code, and still meets the policy's condition."""
    card = shell.good("%aws_profile P --mfa --read-only").text
    assert "limited to read-only" in card
    assert len(asked) == 1
    assert actions(aws)[-3:] == [
        "sts:GetSessionToken",
        "sts:GetScopedCredentials",
        "sts:GetCallerIdentity",
    ]
    shell.good(LIST)
    assert "AccessDenied" in str(shell.run("session.client('s3').create_bucket(Bucket='x')").error)
    shell.good("%aws_profile P --mfa")  # the session with MFA is in the cache
    assert len(asked) == 1
    shell.run("session.client('s3').delete_bucket(Bucket='careful')")
    assert "s3:DeleteBucket" in actions(aws)
