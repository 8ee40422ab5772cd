"""Commands during a cell, which are carried out when the cell has ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile import using_profile
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from tests.picker.conftest import Views

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

USER = f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"
ROLE = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/"


def who() -> str:
    """Return the ARN of boto3's caller identity."""
    arn: str = boto3.client("sts").get_caller_identity()["Arn"]
    return arn


def in_a_thread(function: Callable[..., Any]) -> Callable[..., None]:
    """Return a function that runs in a thread, as commands do in a kernel's subshell."""

    def call(*values: Any, **named: Any) -> None:
        thread = threading.Thread(target=function, args=values, kwargs=named)
        thread.start()
        thread.join()

    return call


@pytest.fixture
def notebook(views: Views, shell: Shell) -> Shell:
    """Activate UserAlpha, and return a shell whose cells can trigger the user's clicks."""
    shell.good("%aws_profile UserAlpha")
    names = {"choose": in_a_thread(views.switch), "do": in_a_thread(views.do), "views": views}
    shell.names.update(names, who=who, using_profile=using_profile)
    return shell


@pytest.mark.parametrize(
    ("click", "end"),
    [
        ("choose('RoleBeta')", "who()"),
        ("choose('RoleBeta')", "1 / 0"),
        ("import asyncio; asyncio.get_running_loop().call_soon(views.switch, 'RoleBeta')"
         "\nfor _ in range(3): await asyncio.sleep(0)", "who()"),
        ("choose('Nobody'); choose('RoleBeta')", "who()"),
        ("choose('RoleBeta')\n%aws_profile UserAlpha --as mine", "who()"),
        ("with using_profile('UserAlpha'):\n    choose('RoleBeta')", "who()"),
    ],
)  # fmt: skip
def test_a_cell_keeps_its_identity(notebook: Shell, views: Views, click: str, end: str) -> None:
    """The newest choice becomes active after the cell, whether or not the cell succeeds."""
    notebook.run(f"{click}\nseen, waiting = who(), views.state['busy']\n{end}")
    assert notebook.names["seen"] == USER
    assert notebook.names["waiting"] == {"doing": "Switching to RoleBeta", "waits": True}
    assert (views.profile, views.state["busy"]) == ("RoleBeta", None)
    assert notebook.good("who()").result.startswith(ROLE)


def test_a_cell_magic_keeps_its_identity(notebook: Shell, views: Views) -> None:
    """A profile chosen during a `%%aws_profile` cell becomes active after the cell."""
    notebook.good("%%aws_profile RoleBeta\nchoose('UserAlpha')\nseen = who()")
    assert notebook.names["seen"].startswith(ROLE)
    assert notebook.good("who()").result == USER


@pytest.mark.parametrize("drop", ["do('cancel')", "%aws_profile --off", "do('off')"])
def test_a_choice_that_is_cancelled(notebook: Shell, views: Views, drop: str) -> None:
    """*Cancel* drops the waiting choice alone; *Off* and `--off` drop it and undo the switch."""
    notebook.good(f"choose('RoleBeta')\n{drop}")
    assert views.state["busy"] is None
    assert views.profile == ("UserAlpha" if "cancel" in drop else None)


@pytest.mark.parametrize("command", ["'refresh'", "'region', region='eu-west-1'"])
def test_commands_for_the_active_identity(notebook: Shell, command: str) -> None:
    """A refresh or a new Region waits, too."""
    notebook.good(f"before = session; do({command}); same = session is before")
    assert notebook.names["same"]
    assert notebook.names["session"] is not notebook.names["before"]


def test_a_question_after_the_cell(
    notebook: Shell, views: Views, aws: EmbeddedAws, auditor: str
) -> None:
    """The views ask for an MFA code after the cell, because a code expires within seconds."""
    notebook.good("choose('Auditor'); asked = views.state['ask']")
    assert notebook.names["asked"] is None
    assert views.state["ask"]["kind"] == "code"
    assert views.do("answer", code=aws.mfa_code(auditor))["identity"]["profile"] == "Auditor"


def test_an_error_after_the_cell(notebook: Shell, views: Views) -> None:
    """An error is shown in the views, and doesn't fail the cell."""
    assert notebook.good("choose('Nobody')").printed == ""
    assert "Nobody" in views.state["error"]
    assert views.profile == "UserAlpha"


def test_a_cell_that_begins_during_the_switch(
    notebook: Shell, views: Views, aws: EmbeddedAws, auditor: str
) -> None:
    """A cell that begins in the middle of a switch keeps its identity to its end."""
    begun, go = threading.Event(), threading.Event()

    def code(serial: str) -> str:
        begun.set()
        go.wait(60)
        return aws.mfa_code(serial)

    thread = threading.Thread(target=views.switch, args=("Auditor",))
    notebook.names.update(code=code, go=go, thread=thread)
    notebook.good("%config AwsProfileMagics.mfa_process = code")
    thread.start()
    assert begun.wait(60)
    notebook.good("seen = [who()]; go.set(); thread.join(); seen.append(who())")
    assert notebook.names["seen"] == [USER, USER]
    assert "/Auditor/" in notebook.good("who()").result
