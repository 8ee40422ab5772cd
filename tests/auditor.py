"""A role that asks for MFA, and the person who has the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipy_awsprofile.demo.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def write_auditor(aws: EmbeddedAws) -> str:
    """Make the user Maria and the role profile Auditor; return the serial of Maria's device."""
    maria = aws.create_user("Maria", account=USER_ACCOUNT, policy=allow("*"), mfa=True)
    assert maria.mfa_serial
    auditor = aws.create_role(
        "Auditor", account=ROLE_ACCOUNT, trust=trusting(maria.arn), policy=allow("*")
    )
    aws.write_profile(
        "Maria",
        file="credentials",
        aws_access_key_id=maria.access_key_id,
        aws_secret_access_key=maria.secret_access_key,
    )
    aws.write_profile("Maria")
    aws.write_profile(
        "Auditor",
        source_profile="Maria",
        role_arn=auditor,
        mfa_serial=maria.mfa_serial,
        region="us-west-2",
    )
    return maria.mfa_serial
