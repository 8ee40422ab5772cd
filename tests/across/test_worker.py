"""Worker processes return the same frame, and receive only short-lived credentials."""

from __future__ import annotations

import builtins
import multiprocessing
import os
import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from ipy_awsprofile import across_profiles, list_buckets, open_session
from ipy_awsprofile.across.shared_sources import SharedSources
from ipy_awsprofile.across.worker import PortableFunction, call_in_worker
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.sessions.portable import portable
from tests.across.failing import errors_of
from tests.shells import run_notebook, run_python
from tests.workers import empty_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario


@contextmanager
def processes(home: Path) -> Iterator[Executor]:
    """Start a worker process with `spawn`, the default on Windows and macOS."""
    context = multiprocessing.get_context("spawn")
    with empty_home(home):
        pool = ProcessPoolExecutor(1, mp_context=context)
        assert pool.submit(os.path.expanduser, "~").result() == str(home)
    with pool:
        yield pool


@contextmanager
def dask(home: Path) -> Iterator[Executor]:
    """Start a Dask cluster with one worker process."""
    from distributed import Client, LocalCluster

    with ExitStack() as opened:
        with empty_home(home):
            cluster = LocalCluster(
                n_workers=1, threads_per_worker=2, dashboard_address=":0", host="127.0.0.1"
            )
            client = opened.enter_context(Client(opened.enter_context(cluster)))
            assert client.submit(os.path.expanduser, "~").result() == str(home)
        yield client.get_executor()


@contextmanager
def threads(home: Path) -> Iterator[Executor]:
    """Start threads, which don't need pickling."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize("start", [threads, processes, dask])
def test_same_frame(aws: EmbeddedAws, tmp_path: Path, start: Callable[[Path], Any]) -> None:
    """Threads, processes and Dask return the same frame and errors as a run without executor."""
    seed_organisation(aws)
    names = ["atlas-dev", "audit-prod", "atlas-test", "billing-prod", "sandbox-old", "UserAlpha"]
    offset = 3

    def function(session: Any) -> Any:
        frame = list_buckets(session)
        frame["length"] = frame["name"].str.len() + offset
        return frame

    here = across_profiles(names, function, progress=False)
    with start(tmp_path / "worker") as executor:
        there = across_profiles(names, function, executor=executor, progress=False)
    assert there.equals(here)
    assert there.dtypes.equals(here.dtypes)
    assert there.attrs == here.attrs
    assert len(there.attrs["errors"]) == 4
    assert set(there["profile"]) == {"atlas-dev", "atlas-test"}


class Recorder(ThreadPoolExecutor):
    """A thread pool that pickles each call, as a process pool does, and records it."""

    def __init__(self) -> None:
        super().__init__(4)
        self.pickled: list[bytes] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Pickle the call and its result."""
        self.pickled.append(pickle.dumps((function, args, kwargs)))
        return super().submit(_unpickled_call, self.pickled[-1])


def _unpickled_call(pickled: bytes) -> Any:
    function, args, kwargs = pickle.loads(pickled)
    return pickle.loads(pickle.dumps(function(*args, **kwargs)))


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Yield a running recorder."""
    with Recorder() as recorder:
        yield recorder


def key_of(session: Any) -> str:
    """Return the access key of a session."""
    return str(session.get_credentials().get_frozen_credentials().access_key)


def test_what_is_sent(aws: EmbeddedAws, scenario: Scenario, recorder: Recorder) -> None:
    """A pickled call contains the role's short-lived credentials, no other secret and no path."""
    names = [*seed_organisation(aws, 4), "UserAlpha", "RoleBeta"]
    frame = across_profiles(names, key_of, executor=recorder)
    assert frame.attrs["errors"] == []
    assert len(recorder.pickled) == len(names)
    texts = [pickled.decode("latin-1") for pickled in recorder.pickled]
    secrets = aws.secrets()
    for text in texts:
        assert len([secret for secret in secrets if secret in text]) == 2  # secret key and token
        assert scenario.user.access_key_id not in text
        assert scenario.user.secret_access_key not in text
        for file in (aws.home, aws.config_file, aws.credentials_file, ".aws"):
            assert str(file) not in text
        assert "role_arn" not in text
        assert "source_profile" not in text
    assert all(key.startswith("ASIA") for key in frame["value"])


def test_long_term_keys_are_not_sent(aws: EmbeddedAws, recorder: Recorder) -> None:
    """Workers receive short-lived credentials instead of the user's long-term keys."""
    frame = across_profiles(
        ["UserAlpha"],
        lambda session: session.client("sts").get_caller_identity()["Arn"],
        executor=recorder,
    )
    assert list(frame["value"]) == [f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"]
    assert "sts:GetSessionToken" in {call.action for call in aws.calls}


def test_keys_that_cannot_be_exchanged(
    aws: EmbeddedAws, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If STS refuses to exchange long-term keys, the profile fails and nothing is sent."""

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetSessionToken")

    opened = SharedSources.open

    def refused(self: SharedSources, target: Any, **options: Any) -> Any:
        session = opened(self, target, **options)
        session.events.register("before-call.sts.GetSessionToken", refuse)
        return session

    monkeypatch.setattr(SharedSources, "open", refused)
    (error,) = errors_of(["UserAlpha"], key_of, executor=recorder)
    assert error["error"] == "AccessDenied"
    assert "GetSessionToken" in error["message"]
    assert recorder.pickled == []


class Slow(Recorder):
    """An executor that calls a function before it accepts its first task."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = happens

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function before the first task, then submit the task."""
        if not self.pickled:
            self._happens()
        return super().submit(function, *args, **kwargs)


def test_expired_in_the_queue(aws: EmbeddedAws) -> None:
    """A task whose credentials expire in the queue runs again with new credentials."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        slow = Slow(lambda: traveller.shift(timedelta(hours=2)))
        with slow:
            frame = across_profiles(["RoleBeta"], list_buckets, executor=slow)
    assert frame.attrs["errors"] == []
    assert len(frame) == 3
    assert len(slow.pickled) == 2


def test_revoked_in_the_queue(aws: EmbeddedAws) -> None:
    """A task whose credentials AWS revokes runs again, even if the cache still has them."""
    with Slow(aws.expire_sessions) as slow:
        frame = across_profiles(["RoleBeta"], list_buckets, executor=slow)
    assert len(frame) == 3
    assert len(slow.pickled) == 2


def test_expired_twice(aws: EmbeddedAws) -> None:
    """A task with expired credentials runs again only once."""

    def function(session: Any) -> Any:
        aws.expire_sessions()
        return list_buckets(session)

    with ThreadPoolExecutor(1) as executor:
        (error,) = errors_of(["RoleBeta"], function, executor=executor)
    assert error["error"] == "CredentialsExpired"
    assert [call.action for call in aws.calls].count("s3:ListAllMyBuckets") == 2


def unpicklable(session: Any) -> Any:
    """Return a value that can't be pickled."""
    return lambda: None


@pytest.mark.slow
def test_results_that_cannot_be_pickled(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A result that can't be pickled is reported as its profile's error."""
    with processes(tmp_path / "worker") as executor:
        (error,) = errors_of(["RoleBeta"], unpicklable, executor=executor)
    assert "unpicklable.<locals>.<lambda>" in error["message"]


@pytest.mark.slow
def test_worker_that_dies(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A worker that dies is reported as its profile's error."""
    with processes(tmp_path / "worker") as executor:
        (error,) = errors_of(["RoleBeta"], lambda s: os._exit(3), executor=executor)
    assert error["error"] == "BrokenProcessPool"


def test_sessions_are_not_sent(aws: EmbeddedAws, recorder: Recorder) -> None:
    """A function that refers to a session is refused before any task starts."""
    session = open_session("RoleBeta")
    with pytest.raises(InvalidOption, match=r"can't be sent to a worker.*stays in its process"):
        across_profiles(["RoleBeta"], lambda _: session.region_name, executor=recorder)
    assert recorder.pickled == []


def test_without_cloudpickle(
    aws: EmbeddedAws, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without cloudpickle, functions in modules work, and functions in `__main__` are refused."""
    imported = builtins.__import__

    def no_cloudpickle(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "cloudpickle":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_cloudpickle)
    assert len(across_profiles(["RoleBeta"], list_buckets, executor=recorder)) == 3

    def of_the_notebook(session: Any) -> int:
        return 1

    of_the_notebook.__module__ = "__main__"
    with pytest.raises(InvalidOption, match="cloudpickle is needed") as raised:
        across_profiles(["RoleBeta"], of_the_notebook, executor=recorder)
    assert "%pip install cloudpickle" in raised.value.hint


def test_function_that_the_worker_lacks(aws: EmbeddedAws, recorder: Recorder) -> None:
    """If the worker lacks the function's module, it is reported as the profile's error."""
    function = PortableFunction(list_buckets, recorder)
    function.__setstate__(b"cno_such_module\nfunction\n.")
    result = call_in_worker(portable(open_session("RoleBeta")), function)
    assert result.failure
    assert result.failure.error == "ModuleNotFoundError"


@pytest.mark.slow
def test_in_a_notebook(aws: EmbeddedAws) -> None:
    """A function defined in a notebook works in processes."""
    cells, _ = run_notebook(
        "from ipy_awsprofile import across_profiles\n"
        "import multiprocessing\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "unit = 10\n"
        "def tens(session):\n"
        "    return len(session.client('s3').list_buckets()['Buckets']) * unit",
        "with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:\n"
        "    frame = across_profiles(['RoleBeta'], tens, executor=pool, progress=False)\n"
        "frame['value'].tolist()",
        environment=aws.environment(),
    )
    assert [cell.error for cell in cells] == [None, None]
    assert cells[1].text == "[30]"


def test_few_imports() -> None:
    """Importing the worker imports neither pandas nor IPython."""
    heavy = "sorted({'pandas', 'IPython', 'ipywidgets'} & set(sys.modules))"
    modules = "ipy_awsprofile.across.worker, ipy_awsprofile.sessions.portable"
    assert run_python(f"import sys, {modules}; print({heavy})") == "[]\n"
