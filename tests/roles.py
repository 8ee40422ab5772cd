"""A role that requires MFA, a session that is always renewed, and the roles that S3 saw."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.sessions.session import ProfileSession
from tests.aws import EmbeddedAws
from tests.shells import Shell


def roles_in_s3(aws: EmbeddedAws, notebook: Shell, code: str) -> set[str]:
    """Run the code, and return the roles or users that called S3."""
    aws.calls.clear()
    notebook.good(code)
    arns = [call.arn or "anonymous" for call in aws.calls if call.action.startswith("s3:")]
    return {re.split("[/]", arn)[1] for arn in arns}


def add_mfa_role(aws: EmbeddedAws, name: str) -> str:
    """Add a profile whose role requires MFA, and return the device's serial number.

    Each profile has a separate user and device, because AWS accepts each code only once.
    """
    user = aws.iam.create_user(f"{name}User", account=USER_ACCOUNT, policy=allow("*"), mfa=True)
    assert user.mfa_serial is not None
    role_arn = aws.iam.create_role(
        name, account=ROLE_ACCOUNT, trust=trusting(user.arn, mfa=True), policy=allow("*")
    )
    user_name = user.arn.rpartition("/")[2]
    aws.write_profile(user_name, file=aws.credentials_file, **user.settings())
    aws.write_profile(user_name, region="us-west-2")
    aws.write_profile(
        name,
        source_profile=user_name,
        role_arn=role_arn,
        mfa_serial=user.mfa_serial,
        region="us-west-2",
    )
    return user.mfa_serial


def answer_with_codes(aws: EmbeddedAws, serial: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer prompts for a code of the device, as a front end does."""
    monkeypatch.setattr("getpass.getpass", lambda _question: aws.iam.mfa_code(serial))


#: Longer than any session.
_ALWAYS = 10**6


def renew_at_each_use(session: ProfileSession) -> ProfileSession:
    """Make botocore assume the session's role again each time its credentials are used."""
    credentials: Any = session.get_credentials()
    # botocore has no public way to move its deadline.
    credentials._advisory_refresh_timeout = _ALWAYS  # noqa: SLF001
    cache = Path("~/.aws/cli/cache").expanduser()
    if cache.is_dir():
        shutil.rmtree(cache)
        cache.touch()  # a file instead of the folder, so that nothing is kept in it
    return session
