"""An action can wait for the end of the running cell in a real shell."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.switch.running_cell import RunningCell

if TYPE_CHECKING:
    from tests.shells import Shell


@pytest.fixture
def cell(bare_shell: Shell) -> RunningCell:
    """Add a RunningCell and an empty list, `happened`, to the notebook; return the RunningCell."""
    cell = RunningCell(bare_shell.ip)
    bare_shell.names.update(cell=cell, happened=[])
    return cell


def test_without_a_running_cell(cell: RunningCell, bare_shell: Shell) -> None:
    """Between cells and outside IPython, an action runs at once, in the caller's thread."""
    threads: list[int] = []
    for one in (cell, RunningCell(None)):
        assert not one.is_running
        one.when_ended(lambda: threads.append(threading.get_ident()), dropped=list)
    assert threads == [threading.get_ident()] * 2
    assert bare_shell.good("cell.is_running").result


def test_once(cell: RunningCell, bare_shell: Shell) -> None:
    """A waiting action runs once, and dropping it afterwards does nothing."""
    bare_shell.good("drop = cell.when_ended(lambda: happened.append('done'), list)")
    bare_shell.good("drop(); cell.drop()")
    assert bare_shell.names["happened"] == ["done"]


def test_dropped(cell: RunningCell, bare_shell: Shell) -> None:
    """An action that is replaced or dropped doesn't run, and its `dropped` callback is called."""
    bare_shell.good(
        "def wait(name):\n"
        "    note = happened.append\n"
        "    done, dropped = lambda: note(f'{name} done'), lambda: note(f'{name} dropped')\n"
        "    return cell.when_ended(done, dropped)\n"
        "first = wait('first'); second = wait('second')\n"
        "first()\n"
        "third = wait('third'); third()\n"
        "cell.drop()"
    )
    assert bare_shell.names["happened"] == ["first dropped", "second dropped"]


def test_an_action_that_fails(
    cell: RunningCell, bare_shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    """An error in a waiting action is logged, and the cell doesn't show it."""
    ran = bare_shell.good("cell.when_ended(lambda: 1 / 0, list); None")
    assert ran.text == ""
    assert "ZeroDivisionError" in caplog.text


def test_the_cell_ends_while_another_thread_asks(cell: RunningCell, bare_shell: Shell) -> None:
    """An action from another thread runs exactly once, even if the cell ends at the same time."""
    for _ in range(50):
        bare_shell.good(
            "import threading\n"
            "click = lambda: cell.when_ended(lambda: happened.append('done'), list)\n"
            "thread = threading.Thread(target=click); thread.start()"
        )
        bare_shell.names["thread"].join()
    assert bare_shell.names["happened"] == ["done"] * 50
