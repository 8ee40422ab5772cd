"""What the comparison page and README say about plain boto3 is true, and a switch helps."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta

import boto3
import pandas as pd
import pytest
import time_machine
from botocore.credentials import AssumeRoleProvider
from botocore.exceptions import RefreshWithMFAUnsupportedError

from ipy_awsprofile import list_buckets
from ipy_awsprofile.demo.stages import add_role
from ipy_awsprofile.errors import MfaUnavailable
from tests.aws import EmbeddedAws
from tests.servers import Answers, odd_server
from tests.shells import Shell
from tests.test_readme import README, blocks

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
        shell.good(line.replace("!aws", f'!"{sys.executable}" -m awscli'))
        expected = line.partition("# ")[2].removeprefix("still ")
        seen = [str(call.arn) for call in aws.calls if not call.action.startswith("sts:Assume")]
        assert seen, line
        assert all(f"/{expected}/" in arn for arn in seen), line
