"""Random sequences of a user's actions, and a model that knows who signs after each of them.

After each action, the model is compared with what AWS saw and what the notebook showed: who is
shown is who signs, an object with another identity is announced, and a failed switch changes
nothing. `ALLOWED` has what the documentation allows. To replay a failure or to add an action, see
CONTRIBUTING, "Test sequences of actions".
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import boto3
import fsspec
import psutil
import pytest
from botocore.credentials import ContainerProvider
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role
from ipy_awsprofile.demo.stages import seed as seed_aws
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.gate import PROCESS
from ipy_awsprofile.kernel.watch import unwatch
from ipy_awsprofile.switch.stack import stack_of
from tests.attack.conftest import Rounds
from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.processes import posix
from tests.shells import Ran, Shell

#: Sentences of the documentation that allow what the model doesn't ask for, and their pages.
ALLOWED = {
    "The card doesn't list open objects inside lists or other objects.": "docs/follows.md",
    "Sessions and clients whose profile you named in Python code aren't affected.": (
        "docs/follows.md"
    ),
    # Objects of pyarrow sign without a line.
    "the card of a switch and of `--off` lists variables with objects of pyarrow": (
        "docs/follows.md"
    ),
    # So the end of a generator's block restores what was active before it.
    "A switch in a block lasts until the block ends.": "docs/how-to/switch.md",
}

ROOT = Path(__file__).parents[2]

BUCKET = "cities-of-mine"

#: The profiles, whose names are also those of the role or user. `UserAlpha` is the user's own.
PROFILES = ("RoleBeta", "RoleGamma", "UserAlpha")

#: A profile with a sign-in.
SIGNED_IN = "prod-reader"

#: The options of a switch, and how they change the identity's name.
OPTIONS = {
    "": "",
    "--read-only": ", read-only",
    "--region eu-west-1": "",
    "--as other": "",
    "--quiet": "",
}

#: Switches that fail.
FAILING = (
    "Nobody",
    "Closed",
    "RoleBeta --expect-account 999999999999",
    "RoleBeta --region mars_1",
    "RoleGamma --policy /nowhere.json",
    "RoleBeta --no-such-option",
)

#: How to create an object that signs with botocore, as the active identity, and how to use it.
MAKES = {
    "client": ("X = boto3.client('sts')", "X.get_caller_identity()"),
    "client of session": ("X = SESSION.client('sts')", "X.get_caller_identity()"),
    "resource": ("X = SESSION.resource('s3').Bucket(BUCKET)", "list(X.objects.all())"),
    "session": ("X = SESSION", "X.client('sts').get_caller_identity()"),
    "s3fs": (
        "X = s3fs.S3FileSystem(skip_instance_cache=True)\nlen(X.ls(BUCKET))",
        "X.ls(BUCKET, refresh=True)",
    ),
}

#: Code by which objects of the notebook use S3 or STS themselves, and the model needs no more.
SETUP = """
import asyncio, boto3, os, s3fs, threading
import pyarrow.fs
from ipy_awsprofile import across_profiles, end_on_switch, on_switch, using_profile
def who():
    return boto3.client('sts').get_caller_identity()['Arn'].split('/')[1]
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


#: A function that keeps the notebook at a profile.
ON_AGAIN = """
@on_switch
def on_again(session):
    if session is None:
        get_ipython().run_line_magic('aws_profile', 'UserAlpha --quiet')
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


#: A few short episodes for each seed. A failing one is shrunk.
EPISODES = settings(
    max_examples=int(os.environ.get("EX", "8")),
    stateful_step_count=15,
    deadline=None,
    database=None,
    suppress_health_check=[*HealthCheck],
    phases=[Phase.generate] if os.environ.get("QUICK") else [Phase.generate, Phase.shrink],
)


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


def resources() -> tuple[set[str], int, set[str]]:
    """Return our threads, the number of listening sockets, and our temporary folders."""
    connections = psutil.Process().net_connections("tcp")
    folders = {path.name for path in Path(tempfile.gettempdir()).glob("ipy-awsprofile-*")}
    threads = {f"{each.name} {each.ident}" for each in threading.enumerate()}
    ours = {name for name in threads if name.startswith("loopback")}
    return ours, sum(each.status == psutil.CONN_LISTEN for each in connections), folders


class Notebook(RuleBasedStateMachine):
    """One notebook's life: the rules are a user's actions, and the attributes are the model."""

    world: ClassVar[World]
    #: How many cells have run in all episodes.
    cells: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.levels = [Level()]
        #: AWS_PROFILE as the user has it outside of switches.
        self.own: str | None = "UserAlpha"
        self.made: dict[str, Made] = {}
        self.following = False
        self.count = 0
        self.exit = ExitStack()
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
        self.before = dict(os.environ), resources(), self.settings()
        self.shell.good("%load_ext ipy_awsprofile")

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
        Notebook.cells += 1
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
        """Return the roles and users that AWS saw in the last cell, but for our own calls."""
        seen = set()
        for call in self.world.aws.calls:
            if call.action.startswith("s3:") or call.action == "sts:GetCallerIdentity":
                seen.add((call.arn or "anonymous/anonymous").split("/")[1])
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
        listed = set(re.findall(r"`(\w+)` (?:still signs as|was opened in S3)", card))
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

    # ---- actions

    @initialize()
    def nothing(self) -> None:
        """Compare the beginning."""
        self.compare()

    @rule(profile=st.sampled_from(PROFILES), option=st.sampled_from([*OPTIONS]))
    def switch(self, profile: str, option: str) -> None:
        """Switch."""
        if profile == "UserAlpha" and option == "--read-only":
            option = ""
        with self.a_change():
            self.good(f"%aws_profile {profile} {option}")
            variable = "other" if option == "--as other" else "session"
            self.show(profile + OPTIONS[option], variable)

    @rule(line=st.sampled_from(FAILING))
    def fail(self, line: str) -> None:
        """Try a switch that fails."""
        with self.a_change(fails=True):
            assert self.run(f"%aws_profile {line}").error

    @rule()
    def off(self) -> None:
        """Switch off."""
        with self.a_change():
            was_active = any(level.identity for level in self.levels)
            card = " ".join(self.good("%aws_profile --off").text.split())
            self.end_all()
            if was_active:
                assert "The switch is undone" in card
                self.compare_list(card)

    @precondition(lambda self: self.active)
    @rule()
    def off_and_on(self) -> None:
        """Switch off while a function of the user's switches again."""
        with self.a_change():
            self.good(ON_AGAIN)
            card = self.good("%aws_profile --off").text
            self.good("end_on_switch(on_again)")
            self.end_all()
            self.show("UserAlpha")
            assert card.startswith("UserAlpha"), card
            assert "as it was" not in card, card

    @rule()
    def sign_in(self) -> None:
        """Switch to a profile with a sign-in."""
        with self.a_change():
            self.world.aws.sso.sign_in("corp")
            self.good(f"%aws_profile {SIGNED_IN}")
            self.show(SIGNED_IN)

    @rule()
    def sign_out(self) -> None:
        """End the sign-in, even of the profile that a block hides."""
        with self.a_change():
            self.good("%aws_profile --logout")
            ended = [level for level in self.levels if level.identity == SIGNED_IN]
            if ended:
                self.keep_change()
            for level in ended:
                level.identity = ""

    @precondition(lambda self: self.active)
    @rule()
    def refresh(self) -> None:
        """Get new credentials."""
        with self.a_change():
            self.good("%aws_profile --refresh")
            self.show(self.active, self.level.variable)

    @rule(command=st.sampled_from(["reload", "unload"]))
    def unload(self, command: str) -> None:
        """Load the extension again."""
        with self.a_change():
            self.good(f"%{command}_ext ipy_awsprofile")
            if command == "unload":
                self.good("%load_ext ipy_awsprofile")
            self.end_all()

    @rule(
        profile=st.sampled_from(PROFILES[:2]),
        read_only=st.booleans(),
        inside=st.sampled_from(["", "%aws_profile UserAlpha", "%aws_profile --off", "1 / 0"]),
        is_cell=st.booleans(),
    )
    def block(self, profile: str, read_only: bool, inside: str, is_cell: bool) -> None:
        """Use a block or a cell, in which the user does something else."""
        with self.a_change():
            option = "--read-only" if read_only else ""
            cell = f"%%aws_profile {profile} {option}\nfirst = who()\n{inside}"
            if not is_cell:
                cell = (
                    f"with using_profile('{profile}', read_only={read_only}):\n"
                    f"    first = who()\n    {inside or 'pass'}"
                )
            ran = self.run(cell)
            assert (ran.error is None) is (inside != "1 / 0"), ran.text
            assert self.shell.names.pop("first") == profile
            self.begin(profile + OPTIONS[option])
            level = self.level
            if inside == "%aws_profile --off":
                self.end_all()
            self.end(level)

    @precondition(lambda self: len(self.levels) < 4)
    @rule(profile=st.sampled_from(PROFILES), read_only=st.booleans())
    def suspend(self, profile: str, read_only: bool) -> None:
        """Begin a block in a generator."""
        read_only = read_only and profile != "UserAlpha"
        self.count += 1
        name = f"generator{self.count}"
        with self.a_change():
            self.good(f"{name} = suspended('{profile}', read_only={read_only})\nnext({name})")
            self.begin(profile + (", read-only" if read_only else ""), name)

    def generators(self) -> list[str]:
        """Return the names of the generators that haven't ended."""
        return sorted(name for name in self.shell.names if name.startswith("generator"))

    @precondition(lambda self: self.generators())
    @rule(data=st.data(), is_dropped=st.booleans())
    def go_on(self, data: Any, is_dropped: bool) -> None:
        """End or drop a generator."""
        name = data.draw(st.sampled_from(self.generators()))
        with self.a_change():
            end = f"del {name}" if is_dropped else f"list({name})\ndel {name}"
            self.good(end)
            gc.collect()
            for level in list(self.levels):
                if level.generator == name:
                    self.end(level, dropped=is_dropped)

    @rule()
    def run_for_profiles(self) -> None:
        """Call a function for many profiles."""
        with self.a_change():
            code = f"list(across_profiles({[*PROFILES]}, lambda s: who(), progress=False)['value'])"
            assert self.good(code).result == [*PROFILES]

    @precondition(lambda self: self.active or self.own)
    @rule(kind=st.sampled_from([*MAKES]))
    def make(self, kind: str) -> None:
        """Create an object with the active identity, or without one with the default one."""
        code, use = MAKES[kind]
        self.count += 1
        name = f"made{self.count}"
        session = self.level.variable if self.active else "boto3.Session()"
        code = re.sub(r"\bX\b", name, code).replace("SESSION", session)
        use = re.sub(r"\bX\b", name, use)
        if kind == "s3fs" and self.level.changed is not ...:
            return
        ran = self.run(f"{code}\n{use}")
        made = Made(kind, self.active or str(self.own), is_default=not self.active, use=use)
        assert self.signers() <= {self.signer_of(made.identity)}, ran.text
        if name in self.shell.names:
            self.made[name] = made

    @precondition(lambda self: self.level.changed not in {..., None})
    @rule()
    def make_from_variable(self) -> None:
        """Create a client of the profile that the user has put into AWS_PROFILE."""
        self.count += 1
        name = f"made{self.count}"
        self.good(f"{name} = boto3.Session().client('sts', 'us-west-2')")
        use = f"{name}.get_caller_identity()"
        value = str(self.level.changed)
        self.made[name] = Made("variable", value, variable=self.variable_now(), use=use)

    @rule(profile=st.sampled_from(PROFILES))
    def make_by_name(self, profile: str) -> None:
        """Create a client of a profile that the user names."""
        self.count += 1
        name = f"made{self.count}"
        self.good(f"{name} = boto3.Session(profile_name='{profile}').client('sts', 'us-west-2')")
        use = f"{name}.get_caller_identity()"
        self.made[name] = Made("named", profile, chosen=True, use=use)

    @precondition(lambda self: self.active and self.level.changed is ...)
    @rule()
    def open(self) -> None:
        """Open a file system that signs without botocore."""
        self.count += 1
        name = f"made{self.count}"
        self.good(
            f"{name} = pyarrow.fs.S3FileSystem(region='us-west-2', endpoint_override=ENDPOINT)"
        )
        ran = self.run(f"{name}.get_file_info(BUCKET + '/cities.csv')")
        assert self.signers() == {self.signer_of(self.active)}, ran.text
        self.made[name] = Made("pyarrow", self.active)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def use(self, data: Any) -> None:
        """Use an older object: it signs as before, and is announced, or refused if it must be."""
        name = data.draw(st.sampled_from(sorted(self.made)))
        made = self.made[name]
        if made.kind == "pyarrow":  # the card has listed it
            self.run(f"{name}.get_file_info(BUCKET + '/cities.csv')")
            assert self.signers() == {self.signer_of(made.identity)}
            return
        for _ in range(2):  # each cell announces it
            ran = self.run(made.use)
            announced = re.findall(r"signs \w+ as (.+?), but `?(.+?)`? is active", ran.text)
            if not self.is_stale(made):
                assert announced == [], ran.text
                assert self.signers() == {self.signer_of(made.identity)}, ran.text
            elif "read-only" in self.active:
                assert isinstance(ran.error, AwsProfileError), ran.text
                assert self.signers() == set()
            else:
                assert announced, ran.text
                assert announced[0][1] == (self.active or "no profile"), ran.text
                assert self.signers() == {self.signer_of(made.identity)}, ran.text

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def rename(self, data: Any) -> None:
        """Give an object another variable."""
        name = data.draw(st.sampled_from(sorted(self.made)))
        self.count += 1
        new = f"made{self.count}"
        with self.a_change():
            self.good(f"{new} = {name}\ndel {name}")
            made = self.made.pop(name)
            made.use = re.sub(rf"\b{name}\b", new, made.use)
            self.made[new] = made

    @rule(value=st.sampled_from([*PROFILES, None]))
    def set_variable(self, value: str | None) -> None:
        """Set or delete AWS_PROFILE, as an old cell or a library does."""
        before = os.environ.get("AWS_PROFILE")
        code = f"os.environ['AWS_PROFILE'] = {value!r}"
        if value is None:
            code = "os.environ.pop('AWS_PROFILE', None)"
        with self.a_change():
            ran = self.good(f"{code};")
            if not self.active:
                self.own = value
            elif before == value:
                return
            elif self.shell_has(value):
                self.level.changed = ...
            else:
                was_changed = self.level.changed is not ...
                self.level.changed = value
                assert was_changed or "`AWS_PROFILE` was changed after the switch" in ran.text

    def shell_has(self, value: str | None) -> bool:
        """Return whether this is the value that the active switch has set itself."""
        return value == self.active  # not of a read-only one, which has a name of its own

    @precondition(lambda self: not self.following)
    @rule()
    def follow(self) -> None:
        """Register a function that is called after each switch."""
        self.following = True
        self.good("def follow(session):\n    heard.append(session)\non_switch(follow)")

    @precondition(lambda self: self.following)
    @rule()
    def heard(self) -> None:
        """Look at what the function has got last."""
        if self.shell.names["heard"]:
            expected = self.shell.names[self.level.variable] if self.active else None
            assert self.shell.names["heard"][-1] is expected

    @precondition(lambda self: self.active and len(self.levels) == 1)
    @rule()
    def share(self) -> None:
        """Let programs use the identity."""
        with self.a_change():
            self.good("%aws_profile --share --yes")

    @rule()
    def edit_file(self) -> None:
        """Add a comment to the config file."""
        with self.a_change():
            with self.world.aws.config_file.open("a") as config:
                config.write("# a note\n")
            self.good("1;")

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


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Start an embedded AWS with three profiles and a bucket for all episodes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other tests use the usual one
    with EmbeddedAws() as aws:
        seed_aws(aws)
        add_role(aws, "RoleGamma", "s3:*")
        closed = f"arn:aws:iam::{ROLE_ACCOUNT}:role/Closed"
        aws.write_profile("Closed", source_profile="UserAlpha", role_arn=closed)
        aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
        for name, value in {
            **aws.environment(),
            "AWS_PROFILE": "UserAlpha",
            "AWS_ENDPOINT_URL": aws.endpoint_url,
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        organisation(aws)
        aws.sso.sign_in("corp")
        arn: str = open_session(SIGNED_IN).client("sts").get_caller_identity()["Arn"]
        text = aws.config_file.read_text()
        Notebook.world = World(aws, text, dict(os.environ), arn.split("/")[1])
        yield
        os.environ.clear()
        os.environ.update(Notebook.world.environment)


def test_what_is_allowed() -> None:
    """The documentation has the sentences that allow what the model doesn't ask for."""
    for sentence, page in ALLOWED.items():
        assert sentence in " ".join(Path(__file__).parents[2].joinpath(page).read_text().split()), (
            sentence
        )


@posix
@pytest.mark.usefixtures("world")
def test_sequences(rounds: Rounds) -> None:
    """After each of a user's actions, who is shown is who signs, and the end is the beginning."""
    for random in rounds(1):
        numbered = seed(random.randrange(2**32))(type("Numbered", (Notebook,), {}))
        run_state_machine_as_test(numbered, settings=EPISODES)
        print(f"{Notebook.cells} cells")  # noqa: T201  # pytest shows it with a failure or `-s`
