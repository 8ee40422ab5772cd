"""Clicks during a cell, which take effect when the cell has ended."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import time_machine

from ipy_awsprofile import using_profile
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.picker.widget import ProfilePicker
from tests.picker.person import VIEW, Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

USER = f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"
ROLE = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/"

WAITING, DONE, DROPPED = ({"type": kind, "view": VIEW} for kind in ("waiting", "done", "dropped"))


def who() -> str:
    """Return the ARN of boto3's caller identity."""
    arn: str = boto3.client("sts").get_caller_identity()["Arn"]
    return arn


def in_a_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs in a thread, like the callbacks of a kernel's subshell."""

    def called(*values: Any, **named: Any) -> Any:
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(function(*values, **named)))
        thread.start()
        thread.join()
        return answers[0]

    return called


@pytest.fixture
def notebook(person: Person, shell: Shell) -> Shell:
    """Activate UserAlpha, and return a shell whose cells can trigger the user's clicks."""
    shell.good("%aws_profile UserAlpha")
    shell.names.update(
        choose=in_a_thread(person.switches),
        says=in_a_thread(person.says),
        person=person,
        who=who,
        using_profile=using_profile,
        ctrl_c=lambda: signal.raise_signal(signal.SIGINT),
    )
    return shell


def hooks(shell: Shell) -> list[object]:
    """Return all hooks of the shell's events."""
    return [hook for hooks in shell.ip.events.callbacks.values() for hook in hooks]


def test_a_loop_keeps_its_identity(notebook: Shell, person: Person) -> None:
    """A click from another thread takes effect after the running cell, not during it."""
    before = hooks(notebook)
    cell = "seen = [who()]; answer = choose('RoleBeta')\nfor _ in range(3): seen.append(who())"
    notebook.good(cell)
    assert notebook.names["seen"] == [USER] * 4
    assert notebook.names["answer"] == WAITING
    assert person.seen[-1] == DONE
    assert person.picker.value == "RoleBeta"
    assert notebook.good("who()").result.startswith(ROLE)
    assert hooks(notebook) == before


def test_a_cell_that_awaits_keeps_its_identity(notebook: Shell, person: Person) -> None:
    """A click between two awaits, in the cell's thread, takes effect after the cell, too."""
    notebook.good(
        "import asyncio\n"
        "asyncio.get_running_loop().call_soon(person.switches, 'RoleBeta')\n"
        "seen = []\n"
        "for _ in range(3):\n"
        "    await asyncio.sleep(0)\n"
        "    seen.append(who())\n"
        "answers = list(person.seen)"
    )
    assert notebook.names["seen"] == [USER] * 3
    assert notebook.names["answers"] == [WAITING]
    assert person.seen[-1] == DONE
    assert notebook.good("who()").result.startswith(ROLE)


def test_off_waits_for_the_end(notebook: Shell, person: Person) -> None:
    """*Off* undoes the switch after the running cell, unless the user then chooses a profile."""
    notebook.good("answers = says('off'); seen = who()")
    assert (notebook.names["answers"], notebook.names["seen"]) == ([WAITING], USER)
    assert person.seen[-1] == DONE
    assert person.picker.value is None
    assert "session" not in notebook.names
    notebook.good("%aws_profile UserAlpha")
    notebook.good("says('off'); answer = choose('RoleBeta')")
    assert notebook.names["answer"] == WAITING
    assert person.picker.value == "RoleBeta"
    assert person.says("off")[-1] == DONE
    assert person.says("off") == [DONE]  # there is nothing left to undo


@pytest.mark.slow
def test_a_cell_that_begins_during_the_switch(
    notebook: Shell, person: Person, aws: EmbeddedAws
) -> None:
    """A cell that begins while a switch calls AWS keeps one identity to its end."""
    aws.latency = 0.5
    thread = threading.Thread(target=person.switches, args=("RoleBeta",))
    notebook.names["thread"] = thread
    thread.start()
    notebook.good("seen = [who()]; thread.join(); seen.append(who())")
    aws.latency = 0
    assert len(set(notebook.names["seen"])) == 1
    assert notebook.good("who()").result.startswith(ROLE)


@pytest.mark.parametrize("end", ["1 / 0", "ctrl_c()", "await asyncio.sleep(0); 1 / 0"])
def test_a_cell_that_fails(notebook: Shell, person: Person, end: str) -> None:
    """The switch takes effect even after a cell that fails or is interrupted."""
    assert notebook.run(f"import asyncio\nchoose('RoleBeta')\n{end}").error is not None
    assert person.seen[-1] == DONE
    assert person.picker.value == "RoleBeta"


def test_the_end_of_an_inner_cell(notebook: Shell) -> None:
    """An inner cell, or a message during the cell, doesn't make the switch happen early."""
    notebook.good(
        "choose('RoleBeta')\n"
        "get_ipython().run_cell('1')\n"
        "get_ipython().events.trigger('post_execute')\n"
        "seen = who()"
    )
    assert notebook.names["seen"] == USER
    assert notebook.good("who()").result.startswith(ROLE)


@pytest.mark.parametrize(
    "cell",
    [
        "%%aws_profile RoleBeta\nchoose('UserAlpha', confirmed=True)\nseen = who()",
        "with using_profile('RoleBeta'):\n    choose('UserAlpha')\n    seen = who()",
    ],
)
def test_a_click_in_a_scope(notebook: Shell, person: Person, cell: str) -> None:
    """A profile chosen during a scope becomes active after the scope has ended."""
    notebook.good("%aws_profile RoleBeta --as other")
    notebook.good(cell)
    assert notebook.names["seen"].startswith(ROLE)
    assert person.picker.value == "UserAlpha"
    assert notebook.good("who()").result == USER


def test_a_click_before_the_scope_has_begun(notebook: Shell, person: Person) -> None:
    """A profile chosen while a cell's scope begins becomes active after the scope has ended."""
    clicks = iter(["RoleBeta"])

    def click(_identity: object) -> None:
        for profile in clicks:
            person.switches(profile)

    person.picker.on_switch(click)
    notebook.good("%%aws_profile UserAlpha\nseen = who()")
    assert notebook.names["seen"] == USER
    assert person.picker.value == "RoleBeta"


def test_a_later_choice(notebook: Shell, person: Person) -> None:
    """Only the last choice takes effect, even across pickers; earlier choices are dropped."""
    other = Person(ProfilePicker())
    notebook.names["other"] = in_a_thread(other.switches)
    notebook.good("choose('RoleBeta'); answer = other('UserAlpha'); said = person.seen[-1]")
    assert (notebook.names["said"], notebook.names["answer"]) == (DROPPED, WAITING)
    assert [one for one in other.seen if one["type"] == "done"]
    assert DONE not in person.seen
    assert person.picker.value == "UserAlpha"
    other.picker.close()


def test_a_later_choice_that_fails(notebook: Shell, person: Person) -> None:
    """The picker shows the error at once, and drops the earlier choice."""
    notebook.good("choose('RoleBeta'); answer = choose('Nobody')")
    assert "Nobody" in notebook.names["answer"]["html"]
    assert person.picker.value == "UserAlpha"


def test_a_cell_that_switches(notebook: Shell, person: Person) -> None:
    """A click before the cell's own switch still takes effect at the end of the cell."""
    cell = "choose('RoleBeta')\n%aws_profile UserAlpha --as mine\nseen = who()"
    notebook.good(cell)
    assert notebook.names["seen"] == USER
    assert person.picker.value == "RoleBeta"


@pytest.mark.parametrize("command", ["'refresh'", "'region', region='eu-west-1'"])
def test_what_is_for_the_active_identity(notebook: Shell, person: Person, command: str) -> None:
    """A new Region or a refresh waits, too, and is dropped if the cell switches."""
    before = person.picker.session
    notebook.good(f"says({command}); same = session")
    assert notebook.names["same"] is before
    assert person.picker.session is not before
    notebook.good(f"says({command})\n%aws_profile RoleBeta")
    assert person.seen[-1] == DROPPED
    session = person.picker.session
    assert session is not None
    assert (session.profile_name, session.region_name) == ("RoleBeta", "us-west-2")


@pytest.mark.parametrize(
    ("end", "active", "told"),
    [
        ("%aws_profile --off", None, True),
        ("%unload_ext ipy_awsprofile", None, True),
        ("person.picker.close()", "UserAlpha", False),
    ],
)
def test_what_drops_a_click(
    notebook: Shell, person: Person, end: str, active: str | None, told: bool
) -> None:
    """`--off`, unloading and closing the picker drop waiting clicks, and leave no hook."""
    before = hooks(notebook)
    notebook.good(f"choose('RoleBeta')\n{end}")
    assert person.picker.value == active
    assert DONE not in person.seen
    assert (DROPPED in person.seen) == told
    assert [hook for hook in hooks(notebook) if hook not in before] == []


def test_a_question_is_asked_at_once(
    notebook: Shell, person: Person, aws: EmbeddedAws, auditor: str
) -> None:
    """The picker asks for an MFA code during the cell, because the code would expire by its end."""
    notebook.names["code"] = lambda: aws.mfa_code(auditor)
    notebook.good("asked = choose('Auditor'); answer = choose('Auditor', code=code())")
    assert notebook.names["asked"]["type"] == "code"
    assert notebook.names["answer"] == WAITING
    assert person.picker.value == "Auditor"


def test_credentials_that_expired_meanwhile(
    notebook: Shell, person: Person, aws: EmbeddedAws
) -> None:
    """If credentials expire during a long cell, the switch gets and shows new credentials."""
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        notebook.names["hours_later"] = lambda: clock.shift(timedelta(hours=2))
        notebook.good("choose('RoleBeta'); hours_later()")
        (shown,) = (one for one in person.seen if one["type"] == "identity")
        assert shown["identity"]["left"] > 0
    assert [call.action for call in aws.calls].count("sts:AssumeRole") == 2


def test_an_error_at_the_end(
    notebook: Shell, person: Person, aws: EmbeddedAws, auditor: str
) -> None:
    """An error of a delayed switch is shown in the picker, and doesn't fail the cell."""
    begun, ended = threading.Event(), threading.Event()

    def in_a_block() -> None:
        with using_profile("RoleBeta"):
            begun.set()
            ended.wait(60)

    thread = threading.Thread(target=in_a_block)
    notebook.names.update(code=lambda: aws.mfa_code(auditor), thread=thread, begun=begun)
    ran = notebook.good("choose('Auditor', code=code())\nthread.start(); begun.wait(60); None")
    shown = person.seen[-1].get("html", "")
    ended.set()
    thread.join()
    assert "Another thread or task is in a block" in shown
    assert ran.printed == ""
    assert who().endswith("/UserAlpha")
