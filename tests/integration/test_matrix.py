"""For each way to switch, AWS sees the card's identity, and the end restores the previous state.

Libraries get arguments from us here, and none in `test_libraries_follow`. The module shares one
embedded AWS, and each test has its own shell.
"""

from __future__ import annotations

import copy
import os
import re
import signal
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import boto3
import fsspec.config
import polars  # noqa: F401  # it sets a variable of its own when it is imported first
import pytest
import s3fs

from ipy_awsprofile import using_profile
from ipy_awsprofile.bindings.names import BINDINGS
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, seed
from ipy_awsprofile.errors import AwsProfileError, UnexpectedAccount
from tests.integration.ways_in import (
    Asked,
    Way,
    by_arn,
    by_cell_magic,
    by_context_manager,
    by_magic,
    by_picker,
    profile,
    read_only,
    shown_arn,
    without_session_name,
)
from tests.mfa_role import add_mfa_role, answer_with_codes
from tests.shells import Shell, run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher

BUCKET = "matrix-bucket"
OBJECT = f"s3://{BUCKET}/cities.csv"
ROLE_ARN = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"


@dataclass(frozen=True)
class World:
    """The embedded AWS that the tests of this module share, and its user's MFA device."""

    aws: EmbeddedAws
    mfa_serial: str


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Run one embedded AWS with the scenario, a bucket, and a role that requires MFA."""
    with EmbeddedAws() as aws:
        seed(aws)
        aws.create_bucket(BUCKET, account=ROLE_ACCOUNT, region="us-west-2")
        yield World(aws, add_mfa_role(aws, "Auditor"))


@pytest.fixture
def aws(world: World, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    """Point the environment to the module's AWS, and put a file into the bucket."""
    for name, value in world.aws.environment().items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    session = boto3.Session(profile_name="RoleBeta")
    session.client("s3").put_object(Bucket=BUCKET, Key="cities.csv", Body=b"city\nOslo\n")
    world.aws.calls.clear()
    return world.aws


# --- Identities ---


PLAIN = profile("RoleBeta")
READ_ONLY = read_only("RoleBeta")
BY_ARN = by_arn(ROLE_ARN, "UserAlpha")
MFA = profile("Auditor", lent=True)


@pytest.fixture
def answering(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer prompts with codes from the user's MFA device."""
    answer_with_codes(world.aws, world.mfa_serial, monkeypatch)


# --- Clients: each calls AWS once, with the credentials that it finds ---

IN_NOTEBOOK = {
    "session": "session.client('s3').head_bucket(Bucket=BUCKET)",
    "boto3": "import boto3; boto3.client('s3').head_bucket(Bucket=BUCKET)",
    "pandas": "import pandas as pd; pd.read_csv(OBJECT)",
    "polars": "import polars as pl; from ipy_awsprofile.libraries import polars_options\n"
    "pl.scan_csv(OBJECT, **polars_options(session)).collect()",
    "DuckDB": "import duckdb; from ipy_awsprofile.libraries import duckdb_secret\n"
    "duckdb_secret(session); duckdb.sql(f\"FROM read_csv('{OBJECT}')\").fetchall()",
    "pyarrow": "from ipy_awsprofile.libraries import pyarrow_filesystem\n"
    "pyarrow_filesystem(session).open_input_file(f'{BUCKET}/cities.csv').read()",
    "pandas' Parquet": "import io, pandas as pd; from ipy_awsprofile import storage_options\n"
    "try: pd.read_parquet(OBJECT, storage_options=storage_options())\n"
    "except Exception as error: assert 'arquet' in str(error), error",
}
#: Clients in the kernel that open their own session, by the profile's name.
GO_BY_NAME = {"pandas", "pandas' Parquet"}


def cell_of(clients: Mapping[str, str]) -> str:
    """Return a cell in which the witness records the callers of each client."""
    return "\n".join(
        f"with seen({name!r}):\n{textwrap.indent(code, '    ')}\n" for name, code in clients.items()
    )


class Witness:
    """Records the identities with which each client called S3."""

    def __init__(self, aws: EmbeddedAws, shell: Shell) -> None:
        self.aws = aws
        self.arns: dict[str, set[str | None]] = {}
        shell.names.update(seen=self.seen, BUCKET=BUCKET, OBJECT=OBJECT)

    @contextmanager
    def seen(self, client: str) -> Iterator[None]:
        """Record the callers of S3 in this block."""
        before = len(self.aws.calls)
        yield
        calls = self.aws.calls[before:]
        self.arns[client] = {call.arn for call in calls if call.action.startswith("s3:")}


@pytest.mark.nightly(keep=4)
@pytest.mark.parametrize(
    ("way", "asked"),
    [
        (by_magic, PLAIN),
        (by_magic, READ_ONLY),
        (by_magic, BY_ARN),
        (by_magic, MFA),
        (by_cell_magic, PLAIN),
        (by_cell_magic, READ_ONLY),
        (by_cell_magic, MFA),
        (by_context_manager, PLAIN),
        (by_context_manager, READ_ONLY),
        (by_context_manager, BY_ARN),
        (by_picker, PLAIN),
        (by_picker, MFA),
    ],
    ids=lambda value: value.__name__ if callable(value) else value.line.split(":")[0],
)
def test_every_client_is_who_the_card_shows(
    aws: EmbeddedAws, shell: Shell, answering: None, way: Way, asked: Asked
) -> None:
    """Each client calls S3 as the ARN on the card, and the end restores the previous state."""
    witness = Witness(aws, shell)
    before = Snapshot.of(shell).without_names()
    shown = shown_arn(way(shell, asked, cell_of(IN_NOTEBOOK)))
    if way in (by_magic, by_picker):
        shell.good("%aws_profile --off")
    for client in IN_NOTEBOOK:
        (seen,) = witness.arns[client]
        if client in GO_BY_NAME and not asked.lent:  # they assume the role themselves
            assert without_session_name(str(seen)) == without_session_name(shown), client
        else:
            assert seen == shown, client
    assert Snapshot.of(shell).without_names() == before
    assert "session" not in shell.names


# --- Before and after ---


@dataclass(frozen=True)
class Snapshot:
    """The current state of everything that a switch changes."""

    environ: dict[str, str]
    default_session: object
    fsspec: dict[str, Any]
    names: dict[str, int]

    @classmethod
    def of(cls, shell: Shell) -> Self:
        """Capture the state of this process and the notebook's variables, without IPython's own."""
        mine = {name: id(value) for name, value in shell.names.items() if name[0] != "_"}
        conf = copy.deepcopy(fsspec.config.conf)
        return cls(dict(os.environ), boto3.DEFAULT_SESSION, conf, mine)

    def without_names(self) -> Self:
        """Leave out the notebook's variables, for a cell that creates some."""
        return replace(self, names={})


@pytest.fixture
def notebook(
    aws: EmbeddedAws, shell: Shell, answering: None, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """Return a notebook in which the user has set everything that a switch changes."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-nobody")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session(region_name="eu-north-1"))
    monkeypatch.setitem(fsspec.config.conf, "s3", {"profile": "mine", "anon": False})
    shell.names.update(session="mine", using_profile=using_profile, ctrl_c=ctrl_c)
    return shell


def ctrl_c() -> None:
    """Raise the signal that interrupts a kernel."""
    signal.raise_signal(signal.SIGINT)


IN_A_SCOPE = {
    "nothing": "pass",
    "an error": "1 / 0",
    "Ctrl-C": "ctrl_c()",
    "a syntax error later": "eval('(')",
    "a switch": "%aws_profile UserAlpha",
    "a lent switch": "%aws_profile Auditor",
    "a switch to another variable": "%aws_profile UserAlpha --as other",
    "a refused switch": "%aws_profile Nobody",
    "off": "%aws_profile --off",
    "off, then a switch": "%aws_profile --off\n%aws_profile UserAlpha",
    "a refresh": "%aws_profile --refresh",
    "a scope": "with using_profile('UserAlpha'): pass",
    "a scope with an error": "with using_profile('RoleBeta', read_only=True): 1 / 0",
    "a scope that switches": "with using_profile('UserAlpha'):\n    %aws_profile RoleBeta",
    "a scope that says off": "with using_profile('UserAlpha'):\n    %aws_profile --off",
    "an await": "await __import__('asyncio').sleep(0)",
}
FAIL = {"an error", "Ctrl-C", "a syntax error later", "a refused switch", "a scope with an error"}


@pytest.mark.nightly(keep=16)
@pytest.mark.parametrize("happens", IN_A_SCOPE)
@pytest.mark.parametrize(
    ("scope", "active"),
    [
        ("cell magic", None),
        ("cell magic", "UserAlpha"),
        ("cell magic", "RoleBeta --read-only"),
        ("context manager", "UserAlpha"),
        ("context manager", "RoleBeta --read-only"),
    ],
)
def test_after_a_scope(notebook: Shell, scope: str, active: str | None, happens: str) -> None:
    """The end of a scope restores the previous state, whatever happens in the scope."""
    if active:
        notebook.good(f"%aws_profile {active}")
    before, request = Snapshot.of(notebook), switcher_of(notebook).request
    inner = IN_A_SCOPE[happens]
    if scope == "cell magic":
        ran = notebook.run(f"%%aws_profile RoleBeta\n{inner}")
    else:
        ran = notebook.run(f"with using_profile('RoleBeta'):\n{textwrap.indent(inner, '    ')}")
    assert (ran.error is not None) == (happens in FAIL), ran.printed
    assert Snapshot.of(notebook) == before
    assert switcher_of(notebook).request == request


def switcher_of(shell: Shell) -> Switcher:
    """Return the shell's Switcher."""
    switcher: Switcher = shell.ip.magics_manager.registry["AwsProfileMagics"].switcher
    return switcher


@pytest.mark.slow
@pytest.mark.parametrize("end", ["%aws_profile --off", "%unload_ext ipy_awsprofile"])
def test_after_the_end(notebook: Shell, end: str) -> None:
    """`--off` and unloading restore the state from before the first switch."""
    before = Snapshot.of(notebook)
    notebook.good("%aws_profile UserAlpha")
    notebook.good("%aws_profile RoleBeta --read-only --as other")
    notebook.run("%%aws_profile RoleBeta\n1 / 0")
    notebook.refused("%aws_profile Nobody")
    assert Snapshot.of(notebook) != before
    notebook.good(end)
    assert Snapshot.of(notebook) == before


@pytest.mark.slow
def test_nested_scopes(notebook: Shell) -> None:
    """The end of an inner scope restores the outer scope's identity."""
    notebook.good(
        "import boto3\n"
        "seen = []\n"
        "def look(): seen.append(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "with using_profile('RoleBeta', session_name='outer'):\n"
        "    look()\n"
        "    with using_profile('UserAlpha'):\n"
        "        look()\n"
        "    look()"
    )
    outer = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/outer"
    user = f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"
    assert notebook.names["seen"] == [outer, user, outer]


@pytest.mark.slow
def test_await_in_a_scoped_cell_of_a_kernel(aws: EmbeddedAws) -> None:
    """In a kernel, a cell can await in its scope, and the next cell has no identity."""
    cells, _ = run_notebook(
        "%load_ext ipy_awsprofile",
        "%%aws_profile RoleBeta\n"
        "import asyncio, boto3, os\n"
        "await asyncio.sleep(0.01)\n"
        "boto3.client('sts').get_caller_identity()['Arn'], os.environ['AWS_PROFILE']",
        "os.environ.get('AWS_PROFILE'), boto3.DEFAULT_SESSION, 'session' in globals()",
        environment=aws.environment(),
    )
    assert [cell.error for cell in cells] == [None] * 3
    (card,) = cells[1].cards
    assert shown_arn(cells[1].outputs[-1]["data"]["text/plain"]) == shown_arn(card)
    assert cells[2].text == "(None, None, False)"


# --- What follows, and what doesn't ---


@pytest.mark.slow
def test_a_kept_filesystem_is_not_used_again(aws: EmbeddedAws, shell: Shell) -> None:
    """A switch and its end replace the cached S3 filesystem."""
    shell.good("import s3fs; first = s3fs.S3FileSystem()\n%aws_profile RoleBeta")
    shell.good("as_role = s3fs.S3FileSystem()")
    shell.good("%aws_profile UserAlpha")
    refused = shell.run(f"s3fs.S3FileSystem().ls('{BUCKET}')")
    assert isinstance(refused.error, PermissionError)
    shell.good("%aws_profile RoleBeta --read-only")
    shell.good("as_reader = s3fs.S3FileSystem()")
    shell.good("%aws_profile --off")
    kept = [shell.names[name] for name in ("first", "as_role", "as_reader")]
    assert len({id(one) for one in [*kept, s3fs.S3FileSystem()]}) == 4


def test_only_session(notebook: Shell) -> None:
    """With `--only-session`, only the variable changes."""
    before = Snapshot.of(notebook)
    notebook.good("%aws_profile RoleBeta --read-only --only-session")
    after = Snapshot.of(notebook)
    assert after.names.pop("session") == id(switcher_of(notebook).session)
    del before.names["session"]
    assert after == before


@pytest.mark.slow
def test_only_session_after_a_switch(aws: EmbeddedAws, notebook: Shell) -> None:
    """After a switch, `--only-session` keeps the kernel's profile, and the card names it."""
    before = Snapshot.of(notebook)
    head = f"import boto3; boto3.client('s3').head_bucket(Bucket='{BUCKET}')"
    rest = (head, f'!{sys.executable} -c "{head}"')
    for switch in ("RoleBeta", "UserAlpha --only-session", "--refresh", "UserAlpha --only-session"):
        card = notebook.good(f"%aws_profile {switch}").text
        for code in rest:
            aws.calls.clear()
            notebook.good(code)
            seen = [str(call.arn) for call in aws.calls if call.action.startswith("s3:")]
            assert seen, code
            assert [arn for arn in seen if "/RoleBeta/" not in arn] == []
    assert "`--only-session` changed only the variable: everything else uses RoleBeta" in card
    assert notebook.good("session.client('sts').get_caller_identity()['Arn']").result.endswith(
        "user/UserAlpha"
    )
    card = notebook.good("%aws_profile UserAlpha").text
    assert "--only-session" not in card
    assert "user/UserAlpha" in str(
        notebook.good("import boto3; boto3.client('sts').get_caller_identity()['Arn']").result
    )
    notebook.good("%aws_profile --off")
    after = Snapshot.of(notebook)
    assert (after.environ, after.default_session) == (before.environ, before.default_session)


def test_a_cell_magic_that_is_called(notebook: Shell) -> None:
    """`run_cell_magic`, which `nbconvert --to script` writes, raises the cell's error."""
    notebook.good("%aws_profile UserAlpha")
    call = "get_ipython().run_cell_magic('aws_profile', {!r}, {!r})\nwent_on = True"
    notebook.good(call.format("RoleBeta", "who = session.profile_name"))
    assert (notebook.names.pop("who"), notebook.names.pop("went_on")) == ("RoleBeta", True)
    for line, cell, kind in (
        ("RoleBeta", "1 / 0", ZeroDivisionError),
        ("RoleBeta", "1 +", SyntaxError),
        ("NoSuchProfile", "1", AwsProfileError),
    ):
        assert isinstance(notebook.run(call.format(line, cell)).error, kind)
        assert "went_on" not in notebook.names
        assert notebook.good("session.profile_name").result == "UserAlpha"


@pytest.mark.parametrize("chosen", BINDINGS)
def test_config_chooses_the_bindings(notebook: Shell, chosen: str) -> None:
    """If `%config` selects a single binding, a switch changes nothing else."""
    notebook.good(f"%config AwsProfileMagics.bindings = ['{chosen}']")
    before = Snapshot.of(notebook)
    notebook.good("%aws_profile RoleBeta")
    after = Snapshot.of(notebook)
    moved = {
        "namespace": after.names != before.names,
        "default_session": after.default_session is not before.default_session,
        "environment": after.environ != before.environ,
        "filesystems": after.fsspec != before.fsspec,
    }
    assert [name for name, has_moved in moved.items() if has_moved] == [chosen]


def test_what_is_lent_is_found_through_the_environment(notebook: Shell) -> None:
    """If only S3 filesystems follow, a switch to a lent identity fails, and the hint says why."""
    notebook.good("%config AwsProfileMagics.bindings = ['filesystems']")
    before = Snapshot.of(notebook)
    error = notebook.refused("%aws_profile RoleBeta --read-only")
    assert "environment" in error.hint
    assert Snapshot.of(notebook) == before


def test_expect_account(notebook: Shell) -> None:
    """If the account isn't the expected one, the switch fails and changes nothing."""
    notebook.good("%aws_profile UserAlpha")
    before = Snapshot.of(notebook)
    error = notebook.refused(f"%aws_profile RoleBeta --expect-account {USER_ACCOUNT}")
    assert isinstance(error, UnexpectedAccount)
    assert Snapshot.of(notebook) == before
    notebook.good(f"%aws_profile RoleBeta --expect-account {ROLE_ACCOUNT}")


def test_what_cannot_follow_is_named(aws: EmbeddedAws, shell: Shell) -> None:
    """The card and `leftovers` name old clients, new variables and loaded libraries."""
    shell.good("import os, duckdb\n%aws_profile UserAlpha")
    shell.good("s3 = session.client('s3')")
    shell.good("%aws_profile RoleBeta")
    shell.good("os.environ['AWS_ACCESS_KEY_ID'] = 'AKIAIOSFODNN7EXAMPLE'")
    named = {left.name: left.says for left in switcher_of(shell).leftovers()}
    assert named["s3"].startswith("still signs as UserAlpha: run ")
    assert "set after the switch" in named["AWS_ACCESS_KEY_ID"]
    imports, call = re.findall("`([^`]+)`", named["duckdb"])
    shell.good(imports)
    shell.good(call)
    assert "ipy_awsprofile" in str(shell.good("duckdb.sql('FROM duckdb_secrets()')").result)
    card = shell.good("%aws_profile").text
    assert all(name in card for name in ("s3", "AWS_ACCESS_KEY_ID"))
    assert "`duckdb`" not in card
    shell.good("del os.environ['AWS_ACCESS_KEY_ID'], s3")
    left = {one.name for one in switcher_of(shell).leftovers()}
    assert not left & {"s3", "AWS_ACCESS_KEY_ID"}
