"""A retry runs only the calls that failed, and returns all results together.

| before                      | during                        | after                             |
|-----------------------------|-------------------------------|-----------------------------------|
| some profiles failed        | retry                         | calls only those; all rows        |
|                             | retry, one still fails        | one error; retrying again works   |
| Ctrl-C skipped profiles     | retry                         | calls only those; all rows        |
| some profiles failed        | Ctrl-C in the retry           | old and new rows; errors stay     |
| every profile failed        | retry from the exception      | the rows, or NoProfileAnswered    |
| every profile answered      | retry                         | the same rows; no calls           |
| a run, then a switch        | retry                         | the profiles' rows; same identity |
| a run, then `--off`         | retry                         | the profiles' rows; no identity   |
| a run, then unloading       | retry                         | the profiles' rows                |
| the executor was shut down  | retry                         | an error; the result is unchanged |
|                             | retry with another executor   | all rows                          |
| protected, confirmed        | retry                         | still confirmed                   |
| protected, not confirmed    | retry                         | still refused                     |
| read-only                   | retry                         | still read-only                   |
| the result was copied       | retry                         | all rows                          |
| the errors were pickled     | retry                         | an error with a hint              |
"""

from __future__ import annotations

import copy
import gc
import io
import os
import pickle
import re
import signal
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pandas as pd
import pytest

from ipy_awsprofile import across_profiles, list_buckets, list_profiles
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.errors import AwsProfileError, InvalidOption, NoProfileAnswered
from tests.mfa_role import answer_with_codes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create six accounts, each with a role profile; return their names."""
    return seed_organisation(aws, 6)


class Flaky:
    """A function that fails for some profiles, and records the profiles of its calls."""

    def __init__(self, *failing: str) -> None:
        self.failing = set(failing)
        self.called: list[str] = []

    def __call__(self, session: Any) -> Any:
        """Return the session's buckets, or fail."""
        self.called.append(session.profile_name)
        if session.profile_name in self.failing:
            raise ValueError("not yet")
        return list_buckets(session)


def retry_of(frame: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Retry the calls that failed in a run."""
    again: pd.DataFrame = frame.attrs["errors"].retry(**options)
    return again


def failed(frame: pd.DataFrame) -> list[str]:
    """Return the profiles that failed."""
    return [row["profile"] for row in frame.attrs["errors"]]


def test_retry(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A retry calls only the failed profiles, and returns the frame of a run without errors."""
    flaky = Flaky(names[1], names[4])
    frame = across_profiles(names, flaky, progress=False)
    assert failed(frame) == [names[1], names[4]]
    flaky.failing, flaky.called = set(), []
    aws.calls.clear()
    whole = retry_of(frame)
    assert sorted(flaky.called) == [names[1], names[4]]
    assert [call.action for call in aws.calls] == ["s3:ListAllMyBuckets"] * 2
    expected = across_profiles(names, list_buckets, progress=False)
    pd.testing.assert_frame_equal(whole, expected)
    assert whole.attrs == {"errors": [], "interrupted": False}
    assert len(frame) < len(whole)


def test_retry_again(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """Profiles that fail in a retry are errors of the new frame, and can be retried again."""
    flaky = Flaky(*names[:3])
    frame = across_profiles(names, flaky, progress=False)
    flaky.failing, flaky.called = {names[1]}, []
    second = retry_of(frame)
    assert failed(second) == [names[1]]
    assert list(second["profile"].unique()) == [one for one in names if one != names[1]]
    flaky.failing, flaky.called = set(), []
    third = retry_of(second)
    assert flaky.called == [names[1]]
    assert list(third["profile"].unique()) == list(names)
    flaky.called = []
    assert list(retry_of(frame)["profile"].unique()) == list(names)  # it keeps its errors
    assert set(flaky.called) == set(names[:3])


@pytest.mark.slow
def test_retry_after_an_interrupt(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """After Ctrl-C, a retry runs the profiles that were skipped or that had failed."""
    flaky, ends = Flaky(names[0]), threading.Event()

    def function(session: Any) -> Any:
        if session.profile_name == names[2] and not ends.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            ends.wait(60)
        return flaky(session)

    try:
        frame = across_profiles(names, function, max_workers=1, progress=False)
    finally:
        ends.set()
    assert frame.attrs["interrupted"]
    assert list(frame["profile"].unique()) == [names[1]]
    flaky.failing, flaky.called = set(), []
    whole = retry_of(frame)
    assert sorted(set(flaky.called)) == sorted([names[0], *names[2:]])
    assert list(whole["profile"].unique()) == list(names)
    assert whole.attrs == {"errors": [], "interrupted": False}


@pytest.mark.slow
def test_interrupted_retry(
    aws: EmbeddedAws, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in a retry keeps the old and new rows, and the errors of the other profiles."""
    flaky, ends = Flaky(*names[:3]), threading.Event()
    is_retry = threading.Event()

    def function(session: Any) -> Any:
        if is_retry.is_set() and session.profile_name == names[1] and not ends.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            ends.wait(60)
        return flaky(session)

    frame = across_profiles(names, function, max_workers=1, progress=False)
    flaky.failing = set()
    is_retry.set()
    capsys.readouterr()
    try:
        second = retry_of(frame)
    finally:
        ends.set()
    assert second.attrs["interrupted"]
    assert list(second["profile"].unique()) == [names[0], *names[3:]]
    assert failed(second) == list(names[1:3])
    printed = capsys.readouterr().out
    assert "4 of 6 profiles succeeded" in printed
    assert "Interrupted: 2 of 6 profiles weren't completed." in printed
    assert list(retry_of(second)["profile"].unique()) == list(names)


def test_every_profile_failed(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """The exception's errors can be retried, which raises it again if every profile fails."""
    flaky = Flaky(*names)
    with pytest.raises(NoProfileAnswered) as raised:
        across_profiles(names, flaky, progress=False)
    with pytest.raises(NoProfileAnswered, match="None of 6 profiles succeeded") as again:
        raised.value.errors.retry()
    flaky.failing = set()
    assert list(again.value.errors.retry()["profile"].unique()) == list(names)


def test_failed_cell(shell: Shell, names: tuple[str, ...]) -> None:
    """After a cell that failed for every profile, `sys.last_value.errors` can be retried."""
    shell.good("import sys\nready = False")
    shell.refused("%%aws_profiles reader --no-progress\nassert ready\nprofile.account")
    whole = shell.good("ready = True\nsys.last_value.errors.retry()").result
    assert list(whole["profile"]) == list(names)


def test_mfa_codes(aws: EmbeddedAws, auditor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry prompts for an MFA code only if a failed profile needs it."""
    answer_with_codes(aws, auditor, monkeypatch)
    flaky = Flaky("RoleBeta")
    frame = across_profiles(["Auditor", "RoleBeta"], flaky, progress=False)
    assert failed(frame) == ["RoleBeta"]
    monkeypatch.setattr("getpass.getpass", pytest.fail)
    flaky.failing = set()
    assert list(retry_of(frame)["profile"].unique()) == ["Auditor", "RoleBeta"]
    assert [call.action for call in aws.calls].count("sts:GetSessionToken") == 1


def test_every_profile_answered(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """If nothing failed, every retry returns the same rows without calling AWS."""
    frame = across_profiles(names, list_buckets, progress=False)
    aws.calls.clear()
    second = retry_of(retry_of(frame))
    assert aws.calls == []
    pd.testing.assert_frame_equal(second, frame)
    assert second.attrs == frame.attrs == {"errors": [], "interrupted": False}
    second["name"] = "changed"
    assert (frame["name"] != "changed").all()


BETWEEN = {
    "switch": ("%aws_profile UserAlpha", "UserAlpha"),
    "off": ("%aws_profile RoleBeta\n%aws_profile --off", None),
    "unloading": ("%unload_ext ipy_awsprofile", None),
}


@pytest.mark.parametrize(("between", "active"), BETWEEN.values(), ids=BETWEEN)
def test_notebook_meanwhile(
    shell: Shell, names: tuple[str, ...], between: str, active: str | None
) -> None:
    """A retry doesn't depend on the notebook's identity at the time, and doesn't change it."""
    shell.good("ready = False")
    cell = f"assert ready or profile.name != '{names[1]}'\nprofile.account"
    shell.good(f"%%aws_profiles reader --into frame --no-progress\n{cell}")
    shell.good(f"{between}\nready = True")
    default = boto3.DEFAULT_SESSION
    whole = shell.good("whole = frame.attrs['errors'].retry()\nwhole").result
    assert list(whole["profile"]) == list(names)
    assert list(whole["value"]) == list(whole["account"])
    assert boto3.DEFAULT_SESSION is default
    assert (default and default.profile_name) == active


def test_executor_that_was_shut_down(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """An executor that was shut down raises an error, and its hint to pass another one works."""
    flaky = Flaky(names[0])
    with ThreadPoolExecutor(2) as executor:
        frame = across_profiles(names, flaky, executor=executor, progress=False)
    flaky.failing = set()
    with pytest.raises(InvalidOption, match="doesn't accept calls: cannot schedule") as raised:
        retry_of(frame)
    assert "`retry(executor=…)`" in raised.value.hint
    assert failed(frame) == [names[0]]
    assert frame.attrs["errors"][0]["message"] == "not yet"
    with ThreadPoolExecutor(2) as executor:
        whole = retry_of(frame, executor=executor)
    assert list(whole["profile"].unique()) == list(names)


def test_new_run_with_such_an_executor(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A new run with an executor that was shut down raises the same error."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(InvalidOption, match="doesn't accept calls"):
        across_profiles(names, list_buckets, executor=executor, progress=False)


@pytest.mark.parametrize("confirmed", [True, False])
def test_protected(shell: Shell, names: tuple[str, ...], confirmed: bool) -> None:
    """A retry includes protected profiles only if the run was confirmed."""
    shell.good(f"%config AwsProfileMagics.protected = ['{names[0]}']")
    shell.good("ready = False")
    cell = f"assert ready or profile.name != '{names[0]}'\n1"
    yes = "--yes" if confirmed else ""
    shell.good(f"%%aws_profiles reader --into frame {yes} --no-progress\n{cell}")
    whole = shell.good("ready = True\nframe.attrs['errors'].retry()").result
    assert list(whole["profile"]) == list(names if confirmed else names[1:])
    assert [row["error"] for row in whole.attrs["errors"]] == (
        [] if confirmed else ["ProtectedProfile"]
    )


def test_read_only(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A retry of a read-only run uses read-only sessions."""
    tries = dict.fromkeys(names, 0)

    def function(session: Any) -> bool:
        tries[session.profile_name] += 1
        assert tries[names[0]] != 1 or session.profile_name != names[0]
        return bool(session.target.request.read_only)

    frame = across_profiles(names, function, read_only=True, progress=False)
    assert failed(frame) == [names[0]]
    assert retry_of(frame)["value"].all()


STEPS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "head": lambda frame: frame.head(1),
    "copy": lambda frame: frame.copy(),
    "shallow copy": copy.copy,
    "deep copy": copy.deepcopy,
    "query": lambda frame: frame.query("profile != 'nobody'"),
    "sort": lambda frame: frame.sort_values("name"),
    "assign": lambda frame: frame.assign(team=1),
    "concat": lambda frame: pd.concat([frame, frame]),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_after_a_step_of_pandas(
    aws: EmbeddedAws, names: tuple[str, ...], step: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    """The errors of a frame that pandas derives from the result can be retried."""
    flaky = Flaky(names[0])
    frame = step(across_profiles(names, flaky, progress=False))
    flaky.failing = set()
    assert list(retry_of(frame)["profile"].unique()) == list(names)
    assert list(retry_of(frame)) == ["profile", "account", "region", "name", *DATES]


DATES = ("creation_date", "result_region")


def test_copied_errors(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """Copies of the errors can be retried without their frame."""
    flaky = Flaky(names[0])
    errors = across_profiles(names, flaky, progress=False).attrs["errors"]
    flaky.failing = set()
    for copied in (copy.copy(errors), copy.deepcopy(errors)):
        assert list(copied.retry()["profile"].unique()) == list(names)


def test_pickled(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A pickled frame keeps the rows of its errors, but can't retry without the function."""
    frame = across_profiles(names, Flaky(names[0]), progress=False)
    pickled = pickle.dumps(frame)
    assert b"Flaky" not in pickled
    loaded = pickle.loads(pickled)
    pd.testing.assert_frame_equal(loaded, frame)
    assert loaded.attrs == frame.attrs
    with pytest.raises(AwsProfileError, match="come from a file or another process") as raised:
        retry_of(loaded)
    assert "Run the function again" in raised.value.hint
    file = io.BytesIO()
    frame.to_parquet(file)
    assert pd.read_parquet(file).attrs["errors"] == list(frame.attrs["errors"])


@pytest.mark.slow
def test_nothing_else_is_kept(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """A result with errors keeps neither sessions nor credentials alive."""
    alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def function(session: Any) -> int:
        alive.update([session, session.get_credentials()])
        assert session.profile_name != names[0]
        return 1

    frame = across_profiles(names, function, progress=False)
    gc.collect()
    assert failed(frame) == [names[0]]
    assert len(alive) == 0


def test_account(aws: EmbeddedAws) -> None:
    """An error's account comes from STS or, without a session, from the files."""
    seed_organisation(aws)
    frame = across_profiles(["atlas-dev", "audit-prod", "billing-prod", "lost"], list_buckets)
    by_files = {one.name: one.account for one in list_profiles("*-prod")}
    assert {row["profile"]: row["account"] for row in frame.attrs["errors"]} == {
        "audit-prod": by_files["audit-prod"],
        "billing-prod": by_files["billing-prod"],
        "lost": None,
    }
    table = frame.attrs["errors"].frame()
    assert list(table) == ["profile", "account", "error", "message", "hint"]
    assert table["account"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("variable", ["buckets", "_", ""])
def test_what_the_card_says(shell: Shell, names: tuple[str, ...], variable: str) -> None:
    """The card says how to retry, and the code on it works."""
    shell.good("from ipy_awsprofile import across_profiles\nready = False")
    cell = f"assert ready or profile.name != '{names[0]}'\n1"
    if variable:
        into = "" if variable == "_" else f"--into {variable}"
        ran = shell.good(f"%%aws_profiles reader {into} --no-progress\n{cell}")
    else:
        shell.good(f"def function(who): return 1 // (ready or who.profile_name != {names[0]!r})")
        ran = shell.good("buckets = across_profiles('reader', function, progress=False)")
    (line,) = [one.strip() for one in ran.text.splitlines() if "retry" in one]
    assert line.startswith("To retry the rest, ")
    assert line.endswith("It returns all results.")
    shell.names["ready"] = True
    if variable:
        (code,) = re.findall(r"`(.*)`", line)
        shell.good(code)
        whole = shell.names[code.split(" = ")[0]]
    else:
        assert 'call `retry()` on the DataFrame\'s `attrs["errors"]`' in line
        whole = shell.good("buckets.attrs['errors'].retry()").result
    assert list(whole["profile"]) == list(names)
