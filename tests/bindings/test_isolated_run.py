"""Changes of the notebook's identity during a run, and what AWS sees after the run."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import boto3
import fsspec
import polars as pl
import pytest
import s3fs

from ipy_awsprofile import across_profiles, using_profile
from ipy_awsprofile.bindings.polars import _default, _methods
from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import NotForOneProfile
from ipy_awsprofile.sessions.duckdb_secret import SECRETS
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.shells import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"

CHILD = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


@contextmanager
def run_in_thread() -> Iterator[list[Any]]:
    """Call a function for UserAlpha until the end of the block, and yield its later result.

    The result is the role or user of boto3's default session, and all values of `URI`.
    """
    begun, ending = Event(), Event()

    def function(_session: boto3.Session) -> str:
        begun.set()
        seen = {os.environ.get(URI)}
        while not ending.wait(0.001):
            seen.add(os.environ.get(URI))
        return f"{signer()} {seen}"

    def run() -> None:
        frame = across_profiles(["UserAlpha"], function, progress=False)
        results.extend(frame["value"])

    results: list[Any] = []
    thread = Thread(target=run)
    thread.start()
    try:
        assert begun.wait(60)
        yield results
    finally:
        ending.set()
        thread.join()


def signer() -> str:
    """Return the name of the user or role that signs as boto3's default session."""
    return str(boto3.client("sts").get_caller_identity()["Arn"]).split("/")[1]


def state() -> tuple[Any, ...]:
    """Return everything that a switch and a run change."""
    assert s3fs
    assert pl
    arguments = fsspec.config.conf.get("s3")
    default = boto3.DEFAULT_SESSION
    return dict(os.environ), default, arguments, _default(), _methods(), SECRETS.session


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("outer", [None, "UserAlpha"])
def test_block_that_ends_during_a_run(outer: str | None) -> None:
    """When a block ends during a run, the run restores the identity from before the block."""
    with ExitStack() as stack:
        if outer:
            stack.enter_context(using_profile(outer))
        before, block = state(), ExitStack()
        block.enter_context(using_profile("RoleBeta", duration="20m"))
        with run_in_thread() as results:
            block.close()
            if outer:
                assert signer() == outer
                assert os.environ["AWS_PROFILE"] == outer
        assert results == ["UserAlpha {None}"]
        assert state() == before
        if outer:
            assert run_python(CHILD).endswith(f"/{outer}\n")
    assert URI not in os.environ


@pytest.mark.usefixtures("aws")
def test_block_that_begins_during_a_run() -> None:
    """A block that was prepared before a run can't begin during the run."""
    switcher, before = running_switcher(), state()
    layer = switcher.prepare(SwitchRequest(profile="RoleBeta"))
    with run_in_thread() as results, pytest.raises(NotForOneProfile):
        switcher.begin(layer)
    assert results == ["UserAlpha {None}"]
    assert state() == before


LINES = {
    "switch": ("%aws_profile RoleBeta", "RoleBeta"),
    "off": ("%aws_profile --off", None),
    "unload": ("%unload_ext ipy_awsprofile", None),
}


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("line", "active"), LINES.values(), ids=LINES)
def test_switch_during_a_run(shell: Shell, line: str, active: str | None) -> None:
    """During a run, a switch is refused and changes nothing, and works after the run."""
    shell.good("%aws_profile UserAlpha")
    before = state()
    with run_in_thread() as results:
        assert shell.refused(line).hint == "Wait until it has ended, then run this again."
    assert results == ["UserAlpha {None}"]
    assert state() == before
    assert "UserAlpha" in shell.good("%aws_profile").text
    shell.good(line)
    default = boto3.DEFAULT_SESSION
    assert (default and default.profile_name) == active
    assert (URI in os.environ) == bool(active)


def test_unload_during_a_block_elsewhere(shell: Shell, aws: EmbeddedAws) -> None:
    """While another thread is in a block, unloading is refused, and the thread's identity stays."""
    begun, ending, signers = Event(), Event(), list[str]()

    def in_a_block() -> None:
        with using_profile("RoleBeta"):
            begun.set()
            ending.wait(60)
            signers.append(signer())

    thread = Thread(target=in_a_block)
    thread.start()
    assert begun.wait(60)
    shell.refused("%unload_ext ipy_awsprofile")
    shell.refused("%reload_ext ipy_awsprofile")
    ending.set()
    thread.join()
    assert signers == ["RoleBeta"]
    shell.good("%reload_ext ipy_awsprofile\n%aws_profile RoleBeta")
