"""Ctrl-C at any line, which leaves either the previous identity or the new one, completely."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import boto3
import fsspec
import pytest
import s3fs

from ipy_awsprofile.switch.using_profile import running_switcher
from tests.attack.interrupting import interrupted
from tests.attack.rounds import Rounds
from tests.shells import Ran, Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

#: Each action, and the identity that can be active after it instead of the previous one.
ACTIONS = {
    "%aws_profile RoleBeta": "RoleBeta",
    "%aws_profile UserAlpha --as other": "UserAlpha",
    "%aws_profile RoleBeta --read-only": "RoleBeta",
    "%aws_profile --refresh": "",
    "%aws_profile --off": "nobody",
    "%aws_profile": "",
    "%reload_ext ipy_awsprofile": "nobody",
    "%%aws_profile UserAlpha\n1": "",
    "%%aws_profile RoleBeta --read-only\n%aws_profile UserAlpha": "",
    "with using_profile('UserAlpha'):\n    pass": "",
    "with using_profile('RoleBeta', read_only=True), using_profile('UserAlpha'):\n    pass": "",
    "across_profiles('UserAlpha', id, progress=False)": "",
    "errors.retry()": "",
}

#: A cell that defines `errors`, for the action `errors.retry()`.
ERRORS = "errors = across_profiles(['UserAlpha', 'Gone'], id, progress=False).attrs['errors']"


def active() -> str:
    """Return the active identity, which must be the same for boto3 and child processes."""
    switcher = running_switcher()
    session, rest = switcher.session, boto3.DEFAULT_SESSION
    name = os.environ.get("AWS_PROFILE", "nobody")
    assert session is rest
    assert session is None or session.get_credentials()
    own = session.chain[0] if session else "nobody"
    assert own == name.removesuffix("-in-kernel")
    if config := os.environ.get("AWS_CONFIG_FILE"):
        assert os.path.exists(config)
    return own


def state(shell: Shell) -> dict[str, Any]:
    """Return the state that a switch changes."""
    hooks = {name: len(hooks) for name, hooks in shell.ip.events.callbacks.items()}
    return {
        "environment": dict(os.environ),
        "default session": boto3.DEFAULT_SESSION,
        "fsspec": dict(fsspec.config.conf),
        "variables": {name for name in shell.names if not name.startswith("_")} - {"In", "Out"},
        "hooks": hooks,
        "SIGINT": signal.getsignal(signal.SIGINT),
    }


def run(shell: Shell, cell: str) -> Ran:
    """Run a cell. Ctrl-C can come right after our code has returned, and then IPython raises it."""
    try:
        return shell.run(cell)
    except KeyboardInterrupt as error:
        return Ran("", (), None, error)


def shows_interrupt(ran: Ran) -> bool:
    """Return whether the cell failed, or returned the rows from before the interruption."""
    rows = getattr(ran.result, "attrs", {})
    return bool(ran.error or rows.get("interrupted") or "KeyboardInterrupt" in ran.printed)


@pytest.mark.slow
@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize("action", ACTIONS)
def test_lines(rounds: Rounds, shell: Shell, aws: EmbeddedAws, action: str) -> None:
    """Ctrl-C at any line of our code ends the cell, and `--off` restores everything."""
    assert s3fs  # imported first, because some defaults are set only for imported libraries
    shell.good("from ipy_awsprofile import across_profiles, using_profile")
    shell.good(ERRORS)
    before_all, threads = state(shell), set(threading.enumerate())
    shell.good("%aws_profile RoleBeta")
    with interrupted() as counted:
        shell.good(action)
    assert counted.lines
    for random in rounds(6):
        starts = random.choice(["%aws_profile RoleBeta", "%aws_profile UserAlpha"])
        shell.good(starts)
        before, moment = active(), random.randint(1, counted.lines)
        with interrupted(moment) as sent:
            ran = run(shell, action)
        place = f"{sent.where}\n{ran.text}"
        shell.good("%load_ext ipy_awsprofile")  # after Ctrl-C in %reload_ext
        after = active()
        assert after in (before, ACTIONS[action] or before), place
        assert not sent.where or shows_interrupt(ran), place
        shell.good("%aws_profile")
        assert active() == after, place
        shell.good("%aws_profile --off")
        assert state(shell) == before_all, place
    assert len(set(threading.enumerate()) - threads) < 20
