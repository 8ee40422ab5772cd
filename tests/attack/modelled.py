"""A notebook in which a test acts as a user does, and a model that knows who signs.

`compare` compares the model with what AWS saw and what the notebook showed. `ALLOWED` has what the
documentation allows. `test_model` has the actions.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar
from unittest.mock import patch

import boto3
import fsspec
import psutil
import time_machine
from botocore.credentials import ContainerProvider
from botocore.exceptions import EndpointConnectionError
from botocore.httpsession import URLLib3Session
from hypothesis.stateful import RuleBasedStateMachine

from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.kernel.watch import unwatch
from ipy_awsprofile.switch.stack import stack_of
from tests.aws import EmbeddedAws
from tests.shells import Ran, Shell

#: Sentences of the documentation that allow what the model doesn't ask for, and their pages.
ALLOWED = {
    "The card doesn't list open objects inside lists or other objects.": (
        "docs/reference/libraries.md"
    ),
    "A switch doesn't affect sessions and clients whose profile you named in Python code.": (
        "docs/reference/libraries.md"
    ),
    # Objects of pyarrow and polars sign without a line.
    "after a switch or `--off`, the card lists variables with objects from pyarrow": (
        "docs/reference/libraries.md"
    ),
    # So the end of a generator's block restores what was active before it.
    "A switch inside the block lasts until the block ends.": "docs/how-to/switch.md",
}

ROOT = Path(__file__).parents[2]

BUCKET = "cities-of-mine"

#: A profile with a sign-in.
SIGNED_IN = "prod-reader"

#: Code by which objects of the notebook use S3 or STS themselves, and the model needs no more.
SETUP = """
import aiobotocore.session, asyncio, boto3, os, polars, s3fs, threading
import pyarrow.fs
from ipy_awsprofile import across_profiles, end_on_switch, libraries, on_switch, using_profile
loop = asyncio.new_event_loop()
opened = []
async def open_aio():
    opened.append(aiobotocore.session.get_session().create_client('sts', 'us-west-2'))
    return await opened[-1].__aenter__()
def close_all():
    for each in opened:
        loop.run_until_complete(each.__aexit__(None, None, None))
    loop.close()
def who():
    return boto3.client('sts').get_caller_identity()['Arn'].split('/')[1]
async def in_block(name):
    with using_profile(name):
        await asyncio.sleep(0)
        return who()
async def in_thread_of_task(name):
    with using_profile(name):
        return await asyncio.to_thread(who)
async def switch(line):
    get_ipython().run_line_magic('aws_profile', line)
async def together(*tasks):
    return await asyncio.gather(*tasks, return_exceptions=True)
def suspended(name, **options):
    with using_profile(name, **options):
        yield
def in_thread(function):
    result = []
    thread = threading.Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join()
    return result[0]
heard = []
"""


@dataclass
class Made:
    """An object in a variable of the notebook, and the identity with which it was made.

    ``is_default`` says that no profile was active, and ``variable`` has the value of AWS_PROFILE
    if the user's value was the reason. The user has named the profile of a ``chosen`` one.
    """

    kind: str
    identity: str
    is_default: bool = False
    variable: str | None = None
    chosen: bool = False
    use: str = ""


@dataclass
class Level:
    """The notebook, or a block in it: its identity, and what the user has changed there.

    ``changed`` is a new value of AWS_PROFILE, such as None, or ``...``.
    """

    identity: str = ""
    changed: Any = ...
    before: Any = ...
    has_switched: bool = False
    generator: str = ""
    variable: str = "session"


#: Kinds of objects that sign without botocore, so that only the card announces them.
READERS = {"pyarrow", "polars"}


@dataclass
class World:
    """The embedded AWS and the environment of all episodes."""

    aws: EmbeddedAws
    config: str
    environment: dict[str, str] = field(default_factory=dict)
    #: The name of the role of `SIGNED_IN`.
    role: str = ""


@contextmanager
def limited(seconds: int = 60) -> Iterator[None]:
    """Fail if an action hangs."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"The action took more than {seconds} seconds.")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def offline() -> Iterator[None]:
    """Let no request of botocore's reach a server, as without a connection."""
    error = EndpointConnectionError(endpoint_url="https://sts.us-west-2.amazonaws.com")
    with patch.object(URLLib3Session, "send", side_effect=error):
        yield


def resources() -> tuple[set[str], int, set[str]]:
    """Return our threads, the number of listening sockets, and our temporary folders."""
    process = psutil.Process()
    # Before psutil 6, the method has another name.
    list_connections = getattr(process, "net_connections", None) or process.connections
    connections = list_connections("tcp")
    folders = {path.name for path in Path(tempfile.gettempdir()).glob("ipy-awsprofile-*")}
    threads = {f"{each.name} {each.ident}" for each in threading.enumerate()}
    ours = {name for name in threads if name.startswith("loopback")}
    return ours, sum(each.status == psutil.CONN_LISTEN for each in connections), folders


class ModelledNotebook(RuleBasedStateMachine):
    """One notebook's life. Its attributes are the model."""

    world: ClassVar[World]
    #: How many episodes there were, and how many actions and cells ran in all of them.
    episodes: ClassVar[int] = 0
    steps: ClassVar[int] = 0
    cells: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        ModelledNotebook.episodes += 1
        self.levels = [Level()]
        #: AWS_PROFILE as the user has it outside of switches.
        self.own: str | None = "UserAlpha"
        self.made: dict[str, Made] = {}
        self.following = False
        self.count = 0
        #: Whether a connection of DuckDB has a secret that follows.
        self.has_secret = False
        self.exit = ExitStack()
        self.clock = self.exit.enter_context(time_machine.travel(datetime.now(UTC), tick=True))
        aws = self.world.aws
        aws.config_file.write_text(self.world.config)
        shutil.rmtree(aws.home / ".aws" / "cli", ignore_errors=True)
        os.environ.clear()
        os.environ.update(self.world.environment)
        boto3.DEFAULT_SESSION = None
        folder = self.exit.enter_context(tempfile.TemporaryDirectory())
        self.shell = self.exit.enter_context(Shell.opened(Path(folder)))
        self.shell.names.update(BUCKET=BUCKET, ENDPOINT=aws.endpoint_url)
        self.shell.good(SETUP)
        self.exit.callback(self.shell.names["close_all"])
        self.before = dict(os.environ), resources(), self.settings()
        self.shell.good("%load_ext ipy_awsprofile")

    def check_invariants(self, *arguments: Any, **options: Any) -> None:
        """Count an action, after each of which Hypothesis calls this."""
        ModelledNotebook.steps += 1
        super().check_invariants(*arguments, **options)

    def settings(self) -> tuple[object, ...]:
        """Return what isn't in the environment, and must be restored at the end."""
        return dict(fsspec.config.conf), signal.getsignal(signal.SIGINT)

    # ---- the model

    @property
    def level(self) -> Level:
        """What is active."""
        return self.levels[-1]

    @property
    def active(self) -> str:
        """The active identity, such as ``RoleBeta, read-only``, or an empty text."""
        return self.level.identity

    def signer_of(self, identity: str) -> str:
        """Return the name of an identity's role or user, as AWS sees it."""
        name = identity.partition(",")[0]
        return self.world.role if name == SIGNED_IN else name

    def environment_of(self) -> Any:
        """Return the value of AWS_PROFILE, or ``...`` if a switch has set it."""
        if self.level.changed is not ...:
            return self.level.changed
        return ... if self.active else self.own

    def keep_change(self) -> None:
        """Model that a switch takes the user's new value for the user's own one."""
        if self.active and self.level.changed is not ...:
            self.own = self.level.changed
        self.level.changed = ...

    def show(self, identity: str, variable: str = "session") -> None:
        """Model a switch."""
        self.keep_change()
        self.level.identity = identity
        self.level.variable = variable
        self.level.has_switched = True

    def begin(self, identity: str, generator: str = "") -> None:
        """Model the beginning of a block."""
        before = self.level.changed if self.active else ...
        if before is not ...:
            self.own = before
        self.levels.append(Level(identity, before=before, generator=generator))

    def end(self, level: Level, *, dropped: bool = False) -> None:
        """Model the end of a block, which can have been ended by ``--off``."""
        if level not in self.levels:
            return
        is_last = level is self.level
        self.levels.remove(level)
        if not is_last:
            return
        now = self.level
        if dropped and level.has_switched:
            now.identity, now.changed, now.variable = level.identity, level.changed, level.variable
            now.has_switched = True
            return
        now.changed = level.before if level.changed is ... else level.changed
        if not now.identity and now.changed is not ...:
            self.own = now.changed
            now.changed = ...

    def end_all(self) -> None:
        """Model ``--off``."""
        self.keep_change()
        self.levels = [Level(has_switched=True)]

    def is_stale(self, made: Made) -> bool:
        """Return whether an object has another identity, without being the user's choice."""
        if made.chosen:
            return False
        if made.variable is not None:
            return "read-only" in self.active or made.variable != self.variable_now()
        if made.is_default:
            return bool(self.active) and self.active != made.identity
        return made.identity != self.active

    def variable_now(self) -> str:
        """Return the value of AWS_PROFILE as a text."""
        return str(os.environ.get("AWS_PROFILE"))

    def signer_of_new_sessions(self) -> str:
        """Return the identity of `boto3.Session()`; empty if it finds none."""
        value = self.environment_of()
        if value is ... or (value is None and self.active):
            return self.active
        return value or ""

    # ---- what the user sees

    def run(self, cell: str) -> Ran:
        """Run a cell, which takes a limited time and shows no fault of ours."""
        ModelledNotebook.cells += 1
        self.world.aws.calls.clear()
        with limited():
            ran = self.shell.run(cell)
        assert "has a fault" not in ran.text, ran.text
        assert "Error in callback" not in ran.printed, ran.printed
        return ran

    def good(self, cell: str) -> Ran:
        """Run a cell that must succeed."""
        ran = self.run(cell)
        assert ran.error is None, ran.text
        return ran

    def signers(self) -> set[str]:
        """Return the roles and users that AWS saw in the last cell, but for our own calls.

        A request with a key that AWS refused counts as `refused`, and one without a key as
        `anonymous`.
        """
        seen = set()
        for call in self.world.aws.calls:
            if call.action.startswith("s3:") or call.action == "sts:GetCallerIdentity":
                nobody = "refused" if call.access_key_id else "anonymous"
                seen.add(call.arn.split("/")[1] if call.arn else nobody)
        return seen

    def card(self) -> str:
        """Return the card's text in one line."""
        return " ".join(self.good("%aws_profile").text.split())

    def stale_names(self) -> set[str]:
        """Return the variables that a card must list."""
        return {name for name, made in self.made.items() if self.is_stale(made)}

    @contextmanager
    def a_change(self, *, fails: bool = False) -> Iterator[None]:
        """Compare everything with the model after an action."""
        before = self.visible()
        yield
        if fails:
            assert self.visible() == before
        self.compare()

    def visible(self) -> tuple[object, ...]:
        """Return what a failed switch must leave alone."""
        names = {name: id(value) for name, value in self.shell.names.items() if name[0] != "_"}
        return dict(os.environ), boto3.DEFAULT_SESSION, names, PROCESS.active

    def compare(self) -> None:
        """Fail unless the notebook is as the model says."""
        active = self.active
        if not active:
            card = self.card()
            assert card.startswith("No profile is active"), card
            assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in os.environ
            assert os.environ.get("AWS_PROFILE") == self.own
            assert PROCESS.active is None
            boto3.DEFAULT_SESSION = None  # keeps its first identity, as without the extension
        else:
            assert PROCESS.active is not None
            assert PROCESS.active.name == active
            signer = self.signer_of(active)
            assert self.good("who()").result == signer
            assert self.good("in_thread(who)").result == signer
            session = self.shell.names[self.level.variable]
            assert boto3.DEFAULT_SESSION is session
            keys: Any = ContainerProvider().load().get_frozen_credentials()
            child = boto3.Session(keys.access_key, keys.secret_key, keys.token)  # as in a process
            arn = child.client("sts", "us-west-2").get_caller_identity()["Arn"]
            assert arn.split("/")[1] == signer
            card = self.card()
            assert card.startswith(active.partition(",")[0]), card
            assert ("access read-only" in card) is ("read-only" in active), card
            self.compare_list(card)
        self.compare_new_session()

    def compare_list(self, card: str) -> None:
        """Fail unless a card lists each variable with another identity, and no other one."""
        says = "still signs as|was opened in S3|may keep the identity that it was opened with"
        listed = set(re.findall(rf"`(\w+)` (?:{says})", card))
        assert listed == self.stale_names(), card
        is_changed = self.level.changed is not ...
        assert ("`AWS_PROFILE` was changed" in card) is is_changed, card

    def compare_new_session(self) -> None:
        """Fail unless `boto3.Session()` signs as it should, or is refused."""
        expected = self.signer_of(self.signer_of_new_sessions())
        ran = self.run("boto3.Session().client('sts', 'us-west-2').get_caller_identity()['Arn']")
        if self.level.changed not in {..., None} and "read-only" in self.active:
            assert type(ran.error).__name__ == "StaleIdentity", ran.text
            assert self.signers() == set()
        elif not expected:
            assert ran.error is not None
            assert self.signers() == set()
        else:
            assert self.signers() == {expected}, ran.text
        assert " signs " not in ran.text or ran.error, ran.text

    def teardown(self) -> None:
        """Compare the end: what the user had is there, and nothing of ours is left."""
        try:
            self.good("%aws_profile --off")
            self.end_all()
            environment, before, others = self.before
            assert self.settings() == others
            names = {name for name in self.shell.names if "session" in name or name == "other"}
            assert names == set()
            if self.own is None:
                environment.pop("AWS_PROFILE", None)
            else:
                environment["AWS_PROFILE"] = self.own
            assert dict(os.environ) == environment
            self.good("%unload_ext ipy_awsprofile")
            assert resources() == before
            assert not PROCESS.watched
        finally:
            forget_everything()
            self.exit.close()


def forget_everything() -> None:
    """Let the next episode begin anew, even after a failure."""
    while PROCESS.watched:
        unwatch()
    stack_of.cache_clear()
    PROCESS.reset()
