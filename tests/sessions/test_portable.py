"""Functions on other processes: the same frame, and nothing but short-lived credentials travels."""

from __future__ import annotations

import builtins
import multiprocessing
import os
import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from ipy_awsprofile import across_profiles, list_buckets, open_session, who_am_i
from ipy_awsprofile.across.outcomes import Answer
from ipy_awsprofile.across.worker import PortableFunction, work
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.demo.stages.scenario import USER_ACCOUNT
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.sessions.portable import portable
from tests.shells import run_notebook, run_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario


@contextmanager
def elsewhere(home: Path) -> Iterator[None]:
    """Let what is started meanwhile find an empty home and no config file."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    home.mkdir(exist_ok=True)
    os.environ |= {
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / "nowhere"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "nowhere"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def processes(home: Path) -> Iterator[Executor]:
    """Start a worker by itself, as on Windows and macOS."""
    context = multiprocessing.get_context("spawn")
    with elsewhere(home):
        pool = ProcessPoolExecutor(1, mp_context=context)
        assert pool.submit(os.path.expanduser, "~").result() == str(home)
    with pool:
        yield pool


@contextmanager
def dask(home: Path) -> Iterator[Executor]:
    """Start a Dask cluster with a worker process."""
    from distributed import Client, LocalCluster

    with ExitStack() as opened:
        with elsewhere(home):
            cluster = LocalCluster(
                n_workers=1, threads_per_worker=2, dashboard_address=":0", host="127.0.0.1"
            )
            client = opened.enter_context(Client(opened.enter_context(cluster)))
            assert client.submit(os.path.expanduser, "~").result() == str(home)
        yield client.get_executor()


@contextmanager
def threads(home: Path) -> Iterator[Executor]:
    """Start threads, which need nothing to be pickled."""
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.mark.parametrize("start", [threads, processes, dask])
def test_same_frame(aws: EmbeddedAws, tmp_path: Path, start: Callable[[Path], Any]) -> None:
    """Threads, processes and Dask give the same frame and errors, to a function of the notebook."""
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
    """Threads to which all travels in pickled form, as to a process; keeps what was pickled."""

    def __init__(self) -> None:
        super().__init__(4)
        self.pickled: list[bytes] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Pickle the call, and the answer."""
        self.pickled.append(pickle.dumps((function, args, kwargs)))
        return super().submit(_unpickled_call, self.pickled[-1])


def _unpickled_call(pickled: bytes) -> Any:
    function, args, kwargs = pickle.loads(pickled)
    return pickle.loads(pickle.dumps(function(*args, **kwargs)))


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Start a recorder."""
    with Recorder() as recorder:
        yield recorder


def key_of(session: Any) -> str:
    """Say which access key a session has."""
    return str(session.get_credentials().get_frozen_credentials().access_key)


def test_what_travels(aws: EmbeddedAws, scenario: Scenario, recorder: Recorder) -> None:
    """In what is pickled are the short-lived credentials of that role, no other secret, no path."""
    names = [*seed_organisation(aws, 4), "UserAlpha", "RoleBeta"]
    frame = across_profiles(names, key_of, executor=recorder)
    assert frame.attrs["errors"] == []
    assert len(recorder.pickled) == len(names)
    texts = [pickled.decode("latin-1") for pickled in recorder.pickled]
    secrets = aws.secrets()
    for text in texts:
        assert len([secret for secret in secrets if secret in text]) == 2  # its own key and token
        assert scenario.user.access_key_id not in text
        assert scenario.user.secret_access_key not in text
        for file in (aws.home, aws.config_file, aws.credentials_file, ".aws"):
            assert str(file) not in text
        assert "role_arn" not in text
        assert "source_profile" not in text
    assert all(key.startswith("ASIA") for key in frame["value"])


def test_long_term_keys_stay(aws: EmbeddedAws, recorder: Recorder) -> None:
    """For long-term keys, STS gives short-lived credentials of the same user."""
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
    """If STS refuses that, it is an error of that profile, and nothing travels."""
    from botocore.exceptions import ClientError

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetSessionToken")

    from ipy_awsprofile.across.shared_sources import Sources

    opened = Sources.open

    def refused(self: Sources, target: Any, **options: Any) -> Any:
        session = opened(self, target, **options)
        session.events.register("before-call.sts.GetSessionToken", refuse)
        return session

    monkeypatch.setattr(Sources, "open", refused)
    frame = across_profiles(["UserAlpha"], key_of, executor=recorder)
    (error,) = frame.attrs["errors"]
    assert error["error"] == "AccessDenied"
    assert "GetSessionToken" in error["message"]
    assert recorder.pickled == []


def test_no_secret_is_shown(aws: EmbeddedAws) -> None:
    """Neither the record that travels nor the session made of it shows a secret."""
    record = portable(open_session("RoleBeta"))
    shown = f"{record} {record!r} {record.open()!r} {[record]}"
    assert "RoleBeta" in shown
    assert [secret for secret in aws.secrets() if secret in shown] == []
    assert record.access_key not in shown


def test_place_travels(aws: EmbeddedAws, tmp_path: Path) -> None:
    """Region, endpoint, services and S3 settings come along; no file is read for the session."""
    with aws.config_file.open("a") as file:
        file.write(f"\n[services local]\ns3 =\n  endpoint_url = {aws.endpoint_url}\n")
    aws.write_profile(
        "Placed",
        source_profile="UserAlpha",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        region="eu-west-3",
        services="local",
        s3={"addressing_style": "virtual"},
        ca_bundle=str(tmp_path / "no.pem"),
        endpoint_url=aws.endpoint_url,
    )
    record = portable(open_session("Placed"))
    with elsewhere(tmp_path / "worker"):
        client = record.open().client("s3")
        sqs = record.open().resource("sqs")
    assert client.meta.region_name == "eu-west-3"
    assert client.meta.endpoint_url == aws.endpoint_url
    assert client.meta.config.s3["addressing_style"] == "virtual"
    assert sqs.meta.client.meta.endpoint_url == aws.endpoint_url
    assert "ca_bundle" not in record.settings


def test_worker_session_says_who_it_is(aws: EmbeddedAws) -> None:
    """`who_am_i` and `list_buckets` work with the session of a worker, and name its profile."""
    session = portable(open_session("RoleBeta")).open()
    identity = who_am_i(session)
    assert (identity.profile, identity.chain) == ("RoleBeta", ("RoleBeta", "UserAlpha"))
    assert len(list_buckets(session)) == 3


class Slow(Recorder):
    """A queue in which the first task waits so long that something happens before."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = happens

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Wait, then do what is to be done."""
        if not self.pickled:
            self._happens()
        return super().submit(function, *args, **kwargs)


def test_expired_in_the_queue(aws: EmbeddedAws) -> None:
    """A task whose credentials have ended before it began is done again, with new ones."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        slow = Slow(lambda: traveller.shift(timedelta(hours=2)))
        with slow:
            frame = across_profiles(["RoleBeta"], list_buckets, executor=slow)
    assert frame.attrs["errors"] == []
    assert len(frame) == 3
    assert len(slow.pickled) == 2


def test_ended_by_aws(aws: EmbeddedAws) -> None:
    """The same holds if the AWS CLI's cache still takes the credentials for good ones."""
    with Slow(aws.expire_sessions) as slow:
        frame = across_profiles(["RoleBeta"], list_buckets, executor=slow)
    assert len(frame) == 3
    assert len(slow.pickled) == 2


def test_expired_twice(aws: EmbeddedAws) -> None:
    """It is done again once, no more."""

    def function(session: Any) -> Any:
        aws.expire_sessions()
        return list_buckets(session)

    with ThreadPoolExecutor(1) as executor:
        frame = across_profiles(["RoleBeta"], function, executor=executor)
    assert frame.attrs["errors"][0]["error"] == "CredentialsExpired"
    assert [call.action for call in aws.calls].count("s3:ListAllMyBuckets") == 2


def unpicklable(session: Any) -> Any:
    """Return what can't travel back."""
    return lambda: None


def test_results_that_cannot_travel(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A result that can't be pickled is an error of that profile."""
    with processes(tmp_path / "worker") as executor:
        frame = across_profiles(["RoleBeta"], unpicklable, executor=executor)
    (error,) = frame.attrs["errors"]
    assert "unpicklable.<locals>.<lambda>" in error["message"]


def test_worker_that_dies(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A worker that dies takes its task with it, and the frame says so."""
    with processes(tmp_path / "worker") as executor:
        frame = across_profiles(["RoleBeta"], lambda s: os._exit(3), executor=executor)
    assert frame.attrs["errors"][0]["error"] == "BrokenProcessPool"


def test_sessions_do_not_travel(aws: EmbeddedAws, recorder: Recorder) -> None:
    """A function that takes a session of the notebook along is refused before the start."""
    session = open_session("RoleBeta")
    with pytest.raises(TypeError, match="stays in its process"):
        pickle.dumps(session)
    with pytest.raises(InvalidOption, match=r"can't be sent to a worker.*stays in its process"):
        across_profiles(["RoleBeta"], lambda _: session.region_name, executor=recorder)
    assert recorder.pickled == []


def test_without_cloudpickle(
    aws: EmbeddedAws, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without cloudpickle, functions of modules travel; one of the notebook says what to do."""
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
    with pytest.raises(InvalidOption, match="needs cloudpickle") as told:
        across_profiles(["RoleBeta"], of_the_notebook, executor=recorder)
    assert "%pip install cloudpickle" in told.value.hint


def test_function_that_the_worker_lacks(aws: EmbeddedAws, recorder: Recorder) -> None:
    """A function whose module isn't there on the worker is told as an error of the profile."""
    function = PortableFunction(list_buckets, recorder)
    function.__setstate__(b"cno_such_module\nfunction\n.")
    answer = work(portable(open_session("RoleBeta")), function)
    assert isinstance(answer, Answer)
    assert answer.problem
    assert answer.problem.error == "ModuleNotFoundError"


def test_in_a_notebook(aws: EmbeddedAws) -> None:
    """A function that is written in a notebook goes to processes."""
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


def test_worker_is_light() -> None:
    """A worker loads neither pandas nor IPython for what travels to it."""
    heavy = "sorted({'pandas', 'IPython', 'ipywidgets'} & set(sys.modules))"
    assert run_python(f"import sys, ipy_awsprofile.sessions.portable; print({heavy})") == "[]\n"
