"""Random switches, blocks and runs that are interrupted: each call signs as expected."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from traceback import walk_stack
from types import FrameType
from typing import Any

import boto3
import fsspec
import pytest
import s3fs  # noqa: F401  # a switch sets defaults of imported libraries only
from botocore.credentials import ContainerProvider

import ipy_awsprofile
from ipy_awsprofile.demo.stages import add_role
from tests.attack.conftest import Rounds
from tests.aws import EmbeddedAws
from tests.processes import posix
from tests.shells import Shell

#: Profiles, whose names are also those of the role or user, and options of a switch.
IDENTITIES = {"RoleBeta": "", "RoleGamma": "--read-only", "UserAlpha": ""}


def signer(session: Any) -> str:
    """Return the name of the user or role that STS reports."""
    return str(session.client("sts", "us-west-2").get_caller_identity()["Arn"].split("/")[1])


def active(shell: Shell) -> str:
    """Return the identity that boto3, child processes and the card agree on, or an empty string."""
    card = shell.good("%aws_profile").text
    if card.startswith("No profile is active"):
        assert boto3.DEFAULT_SESSION is None
        assert not {"AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} & os.environ.keys()
        return ""
    key, secret, token, *_ = ContainerProvider().load().get_frozen_credentials()
    child = boto3.Session(key, secret, token)  # the credentials of child processes
    name = signer(boto3)
    assert name == signer(child) == os.environ["AWS_PROFILE"].removesuffix("-in-kernel")
    assert card.startswith(name)
    return name


def state(shell: Shell) -> tuple[Any, ...]:
    """Return what `--off` must restore."""
    names = {name for name in shell.names if not name.startswith("_")} - {"In", "Out"}
    others = boto3.DEFAULT_SESSION, dict(fsspec.config.conf), signal.getsignal(signal.SIGINT)
    return dict(os.environ), names, *others


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws) -> Shell:
    """Return a notebook whose stale clients are refused, with another role."""
    add_role(aws, "RoleGamma", "s3:*")
    shell.good("%config AwsProfileMagics.stale = 'refuse'")
    shell.names.update(signer=signer, boto3=boto3)
    shell.good("from ipy_awsprofile import across_profiles, using_profile")
    return shell


#: Each action, and the identity that can be active after it instead of the previous one.
ACTIONS = {
    "%aws_profile RoleBeta": "RoleBeta",
    "%aws_profile UserAlpha --as other": "UserAlpha",
    "%aws_profile RoleGamma --read-only": "RoleGamma",
    "%aws_profile --refresh": None,
    "%aws_profile --off": "",
    "%reload_ext ipy_awsprofile": "",
    "%%aws_profile RoleGamma --read-only\n%aws_profile UserAlpha": None,
    "with using_profile('RoleGamma', read_only=True), using_profile('UserAlpha'): 1": None,
    "across_profiles('UserAlpha', id, progress=False)": None,
}


def is_ours(frame: FrameType) -> bool:
    """Return whether the frame runs code of our package."""
    return frame.f_code.co_filename.startswith(ipy_awsprofile.__path__[0])


@contextmanager
def ctrl_c_at(moment: int = 0) -> Iterator[list[int]]:
    """Press Ctrl-C when a thread sees our code at work for the nth time; yield the moments."""
    main, ended, moments = threading.get_ident(), threading.Event(), list[int]()

    def watch() -> None:
        while not ended.is_set():
            if is_ours(sys._current_frames()[main]):  # noqa: SLF001  # documented
                moments.append(len(moments))
                if len(moments) == moment:
                    signal.pthread_kill(main, signal.SIGINT)

    def interrupt(_number: int, frame: FrameType | None) -> None:
        if frame and any(is_ours(each) for each, _ in walk_stack(frame)):
            raise KeyboardInterrupt

    handler, interval = signal.signal(signal.SIGINT, interrupt), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # the thread looks often
    with ThreadPoolExecutor(1) as pool:
        pool.submit(watch)
        with suppress(KeyboardInterrupt):
            yield moments
        ended.set()
    sys.setswitchinterval(interval)
    signal.signal(signal.SIGINT, handler)


#: Python ignores Ctrl-C in a finalizer, which could be running at that moment.
@posix
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupts(rounds: Rounds, notebook: Shell) -> None:
    """After Ctrl-C at any moment, the previous or the new identity is active everywhere."""
    before_all, count = state(notebook), dict[str, int]()
    for action in [*ACTIONS, *ACTIONS]:  # the second time, everything is imported
        notebook.good("%aws_profile RoleBeta")
        with ctrl_c_at() as moments:
            notebook.good(action)
        count[action] = len(moments)
    for random in rounds(20):
        start, action = random.choice([*IDENTITIES]), random.choice([*ACTIONS])
        notebook.good(f"%aws_profile {start} {IDENTITIES[start]}")
        with ctrl_c_at(random.randint(1, count[action] + 1)):
            notebook.run(action)
        notebook.good("%load_ext ipy_awsprofile")  # after Ctrl-C in %reload_ext
        assert active(notebook) in (start, ACTIONS[action]), action
        notebook.good("%aws_profile --off")
        assert state(notebook) == before_all, action
