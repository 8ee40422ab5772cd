"""`across_profiles` returns rows in order, reports errors as rows, and stops on Ctrl-C."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import boto3
import pandas as pd
import pytest

from ipy_awsprofile import across_profiles, list_buckets, list_profiles
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered
from tests.bindings.borrowing import eventually
from tests.identity_center import organisation
from tests.shells import run_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


def bucket_count(session: Any) -> int:
    """Return the number of a session's buckets."""
    return len(session.client("s3").list_buckets()["Buckets"])


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create eight accounts, each with a role profile; return their names."""
    return seed_organisation(aws, 8)


@pytest.mark.parametrize(
    "profiles",
    [
        "RoleBeta",
        "role*",
        ["RoleBeta"],
        ("RoleBeta", "RoleBeta"),
        iter(["RoleBeta"]),
        lambda: list_profiles("RoleBeta"),
        lambda: list_profiles("RoleBeta")[0],
    ],
)
def test_ways_to_name_profiles(aws: EmbeddedAws, profiles: Any) -> None:
    """Profiles can be given as a pattern, names or records; each is used once."""
    frame = across_profiles(profiles() if callable(profiles) else profiles, list_buckets)
    assert list(frame) == ["profile", "account", "region", "name", "creation_date", "result_region"]
    assert set(frame["profile"]) == {"RoleBeta"}
    assert set(frame["account"]) == {ROLE_ACCOUNT}
    assert set(frame["region"]) == {"us-west-2"}
    assert len(frame) == 3
    assert frame.attrs == {"errors": [], "interrupted": False}


def test_pattern_without_a_match(aws: EmbeddedAws) -> None:
    """A pattern without a match raises an error instead of returning an empty frame."""
    with pytest.raises(InvalidOption, match="No profile matches `nobody`"):
        across_profiles("nobody", bucket_count)


def test_workers_are_at_least_one(aws: EmbeddedAws) -> None:
    """Fewer than one worker is an error."""
    with pytest.raises(InvalidOption, match="`max_workers` is 0; it must be at least 1"):
        across_profiles("*", bucket_count, max_workers=0)


def test_order(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """Rows are in the order of the profiles, even if the calls end in reverse order."""
    ended = {name: threading.Event() for name in names}
    after = dict(pairwise(names))

    def function(session: Any) -> str:
        name: str = session.chain[0]
        if name in after:
            assert ended[after[name]].wait(30)
        ended[name].set()
        return name

    frame = across_profiles(names, function, max_workers=len(names))
    assert list(frame["value"]) == list(names)
    assert list(frame["profile"]) == list(names)


def test_accounts_are_those_of_sts(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """The account column has the account that STS reports for each session."""
    frame = across_profiles(
        names, lambda session: session.client("sts").get_caller_identity()["Account"]
    )
    assert list(frame["value"]) == list(frame["account"])
    assert frame["account"].nunique() == len(names)


@pytest.mark.slow
def test_throttled_roles(aws: EmbeddedAws) -> None:
    """Each role gets its credentials, even if IAM Identity Center throttles the calls."""
    organisation(aws)
    for number in range(40):
        aws.sso.assign(f"{number:012}", "Reader")
    aws.sso.sign_in("corp")
    roles = [f"corp:{number:012}/Reader" for number in range(40)]
    aws.sso.calls_per_second = 10
    frame = across_profiles(roles, str, progress=False)
    assert frame.attrs["errors"] == []
    assert list(frame["profile"]) == roles


def test_bound(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """No more than ``max_workers`` profiles are processed at the same time."""
    at_work = threading.Semaphore(2)

    def function(_session: Any) -> int:
        assert at_work.acquire(blocking=False)
        time.sleep(0.01)
        at_work.release()
        return 1

    assert across_profiles(names, function, max_workers=2)["value"].sum() == len(names)


def test_errors_are_rows(aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]) -> None:
    """Each failure is a row with a one-line message and a hint, and doesn't stop other profiles."""
    seed_organisation(aws)
    names = ("atlas-dev", "audit-prod", "billing-prod", "sandbox-old", "security-prod", "gone")
    frame = across_profiles(names, bucket_count)
    errors = frame.attrs["errors"].frame().set_index("profile")
    assert list(frame["profile"]) == ["atlas-dev"]
    assert dict(errors["error"]) == {
        "audit-prod": "AccessDenied",
        "billing-prod": "AccessDenied",
        "sandbox-old": "CredentialsExpired",
        "security-prod": "InvalidOption",
        "gone": "ProfileNotFound",
    }
    assert "doesn't let" in errors["message"]["audit-prod"]
    assert "isn't allowed to call ListBuckets" in errors["message"]["billing-prod"]
    assert not errors["message"].str.contains("\n").any()
    assert errors["hint"].str.len().gt(0).all()
    printed = capsys.readouterr().out
    assert "1 of 6 profiles succeeded" in printed
    assert "`gone`: ProfileNotFound: There is no profile `gone`" in printed


def test_error_of_the_function(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """An error in the function is a row with its type and a one-line message."""

    def function(session: Any) -> int:
        if session.chain[0] == names[1]:
            raise KeyError("two\nlines")
        if session.chain[0] == names[2]:
            raise SystemExit(3)
        return 1

    frame = across_profiles(names, function)
    assert len(frame) == len(names) - 2
    assert frame.attrs["errors"] == [
        {
            "profile": profile.name,
            "account": profile.account,
            "error": error,
            "message": message,
            "hint": "",
        }
        for profile, error, message in (
            (list_profiles(names[1])[0], "KeyError", "'two\\nlines'"),
            (list_profiles(names[2])[0], "SystemExit", "3"),
        )
    ]


def test_summary_is_short(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary lists five errors and counts the rest, and is empty without errors."""
    across_profiles(names, bucket_count, progress=False)
    assert "".join(capsys.readouterr()) == ""

    def function(session: Any) -> int:
        if session.profile_name == names[0]:
            return 1
        raise ValueError(session.profile_name)

    across_profiles(names, function, progress=False)
    printed = capsys.readouterr().out
    assert "1 of 8 profiles succeeded" in printed
    assert printed.count("ValueError") == 5
    assert "… and 2 more." in printed


def test_equal_errors_are_one_line(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary groups errors that differ only in the profile's name, most frequent first."""

    def function(session: Any) -> int:
        if session.profile_name == names[0]:
            raise KeyError("own")
        if session.profile_name == names[1]:
            return 1
        raise ValueError(f"`{session.profile_name}` is odd")

    frame = across_profiles(names, function, progress=False)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [
        "1 of 8 profiles succeeded",
        "6 profiles: ValueError: `…` is odd",
        f"`{names[0]}`: KeyError: 'own'",
    ]
    assert len(frame.attrs["errors"]) == 7


def test_all_profiles_fail(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """If every profile fails, the run raises an error with the reasons, a hint and all rows."""
    with pytest.raises(NoProfileAnswered) as raised:
        across_profiles([*names[:2], "gone", "lost"], lambda _: 1 // 0, progress=False)
    assert str(raised.value) == (
        "None of 4 profiles succeeded. 2 profiles: ZeroDivisionError: integer division or modulo "
        "by zero; 2 profiles: ProfileNotFound: There is no profile `…` in the shared config files."
    )
    assert raised.value.hint == "`%aws_profiles` lists the profiles."
    assert [one["profile"] for one in raised.value.errors] == [*names[:2], "gone", "lost"]
    assert across_profiles(names[:2], bucket_count)["value"].sum() > 0


def test_exact_name(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """An exact name selects only that profile, and any other text is a pattern."""
    aws.write_profile(
        "atlas", source_profile="UserAlpha", role_arn=role_arn_of(names[0]), region="us-west-2"
    )
    assert set(across_profiles("atlas", bucket_count)["profile"]) == {"atlas"}
    assert set(across_profiles("atla", bucket_count)["profile"]) == {"atlas", *names[:3]}
    assert set(across_profiles("atlas*", bucket_count)["profile"]) == {"atlas", *names[:3]}


def role_arn_of(name: str) -> str:
    """Return the role ARN of a profile."""
    (profile,) = list_profiles(name)
    return str(profile.role_arn)


def test_no_secret_in_errors(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """If a function raises an error with its credentials in the message, they are redacted."""

    def function(session: Any) -> None:
        raise RuntimeError(str(session.get_credentials().get_frozen_credentials()))

    with pytest.raises(NoProfileAnswered) as raised:
        across_profiles(names, function)
    partly = across_profiles(
        [*names[1:], "RoleBeta"], lambda s: function(s) if s.profile_name in names else 1
    )
    shown = f"{raised.value} {raised.value.errors} {partly.attrs} "
    shown += partly.attrs["errors"].frame().to_string()
    assert "RuntimeError" in shown
    assert "ReadOnlyCredentials" in shown
    assert [secret for secret in aws.secrets() if secret in shown] == []


def test_generators_are_read(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A function can yield its rows, and an error between them is reported as usual."""

    def function(session: Any) -> Iterator[dict[str, str]]:
        for bucket in session.client("s3").list_buckets()["Buckets"]:
            yield {"bucket": bucket["Name"]}
        if session.chain[0] == names[0]:
            raise ValueError("late")

    frame = across_profiles(names, function)
    assert set(frame["profile"]) == set(names[1:])
    assert frame.attrs["errors"][0]["message"] == "late"


def test_calls(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """Each role needs one AssumeRole call, or none if the AWS CLI's cache has it."""
    across_profiles(names, bucket_count)
    actions = [call.action for call in aws.calls]
    assert actions.count("sts:AssumeRole") == actions.count("s3:ListAllMyBuckets") == len(names)
    assert len(actions) == 2 * len(names)
    aws.calls.clear()
    across_profiles(names, bucket_count)
    assert {call.action for call in aws.calls} == {"s3:ListAllMyBuckets"}


@pytest.mark.slow
def test_sessions_are_dropped(aws: EmbeddedAws) -> None:
    """Sessions are released as soon as their profile is done."""
    names = seed_organisation(aws, 24)
    alive: weakref.WeakSet[boto3.Session] = weakref.WeakSet()
    most, lock = 0, threading.Lock()

    def function(session: Any) -> int:
        nonlocal most
        with lock:
            alive.add(session)
            gc.collect()  # a client and its session refer to each other
            most = max(most, len(alive))
        return bucket_count(session)

    frame = across_profiles(names, function, max_workers=3)
    assert len(frame) == len(names)
    # The source's session, and sessions that a thread is about to release, count as well.
    assert most <= 6
    gc.collect()
    assert len(alive) == 0


@pytest.mark.slow
@pytest.mark.parametrize("theirs", [True, False])
def test_garbage_collector(aws: EmbeddedAws, theirs: bool) -> None:
    """A run freezes objects and then unfreezes them, unless the user had frozen some before."""
    gc.collect()  # in Python 3.12, this freezes the immortal objects
    if theirs:
        gc.freeze()
    try:
        frame = across_profiles(["RoleBeta"], lambda _: gc.get_freeze_count())
        assert frame["value"].min() > 10_000
        assert (gc.get_freeze_count() > 10_000) == theirs
    finally:
        gc.unfreeze()


def test_no_profiles(aws: EmbeddedAws) -> None:
    """Without profiles, the frame has no rows."""
    assert across_profiles([], bucket_count).shape == (0, 3)


def test_interrupt(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C stops further calls, keeps the results so far, and reports the missing profiles."""
    ends, called = threading.Event(), []

    def function(session: Any) -> int:
        called.append(session.chain[0])
        if len(called) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        if len(called) >= 3:
            ends.wait(60)
        return 1

    try:
        frame = across_profiles(names, function, max_workers=1)
    finally:
        ends.set()
    assert list(frame["profile"]) == list(names[:2])
    assert frame.attrs == {"errors": [], "interrupted": True}
    assert called == list(names[:3])
    printed = capsys.readouterr().out
    assert "2 of 8 profiles succeeded" in printed
    assert "Interrupted: 6 of 8 profiles weren't completed." in printed


def across_until_interrupted(
    names: tuple[str, ...], function: Any, executor: ThreadPoolExecutor, ends: threading.Event
) -> pd.DataFrame:
    """Run a function that sends Ctrl-C, and then end the calls that wait for `ends`."""
    try:
        return across_profiles(names, function, max_workers=3, executor=executor)
    finally:
        ends.set()


@pytest.mark.slow
def test_interrupt_with_an_executor(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """Ctrl-C cancels calls that an executor hasn't started, without reporting them as errors."""
    ends, called = threading.Event(), []

    def function(session: Any) -> None:
        called.append(session.chain[0])
        while executor._work_queue.qsize() < 2:  # wait until the others are queued
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        ends.wait(60)

    with ThreadPoolExecutor(1) as executor:
        frame = across_until_interrupted(names, function, executor, ends)
    assert frame.attrs == {"errors": [], "interrupted": True}
    assert len(called) == 1


@pytest.mark.slow
def test_interrupt_while_submitting(
    aws: EmbeddedAws, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is being submitted when Ctrl-C arrives is cancelled, too."""
    ends, called, futures = threading.Event(), [], []

    def submit(*arguments: Any) -> Any:
        futures.append(future := ThreadPoolExecutor.submit(executor, *arguments))
        if futures[1:2] == [future]:
            assert eventually(lambda: len(futures) == 3)
            os.kill(os.getpid(), signal.SIGINT)
            assert eventually(futures[2].cancelled)
        return future

    def function(session: Any) -> None:
        called.append(session.chain[0])
        ends.wait(60)

    with ThreadPoolExecutor(1) as executor:
        monkeypatch.setattr(executor, "submit", submit)
        frame = across_until_interrupted(names, function, executor, ends)
    assert frame.attrs == {"errors": [], "interrupted": True}
    assert len(called) == 1


@pytest.mark.parametrize("progress", [True, False])
def test_progress(
    aws: EmbeddedAws,
    names: tuple[str, ...],
    progress: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A progress bar counts the profiles, unless it is switched off."""
    across_profiles(names, bucket_count, progress=progress)
    shown = capsys.readouterr().err
    assert ("8/8" in shown) == progress
    assert bool(shown) == progress


def test_in_a_kernel(aws: EmbeddedAws) -> None:
    """A kernel shows the progress bar, the summary and the frame, and prints nothing else."""
    aws.write_profile("Broken", source_profile="UserAlpha", role_arn="arn:aws:iam::1:role/None")
    (cell,), saved = run_notebook(
        "from ipy_awsprofile import across_profiles, list_buckets\n"
        "across_profiles(['RoleBeta', 'Broken'], list_buckets)",
        environment=aws.environment(),
    )
    assert cell.error is None
    assert [one for one in cell.outputs if one.output_type == "stream"] == []
    assert "1 of 2 profiles succeeded" in "".join(cell.cards)
    assert "my-third-bucket" in cell.html
    assert "100%" in saved  # the saved notebook has the progress bar's final state
    assert " 0%|" not in saved


def test_protected(aws: EmbeddedAws, shell: Shell) -> None:
    """A protected profile raises an error unless the call confirms it."""
    shell.good("%config AwsProfileMagics.protected = ['*beta*']")
    shell.good("from ipy_awsprofile import across_profiles")
    error = shell.run("across_profiles('RoleBeta', lambda s: 1)").error
    assert isinstance(error, NoProfileAnswered)
    assert error.errors[0]["error"] == "ProtectedProfile"
    confirmed = shell.good("across_profiles('RoleBeta', lambda s: 1, confirmed=True)").result
    assert list(confirmed["value"]) == [1]


@pytest.mark.slow
def test_results_can_be_joined(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """Two results with errors can be concatenated."""
    first = across_profiles([*names, "gone"], bucket_count)
    second = across_profiles(["RoleBeta", "lost"], bucket_count)
    assert len(pd.concat([first, second])) == len(names) + 1
