"""`across_profiles` calls a function for many profiles, and returns all results in one frame."""

from __future__ import annotations

import asyncio
import gc
import io
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from inspect import signature
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from ipy_awsprofile import across_profiles, list_buckets, list_profiles
from ipy_awsprofile.config.regions import unknown_region
from ipy_awsprofile.config.request import SwitchRequest, options_of
from ipy_awsprofile.demo.aws import append_section
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow, seed_organisation
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.notebook.options import OF_EACH_PROFILE
from tests.across.runs import ASSUME, Flaky, account_of, actions, bucket_count, errors_of
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, organisation
from tests.shells import Shell


def test_ways_to_name_profiles(aws: EmbeddedAws) -> None:
    """Profiles can be given as a pattern, names or records; each is used once."""
    (beta,) = list_profiles("RoleBeta")
    for profiles in ("RoleBeta", "role*", ("RoleBeta", "RoleBeta"), [beta], beta):
        frame = across_profiles(profiles, list_buckets)
        assert set(frame["profile"]) == {"RoleBeta"}
    columns = ["profile", "account", "region", "name", "creation_date", "result_region"]
    assert list(frame) == columns
    assert set(frame["account"]) == {ROLE_ACCOUNT}
    assert set(frame["region"]) == {"us-west-2"}
    assert frame.index.tolist() == [0, 1, 2]
    assert frame.attrs == {"errors": [], "interrupted": False}
    assert across_profiles([], list_buckets).shape == (0, 3)


def test_excluded_profiles(shell: Shell, aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """`--exclude` leaves out profiles that a pattern selects, by name or account."""
    frame = shell.good("%%aws_profiles * --exclude atlas-* --exclude 123456789012\n1").result
    assert {"UserAlpha", "borealis-dev"} <= set(frame["profile"])
    assert not {"RoleBeta", "atlas-dev"} & set(frame["profile"])


def test_excluded_from_a_list(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """`exclude` leaves out profiles of a list and names, too, and a list can have patterns."""
    everything = list_profiles()
    kept = {"UserAlpha", "RoleBeta"}
    for selected in (everything, [str(each) for each in everything], ["*"], ",".join(everything)):
        frame = across_profiles(selected, lambda _: 1, exclude=["atlas-*", "borealis-*"])
        assert set(frame["profile"]) == kept
    with pytest.raises(InvalidOption, match="`exclude` leaves out all profiles"):
        across_profiles(["RoleBeta"], lambda _: 1, exclude="RoleBeta")


def test_cell_that_only_prints(shell: Shell, aws: EmbeddedAws) -> None:
    """A cell without a value shows what it prints, and a line instead of an empty DataFrame."""
    ran = shell.good("%%aws_profiles RoleBeta --no-progress\nprint(profile.account)")
    assert ran.text.splitlines() == ["No profile returned a row", "RoleBeta: 123456789012"]
    assert ran.result is None


def test_options_of_each_profile() -> None:
    """`%%aws_profiles` and `across_profiles` have the same options of a switch."""
    parameters = signature(across_profiles).parameters.keys()
    assert parameters & options_of(SwitchRequest).keys() == set(OF_EACH_PROFILE)


def test_exact_name(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """An exact name selects only that profile, and any other text is a pattern."""
    (dev,) = list_profiles("atlas-dev")
    aws.write_profile(
        "atlas", source_profile="UserAlpha", role_arn=dev.role_arn, region="us-west-2"
    )
    assert set(across_profiles("atlas", str)["profile"]) == {"atlas"}
    assert set(across_profiles("atla", str)["profile"]) == {"atlas", *names[:3]}


def test_roles_of_a_sign_in(aws: EmbeddedAws) -> None:
    """A pattern that begins with a sign-in selects roles that no profile is needed for."""
    organisation(aws)
    aws.sso.sign_in("corp")
    frame = across_profiles("corp:1*/Admin", account_of)
    assert frame[["account", "value"]].to_numpy().tolist() == [[PROD, PROD]]


@pytest.mark.parametrize(
    ("profiles", "message", "hint"),
    [
        ("nobody", "No profile matches `nobody`", "%aws_profiles"),
        ([3], "must be a string, not a value of type int", "Pass a profile from `list_profiles()`"),
        (boto3.Session(), "not a value of type Session", "Pass a profile from `list_profiles()`"),
    ],
)
def test_invalid_profiles(aws: EmbeddedAws, profiles: Any, message: str, hint: str) -> None:
    """Invalid profiles are refused before AWS is called."""
    with pytest.raises(InvalidOption, match=message) as raised:
        across_profiles(profiles, bucket_count)
    assert hint in raised.value.hint
    assert aws.calls == []


@pytest.mark.usefixtures("aws")
def test_unknown_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Region that botocore doesn't know is called, after a warning; another isn't valid."""
    warnings: list[str] = []
    monkeypatch.setattr(PROCESS, "warn", warnings.append)
    frame = across_profiles("RoleBeta", bucket_count, regions=["us-east-1", "eu-centrl-1"])
    assert frame["region"].tolist() == ["us-east-1", "eu-centrl-1"]
    assert len(warnings) == 1
    assert "`eu-centrl-1` isn't a Region that botocore knows. Did you mean `eu-c" in warnings[0]
    places = {"Oregon": "us-west-2", "Europe (Frankfurt)": "eu-central-1", "EU-WEST-1": "eu-west-1"}
    for place, region in places.items():
        assert unknown_region(place).endswith(f"Did you mean `{region}`?")
    with pytest.raises(InvalidOption, match="isn't the name of a Region") as raised:
        across_profiles("RoleBeta", bucket_count, regions="us-east-1|eu-west-1")
    assert "`--regions`" in raised.value.hint


def test_regions_with_blanks(aws: EmbeddedAws) -> None:
    """Regions can have blanks or semicolons between them, in a string and in a string of a list."""
    for regions in (
        "us-east-1 eu-west-1",
        "us-east-1;eu-west-1",
        " us-east-1,  eu-west-1 ",
        ["us-east-1 eu-west-1"],
    ):
        frame = across_profiles("RoleBeta", bucket_count, regions=regions)
        assert frame["region"].tolist() == ["us-east-1", "eu-west-1"]


def test_order_and_calls(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """Rows are in the order of the profiles, and each role needs one call, or none if cached."""
    ended = {name: threading.Event() for name in names}
    after = dict(pairwise(names))

    def function(session: Any) -> str:
        if next_name := after.get(session.profile_name):
            assert ended[next_name].wait(30)  # the calls end in reverse order
        ended[session.profile_name].set()
        return account_of(session)

    frame = across_profiles(names, function)
    assert list(frame["profile"]) == list(names)
    assert list(frame["value"]) == list(frame["account"])
    assert frame["account"].nunique() == len(names)
    assert actions(aws) == {ASSUME: len(names), "sts:GetCallerIdentity": len(names)}
    aws.calls.clear()
    across_profiles(names, bucket_count)
    assert actions(aws) == {"s3:ListAllMyBuckets": len(names)}


def test_released_sessions(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A run releases a profile's session and credentials after the profile's last Region."""
    seen: list[weakref.ref[Any]] = []

    def alive(session: Any) -> int:
        seen.extend(map(weakref.ref, (session, session.get_credentials())))
        gc.collect()
        return sum(reference() is not None for reference in seen)

    regions = ["eu-central-1", "us-east-1"]
    frame = across_profiles(names, alive, regions=regions, max_workers=1, progress=False)
    assert len(frame) == len(names) * len(regions)
    assert set(frame["value"]) == {2, 3}  # of this call, and the credentials of the first Region


def test_errors_are_rows(aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """Each failure is a row with a one-line message and a hint, and doesn't stop other profiles."""
    seed_organisation(aws)
    names = ("atlas-dev", "audit-prod", "billing-prod", "sandbox-old", "security-prod", "gone")
    frame = across_profiles(names, bucket_count)
    errors = frame.attrs["errors"].frame()
    assert list(errors) == ["profile", "account", "error", "message", "hint"]
    errors = errors.set_index("profile")
    assert list(frame["profile"]) == ["atlas-dev"]
    assert dict(errors["error"]) == {
        "audit-prod": "AccessDenied",
        "billing-prod": "AccessDenied",
        "sandbox-old": "CredentialsExpired",
        "security-prod": "InvalidOption",
        "gone": "ProfileNotFound",
    }
    accounts = {profile.name: profile.account for profile in list_profiles("*-prod")}
    assert errors["account"]["audit-prod"] == accounts["audit-prod"]
    assert errors["account"].isna()["gone"]
    assert "denied AssumeRole" in errors["message"]["audit-prod"]
    assert "isn't allowed to call ListBuckets" in errors["message"]["billing-prod"]
    assert not errors["message"].str.contains("\n").any()
    assert errors["hint"].str.len().gt(0).all()
    printed = capsys.readouterr().out
    assert "1 of 6 profiles succeeded" in printed
    assert "`gone`: ProfileNotFound: There is no profile `gone`" in printed


def test_keys_of_someone_else_during_a_run(aws: EmbeddedAws) -> None:
    """A profile whose keys are replaced by another user's during a run is a row, too."""
    keys = {}
    for name in ("Ann", "Ben"):
        keys[name] = aws.iam.create_user(name, account=ROLE_ACCOUNT, policy=allow("*")).settings()
        aws.write_profile(name, region="us-west-2")
        append_section(aws.credentials_file, name, keys[name])

    def list_after_the_change(session: boto3.Session) -> int:
        text = aws.credentials_file.read_text()
        for setting, value in keys["Ann"].items():
            text = text.replace(value, keys["Ben"][setting])
        aws.credentials_file.write_text(text)
        return bucket_count(session)

    frame = across_profiles(["Ann", "RoleBeta"], list_after_the_change, max_workers=1)
    assert list(frame["profile"]) == ["RoleBeta"]
    assert list(frame.attrs["errors"].frame()["error"]) == ["IdentityChanged"]


def test_errors_of_the_function(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """An error in the function is a row, and the summary groups equal errors."""

    def function(session: Any) -> Iterator[int]:
        yield 1  # the row isn't kept, because an error follows
        if session.profile_name == names[0]:
            raise KeyError("two\nlines")
        if session.profile_name == names[1]:
            raise SystemExit(3)
        if session.profile_name != names[2]:
            raise ValueError(f"`{session.profile_name}` is odd")

    frame = across_profiles(names, function, progress=False)
    assert list(frame["profile"]) == [names[2]]
    shown = capsys.readouterr()
    assert shown.err == ""  # no progress bar
    lines = [line.strip() for line in shown.out.splitlines()]
    assert lines[:4] == [
        "1 of 6 profiles succeeded",
        "3 profiles: ValueError: `…` is odd",
        f"`{names[0]}`: KeyError: 'two\\nlines'",
        f"`{names[1]}`: SystemExit: 3",
    ]
    assert len(frame.attrs["errors"]) == 5


def test_all_profiles_fail(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """If every profile fails, the run raises an error with the reasons, a hint and all rows."""
    with pytest.raises(NoProfileAnswered) as raised:
        across_profiles([*names[:2], "gone", "lost"], lambda _: 1 / 0, progress=False)
    assert str(raised.value) == (
        "None of 4 profiles succeeded. 2 profiles: ZeroDivisionError: division by zero; "
        "2 profiles: ProfileNotFound: There is no profile `…` in the shared config files."
    )
    assert raised.value.hint == "`%aws_profiles` lists the profiles."
    assert [row["profile"] for row in raised.value.errors] == [*names[:2], "gone", "lost"]


def test_no_secret_in_errors(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """An HTTP client's error with a presigned URL doesn't show the token in the URL."""

    def function(session: Any) -> None:
        keys = {"Bucket": "b", "Key": "k"}
        url = session.client("s3").generate_presigned_url("get_object", Params=keys)
        raise OSError(f"403 Client Error: Forbidden for url: {url}")

    errors = errors_of(names, function)
    assert {row["error"] for row in errors} == {"OSError"}
    secrets = {quote(secret, safe="") for secret in aws.iam.secrets}
    assert [secret for secret in secrets if secret in str(errors)] == []


async def name_of(session: Any) -> str:
    """Return the session's name."""
    await asyncio.sleep(0)
    return str(session.profile_name)


def test_async_functions(aws: EmbeddedAws) -> None:
    """An async function is refused before anything is called, and the hint's advice works."""
    with pytest.raises(InvalidOption, match="async") as raised:
        across_profiles("RoleBeta", name_of)
    assert "lambda session: asyncio.run(FUNCTION(session))" in raised.value.hint
    assert aws.calls == []
    frame = across_profiles("RoleBeta", lambda session: asyncio.run(name_of(session)))
    assert list(frame["value"]) == ["RoleBeta"]


# Regions ------------------------------------------------------------------------------------------

REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")


def key_of(session: Any) -> dict[str, str]:
    """Call STS, and return the access key and the Region of the client."""
    sts = session.client("sts")
    sts.get_caller_identity()
    key = session.get_credentials().get_frozen_credentials().access_key
    return {"key": key, "of_client": sts.meta.region_name}


@pytest.mark.parametrize("regions", [REGIONS, " , ".join(REGIONS)])
def test_each_region(aws: EmbeddedAws, names: tuple[str, ...], regions: Any) -> None:
    """Rows are in the order of profiles, then Regions, with one role session for all Regions."""
    frame = across_profiles(names, key_of, regions=regions, progress=False)
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


def test_retry_of_regions(
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


@pytest.mark.parametrize("is_terminal", [True, False])
def test_printed_lines(
    aws: EmbeddedAws, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    """Printed lines are whole and begin with their profile, even if all print at the same time.

    In a terminal, they don't continue the line of the progress bar.
    """
    together, printed = threading.Barrier(len(names)), io.StringIO()
    printed.isatty = lambda: is_terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setattr(sys, "stderr", printed if is_terminal else io.StringIO())

    def function(session: Any) -> None:
        for part in ("one ", "line\n\nhalf ", "a line"):
            together.wait(30)
            print(part, end="", flush=True)  # noqa: T201

    across_profiles(names, function)
    assert sys.stdout is printed
    lines = [line.rpartition("\r")[2] for line in printed.getvalue().split("\n")]
    for name in names:
        own = [line for line in lines if line.startswith(f"{name}: ")]
        assert own == [f"{name}: {text}" for text in ("one line", "", "half a line")]
    assert "".join(lines).count(": ") == 3 * len(names)

    def say(_session: Any) -> None:
        sys.stdout.writelines(["here\n"])

    across_profiles(names[:1], say, regions=["eu-west-1"], progress=False)
    assert printed.getvalue().endswith(f"{names[0]} in eu-west-1: here\n")


# Ctrl-C -------------------------------------------------------------------------------------------


def test_interrupt(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C keeps the results so far, and functions that still run can't sign anymore."""
    goes_on, ended, signed = threading.Event(), threading.Event(), []

    def function(session: Any) -> int:
        if session.profile_name != names[2]:
            return bucket_count(session)
        signal.raise_signal(signal.SIGINT)
        goes_on.wait(60)
        try:
            signed.append(account_of(session))
        finally:
            ended.set()
        return 1

    stdout = sys.stdout
    frame = across_profiles(names, function, max_workers=1)
    assert sys.stdout is stdout
    aws.calls.clear()
    goes_on.set()
    assert ended.wait(30)
    assert signed == []
    assert aws.calls == []
    assert list(frame["profile"]) == list(names[:2])
    assert frame.attrs == {"errors": [], "interrupted": True}
    printed = capsys.readouterr().out
    assert "2 of 6 profiles succeeded" in printed
    assert "Interrupted: 4 of 6 profiles weren't completed." in printed


def test_interrupted_question(
    aws: EmbeddedAws, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the prompt for an MFA code ends the run, and keeps the results so far."""
    answered = []

    def prompt(_question: str) -> str:
        signal.raise_signal(signal.SIGINT)
        threading.Event().wait(30)
        answered.append(1)
        return "000000"

    monkeypatch.setattr("getpass.getpass", prompt)
    try:
        frame = across_profiles(["RoleBeta", "Auditor"], bucket_count, max_workers=1)
    except KeyboardInterrupt:
        pytest.fail("The results are lost.")
    assert answered == []
    assert frame.attrs == {"errors": [], "interrupted": True}
    assert list(frame["profile"]) == ["RoleBeta"]
    assert "sts:GetSessionToken" not in actions(aws)
