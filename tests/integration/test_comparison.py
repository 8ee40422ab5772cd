"""The claims of the comparison page are true for plain boto3 and ipy_awsprofile."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pandas as pd
import pytest
import time_machine
from botocore.credentials import AssumeRoleProvider
from botocore.exceptions import RefreshWithMFAUnsupportedError, SSOTokenLoadError

from ipy_awsprofile import list_buckets
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role, allow
from ipy_awsprofile.errors import MfaUnavailable
from tests.identity_center import write_session
from tests.local_browser import Browser, browser
from tests.servers import Answers, odd_server
from tests.shells import run_python
from tests.test_readme import README, blocks

if TYPE_CHECKING:
    from tests.aws import EmbeddedAws
    from tests.shells import Shell

__all__ = ["browser"]

CALLER = "session.client('sts').get_caller_identity()['Arn']"


def caller(session: boto3.Session) -> str:
    """Return the ARN that STS reports for a session."""
    arn: str = session.client("sts").get_caller_identity()["Arn"]
    return arn


def test_mfa(aws: EmbeddedAws, auditor: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 prompts for each session and can't renew it; the magic prompts once, and renews."""
    prompts: list[str] = []

    def answer(prompt: str) -> str:
        prompts.append(prompt)
        return aws.iam.mfa_code(auditor)

    answer.__module__ = "the_front_end"
    monkeypatch.setattr("getpass.getpass", answer)
    # botocore binds getpass when it is imported, which is before the tests replace it.
    monkeypatch.setattr(AssumeRoleProvider.__init__, "__defaults__", (answer, None, None))
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        plain = boto3.Session(profile_name="Auditor")
        caller(plain)
        clock.shift(timedelta(minutes=1))  # AWS accepts each code once
        caller(boto3.Session(profile_name="Auditor"))
        assert len(prompts) == 2
        clock.shift(timedelta(minutes=1))
        shell.good("%aws_profile Auditor")
        shell.good("import ipy_awsprofile; other = ipy_awsprofile.open_session('Auditor')")
        shell.good(f"other.client; {CALLER}")
        assert len(prompts) == 3
        clock.shift(timedelta(hours=3))
        with pytest.raises(RefreshWithMFAUnsupportedError):
            caller(plain)
        with pytest.raises(MfaUnavailable) as told:
            list_buckets(plain)
        assert "`%aws_profile NAME`" in told.value.hint
        assert "/Auditor/" in shell.good(CALLER).result
        assert len(prompts) == 4


def test_identity_center(
    aws: EmbeddedAws, shell: Shell, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 can't sign in; the magic signs in from the cell, and boto3 can use that sign-in."""
    monkeypatch.setattr("getpass.getpass", lambda _question: "")  # a user sees the output
    aws.sso.assign(ROLE_ACCOUNT, "Analyst", policy=allow("*"))
    write_session(aws)
    settings: Any = {"sso_account_id": ROLE_ACCOUNT, "sso_role_name": "Analyst"}
    aws.write_profile("Analyst", sso_session="corp", region="us-west-2", **settings)
    with pytest.raises(SSOTokenLoadError):
        caller(boto3.Session(profile_name="Analyst"))
    shell.good("%aws_profile Analyst")
    browser.wait()
    assert "AWSReservedSSO_Analyst" in shell.good(CALLER).result
    # In another process, because botocore chooses its token folder at import.
    plain = "boto3.Session(profile_name='Analyst').client('sts').get_caller_identity()['Arn']"
    assert "AWSReservedSSO_Analyst" in run_python(f"import boto3; print({plain})")


#: Code from notebooks that doesn't use a variable such as `session`.
ELSEWHERE = (
    "import boto3; boto3.client('s3').list_objects_v2(Bucket='my-first-bucket')",
    f"!{sys.executable} -m awscli s3 ls my-first-bucket",
    "import pandas as pd; pd.read_csv('s3://my-first-bucket/a.csv')",
)


def test_session_in_a_variable(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that doesn't use a boto3 session ignores it, but follows a switch."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")  # the identity that the kernel was started with
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    role = boto3.Session(profile_name="RoleBeta")
    role.client("s3").put_object(Bucket="my-first-bucket", Key="a.csv", Body=b"RoleBeta\n1\n")
    shell.names["session"] = role
    for switch, name in (("", "user/UserAlpha"), ("%aws_profile RoleBeta", "/RoleBeta/")):
        shell.good(switch)
        for code in ELSEWHERE:
            aws.calls.clear()
            shell.run(code)
            # After a denial, pandas tries again without a signature.
            seen = [call.arn for call in aws.calls if call.arn and call.action.startswith("s3:")]
            assert seen, code
            assert all(name in arn for arn in seen), code


def test_parquet(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With AWS_PROFILE alone, `pd.read_parquet` can't read as a role; after a switch, it can."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    pd.DataFrame({"a": [1]}).to_parquet(table := io.BytesIO())
    s3 = boto3.Session(profile_name="RoleBeta").client("s3")
    s3.put_object(Bucket="my-first-bucket", Key="a.parquet", Body=table.getvalue())
    read = "import pandas as pd; len(pd.read_parquet('s3://my-first-bucket/a.parquet'))"
    with monkeypatch.context() as only_the_variable, odd_server(Answers((404, ""))) as metadata:
        only_the_variable.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata)
        only_the_variable.setenv("AWS_PROFILE", "RoleBeta")
        assert isinstance(shell.run(read).error, OSError)
    shell.good("%aws_profile RoleBeta")
    assert shell.good(read).result == 1


def test_two_identities(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """After README's line has changed AWS_PROFILE, boto3 and pandas keep the old identity."""
    (code,) = (block for block in blocks(README, "python") if "os.environ" in block)
    change, *lines = code.replace("my-bucket", "my-first-bucket").splitlines()
    for name in ("dev", "prod"):
        add_role(aws, name, "s3:*")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    shell.good("import os, boto3, pandas as pd")
    s3 = boto3.Session(profile_name="dev").client("s3")
    s3.put_object(Bucket="my-first-bucket", Key="report.csv", Body=b"a\n1\n")
    shell.good("\n".join(lines[:2]))
    shell.good(change)
    for line in lines:
        aws.calls.clear()
        shell.good(line.replace("!aws", f"!{sys.executable} -m awscli"))
        expected = line.partition("# ")[2].removeprefix("still ")
        seen = [str(call.arn) for call in aws.calls if not call.action.startswith("sts:Assume")]
        assert seen, line
        assert all(f"/{expected}/" in arn for arn in seen), line


def test_changed_variable(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """After AWS_PROFILE has changed, boto3 names the new profile and signs as the old one."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    boto3.client("sts").get_caller_identity()
    monkeypatch.setenv("AWS_PROFILE", "RoleBeta")
    assert boto3.DEFAULT_SESSION is not None
    assert boto3.DEFAULT_SESSION.profile_name == "RoleBeta"
    assert boto3.client("sts").get_caller_identity()["Arn"].endswith("user/UserAlpha")
    shell.good("%aws_profile RoleBeta")
    assert "/RoleBeta/" in boto3.client("sts").get_caller_identity()["Arn"]
