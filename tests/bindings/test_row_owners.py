"""A client that a row keeps signs for neither another row nor the notebook."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.bindings.row_owners import row_owners
from ipy_awsprofile.bindings.weak_notes import WeakNotes
from ipy_awsprofile.demo.stages.organisation import seed_organisation
from ipy_awsprofile.errors import NoProfileAnswered, StaleIdentity
from tests.workers import empty_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

#: A module whose clients outlive the row that creates them.
MODULE = """
import functools, io, threading, boto3

@functools.cache
def sts():
    return boto3.client("sts")

@functools.cache
def sts_of(profile):
    return boto3.client("sts")

def account(session):
    return sts().get_caller_identity()["Account"]

def in_thread(session):
    found, raised, client = [], [], sts()
    def work():
        try:
            found.append(client.get_caller_identity()["Account"])
        except Exception as error:
            raised.append(error)
    thread = threading.Thread(target=work)
    thread.start(); thread.join()
    for error in raised:
        raise error
    return found[0]

def presigned(session):
    return sts().generate_presigned_url("get_caller_identity") and session.profile_name

def with_own_client(session):
    return session.client("sts").get_caller_identity()["Account"]

def with_client_per_profile(session):
    return sts_of(session.profile_name).get_caller_identity()["Account"]
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Write the module and import it."""
    (tmp_path / "keeps_clients.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import keeps_clients  # type: ignore[import-not-found]

    yield keeps_clients
    sys.modules.pop("keeps_clients", None)


@pytest.fixture
def names(aws: EmbeddedAws) -> tuple[str, ...]:
    """Create four accounts, each with a role profile; return their names."""
    return seed_organisation(aws, 4)


@pytest.fixture
def notebook(shell: Shell, module: Any) -> Shell:
    """Load the extension in a notebook that has imported the module."""
    shell.good("import keeps_clients as keeps\nfrom ipy_awsprofile import across_profiles")
    return shell


def is_own_account(frame: Any) -> bool:
    """Return whether each row has the account of its own profile."""
    return bool((frame["value"] == frame["account"]).all())


@pytest.mark.parametrize("function", ["account", "in_thread", "presigned"])
def test_another_row(aws: EmbeddedAws, names: tuple[str, ...], module: Any, function: str) -> None:
    """If a row uses a client that another row has cached, it fails, and AWS gets no request."""
    frame = across_profiles(names, getattr(module, function), max_workers=1, progress=False)
    assert list(frame["profile"]) == [names[0]]
    errors = frame.attrs["errors"]
    assert {row["error"] for row in errors} == {"NotForOneProfile"}
    assert [row["profile"] for row in errors] == list(names[1:])
    assert names[0] in errors[0]["message"]
    assert 'session.client("sts")' in errors[0]["hint"]
    signed = {call.arn for call in aws.calls if call.action == "sts:GetCallerIdentity"}
    assert len(signed) <= 1
    # The hint's advice:
    assert is_own_account(across_profiles(names, module.with_own_client, progress=False))


def test_rows_at_the_same_time(names: tuple[str, ...], module: Any) -> None:
    """Rows that run at the same time never return another profile's account."""
    frame = across_profiles(names, module.account, progress=False)
    assert is_own_account(frame)
    # Rows that begin at the same moment each create a client.
    assert len(frame) >= 1
    assert len(frame) + len(frame.attrs["errors"]) == 4


def test_another_run(names: tuple[str, ...], module: Any) -> None:
    """A later run refuses a client of an earlier run, unless it is of the same profile."""
    across_profiles(names[:1], module.account, progress=False)
    with pytest.raises(NoProfileAnswered):
        across_profiles(names[1:], module.account, progress=False)
    assert is_own_account(across_profiles(names[:1], module.account, progress=False))
    assert is_own_account(across_profiles(names[:1], module.in_thread, progress=False))
    with pytest.raises(NoProfileAnswered):  # the client could write
        across_profiles(names[:1], module.account, read_only=True, progress=False)


def test_client_for_each_profile(names: tuple[str, ...], module: Any) -> None:
    """A cache with a client for each profile works, in several Regions, runs and retries."""
    for regions in (None, ["us-west-2", "eu-central-1"]):
        frame = across_profiles(
            names, module.with_client_per_profile, regions=regions, progress=False
        )
        assert frame.attrs["errors"] == []
        assert is_own_account(frame)
        assert is_own_account(frame.attrs["errors"].retry())


@contextmanager
def process(home: Path) -> Iterator[Executor]:
    """Start a worker process."""
    with empty_home(home):
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        pool.submit(int).result()
    with pool:
        yield pool


@contextmanager
def thread(_home: Path) -> Iterator[Executor]:
    """Start a worker thread."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.parametrize("start", [thread, process])
def test_workers(
    names: tuple[str, ...], module: Any, tmp_path: Path, start: Callable[[Path], Any]
) -> None:
    """A worker refuses a client that an earlier task has cached, and accepts its own clients."""
    with start(tmp_path / "worker") as pool:
        frame = across_profiles(names, module.account, executor=pool, progress=False)
        assert is_own_account(frame)
        assert len(frame) == 1
        assert {row["error"] for row in frame.attrs["errors"]} == {"NotForOneProfile"}
        frame = across_profiles(names, module.with_own_client, executor=pool, progress=False)
        assert is_own_account(frame)
        assert frame.attrs["errors"] == []


@pytest.mark.parametrize("executor", ["", ", executor=pool"])
def test_in_the_notebook(
    notebook: Shell, aws: EmbeddedAws, names: tuple[str, ...], executor: str
) -> None:
    """After a run, a row's client is a client of another identity, with and without a switch."""
    notebook.good("from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)")
    notebook.good(
        f"frame = across_profiles(['{names[0]}'], keeps.account, progress=False{executor})"
    )
    used = "keeps.sts().get_caller_identity()['Account']"
    text = f"signs GetCallerIdentity as {names[0]}, but no profile is active"
    assert text in notebook.good(used).text
    notebook.good("%aws_profile RoleBeta")
    text = notebook.good(used).text
    assert f"signs GetCallerIdentity as {names[0]}, but `RoleBeta` is active" in text
    assert "a run over many profiles" in text
    aws.calls.clear()
    notebook.good("%config AwsProfileMagics.stale = 'refuse'")
    assert isinstance(notebook.run(used).error, StaleIdentity)
    notebook.good("%config AwsProfileMagics.stale = 'warn'\n%aws_profile RoleBeta --read-only")
    assert isinstance(notebook.run(used).error, StaleIdentity)
    assert "sts:GetCallerIdentity" not in {
        call.action for call in aws.calls if names[0] in str(call.arn)
    }
    notebook.good("%aws_profile --off\n%config AwsProfileMagics.stale = 'refuse'")
    assert isinstance(notebook.run(used).error, StaleIdentity)
    assert "signs" not in notebook.good(f"%aws_profile {names[0]}\n{used}").text
    # The hint's advice, in the notebook:
    good = "session.client('sts').get_caller_identity()['Account']"
    assert "signs" not in notebook.good(good).text
    notebook.good("pool.shutdown()")


def test_during_a_run(notebook: Shell, names: tuple[str, ...]) -> None:
    """While a profile is active, each row signs as its profile without a warning."""
    notebook.good("%aws_profile RoleBeta\n%config AwsProfileMagics.stale = 'refuse'")
    ran = notebook.good(
        f"frame = across_profiles({list(names)}, keeps.with_own_client, progress=False)\n"
        "frame.attrs['errors'], len(frame)"
    )
    assert ran.result == ([], 4)
    assert "signs" not in ran.text


@pytest.mark.slow
def test_mlflow(aws: EmbeddedAws, names: tuple[str, ...]) -> None:
    """MLflow's client for artifacts signs as each row's profile, and then as the notebook."""
    from mlflow.store.artifact import s3_artifact_repo as mlflow

    def keys(_: Any) -> str:
        client: Any = mlflow._get_s3_client()  # type: ignore[no-untyped-call]
        return str(client._request_signer._credentials.get_frozen_credentials().access_key)

    boto3.setup_default_session(profile_name="RoleBeta")
    before = keys(None)
    frame = across_profiles(names, keys, progress=False)
    assert frame.attrs["errors"] == []
    assert frame["value"].nunique() == 4
    assert keys(None) == before


def test_nothing_is_kept(names: tuple[str, ...], module: Any) -> None:
    """After a run, the credentials of its rows are deleted, and with them their owners."""
    gc.collect()
    before = len(list(row_owners()))
    across_profiles(names, module.with_own_client, progress=False)
    gc.collect()
    assert len(list(row_owners())) == before


def test_notes() -> None:
    """Notes keep the first value of an object, and forget deleted objects."""

    class Noted:
        pass

    notes: WeakNotes[int] = WeakNotes()
    kept = [Noted() for _ in range(10)]
    for number, one in enumerate(kept):
        notes.add(one, number)
        notes.add(one, -1)
    for _ in range(10_000):
        notes.add(Noted(), -2)
    assert [notes.get(one) for one in kept] == list(range(10))
    assert len(notes._entries) < 1_000
    assert sorted(value for _, value in notes.items()) == list(range(10))
    assert notes.get(Noted()) is None
