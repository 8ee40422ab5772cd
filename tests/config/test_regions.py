"""The Regions that botocore knows, and names that look like one of them."""

from __future__ import annotations

import pytest

from ipy_awsprofile.config.regions import (
    can_be_aws_region,
    is_known_region,
    known_regions,
    similar_region,
    unknown_region_of,
)

NOTHING = "Programs write this value if no Region is set. Name a Region, or leave it out."
WEST = "Did you mean `us-west-2` or `us-west-1` or `us-east-2`?"


def test_known_regions() -> None:
    """Regions that Tab completes, and Regions in other partitions, are known."""
    assert all(map(is_known_region, known_regions()))
    assert is_known_region("us-iso-east-1")
    assert not is_known_region("mars")


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("us-wst-2", WEST),
        ("US-WEST-2", WEST),
        ("us-west-2", ""),
        ("aws-global", ""),
        ("mars", ""),
        ("garage", ""),
        ("auto", ""),
        ("None", NOTHING),
        ("null", NOTHING),
        ("", ""),
    ],
)
def test_similar_regions(name: str, question: str) -> None:
    """A misspelled Region returns suggestions; the name that another server uses doesn't."""
    assert similar_region(name) == question


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("sts.us-wst-2.amazonaws.com", f"botocore doesn't know the Region `us-wst-2`. {WEST}"),
        ("sts.mars.amazonaws.com", "Check it in the profile and in `--region`."),
        ("portal.sso.mars.amazonaws.com", "the Region `mars`"),
    ],
)
def test_hosts_with_an_unknown_region(host: str, words: str) -> None:
    """For an AWS host that can't be reached, the hint names its unknown Region."""
    assert words in unknown_region_of(host)


@pytest.mark.parametrize(
    "host",
    ["sts.us-west-2.amazonaws.com", "sts.amazonaws.com", "bucket.s3.amazonaws.com", "e", ""],
)
def test_other_hosts(host: str) -> None:
    """Other hosts don't get a hint about their Region."""
    assert unknown_region_of(host) == ""


@pytest.mark.parametrize(
    "name",
    ["us-west-2", "aws-global", "mx-west-7", "eusc-de-east-9", "fips-us-west-2", "us-west-2-fips"],
)
def test_regions_that_aws_can_have(name: str) -> None:
    """A Region can be newer than botocore, or have one of the older FIPS names."""
    assert can_be_aws_region(name)


@pytest.mark.parametrize("name", ["", "None", "mars", "us-west", "US-WEST-2", "us-west-2 ", "x-1"])
def test_regions_that_aws_cannot_have(name: str) -> None:
    """AWS can't have these Regions: their hosts don't exist, or reject the signatures."""
    assert not can_be_aws_region(name)
