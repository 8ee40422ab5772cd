"""Additional roles: one that S3 allows, one that requires MFA, one that is always renewed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    import pytest

    from ipy_awsprofile.sessions.session import ProfileSession
    from tests.aws import EmbeddedAws
    from tests.shells import Shell


def add_role(aws: EmbeddedAws, name: str, action: str, *, region: str = "us-west-2") -> None:
    """Add a role to RoleBeta's account that is allowed this action, and a profile for it."""
    role_arn = aws.iam.create_role(
        name,
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow(action),
    )
    aws.write_profile(name, source_profile="UserAlpha", role_arn=role_arn, region=region)


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
        name, account=ROLE_ACCOUNT, trust=trusting(user.arn), policy=allow("*")
    )
    aws.write_profile(
        user.arn.rpartition("/")[2],
        file=aws.credentials_file,
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    aws.write_profile(user.arn.rpartition("/")[2], region="us-west-2")
    aws.write_profile(
        name,
        source_profile=user.arn.rpartition("/")[2],
        role_arn=role_arn,
        mfa_serial=user.mfa_serial,
        region="us-west-2",
    )
    return user.mfa_serial


def answer_with_codes(aws: EmbeddedAws, serial: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer prompts for a code of the device, as a front end does."""

    def answer(question: str) -> str:
        return aws.iam.mfa_code(serial)

    answer.__module__ = "the_front_end"
    monkeypatch.setattr("getpass.getpass", answer)


#: Longer than any session.
_ALWAYS = 10**6


def renew_at_each_use(session: ProfileSession) -> ProfileSession:
    """Make botocore assume the session's role again each time its credentials are used."""
    credentials: Any = session.get_credentials()
    # botocore has no public way to move its deadlines.
    credentials._advisory_refresh_timeout = _ALWAYS  # noqa: SLF001
    credentials._refresh_using.args[1].__self__._expiry_window_seconds = _ALWAYS  # noqa: SLF001
    return session
