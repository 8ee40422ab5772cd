"""Workers of an executor return the same frame, and receive only short-lived credentials."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from ipy_awsprofile import across_profiles, list_buckets, open_session
from ipy_awsprofile.demo.stages import USER_ACCOUNT, Scenario, seed_organisation
from ipy_awsprofile.errors import NoProfileAnswered
from tests.across.runs import account_of, actions, errors_of
from tests.aws import EmbeddedAws
from tests.processes import empty_home


@contextmanager
def processes(home: Path) -> Iterator[Executor]:
    """Start a worker process without config files, with `spawn` as on Windows and macOS."""
    with empty_home(home):
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        assert pool.submit(os.path.expanduser, "~").result() == str(home)
    with pool:
        yield pool


@contextmanager
def dask(home: Path) -> Iterator[Executor]:
    """Start a Dask cluster with one worker process, which has two threads."""
    distributed = pytest.importorskip("distributed")
    with ExitStack() as opened:
        with empty_home(home):
            cluster = distributed.LocalCluster(
                n_workers=1, threads_per_worker=2, dashboard_address=":0", host="127.0.0.1"
            )
            client = distributed.Client(opened.enter_context(cluster))
            opened.enter_context(client)
            assert client.submit(os.path.expanduser, "~").result() == str(home)
        yield client.get_executor()


@pytest.mark.parametrize("start", [processes, dask])
def test_same_frame(aws: EmbeddedAws, tmp_path: Path, start: Callable[[Path], Any]) -> None:
    """Processes and Dask return the same frame and errors as a run without executor."""
    seed_organisation(aws)
    names = ["atlas-dev", "audit-prod", "atlas-test", "billing-prod", "sandbox-old", "UserAlpha"]
    options: dict[str, Any] = {"regions": ["us-east-1", "eu-central-1"], "progress": False}
    offset = 3

    def function(session: Any) -> Any:
        frame, sts = list_buckets(session), boto3.client("sts")
        frame["length"] = frame["name"].str.len() + offset
        return frame.assign(of=account_of(boto3), client_region=sts.meta.region_name)

    here = across_profiles(names, function, **options)
    with start(tmp_path / "worker") as executor:
        there = across_profiles(names, function, executor=executor, **options)
    assert there.equals(here)
    assert there.dtypes.equals(here.dtypes)
    assert there.attrs == here.attrs
    assert set(there["profile"]) == {"atlas-dev", "atlas-test"}
    assert list(there["of"]) == list(there["account"])
    assert list(there["client_region"]) == list(there["region"])
    assert boto3.DEFAULT_SESSION is None


@functools.cache
def cached_client() -> Any:
    """Return the client of the first call."""
    return boto3.client("sts")


def account_of_cached(_session: Any) -> str:
    """Return the account of the cached client."""
    return str(cached_client().get_caller_identity()["Account"])


class Recorder(ThreadPoolExecutor):
    """A thread that pickles each call, as a process pool does, and records it."""

    def __init__(self) -> None:
        super().__init__(1)
        self.pickled: list[bytes] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Pickle the call."""
        self.pickled.append(pickle.dumps((function, args, kwargs)))
        function, args, kwargs = pickle.loads(self.pickled[-1])
        return super().submit(function, *args, **kwargs)


def test_what_is_sent(aws: EmbeddedAws, scenario: Scenario, names: tuple[str, ...]) -> None:
    """A task contains one session's short-lived credentials, no other secret and no path."""
    with Recorder() as recorder:
        frame = across_profiles([*names, "UserAlpha"], account_of, executor=recorder)
    assert list(frame["value"]) == list(frame["account"])
    assert list(frame["value"])[-1] == USER_ACCOUNT
    assert actions(aws)["sts:GetSessionToken"] == 1  # long-term keys aren't sent
    assert len(recorder.pickled) == len(names) + 1
    for text in (pickled.decode("latin-1") for pickled in recorder.pickled):
        secrets = [secret for secret in aws.iam.secrets if secret in text]
        assert len(secrets) == 2  # secret key and token
        for hidden in (scenario.user.access_key_id, str(aws.home), ".aws", "role_arn"):
            assert hidden not in text


def test_functions_that_cannot_be_sent(aws: EmbeddedAws) -> None:
    """A function that uses a session of the notebook isn't sent, and the hint says so."""
    session = open_session("RoleBeta")
    with Recorder() as recorder:
        (error,) = errors_of("RoleBeta", lambda _: session.region_name, executor=recorder)
    assert error["error"] == "InvalidOption"
    assert "Don't use sessions or clients of the notebook" in error["hint"]
    assert recorder.pickled == []


def unpicklable(_session: Any) -> Any:
    """Return a value that can't be pickled."""
    return lambda: None


def test_a_worker(aws: EmbeddedAws, names: tuple[str, ...], tmp_path: Path) -> None:
    """In a worker, a client that was cached for another profile is refused.

    A result that can't be pickled and a worker that dies are errors of their profiles.
    """
    with processes(tmp_path / "worker") as executor:
        frame = across_profiles(names, account_of_cached, executor=executor, progress=False)
        assert list(frame["value"]) == list(frame["account"])
        assert len(frame) == 1
        assert {row["error"] for row in frame.attrs["errors"]} == {"NotForOneProfile"}
        (error,) = errors_of("RoleBeta", unpicklable, executor=executor)
        assert "local object" in error["message"]  # Python's words for it differ
        with pytest.raises(NoProfileAnswered, match="terminated abruptly"):
            across_profiles("RoleBeta", lambda _: os._exit(3), executor=executor)


def test_workers_without_this_package(aws: EmbeddedAws, tmp_path: Path) -> None:
    """Dask's workers that don't have this package say so, and go on with other work."""
    with dask(tmp_path / "worker") as executor:
        hide = executor.submit(exec, "import sys; sys.modules['ipy_awsprofile'] = None")
        hide.result()
        (error,) = errors_of("RoleBeta", account_of, executor=executor)
        assert error["error"] == "InvalidOption"
        assert error["hint"] == "Install the notebook's packages there, with `ipy-awsprofile`."
        assert executor.submit(os.getpid).result() != os.getpid()
