"""An ARN is split into its six parts."""

from __future__ import annotations

import pytest

from ipy_awsprofile.config.arn import Arn


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "arn:aws:iam::123456789012:role/team/Reader",
            ("aws", "iam", "", "123456789012", "role/team/Reader"),
        ),
        ("arn:aws-cn:sts:x:1:a:b/c", ("aws-cn", "sts", "x", "1", "a:b/c")),
        ("arn:aws:s3:::bucket", ("aws", "s3", "", "", "bucket")),
        ("arn:::::", ("", "", "", "", "")),
        ("arn:aws:iam:role/R", None),
        ("urn:aws:iam::1:role/R", None),
        ("RoleBeta", None),
        ("", None),
    ],
)
def test_parse(text: str, parts: tuple[str, ...] | None) -> None:
    """Text that doesn't have the six parts of an ARN isn't parsed as one."""
    assert Arn.parse(text) == parts


@pytest.mark.parametrize(
    ("resource", "role"),
    [("role/R", "R"), ("role/team/R", "team/R"), ("role/", ""), ("role", ""), ("user/R", "")],
)
def test_role(resource: str, role: str) -> None:
    """The name of a role includes its path; other resources have no role name."""
    assert Arn("aws", "iam", "", "1", resource).role == role


@pytest.mark.parametrize(
    ("text", "kind", "is_one"),
    [
        ("arn:aws:iam::123456789012:role/R", "role", True),
        ("arn:aws:iam::123456789012:role/a/b", "role", True),
        ("arn:aws:iam::123456789012:mfa/phone", "mfa", True),
        ("arn:aws:iam::123456789012:mfa/phone", "role", False),
        ("arn:aws:iam::123456789012:role/", "role", False),
        ("arn:aws:iam::123456789012:role/a b", "role", False),
        ("arn:aws:iam::12345678901:role/R", "role", False),
        ("arn:aws:iam::१२३४५६७८९०१२:role/R", "role", False),
        ("arn:aws:iam:eu-west-1:123456789012:role/R", "role", False),
        ("arn:aws:sts::123456789012:role/R", "role", False),
    ],
)
def test_is_iam(text: str, kind: str, is_one: bool) -> None:
    """An IAM resource's ARN has a 12-digit account, no Region, and a name after its kind."""
    arn = Arn.parse(text)
    assert arn
    assert arn.is_iam(kind) is is_one
