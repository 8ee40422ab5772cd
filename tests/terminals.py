"""A terminal outside the kernel, and identities that may write, for tests of programs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ipy_awsprofile.config.shared import NOTEBOOK
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow
from tests.aws import EmbeddedAws
from tests.identity_center import write_session
from tests.processes import Child
from tests.roles import add_mfa_role, answer_with_codes
from tests.shells import Shell

#: A program that writes an object.
PUT = """
import boto3
try:
    boto3.client("s3").put_object(Bucket="my-first-bucket", Key="a", Body=b"")
    print("written")
except Exception as error:
    print(type(error).__name__, error)
"""

#: A program's keys in the JSON of a ``credential_process``, and as variables.
KEYS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

ASK = [sys.executable, "-P", "-m", "ipy_awsprofile", "credentials"]


class Terminal:
    """A terminal that was opened before the kernel started."""

    def __init__(self, environment: Mapping[str, str], folder: Path, program: Child) -> None:
        self.environment = dict(environment)
        self.folder = folder
        self._program = program

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=self.environment | variables,
            cwd=self.folder,
        )

    def python(self, code: str, **variables: str) -> str:
        """Return what a program that uses boto3 prints, and its error if it fails."""
        return self._program.run(code, self.environment | variables)

    def who(self, profile: str = NOTEBOOK) -> str:
        """Return the ARN of a profile in a program, or why it has none."""
        return self._program.arn(self.environment | {"AWS_PROFILE": profile})


def may_write(aws: EmbeddedAws, kind: str, action: str = "*") -> str:
    """Return the arguments of a switch to an identity of this kind with these permissions."""
    if kind == "long-term keys":
        user = aws.iam.create_user("Writer", account=ROLE_ACCOUNT, policy=allow(action))
        aws.write_profile("Writer", file=aws.credentials_file, **user.settings())
        aws.write_profile("Writer", region="us-west-2")
        return "Writer"
    if kind == "Identity Center":
        write_session(aws)
        aws.sso.assign(ROLE_ACCOUNT, "Writer", policy=allow(action))
        aws.sso.sign_in("corp")
        aws.write_profile(
            "sso",
            sso_session="corp",
            sso_account_id=ROLE_ACCOUNT,
            sso_role_name="Writer",
            region="us-west-2",
        )
        return "sso"
    return "RoleBeta"


def switch_to_writer(
    aws: EmbeddedAws, notebook: Shell, monkeypatch: pytest.MonkeyPatch, kind: str
) -> str:
    """Switch to an identity of this kind that may write, and return the name of its profile."""
    if kind != "MFA":
        profile = may_write(aws, kind)
        notebook.good(f"%aws_profile {profile}")
        return profile
    with monkeypatch.context() as front_end:
        answer_with_codes(aws, add_mfa_role(aws, "Auditor"), front_end)
        notebook.good("%aws_profile Auditor")
    return "Auditor"
