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

NOTHING = "Programs write this if no Region is set: name a Region, or leave it out."
WEST = "Did you mean `us-west-2` or `us-west-1` or `us-east-2`?"


def test_known_regions() -> None:
    """The Regions that Tab offers, and those of other partitions, are known."""
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
    """A misspelt Region leads to the Regions that may be meant; another server's name doesn't."""
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
    """A host of AWS that can't be reached may have a Region that doesn't exist."""
    assert words in unknown_region_of(host)


@pytest.mark.parametrize(
    "host",
    ["sts.us-west-2.amazonaws.com", "sts.amazonaws.com", "bucket.s3.amazonaws.com", "e", ""],
)
def test_other_hosts(host: str) -> None:
    """Nothing is said about other hosts."""
    assert unknown_region_of(host) == ""


@pytest.mark.parametrize(
    "name",
    ["us-west-2", "aws-global", "mx-west-7", "eusc-de-east-9", "fips-us-west-2", "us-west-2-fips"],
)
def test_regions_that_aws_can_have(name: str) -> None:
    """A Region can be newer than botocore, and can be one of the older names with FIPS."""
    assert can_be_aws_region(name)


@pytest.mark.parametrize("name", ["", "None", "mars", "us-west", "US-WEST-2", "us-west-2 ", "x-1"])
def test_regions_that_aws_cannot_have(name: str) -> None:
    """AWS's own endpoints have no host of such a name, or reject its signatures."""
    assert not can_be_aws_region(name)
