"""Ctrl-C during a switch changes nothing."""

from __future__ import annotations

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.errors import SwitchInterrupted
from tests.shells import Shell, run_notebook

#: Sends Ctrl-C to the cell as soon as it waits for AWS, however long that takes.
INTERRUPT_CALL = """
import signal, sys, threading, time, traceback

def interrupt(thread):
    while all(
        frame.f_code.co_name != "getresponse"
        for frame, _ in traceback.walk_stack(sys._current_frames()[thread])
    ):
        time.sleep(0.01)
    signal.pthread_kill(thread, signal.SIGINT)

threading.Thread(target=interrupt, args=(threading.get_ident(),), daemon=True).start()
"""


def test_interrupted_during_a_call(shell: Shell, aws: EmbeddedAws) -> None:
    """Ctrl-C during a slow call ends the switch, and keeps the identity and the variables."""
    identity = shell.good("%aws_profile UserAlpha").text
    session = shell.names["session"]
    aws.latency = 5
    error = shell.refused(f"{INTERRUPT_CALL}%aws_profile RoleBeta --as other")
    aws.latency = 0
    assert isinstance(error, SwitchInterrupted)
    assert str(error) == "The switch was interrupted."
    assert error.hint == "Nothing has changed."
    assert shell.names["session"] is session
    assert "other" not in shell.names
    assert shell.good("%aws_profile").text == identity
    assert shell.good("%aws_profile RoleBeta").text.startswith("RoleBeta")


def test_interrupted_kernel(aws: EmbeddedAws) -> None:
    """In a kernel, an interrupted switch raises an error that says that nothing has changed."""
    aws.latency = 2
    done, after = run_notebook(
        f"%load_ext ipy_awsprofile\n{INTERRUPT_CALL}%aws_profile RoleBeta",
        "'session' in dir()",
        environment=aws.environment(),
    )[0]
    assert done.cards == []
    assert done.error.ename == "SwitchInterrupted"
    assert done.error.traceback[1:] == ["Nothing has changed."]
    assert done.error.evalue == "The switch was interrupted."
    assert after.text == "False"
