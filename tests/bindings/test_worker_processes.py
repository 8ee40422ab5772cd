"""Worker processes from before a switch: joblib's idle ones are ended, others are named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from tests.bindings.borrowing import KERNEL_TESTS

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

pytestmark = KERNEL_TESTS

WHO = "workers_of_mine.who"
MODULE = """
import boto3

def who(_=None):
    return boto3.client("sts").get_caller_identity()["Account"]
"""

#: How workers are started, asked who they are, and started again by what the card says.
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
    """Work as RoleBeta, with a module for workers."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    with open(f"{tmp_path}/workers_of_mine.py", "w") as file:
        file.write(MODULE)
    shell.good("import workers_of_mine\n%aws_profile RoleBeta")
    yield shell
    shell.run("pool.shutdown() if hasattr(pool, 'shutdown') else pool.terminate()")


@pytest.mark.parametrize("kind", POOLS)
def test_workers_are_named(notebook: Shell, kind: str) -> None:
    """Workers that keep their identity are on the card until they are started again."""
    start, ask, end = POOLS[kind]
    notebook.good(start)
    assert notebook.good(ask).result == ROLE_ACCOUNT
    assert kind not in notebook.good("%aws_profile").text
    card = notebook.good("%aws_profile UserAlpha").text
    assert notebook.good(ask).result == ROLE_ACCOUNT
    (named,) = re.findall(rf"`{kind}` \((\d) worker process[es]* *\) started while (\w+)", card)
    assert named[1] == "RoleBeta"
    notebook.good(f"{end}\n{start}")
    assert notebook.good(ask).result == USER_ACCOUNT
    assert kind not in notebook.good("%aws_profile").text
    assert kind in notebook.good("%aws_profile RoleBeta").text


def test_joblib_follows(notebook: Shell) -> None:
    """Joblib's reusable workers are started again after each switch, and aren't named."""
    ask = f"joblib.Parallel(n_jobs=2)(joblib.delayed({WHO})() for _ in range(3))"
    notebook.good("import joblib; pool = None")
    for profile, account in [("RoleBeta", ROLE_ACCOUNT), ("UserAlpha", USER_ACCOUNT)] * 2:
        assert "Loky" not in notebook.good(f"%aws_profile {profile}").text
        assert notebook.good(ask).result == [account] * 3
    scope = notebook.good(f"%%aws_profile RoleBeta\n{ask}")
    assert scope.result == [ROLE_ACCOUNT] * 3
    assert notebook.good(ask).result == [USER_ACCOUNT] * 3
