"""Worker processes and caches: the steps in errors keep the identity, its limits and its Region."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import add_role, seed_organisation
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

#: A module for worker processes.
WORK = """
import boto3

def put(_=None):
    boto3.Session().client('s3').put_object(Bucket='my-first-bucket', Key='a', Body=b'')

def who(_=None):
    session = boto3.Session()
    return session.client('sts').get_caller_identity()['Arn'], session.region_name
"""

SETUP = """
import boto3, joblib
from joblib import Parallel, delayed
from ipy_awsprofile import across_profiles, open_session, using_profile
from work_of_mine import put, who
%aws_profile RoleGamma --read-only --quiet
"""


@pytest.fixture
def notebook(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """Return a read-only notebook with functions for worker processes."""
    (tmp_path / "work_of_mine.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    for role in ("RoleGamma", "RoleDelta"):
        add_role(aws, role, "s3:*", region="us-west-2")
    shell.good(SETUP)
    return shell


def step_of(notebook: Shell, code: str) -> tuple[str, str]:
    """Return the hint of an error in code that pickles a session, and its `with` statement."""
    error = notebook.run(code).error
    text = f"{error}\n{error.__cause__}" if error else ""
    (says,) = {line for line in text.splitlines() if "can't be copied or pickled" in line}
    (statement,) = [each for each in code_in(says) if each.startswith("with ")]
    return says, statement


@pytest.mark.parametrize("has_keys", [True, False], ids=["keys in config", "clean config"])
@pytest.mark.parametrize(
    ("value", "role", "region"),
    [
        ("session", "RoleGamma", "us-west-2"),
        ("session.client('s3')", "RoleGamma", "us-west-2"),
        ("session.client('sts')", "RoleGamma", "us-west-2"),
        ("open_session('RoleDelta', read_only=True, region='eu-west-1')", "RoleDelta", "eu-west-1"),
    ],
)
def test_sessions_for_workers(
    notebook: Shell, aws: EmbeddedAws, *, value: str, role: str, region: str, has_keys: bool
) -> None:
    """The step for a session that can't be pickled works in workers, and keeps its limits."""
    if has_keys:  # the config file isn't copied for child processes
        aws.write_profile("Eve", aws_access_key_id="AKIAEVE", aws_secret_access_key="secret")
        notebook.good("%aws_profile --refresh")
    call = "Parallel(n_jobs=2)(delayed({})({}) for each in range(2))"
    _, statement = step_of(notebook, f"value = {value}\n{call.format('str', 'value')}")
    for arn, name in notebook.good(f"{statement}\n    a = {call.format('who', '')}\na").result:
        assert f"/{role}/" in arn
        assert name == region
    followed = notebook.run(f"{statement}\n    {call.format('put', '')}")
    assert "no session policy allows" in str(followed.error)


def test_sessions_that_a_setting_limits(notebook: Shell) -> None:
    """The step for a session that the setting `read_only` limits has this limit itself."""
    notebook.good("%config AwsProfileMagics.read_only = ['Delta']")
    _, statement = step_of(notebook, "import pickle; pickle.dumps(open_session('RoleDelta'))")
    assert statement == "with using_profile('RoleDelta', read_only=True):"


def test_sessions_for_caches(notebook: Shell, tmp_path: Path) -> None:
    """The hint for a session as a cache's key shows the key."""
    notebook.names["folder"] = tmp_path
    cached = "@joblib.Memory(folder, verbose=0).cache\ndef ask({0}): return {1}\n"
    arn = "{}.client('sts').get_caller_identity()['Arn']"
    code = cached.format("session", arn.format("session")) + "ask(session)"
    says, statement = step_of(notebook, code)
    assert "As the key of a cache, pass its `profile_name`." in says
    notebook.good(cached.format("profile", arn.format("boto3.Session()")))
    ask = f"{statement}\n    arn = ask(session.profile_name)\narn"
    assert notebook.good(ask).result == notebook.good(ask).result
    assert "/RoleGamma/" in notebook.good(ask).result


def test_sessions_of_many_profiles(notebook: Shell, aws: EmbeddedAws) -> None:
    """While code runs for many profiles, the step is to use threads."""
    (name,) = seed_organisation(aws, 1)
    ask = (
        "across_profiles({!r}, lambda session: Parallel(n_jobs=2, backend={!r})("
        "delayed(lambda session: session.client('sts').get_caller_identity()['Arn'])(session) "
        "for _ in range(2)), progress=False)"
    )
    pickled = notebook.run(f"import pickle\nacross_profiles({name!r}, pickle.dumps)").error
    assert "use threads instead of worker processes" in str(pickled)
    frame = notebook.good(ask.format(name, "threading")).result
    assert all("/Reader/" in arn for arn in frame["value"])


IN_BLOCK = """
with Parallel(n_jobs=2) as run:
    run(delayed(who)(each) for each in range(2))
    with using_profile('RoleDelta'):
        print(run(delayed(who)(each) for each in range(2)))
"""


@pytest.mark.parametrize(
    ("start", "ask", "new"),
    [
        (
            "run = Parallel(n_jobs=2).__enter__()",
            "run(delayed(who)(each) for each in range(2))",
            "run = Parallel(n_jobs=2)",
        ),
        (
            "executor = get_reusable_executor(2)",
            "list(executor.map(who, range(2)))",
            "executor = get_reusable_executor(2)",
        ),
    ],
)
def test_workers_from_before_a_switch(notebook: Shell, start: str, ask: str, new: str) -> None:
    """If code uses workers that a switch has ended, a line names what to create again."""
    notebook.good("from joblib.externals.loky import get_reusable_executor")
    notebook.good(f"{start}\n{ask}")
    notebook.good("%aws_profile RoleDelta --quiet")
    ran = notebook.run(ask)
    _, _, step = ran.text.partition("A switch ended these worker processes")
    assert code_in(step)[0].removesuffix("(…)") in new
    assert all("/RoleDelta/" in arn for arn, _ in notebook.good(f"{new}\n{ask}").result)


def test_workers_from_outside_a_block(notebook: Shell) -> None:
    """The beginning of a block is a switch, too."""
    assert "Create a new `Parallel(…)`." in notebook.run(IN_BLOCK).text
    renewed = IN_BLOCK.replace("print(run(", "print(Parallel(n_jobs=2)(")
    assert "/RoleDelta/" in notebook.good(renewed).printed


def test_executors_that_code_ends(notebook: Shell) -> None:
    """An executor that the user's code has ended gets no line about a switch."""
    notebook.good("from joblib.externals.loky import get_reusable_executor")
    ran = notebook.run(
        "executor = get_reusable_executor(2)\nexecutor.shutdown()\nexecutor.submit(who)"
    )
    assert "shutdown" in str(ran.error)
    assert "A switch" not in ran.text
