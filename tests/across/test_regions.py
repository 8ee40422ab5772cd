"""A run in several Regions calls each profile in every Region, with the same credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile import across_profiles, list_profiles
from tests.across.runs import ASSUME, Flaky, account_of, actions, errors_of

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")


def key_of(session: Any) -> dict[str, str]:
    """Call STS, and return the access key and the Region of the client."""
    sts = session.client("sts")
    sts.get_caller_identity()
    key = session.get_credentials().get_frozen_credentials().access_key
    return {"key": key, "of_client": sts.meta.region_name}


@pytest.mark.parametrize("regions", [list(REGIONS), " , ".join(REGIONS)])
@pytest.mark.parametrize("workers", [1, 32])
def test_each_region(aws: EmbeddedAws, names: tuple[str, ...], regions: Any, workers: int) -> None:
    """Rows are in the order of profiles, then Regions, with one role session for all Regions."""
    frame = across_profiles(names, key_of, regions=regions, max_workers=workers, progress=False)
    assert list(frame["profile"]) == [name for name in names for _ in REGIONS]
    assert list(frame["region"]) == list(frame["of_client"]) == list(REGIONS) * len(names)
    assert frame.groupby("account")["key"].nunique().tolist() == [1] * len(names)
    assert actions(aws) == {ASSUME: len(names), "sts:GetCallerIdentity": 3 * len(names)}


def test_profile_without_a_region(aws: EmbeddedAws) -> None:
    """A profile without a Region uses the Regions of the run."""
    (beta,) = list_profiles("RoleBeta")
    aws.write_profile("Nowhere", source_profile="UserAlpha", role_arn=beta.role_arn)
    (error,) = errors_of(["Nowhere"], account_of)
    assert error["error"] == "InvalidOption"
    frame = across_profiles(["Nowhere"], key_of, regions=REGIONS, progress=False)
    assert list(frame["of_client"]) == list(REGIONS)


def test_retry(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A retry calls only the failed Regions, which the errors and the summary name."""
    places = [(names[0], "eu-central-1"), (names[2], "us-east-1"), (names[2], "ap-southeast-2")]
    flaky = Flaky(*places)
    frame = across_profiles(names, flaky, regions=REGIONS, progress=False)
    errors = frame.attrs["errors"]
    assert [(row["profile"], row["region"]) for row in errors] == places
    assert list(errors.frame()) == ["profile", "account", "region", "error", "message", "hint"]
    assert f"{names[0]} in eu-central-1: ValueError: not yet" in repr(errors)
    printed = capsys.readouterr().out
    assert "15 of 18 calls (6 profiles in 3 Regions) succeeded" in printed
    assert "3 calls: ValueError: not yet" in printed
    flaky.heal()
    whole = errors.retry()
    assert sorted(flaky.called) == sorted(places)
    assert list(whole["value"]) == list(whole["region"]) == list(REGIONS) * len(names)
    assert actions(aws) == {ASSUME: len(names)}  # the retry finds the roles in the cache


def test_profile_that_cannot_be_opened(aws: EmbeddedAws) -> None:
    """A role that can't be assumed is tried once, and its error is reported for each Region."""
    aws.write_profile("Refused", source_profile="UserAlpha", role_arn="arn:aws:iam::1:role/None")
    errors = errors_of(["Refused"], account_of, regions=REGIONS)
    assert [row["region"] for row in errors] == list(REGIONS)
    assert len({row["message"] for row in errors}) == 1
    assert actions(aws) == {ASSUME: 1}
