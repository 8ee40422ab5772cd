"""Random sequences of a user's actions, whose results a model knows.

After each action, the model is compared with what AWS saw and what the notebook showed: who is
shown is who signs, an object with another identity is announced, and a failed switch changes
nothing. To replay a failure or to add an action, see CONTRIBUTING, "Test sequences of actions".
"""

from __future__ import annotations

import gc
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ipy_awsprofile import open_session
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role
from ipy_awsprofile.demo.stages import seed as seed_aws
from ipy_awsprofile.errors import AwsProfileError
from tests.attack.conftest import Rounds
from tests.attack.modelled import (
    ALLOWED,
    BUCKET,
    READERS,
    SIGNED_IN,
    Made,
    ModelledNotebook,
    World,
    offline,
)
from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.processes import posix

#: The profiles, whose names are also those of the role or user. `UserAlpha` is the user's own.
PROFILES = ("RoleBeta", "RoleGamma", "UserAlpha")

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
    "session": ("X = SESSION", "X.client('sts', 'us-west-2').get_caller_identity()"),
    "s3fs": (
        "X = s3fs.S3FileSystem(skip_instance_cache=True)\nlen(X.ls(BUCKET))",
        "X.ls(BUCKET, refresh=True)",
    ),
    "s3fs from its cache": (
        "X = s3fs.S3FileSystem()\nlen(X.ls(BUCKET))",
        "X.ls(BUCKET, refresh=True)",
    ),
    "aiobotocore": (
        "X = loop.run_until_complete(open_aio())",
        "loop.run_until_complete(X.get_caller_identity())",
    ),
}

#: Kinds of objects with a session of their own, which the user's new value of AWS_PROFILE concerns.
NEW_SESSIONS = {"s3fs", "s3fs from its cache", "aiobotocore"}

#: How to open an object that signs without botocore, and how to use it.
OPENS = {
    "pyarrow": (
        "X = pyarrow.fs.S3FileSystem(region='us-west-2', endpoint_override=ENDPOINT)",
        "X.get_file_info(BUCKET + '/cities.csv')",
    ),
    "polars": ("X = polars.scan_csv(f's3://{BUCKET}/cities.csv')", "X.collect()"),
}

#: A function that keeps the notebook at a profile.
ON_AGAIN = """
@on_switch
def on_again(session):
    if session is None:
        get_ipython().run_line_magic('aws_profile', 'UserAlpha --quiet')
"""


#: A few short episodes for each seed. A failing one is shrunk.
EPISODES = settings(
    max_examples=8,
    stateful_step_count=15,
    deadline=None,
    database=None,
    suppress_health_check=[*HealthCheck],
    phases=[Phase.generate, Phase.shrink],
)


class Notebook(ModelledNotebook):
    """The rules, which are a user's actions."""

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

    @rule(profile=st.sampled_from(PROFILES))
    def fail_offline(self, profile: str) -> None:
        """Try a switch without a connection."""
        self.count += 1
        with self.a_change(fails=True), offline():
            name = f"--session-name s{self.count}" if profile != "UserAlpha" else ""
            assert self.run(f"%aws_profile {profile} {name}").error

    @precondition(lambda self: not self.uses_sign_in())
    @rule(is_offline=st.booleans())
    def wait(self, is_offline: bool) -> None:
        """Wait until sessions have expired. They are renewed, as soon as there is a connection."""
        with self.a_change():
            # The clock of libraries in other languages doesn't move.
            for name in [name for name, made in self.made.items() if made.kind in READERS]:
                self.good(f"del {name}")
                del self.made[name]
            self.has_secret = False
            self.clock.shift(timedelta(hours=2))
            if is_offline and "Role" in self.active:
                with offline():
                    assert self.run("who()").error
                assert self.signers() == set()

    def uses_sign_in(self) -> bool:
        """Return whether something has an identity that can't be renewed without the user."""
        levels = any(level.identity == SIGNED_IN for level in self.levels)
        return levels or any(made.identity == SIGNED_IN for made in self.made.values())

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

    @rule(
        profile=st.sampled_from(PROFILES),
        other=st.sampled_from(["UserAlpha --quiet", "--off", "--refresh"]),
        kind=st.sampled_from(["in_block", "in_thread_of_task"]),
    )
    def tasks(self, profile: str, other: str, kind: str) -> None:
        """Use a block in a task, during which another task can't switch."""
        with self.a_change():
            tasks = f"{kind}('{profile}'), switch('{other}')"
            signer, refused = self.good(f"asyncio.run(together({tasks}))").result
            assert signer == profile
            assert isinstance(refused, AwsProfileError)
            self.begin(profile)
            self.end(self.level)

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
        if kind in NEW_SESSIONS and self.level.changed is not ...:
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
    @rule(kind=st.sampled_from([*OPENS]))
    def open(self, kind: str) -> None:
        """Open an object that signs without botocore."""
        self.count += 1
        name = f"made{self.count}"
        code, use = (re.sub(r"\bX\b", name, text) for text in OPENS[kind])
        self.good(code)
        ran = self.run(use)
        # polars keeps a key for a store. As its clock doesn't move, it tries the expired key first.
        signers = self.signers() - {"refused"}
        assert signers == {self.signer_of(self.active)}, ran.text
        self.made[name] = Made(kind, self.active, use=use)

    @precondition(lambda self: "Role" in self.active and self.level.changed is ...)
    @rule()
    def read_with_duckdb(self) -> None:
        """Read with a connection of DuckDB, whose secret follows each switch."""
        if not self.has_secret:
            self.has_secret = True
            secret = f"libraries.duckdb_secret({self.level.variable}, con)"
            self.good(f"import duckdb\ncon = duckdb.connect()\n{secret}")
        ran = self.run("con.execute(f\"FROM 's3://{BUCKET}/cities.csv'\").fetchall()")
        assert self.signers() == {self.signer_of(self.active)}, ran.text

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def use(self, data: Any) -> None:
        """Use an older object: it signs as before, and is announced, or refused if it must be."""
        name = data.draw(st.sampled_from(sorted(self.made)))
        made = self.made[name]
        if made.kind in READERS:  # the card has listed it
            self.run(made.use)
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


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Start an embedded AWS with three profiles and a bucket for all episodes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other tests use the usual one
    # Each session would read botocore's models again, which takes most of the time.
    models: dict[type, dict[object, object]] = defaultdict(dict)
    create = Loader.__init__

    def create_sharing(loader: Any, *arguments: Any, **options: Any) -> None:
        create(loader, *arguments, **options)
        loader._cache = models[type(loader)]  # noqa: SLF001

    monkeypatch.setattr(Loader, "__init__", create_sharing)
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
            "AWS_ALLOW_HTTP": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        s3 = open_session("RoleBeta").client("s3")
        s3.put_object(Bucket=BUCKET, Key="cities.csv", Body=b"city,people\nOslo,717\n")
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
@pytest.mark.timeout(1200)  # a failing sequence takes minutes to shrink
@pytest.mark.usefixtures("world")
def test_sequences(rounds: Rounds) -> None:
    """After each of a user's actions, who is shown is who signs, and the end is the beginning."""
    for random in rounds(1):
        numbered = seed(random.randrange(2**32))(type("Numbered", (Notebook,), {}))
        run_state_machine_as_test(numbered, settings=EPISODES)
        # pytest shows it with a failure or `-s`.
        print(f"{Notebook.episodes} episodes, {Notebook.steps} steps, {Notebook.cells} cells")  # noqa: T201
