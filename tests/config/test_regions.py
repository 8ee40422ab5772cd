"""Names of Regions are checked before a call or an MFA code is lost."""

from __future__ import annotations

import pytest

from ipy_awsprofile.config.regions import (
    check_region,
    is_aws,
    is_known_region,
    known_regions,
)
from ipy_awsprofile.errors import InvalidOption

WEST = "Did you mean `us-west-2` or `us-west-1`"


@pytest.mark.parametrize("name", [*known_regions()[:2], "us-iso-east-1", "aws-global"])
def test_regions_of_aws(name: str) -> None:
    """Regions of all partitions are accepted."""
    check_region(name)
    assert is_known_region(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        *((name, WEST) for name in ("us-wst-2", "US-WEST-2", "us west 2")),
        *((name, "Example: us-east-1.") for name in ("None", "mars", "new-zone-7", "")),
    ],
)
def test_other_names(name: str, hint: str) -> None:
    """Another name is refused with a suggestion; only other servers can have their own names."""
    with pytest.raises(InvalidOption, match=f"`{name}` isn't an AWS Region") as caught:
        check_region(name)
    assert caught.value.hint.startswith(hint)
    if name == "mars":
        check_region(name, is_foreign=lambda: True)


def test_hosts() -> None:
    """AWS's own endpoints are recognized by their domains."""
    for host in ("sts.us-west-2.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "s3.x.api.aws"):
        assert is_aws(f"https://{host}")
    for host in ("127.0.0.1:4566", "amazonaws.com.example.com"):
        assert not is_aws(f"https://{host}")
