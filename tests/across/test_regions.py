"""A run in several Regions calls each profile in every Region, with the same credentials."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile import across_profiles, list_profiles
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered
from tests.across.failing import errors_of
from tests.across.test_worker import processes

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create four accounts, each with a role profile; return their names."""
    return seed_organisation(aws, 4)


def signed_region(session: Any) -> str:
    """Send a request to STS, and return the Region that the session signs it for."""
    signed = []
    sts = session.client("sts")
    sts.meta.events.register(
        "before-send.sts", lambda request, **_: signed.append(request.headers["Authorization"])
    )
    sts.get_caller_identity()
    found = re.search(rb"Credential=\w+/\d+/([\w-]+)/sts/", signed[0])
    assert found
    return found[1].decode()


def actions(aws: EmbeddedAws) -> Counter[str]:
    """Return the number of calls that AWS saw, by action."""
    return Counter(call.action for call in aws.calls)


@pytest.mark.parametrize("regions", [list(REGIONS), ",".join(REGIONS), " , ".join(REGIONS)])
def test_each_region(aws: EmbeddedAws, names: tuple[str, ...], regions: Any) -> None:
    """Rows are in the order of profiles, then Regions, and each call is signed for its Region."""
    frame = across_profiles(names, signed_region, regions=regions, progress=False)
    assert list(frame["profile"]) == [name for name in names for _ in REGIONS]
    assert list(frame["region"]) == list(REGIONS) * len(names)
    assert list(frame["value"]) == list(frame["region"])
    accounts = {one.name: one.account for one in list_profiles()}
    assert list(frame["account"]) == [accounts[name] for name in frame["profile"]]


@pytest.mark.parametrize("workers", [1, 32])
def test_one_role_session_for_all_regions(
    aws: EmbeddedAws, names: tuple[str, ...], workers: int
) -> None:
    """Each role is assumed once, and its access key is used in all Regions."""

    def function(session: Any) -> str:
        signed_region(session)
        return str(session.get_credentials().access_key)

    frame = across_profiles(names, function, regions=REGIONS, max_workers=workers, progress=False)
    assert actions(aws) == {"sts:AssumeRole": 4, "sts:GetCallerIdentity": 12}
    assert frame.groupby("profile")["value"].nunique().eq(1).all()
    assert frame["value"].nunique() == len(names)


def test_credentials_are_renewed_once(aws: EmbeddedAws) -> None:
    """All sessions of a profile share one credentials object, which renews once for all."""
    seen: dict[str, Any] = {}
    across_profiles(
        "RoleBeta",
        lambda session: seen.update({session.region_name: session.get_credentials()}),
        regions=REGIONS,
        progress=False,
    )
    assert set(seen) == set(REGIONS)
    assert len({id(credentials) for credentials in seen.values()}) == 1


@pytest.mark.slow
def test_with_an_executor(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """An executor runs each Region, and long-term keys are exchanged once for all Regions."""
    profiles = [*names, "UserAlpha"]
    with ThreadPoolExecutor(4) as executor:
        frame = across_profiles(
            profiles, signed_region, regions=REGIONS, executor=executor, progress=False
        )
    assert list(frame["value"]) == list(frame["region"]) == list(REGIONS) * len(profiles)
    assert list(frame["account"])[-1] == USER_ACCOUNT
    assert actions(aws)["sts:AssumeRole"] == len(names)
    assert actions(aws)["sts:GetSessionToken"] == 1


@pytest.mark.slow
def test_in_processes(aws: EmbeddedAws, names: tuple[str, ...], tmp_path: Path) -> None:
    """A worker process uses the Region, and a retry can use another pool."""
    failing = ["eu-central-1"]

    def function(session: Any) -> str:
        region: str = session.client("sts").meta.region_name
        if region in failing:
            raise ValueError("not yet")
        return region

    with processes(tmp_path / "first") as pool:
        frame = across_profiles(names[:2], function, regions=REGIONS, executor=pool, progress=False)
    assert list(frame["value"]) == ["us-east-1", "ap-southeast-2"] * 2
    failing.clear()
    with processes(tmp_path / "second") as pool:
        whole = frame.attrs["errors"].retry(executor=pool)
    assert list(whole["value"]) == list(whole["region"]) == list(REGIONS) * 2


def test_expired_with_an_executor(aws: EmbeddedAws) -> None:
    """If credentials expire in the executor's queue, the role is assumed only once more."""
    expired = threading.Event()

    class Slow(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            if not expired.is_set():
                expired.set()
                aws.expire_sessions()
            return super().submit(*args, **kwargs)

    with Slow(1) as executor:
        frame = across_profiles(
            "RoleBeta",
            signed_region,
            regions=REGIONS,
            executor=executor,
            max_workers=1,
            progress=False,
        )
    assert list(frame["value"]) == list(REGIONS)
    assert actions(aws)["sts:AssumeRole"] == 2


def test_profile_without_a_region(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A profile without a Region uses the Regions of the run."""
    (beta,) = list_profiles("RoleBeta")
    aws.write_profile("Nowhere", source_profile="UserAlpha", role_arn=beta.role_arn)
    (error,) = errors_of(["Nowhere"], signed_region)
    assert error["error"] == "InvalidOption"
    frame = across_profiles(["Nowhere"], signed_region, regions=REGIONS, progress=False)
    assert list(frame["value"]) == list(REGIONS)


@pytest.mark.parametrize(
    ("regions", "message", "hint"),
    [
        ([], "No Region is given.", "leave out `regions`"),
        ("", "No Region is given.", "Name one, such as us-east-1"),
        ("us-east-1 eu-west-1", "`us-east-1 eu-west-1` isn't an AWS Region", "us-east-1"),
        (["https://x"], "`https://x` isn't an AWS Region", "us-east-1"),
        ("eu-centrl-1", "`eu-centrl-1` isn't an AWS Region", "Did you mean `eu-central-1`"),
    ],
)
def test_refused(aws: EmbeddedAws, regions: Any, message: str, hint: str) -> None:
    """Invalid lists of Regions are refused before AWS is called."""
    with pytest.raises(InvalidOption) as raised:
        across_profiles("RoleBeta", signed_region, regions=regions)
    assert message in str(raised.value)
    assert hint in raised.value.hint
    assert aws.calls == []


def test_region_that_botocore_does_not_know(aws: EmbeddedAws) -> None:
    """A Region that botocore doesn't know is refused before AWS is called, as in a switch."""
    with pytest.raises(InvalidOption, match="`new-zone-7` isn't an AWS Region"):
        across_profiles("RoleBeta", signed_region, regions=["new-zone-7"], progress=False)
    assert aws.calls == []


def failing_in(*places: tuple[str, str]) -> Any:
    """Return a function that fails in these places, the set of them, and a list of its calls.

    A place is a profile and a Region.
    """
    failing, called = set(places), []

    def function(session: Any) -> str:
        place = (session.profile_name, session.region_name)
        called.append(place)
        if place in failing:
            raise ValueError("not yet")
        return str(session.region_name)

    return function, failing, called


def test_retry(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A retry calls only the failed Regions, which the errors and the card name."""
    places = [(names[0], "eu-central-1"), (names[2], "us-east-1"), (names[2], "ap-southeast-2")]
    function, failing, called = failing_in(*places)
    frame = across_profiles(names, function, regions=REGIONS, progress=False)
    assert [(row["profile"], row["region"]) for row in frame.attrs["errors"]] == places
    table = frame.attrs["errors"].frame()
    assert list(table) == ["profile", "account", "region", "error", "message", "hint"]
    assert f"{names[0]} in eu-central-1: ValueError: not yet" in repr(frame.attrs["errors"])
    printed = capsys.readouterr().out
    assert "9 of 12 calls (4 profiles in 3 Regions) succeeded" in printed
    assert "3 calls: ValueError: not yet" in printed
    failing.clear()
    called.clear()
    whole = frame.attrs["errors"].retry()
    assert sorted(called) == sorted(places)
    assert list(whole["profile"]) == [name for name in names for _ in REGIONS]
    assert list(whole["value"]) == list(whole["region"]) == list(REGIONS) * len(names)
    assert actions(aws) == {"sts:AssumeRole": 4}  # the retry finds the roles in the cache


def test_one_error_is_in_its_region(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A single error names its Region, on the card and if the whole run fails."""
    function, *_ = failing_in((names[0], "us-east-1"))
    across_profiles(names, function, regions=REGIONS, progress=False)
    assert f"`{names[0]}` in us-east-1: ValueError: not yet" in capsys.readouterr().out
    with pytest.raises(NoProfileAnswered, match="`atlas-dev` in us-east-1 failed"):
        across_profiles(names[0], function, regions=["us-east-1"], progress=False)


def test_profile_that_cannot_be_opened(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A role that can't be assumed is called once, and its error is reported for each Region."""
    aws.write_profile("Refused", source_profile="UserAlpha", role_arn="arn:aws:iam::1:role/None")
    errors = errors_of(["Refused"], signed_region, regions=REGIONS, progress=False)
    assert [row["region"] for row in errors] == list(REGIONS)
    assert len({row["message"] for row in errors}) == 1
    assert actions(aws)["sts:AssumeRole"] == 1


def test_interrupt(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """Ctrl-C can skip some Regions of a profile, and a retry completes them."""
    ends = threading.Event()

    def function(session: Any) -> str:
        if session.region_name == REGIONS[1] and not ends.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            ends.wait(60)
        return str(session.region_name)

    try:
        frame = across_profiles(names[:2], function, regions=REGIONS, max_workers=1, progress=False)
    finally:
        ends.set()
    assert frame.attrs["interrupted"]
    assert list(frame["value"]) == [REGIONS[0]]
    whole = frame.attrs["errors"].retry()
    assert list(whole["value"]) == list(REGIONS) * 2


def test_in_a_cell(shell: Shell, names: tuple[str, ...]) -> None:
    """`--regions` runs a cell in each Region, and the progress bar counts the calls."""
    ran = shell.good(
        "%%aws_profiles reader --into frame --regions us-east-1,eu-central-1\nsession.region_name"
    )
    assert "8/8" in ran.printed
    assert list(shell.names["frame"]["value"]) == ["us-east-1", "eu-central-1"] * len(names)


@pytest.mark.parametrize(
    "typed", ["us-east-1, eu-central-1", "us-east-1 ,eu-central-1", "us-east-1 , eu-central-1"]
)
def test_spaces_in_a_list(shell: Shell, names: tuple[str, ...], typed: str) -> None:
    """A list of Regions can have spaces around its commas, even before the pattern."""
    for line in (f"reader --regions {typed} --no-progress", f"--regions={typed} reader"):
        shell.good(f"%%aws_profiles --into frame {line}\nsession.region_name")
        assert list(shell.names["frame"]["value"]) == ["us-east-1", "eu-central-1"] * len(names)


def test_a_list_without_commas(shell: Shell, names: tuple[str, ...]) -> None:
    """A list without commas is refused, and the error says how to write one."""
    error = shell.refused("%%aws_profiles reader --regions us-east-1 eu-central-1\n1")
    assert "unrecognized arguments: eu-central-1" in str(error)
    assert "Put commas between the values of `--regions`." in error.hint


def test_regions_need_a_cell(shell: Shell, names: tuple[str, ...]) -> None:
    """`--regions` is refused in a line magic."""
    error = shell.refused("%aws_profiles reader --regions us-east-1")
    assert "--regions" in str(error)


def test_completion(shell: Shell) -> None:
    """Tab completes the last Region of a list, without Regions that the list already has."""
    line = "%%aws_profiles reader --regions us-east-1,eu-ce"
    assert shell.completions(line) == ["us-east-1,eu-central-1", "us-east-1,eu-central-2"]
    line = "%%aws_profiles reader --regions us-east-1, us-east-"
    assert shell.completions(line) == ["us-east-2"]
    assert (
        "us-east-1" not in str(shell.completions("%%aws_profiles x --regions us-east-1,us-ea"))[9:]
    )
