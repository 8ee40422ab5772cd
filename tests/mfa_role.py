"""A role that requires MFA, and a user who has the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    import pytest

    from ipy_awsprofile.demo.aws import EmbeddedAws


def add_mfa_role(aws: EmbeddedAws, name: str) -> str:
    """Add a profile whose role requires MFA, and return the device's serial number.

    Each profile has a separate user and device, because AWS accepts each code only once.
    """
    user = aws.create_user(f"{name}User", account=USER_ACCOUNT, policy=allow("*"), mfa=True)
    assert user.mfa_serial is not None
    role_arn = aws.create_role(
        name, account=ROLE_ACCOUNT, trust=trusting(user.arn), policy=allow("*")
    )
    aws.write_profile(
        user.name,
        file="credentials",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    aws.write_profile(user.name, region="us-west-2")
    aws.write_profile(
        name,
        source_profile=user.name,
        role_arn=role_arn,
        mfa_serial=user.mfa_serial,
        region="us-west-2",
    )
    return user.mfa_serial


def answer_with_codes(aws: EmbeddedAws, serial: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer prompts for a code of the device, as a front end does."""

    def answer(question: str) -> str:
        return aws.mfa_code(serial)

    answer.__module__ = "the_front_end"
    monkeypatch.setattr("getpass.getpass", answer)
