"""For each way to switch, AWS sees the card's identity, and the end restores the previous state.

The module shares one embedded AWS, and each test has its own shell.
"""

from __future__ import annotations

import copy
import os
import signal
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import boto3
import fsspec.config
import polars  # noqa: F401  # it sets a variable of its own when it is imported first
import pytest

from ipy_awsprofile import using_profile
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, seed
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.integration.ways_in import (
    Asked,
    Way,
    by_arn,
    by_cell_magic,
    by_context_manager,
    by_magic,
    by_picker,
    profile,
    read_only,
    shown_arn,
)
from tests.mfa_role import add_mfa_role, answer_with_codes

if TYPE_CHECKING:
    from tests.shells import Shell


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[EmbeddedAws, str]]:
    """Run one embedded AWS with a role that requires MFA, and yield the device's serial, too."""
    with EmbeddedAws() as aws:
        seed(aws)
        yield aws, add_mfa_role(aws, "Auditor")


@pytest.fixture
def aws(shared: tuple[EmbeddedAws, str], monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    """Point the environment to the module's AWS, and answer its prompts for MFA codes."""
    for name, value in shared[0].environment().items():
        monkeypatch.setenv(name, value)
    answer_with_codes(*shared, monkeypatch)
    return shared[0]


PLAIN = profile("RoleBeta")
READ_ONLY = read_only("RoleBeta")
BY_ARN = by_arn(f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta", "UserAlpha")
MFA = profile("Auditor", lent=True)

#: A cell whose code calls AWS with the notebook's session, boto3 itself and a child process.
CALLS = """
import subprocess, sys, boto3
session.client("sts").get_caller_identity()
child = "import boto3; boto3.client('sts').get_caller_identity()"
exec(child)
subprocess.run([sys.executable, "-c", child], check=True)
"""


@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize(
    ("way", "asked"),
    [
        (by_magic, PLAIN),
        (by_magic, READ_ONLY),
        (by_magic, BY_ARN),
        (by_magic, MFA),
        (by_cell_magic, PLAIN),
        (by_cell_magic, MFA),
        (by_context_manager, READ_ONLY),
        (by_context_manager, BY_ARN),
        (by_picker, PLAIN),
        (by_picker, MFA),
    ],
    ids=lambda value: value.__name__ if callable(value) else value.line.split(":")[0],
)
def test_who_the_card_shows(aws: EmbeddedAws, shell: Shell, way: Way, asked: Asked) -> None:
    """AWS sees the ARN on the card from the session, boto3 and child processes, until the end."""
    before, seen = Snapshot.of(shell).without_names(), len(aws.calls)
    shown = shown_arn(way(shell, asked, CALLS))
    if way in (by_magic, by_picker):
        shell.good("%aws_profile --off")
    calls = [call for call in aws.calls[seen:] if call.action == "sts:GetCallerIdentity"][-3:]
    if not asked.lent:  # a child process assumes the profile's role itself
        assert str(calls.pop().arn).rpartition("/")[0] == shown.rpartition("/")[0]
    assert {call.arn for call in calls} == {shown}
    assert Snapshot.of(shell).without_names() == before
    assert "session" not in shell.names


@dataclass(frozen=True)
class Snapshot:
    """The current state of everything that a switch changes."""

    environ: dict[str, str]
    default_session: object
    fsspec: dict[str, Any]
    names: dict[str, int]

    @classmethod
    def of(cls, shell: Shell) -> Self:
        """Capture the state of this process and the notebook's variables, without IPython's own."""
        mine = {name: id(value) for name, value in shell.names.items() if name[0] != "_"}
        conf = copy.deepcopy(fsspec.config.conf)
        return cls(dict(os.environ), boto3.DEFAULT_SESSION, conf, mine)

    def without_names(self) -> Self:
        """Leave out the notebook's variables, for a cell that creates some."""
        return replace(self, names={})


@pytest.fixture
def notebook(aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a notebook in which the user has set everything that a switch changes."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-nobody")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session(region_name="eu-north-1"))
    monkeypatch.setitem(fsspec.config.conf, "s3", {"anon": False})
    shell.names.update(session="mine", using_profile=using_profile, ctrl_c=ctrl_c)
    return shell


def ctrl_c() -> None:
    """Raise the signal that interrupts a kernel."""
    signal.raise_signal(signal.SIGINT)


IN_A_SCOPE = {
    "nothing": "pass",
    "an error": "1 / 0",
    "Ctrl-C": "ctrl_c()",
    "a switch": "%aws_profile UserAlpha",
    "a lent switch to another variable": "%aws_profile Auditor --as other",
    "a refused switch": "%aws_profile Nobody",
    "off, then a switch": "%aws_profile --off\n%aws_profile UserAlpha",
    "a refresh": "%aws_profile --refresh",
    "a scope with an error": "with using_profile('RoleBeta', read_only=True): 1 / 0",
    "a scope that switches": "with using_profile('UserAlpha'):\n    %aws_profile RoleBeta",
    "a scope that says off": "with using_profile('UserAlpha'):\n    %aws_profile --off",
    "an await": "await __import__('asyncio').sleep(0)",
}
FAIL = {"an error", "Ctrl-C", "a refused switch", "a scope with an error"}


@pytest.mark.nightly(keep=16)
@pytest.mark.parametrize("happens", IN_A_SCOPE)
@pytest.mark.parametrize(
    ("scope", "active"),
    [
        ("cell magic", None),
        ("cell magic", "UserAlpha"),
        ("context manager", "RoleBeta --read-only"),
    ],
)
def test_after_a_scope(notebook: Shell, scope: str, active: str | None, happens: str) -> None:
    """The end of a scope restores the previous state, whatever happens in the scope."""
    if active:
        notebook.good(f"%aws_profile {active}")
    before, request = Snapshot.of(notebook), running_switcher().request
    inner = IN_A_SCOPE[happens]
    if scope == "cell magic":
        ran = notebook.run(f"%%aws_profile RoleBeta\n{inner}")
    else:
        ran = notebook.run(f"with using_profile('RoleBeta'):\n{textwrap.indent(inner, '    ')}")
    fails = FAIL | ({"an await"} if scope == "cell magic" else set())
    assert (ran.error is not None) == (happens in fails), ran.printed
    assert Snapshot.of(notebook) == before
    assert running_switcher().request == request
