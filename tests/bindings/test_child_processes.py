"""A switch ends joblib's idle workers, and the card names other child processes from before."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psutil
import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from tests.bindings.borrowing import KERNEL_TESTS

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

pytestmark = KERNEL_TESTS

WHO = "workers_of_mine.who"
MODULE = """
import boto3

def who(_=None):
    return boto3.client("sts").get_caller_identity()["Account"]
"""

#: For each kind of worker: code to start it, to ask for its account, and to end it.
POOLS = {
    "SpawnPoolWorker": (
        "import multiprocessing\npool = multiprocessing.get_context('spawn').Pool(2)",
        f"pool.map({WHO}, [1])[0]",
        "pool.terminate(); pool.join()",
    ),
    "ForkPoolWorker": (
        "import multiprocessing\npool = multiprocessing.get_context('fork').Pool(2)",
        f"pool.map({WHO}, [1])[0]",
        "pool.terminate(); pool.join()",
    ),
    "ForkServerPoolWorker": (
        "import multiprocessing\npool = multiprocessing.get_context('forkserver').Pool(2)",
        f"pool.map({WHO}, [1])[0]",
        "pool.terminate(); pool.join()",
    ),
    "SpawnProcess": (
        "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\n"
        "pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn'))",
        f"pool.submit({WHO}).result()",
        "pool.shutdown()",
    ),
    "LokyProcess": (
        "from joblib.externals.loky import ProcessPoolExecutor\npool = ProcessPoolExecutor(1)",
        f"pool.submit({WHO}).result()",
        "pool.shutdown()",
    ),
}


@pytest.fixture
def notebook(
    aws: EmbeddedAws, shell: Shell, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """Switch to RoleBeta, and create a module that the workers import."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    with open(f"{tmp_path}/workers_of_mine.py", "w") as file:
        file.write(MODULE)
    shell.good("import workers_of_mine, subprocess, sys\n%aws_profile RoleBeta")
    yield shell
    shell.run("pool.shutdown() if hasattr(pool, 'shutdown') else pool.terminate()")
    child = shell.names.get("child")
    if child and child.poll() is None:
        for started in psutil.Process(child.pid).children():
            started.kill()
        child.kill()
        child.wait()


@pytest.mark.slow
@pytest.mark.nightly(keep=2)
@pytest.mark.parametrize("kind", POOLS)
def test_workers_are_named(notebook: Shell, kind: str) -> None:
    """The card names workers that keep their identity, until they are restarted."""
    start, ask, end = POOLS[kind]
    notebook.good(start)
    assert notebook.good(ask).result == ROLE_ACCOUNT
    assert kind not in notebook.good("%aws_profile").text
    card = notebook.good("%aws_profile UserAlpha").text
    assert notebook.good(ask).result == ROLE_ACCOUNT
    (named,) = re.findall(rf"`{kind}` \((\d) process[es]*\) started while (\w+)", card)
    assert named[1] == "RoleBeta"
    notebook.good(f"{end}\n{start}")
    assert notebook.good(ask).result == USER_ACCOUNT
    assert kind not in notebook.good("%aws_profile").text
    assert kind in notebook.good("%aws_profile RoleBeta").text


@pytest.mark.slow
def test_joblib_follows(notebook: Shell) -> None:
    """Each switch restarts joblib's reusable workers, and the card doesn't name them."""
    ask = f"joblib.Parallel(n_jobs=2)(joblib.delayed({WHO})() for _ in range(3))"
    notebook.good("import joblib; pool = None")
    for profile, account in [("RoleBeta", ROLE_ACCOUNT), ("UserAlpha", USER_ACCOUNT)] * 2:
        assert "Loky" not in notebook.good(f"%aws_profile {profile}").text
        assert notebook.good(ask).result == [account] * 3
    scope = notebook.good(f"%%aws_profile RoleBeta\n{ask}")
    assert scope.result == [ROLE_ACCOUNT] * 3
    assert notebook.good(ask).result == [USER_ACCOUNT] * 3


@pytest.mark.slow
def test_a_new_fork_server(aws: EmbeddedAws, notebook: Shell) -> None:
    """Each switch starts a new fork server, even if an earlier one still has workers."""
    start = "multiprocessing.get_context('forkserver').Pool(1)"
    ask = f"with {start} as it:\n    print(it.map({WHO}, [1])[0])"
    notebook.good(f"import multiprocessing\npool = {start}; pool.map({WHO}, [1])")
    for profile, account in [("UserAlpha", USER_ACCOUNT), ("RoleBeta", ROLE_ACCOUNT)] * 2:
        notebook.good(f"%aws_profile {profile}")
        assert account in notebook.good(ask).text
    assert USER_ACCOUNT in notebook.good(f"%%aws_profile UserAlpha\n{ask}").text
    assert (
        notebook.good(f"{ask}; print(pool.map({WHO}, [1])[0])").text.split() == [ROLE_ACCOUNT] * 2
    )
    server = psutil.Process(notebook.good("pool._pool[0].pid").result).parent()
    assert server
    notebook.good("pool.close(); pool.join(); assert pool._pool[0].exitcode == 0")
    notebook.good("pool = multiprocessing.get_context('fork').Pool(1)")  # keeps the server's pipe
    notebook.good("%aws_profile UserAlpha\npool.terminate(); pool.join()")
    server.wait(60)  # raises an error if the server continues


def named(notebook: Shell, line: str = "%aws_profile") -> list[tuple[str, str, str]]:
    """Return the kind, the number and the previous identity of the processes on the card."""
    card = " ".join(notebook.good(line).text.split())
    return re.findall(r"`([^`]+)` \((\d+) process[es]*\) started while (\w+)", card)


#: A program that keeps running across a switch.
WAITS = "import time; time.sleep(600)"
START = f"child = subprocess.Popen([sys.executable, '-c', {WAITS!r}])"


@pytest.mark.slow
def test_a_program_is_named(notebook: Shell) -> None:
    """The card names a program after a switch, until it ends or its identity is active again."""
    notebook.good(START)
    assert named(notebook) == []
    assert named(notebook, "%aws_profile UserAlpha") == [("python", "1", "RoleBeta")]
    assert named(notebook, "%aws_profile RoleBeta") == []
    assert named(notebook, "%aws_profile UserAlpha") == [("python", "1", "RoleBeta")]
    notebook.good("child.kill()")  # a zombie, because no code reads its exit status
    while psutil.Process(notebook.names["child"].pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert named(notebook) == []


#: For each program: its command, its name on the card, and the advice to restart it.
PROGRAMS = {
    "java": (["java", "-c", WAITS], "java", "stop it, and start it again"),
    "Spark": (["java", "-c", WAITS, "org.apache.spark.deploy.SparkSubmit"], "Spark", "spark.stop"),
    "Ray": (["raylet", "-c", WAITS], "Ray", "ray.shutdown(); ray.init()"),
    "script": (["python3", "mlflow", "server"], "mlflow", "stop it"),
    "module": (["python3", "-m", "waits.server"], "waits", "stop it"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_kinds_of_programs(
    notebook: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """The card names a program by its common name, and says how to restart it."""
    command, kind, advice = PROGRAMS[program]
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    for name in ("java", "raylet", "python3"):
        (tmp_path / name).symlink_to(os.path.realpath(sys.executable))
    (tmp_path / "mlflow").write_text(WAITS)
    (tmp_path / "waits").mkdir()
    (tmp_path / "waits" / "server.py").write_text(WAITS)
    notebook.good(f"child = subprocess.Popen({command})")
    assert named(notebook, "%aws_profile UserAlpha") == [(kind, "1", "RoleBeta")]
    assert advice in " ".join(notebook.good("%aws_profile").text.split())


#: A program with one child, and a shell with two children, only one of which uses AWS.
PARENTS = {
    "child = subprocess.Popen([sys.executable, '-c', 'import subprocess; "
    f'subprocess.run(["{sys.executable}", "-c", "{WAITS}"])\'])': "2",
    "child = subprocess.Popen(['sh', '-c', "
    f"'sleep 600 & {sys.executable} -c \"{WAITS}\"; :'])": "1",
}


@pytest.mark.parametrize(("start", "number"), PARENTS.items(), ids=["program", "shell"])
def test_what_a_program_has_started(notebook: Shell, start: str, number: str) -> None:
    """The card counts a program's children with it, but names the children of a shell."""
    notebook.good(start)
    child = psutil.Process(notebook.names["child"].pid)
    while not any(WAITS in one.cmdline() for one in child.children()):
        pass
    assert named(notebook, "%aws_profile UserAlpha") == [("python", number, "RoleBeta")]


#: Processes that don't use the previous identity.
UNNAMED = {
    "sleep": "child = subprocess.Popen(['sleep', '600'])",
    "another profile": "import os; environ = {**os.environ, 'AWS_PROFILE': 'UserAlpha'}\n"
    f"child = subprocess.Popen([sys.executable, '-c', {WAITS!r}], env=environ)",
    "no environment": f"child = subprocess.Popen([sys.executable, '-c', {WAITS!r}], env={{}})",
    "resource tracker": "from multiprocessing import resource_tracker\n"
    "resource_tracker.ensure_running()",
    "fork server": "from multiprocessing import forkserver\nforkserver.ensure_running()",
    "debugger": "child = subprocess.Popen([sys.executable, '-c', "
    f"{WAITS!r}, '/site-packages/debugpy/adapter'])",
}


@pytest.mark.parametrize("process", UNNAMED)
def test_unnamed_processes(notebook: Shell, process: str) -> None:
    """The card doesn't name a process that doesn't use the previous identity."""
    notebook.good(UNNAMED[process])
    assert named(notebook, "%aws_profile UserAlpha") == []
    assert named(notebook, "%aws_profile RoleBeta") == []


def test_the_environment_does_not_follow(shell: Shell, aws: EmbeddedAws) -> None:
    """If the environment doesn't follow switches, the card doesn't name a program."""
    shell.good("%config AwsProfileMagics.bindings = ['namespace', 'default_session']")
    shell.good(f"%aws_profile RoleBeta\nimport subprocess, sys\n{START}")
    assert named(shell, "%aws_profile UserAlpha") == []
    shell.good("child.kill(); child.wait()")


def test_without_psutil(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without psutil, the card names only the workers of `multiprocessing`."""
    start, _, _ = POOLS["SpawnPoolWorker"]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "psutil", None)
        notebook.good(f"{start}\n{START}")
        assert named(notebook, "%aws_profile UserAlpha") == [("SpawnPoolWorker", "2", "RoleBeta")]


def test_without_child_processes() -> None:
    """Without child processes, a switch doesn't list all processes of the machine."""
    code = (
        "import psutil; psutil.Process.children = None\n"
        "from ipy_awsprofile.bindings.child_processes import ChildProcesses\n"
        "ChildProcesses().note(None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.slow
def test_dask(notebook: Shell) -> None:
    """The card names a Dask cluster's workers, which follow once the client restarts them."""
    pytest.importorskip("distributed")
    notebook.good(
        "from distributed import Client, LocalCluster\n"
        "pool = LocalCluster(n_workers=1, processes=True, dashboard_address=':0')\n"
        f"pool.shutdown = pool.close; client = Client(pool); client.submit({WHO}).result()"
    )
    ((kind, number, whom),) = named(notebook, "%aws_profile UserAlpha")
    assert (kind.partition(" ")[0], number, whom) == ("Dask", "1", "RoleBeta")
    assert notebook.good(f"client.submit({WHO}, 1).result()").result == ROLE_ACCOUNT
    restarted = notebook.good(f"client.restart(); client.submit({WHO}, 2).result()")
    assert restarted.result == USER_ACCOUNT
    assert named(notebook) == []
    notebook.good("client.close()")
