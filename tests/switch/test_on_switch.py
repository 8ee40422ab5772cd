"""Functions of `on_switch` let the user's own objects follow a switch."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

import pytest

from ipy_awsprofile import end_on_switch, on_switch, using_profile
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered
from ipy_awsprofile.gate import PROCESS
from tests.aws import EmbeddedAws
from tests.kernels import Kernel
from tests.processes import posix
from tests.shells import Shell

#: A cell of a team's own client, which a function creates again.
OWN_CLIENT = """
import boto3
from ipy_awsprofile import end_on_switch, on_switch, using_profile

@on_switch
def create_client(session):
    global own
    own = session and session.client("sts")

def who():
    return own and own.get_caller_identity()["Arn"].split("/")[1]
"""


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Return a notebook with a client of the user's own, before the first switch."""
    shell.good(OWN_CLIENT)
    return shell


def test_own_client(notebook: Shell, aws: EmbeddedAws) -> None:
    """A client that a function creates again signs as the active identity, even in a block.

    The cells show no line about a client with another identity.
    """
    notebook.good("%aws_profile RoleBeta\nfirst = own")
    assert notebook.good("who()").result == "RoleBeta"
    key = aws.calls[-1].access_key_id
    notebook.good("%aws_profile --refresh")
    assert notebook.good("who()").result == "RoleBeta"
    assert aws.calls[-1].access_key_id != key
    assert notebook.good("%%aws_profile UserAlpha\nwho()").result == "UserAlpha"
    assert notebook.good("who()").result == "RoleBeta"
    cell = "with using_profile('UserAlpha'):\n    inside = who()\noutside = who()"
    assert notebook.good(cell).text == ""
    assert (notebook.names["inside"], notebook.names["outside"]) == ("UserAlpha", "RoleBeta")
    notebook.good("with using_profile('UserAlpha'):\n    %aws_profile --off\n    inside = who()")
    assert notebook.names["inside"] is None
    assert notebook.good("who()").result is None
    former = notebook.good("first.get_caller_identity()").text
    assert "signs GetCallerIdentity as RoleBeta" in former


def test_when_functions_are_called(notebook: Shell, aws: EmbeddedAws) -> None:
    """Functions are called in their order, and at once while a profile is active.

    They aren't called after a switch that failed or was none, or in a run over many profiles.
    """
    notebook.good("heard = []\nbefore = on_switch(lambda session: heard.append('before'))")
    assert notebook.names["heard"] == []
    notebook.good("%aws_profile RoleBeta")
    notebook.good("on_switch(lambda session: heard.append(session.chain[0]))")
    assert notebook.names["heard"] == ["before", "RoleBeta"]
    notebook.names["heard"].clear()
    assert notebook.run("%aws_profile Nobody").error
    assert notebook.run("with using_profile('Nobody'): pass").error
    notebook.good("%%aws_profiles *\nsession.region_name")
    assert notebook.names["heard"] == []
    notebook.good("end_on_switch(before)\nend_on_switch(before)\n%aws_profile UserAlpha")
    assert notebook.names["heard"] == ["UserAlpha"]
    notebook.good("%aws_profile --off")
    size = len(notebook.names["heard"])
    notebook.good("%aws_profile --off")
    assert len(notebook.names["heard"]) == size


def test_a_cell_that_runs_again(notebook: Shell, aws: EmbeddedAws) -> None:
    """A cell that runs again replaces its functions, and keeps their order. It adds methods."""
    cell = (
        "@on_switch\ndef first(session): heard.append('first')\n"
        "@on_switch\ndef second(session): heard.append('second')\n"
        "class Tool:\n"
        "    def __init__(self, name):\n        self.name = name\n        on_switch(self.follow)\n"
        "    def follow(self, session): heard.append(self.name)\n"
    )
    notebook.good(f"heard = []\n{cell}one = Tool('one')")
    notebook.good(f"{cell}two = Tool('two')\n%aws_profile RoleBeta")
    assert notebook.names["heard"] == ["first", "second", "one", "two"]
    notebook.good("heard.clear()\nend_on_switch(one.follow)\n%aws_profile UserAlpha")
    assert notebook.names["heard"] == ["first", "second", "two"]


def test_a_function_that_fails(
    notebook: Shell, aws: EmbeddedAws, caplog: pytest.LogCaptureFixture
) -> None:
    """A line names a function that fails. The switch is complete, and the others are called."""
    caplog.set_level(logging.DEBUG, "ipy_awsprofile")
    notebook.good("@on_switch\ndef refuse(session):\n    raise ValueError('No\\nclient.')")
    notebook.good("heard = []\non_switch(lambda session: heard.append(session))")
    ran = notebook.good("%aws_profile RoleBeta --quiet")
    line = "After the switch, `refuse` failed. The switch is complete. ValueError: No client."
    assert ran.text == line
    assert "refuse" in caplog.text
    assert notebook.names["heard"] == [notebook.names["session"]]
    assert notebook.good("who()").result == "RoleBeta"
    with pytest.raises(InvalidOption, match="async"):
        on_switch(notebook.good("async def later(session): pass\nlater").result)


@posix
def test_ctrl_c(notebook: Shell, aws: EmbeddedAws) -> None:
    """Ctrl-C ends a function that takes too long, and the switch or block is complete."""
    notebook.good(
        "import signal\nreached = []\n"
        "@on_switch\ndef wait(session):\n"
        "    signal.raise_signal(signal.SIGINT)\n    reached.append(session)"
    )
    assert "KeyboardInterrupt" in notebook.good("%aws_profile RoleBeta --quiet").text
    cell = "with using_profile('UserAlpha'):\n    inside = who()\ninside, who()"
    assert notebook.good(cell).result == ("UserAlpha", "RoleBeta")
    assert notebook.names["reached"] == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_functions_that_switch(notebook: Shell, aws: EmbeddedAws) -> None:
    """A function can use a block, which calls no functions."""
    notebook.good(
        "heard = []\n"
        "@on_switch\ndef look(session):\n"
        "    with using_profile('UserAlpha') as other: heard.append(other.chain[0])"
    )
    notebook.good("%aws_profile RoleBeta")
    assert notebook.names["heard"] == ["UserAlpha"]
    assert notebook.good("who()").result == "RoleBeta"


def test_reload(notebook: Shell, aws: EmbeddedAws) -> None:
    """Functions stay when the extension is unloaded and loaded again."""
    notebook.good("%aws_profile RoleBeta\n%reload_ext ipy_awsprofile")
    assert notebook.good("who()").result is None
    notebook.good("%aws_profile UserAlpha")
    assert notebook.good("who()").result == "UserAlpha"


def test_in_a_run(notebook: Shell, aws: EmbeddedAws) -> None:
    """A function for many profiles can't register functions, which would be called for all."""
    ran = notebook.run("%%aws_profiles *\non_switch(print)")
    assert isinstance(ran.error, NoProfileAnswered)
    assert "`on_switch` works with the identity of the whole notebook" in str(ran.error)


def test_in_a_script(aws: EmbeddedAws) -> None:
    """In a script, blocks call the functions."""
    chains: list[tuple[str, ...]] = []

    @on_switch
    def follow(session: Any) -> None:
        chains.append(session.chain if session else ())

    with using_profile("RoleBeta"), using_profile("UserAlpha"):
        pass
    end_on_switch(follow)
    assert chains == [("RoleBeta", "UserAlpha"), ("UserAlpha",), ("RoleBeta", "UserAlpha"), ()]


#: A cell whose thread switches, as a click in the picker can.
OTHER_THREAD = """
import threading
places = []

@on_switch
def note(session):
    places.append((threading.current_thread() is threading.main_thread(), session.chain[0]))

def switch():
    for name in ("UserAlpha", "RoleBeta"):
        get_ipython().run_cell(f"%aws_profile {name} --quiet")

thread = threading.Thread(target=switch)
thread.start()
thread.join()
before = list(places)
"""


def test_switch_in_another_thread(aws: EmbeddedAws) -> None:
    """A kernel calls the functions as soon as its main thread is free."""
    with Kernel.started(aws, {"AWS_ENDPOINT_URL": aws.endpoint_url}) as kernel:
        kernel.good(OWN_CLIENT)
        kernel.good(OTHER_THREAD)
        seen = kernel.good("print(before, set(places), who())")
    assert "[] {(True, 'RoleBeta')} RoleBeta" in seen.text


#: Functions that go on as another identity after `--off`.
STAYING = {
    "a switch": "get_ipython().run_line_magic('aws_profile', 'UserAlpha --quiet')",
    "a block": "blocks.enter_context(using_profile('UserAlpha'))",
}


@pytest.mark.parametrize("code", STAYING.values(), ids=STAYING)
def test_functions_that_switch_after_off(notebook: Shell, aws: EmbeddedAws, code: str) -> None:
    """If a function switches after `--off`, the card says so and shows who signs."""
    notebook.good(
        "from contextlib import ExitStack\nblocks = ExitStack()\n"
        f"@on_switch\ndef stay(session):\n    if session is None: {code}"
    )
    notebook.good("%aws_profile RoleBeta")
    card = notebook.good("%aws_profile --off").text
    assert card.startswith("UserAlpha")
    assert "`--off` undid the switch. Then a function of `on_switch` switched again." in card
    assert "as it was" not in card
    signs = "boto3.client('sts').get_caller_identity()['Arn']"
    assert notebook.good(signs).result.endswith("user/UserAlpha")


@pytest.mark.parametrize("code", STAYING.values(), ids=STAYING)
def test_functions_before_one_that_switches(notebook: Shell, code: str) -> None:
    """If a function switches, those before it get the new session, so their objects follow."""
    notebook.good(
        "from contextlib import ExitStack\nblocks = ExitStack()\nheard = []\n"
        f"@on_switch\ndef stay(session):\n    if session is None: {code}\n"
        "@on_switch\ndef last(session): heard.append(session.chain[0])"
    )
    notebook.good("%aws_profile RoleBeta\n%aws_profile --off")
    assert notebook.good("who()").result == "UserAlpha"
    assert notebook.names["heard"] == ["RoleBeta", "UserAlpha"]


@pytest.mark.parametrize("code", STAYING.values(), ids=STAYING)
def test_functions_that_switch_while_unloading(
    notebook: Shell, aws: EmbeddedAws, code: str
) -> None:
    """A function that switches while the extension is unloaded gets an error, and loads nothing."""
    before = {*threading.enumerate()}
    notebook.good(
        "from contextlib import ExitStack\nblocks = ExitStack()\n"
        f"@on_switch\ndef stay(session):\n    if session is None: {code}"
    )
    for command in ("%reload_ext", "%unload_ext", "%load_ext", "%reload_ext", "%unload_ext"):
        if command != "%load_ext":
            notebook.good("%load_ext ipy_awsprofile\n%aws_profile RoleBeta")
        said = notebook.good(f"{command} ipy_awsprofile").text
        assert command == "%load_ext" or "has been unloaded" in said
        is_loaded = command != "%unload_ext"
        magics = notebook.ip.magics_manager
        assert ("ipy_awsprofile" in notebook.ip.extension_manager.loaded) is is_loaded
        assert ("aws_profile" in magics.magics["line"]) is is_loaded
        assert ("AwsProfileMagics" in magics.registry) is is_loaded
    assert {*threading.enumerate()} <= before
    assert not PROCESS.watched
