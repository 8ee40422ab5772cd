"""The main job, in every way to switch: AWS sees the card's identity, and the end restores all."""

from __future__ import annotations

import copy
import getpass
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import boto3
import fsspec.config
import polars  # noqa: F401  # its first import sets an environment variable
import pytest

from ipy_awsprofile import using_profile
from ipy_awsprofile.demo.stages import BUCKETS, ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import AccessDenied, SwitchInterrupted
from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.aws import EmbeddedAws
from tests.processes import posix
from tests.roles import answer_with_codes
from tests.shells import Shell, run_aws_cli, run_notebook

# The main job -------------------------------------------------------------------------------------


def assumed(aws: EmbeddedAws) -> int:
    """Return the number of AssumeRole calls so far."""
    return sum(call.action == "sts:AssumeRole" for call in aws.calls)


def buckets_of_cli() -> set[str]:
    """Return the buckets that the AWS CLI lists, as a second client of the same files."""
    done = run_aws_cli("s3api", "list-buckets", "--profile", "RoleBeta", "--output", "json")
    assert done.returncode == 0, done.stderr
    return {bucket["Name"] for bucket in json.loads(done.stdout)["Buckets"]}


def test_main_job(bare_shell: Shell, aws: EmbeddedAws) -> None:
    """IPython lists a role's buckets with one call to STS, and its user can't list them."""
    bare_shell.good("%load_ext ipy_awsprofile")
    card = bare_shell.good("%aws_profile RoleBeta").text
    assert card.startswith("RoleBeta ← UserAlpha")
    assert ROLE_ACCOUNT in card
    frame = bare_shell.good("from ipy_awsprofile import list_buckets\nlist_buckets(session)").result
    rows = {name: created.to_pydatetime() for name, created, _ in frame.itertuples(index=False)}
    assert rows == {name: created for name, (_, created) in BUCKETS.items()}
    assert aws.actions == ["sts:AssumeRole", "s3:ListAllMyBuckets"]
    card = bare_shell.good("%aws_profile UserAlpha").text
    assert card.startswith("UserAlpha  (no expiry)")
    assert USER_ACCOUNT in card
    assert isinstance(bare_shell.refused("list_buckets(session)"), AccessDenied)


@pytest.mark.usefixtures("sts_of_aws")
def test_aws_cli_shares_the_session(shell: Shell, aws: EmbeddedAws) -> None:
    """The kernel and the AWS CLI share one session, in both directions, until a refresh."""
    assert buckets_of_cli() == set(BUCKETS)
    shell.good("%aws_profile RoleBeta\nsession.client('s3').list_buckets()")
    assert buckets_of_cli() == set(BUCKETS)
    assert assumed(aws) == 1
    assert len({call.access_key_id for call in aws.calls if call.action.startswith("s3:")}) == 1
    shell.good("%aws_profile --refresh")
    assert buckets_of_cli() == set(BUCKETS)
    assert assumed(aws) == 2
    assert aws.calls[-1].access_key_id == shell.names["session"].get_credentials().access_key
    assert "isn't AWS" not in shell.good("%aws_profile RoleBeta --read-only").text


# Ways to switch -----------------------------------------------------------------------------------

#: A cell whose code calls AWS with the notebook's session, boto3 itself and a child process.
CALLS = """
import subprocess, sys, boto3
session.client("sts").get_caller_identity()
child = "import boto3; boto3.client('sts').get_caller_identity()"
exec(child)
subprocess.run([sys.executable, "-c", child], check=True)
"""


def by_magic(shell: Shell, **options: Any) -> str:
    """Switch with the line magic, run the cell, and undo the switch."""
    role_arn, source = options["role_arn"], options["source_profile"]
    card = shell.good(f"%aws_profile --role-arn {role_arn} --source-profile {source}").text
    shell.good(f"{CALLS}\n%aws_profile --off")
    return card


def by_cell_magic(shell: Shell, **options: Any) -> str:
    """Run the cell under the cell magic."""
    return shell.good(f"%%aws_profile {options['profile']}\n{CALLS}").text


def by_context_manager(shell: Shell, **options: Any) -> str:
    """Run the cell's code in a `using_profile` block, after the magic has shown the card there."""
    shell.names.update(using_profile=using_profile, options=options)
    inner = textwrap.indent(f"%aws_profile\n{CALLS}", "    ")
    return shell.good(f"with using_profile(**options):\n{inner}").text


def by_picker(shell: Shell, **options: Any) -> str:
    """Choose the profile in the picker, enter a code if it prompts, run the cell, and undo it."""
    heard: list[Any] = []
    picker = Conversation(running_switcher(), lambda message, _buffers: heard.append(message))
    picker.receive({"do": "switch", "profile": options["profile"], "read_only": False})
    if heard[-1]["ask"]:
        number = heard[-1]["ask"]["question"]
        code = getpass.getpass("MFA code")
        picker.receive({"do": "answer", "question": number, "code": code})
    card = str(heard[-1]["html"]).replace("<wbr>", "")
    assert heard[-1]["identity"], card
    shell.good(f"{CALLS}\n%aws_profile --off")
    picker.close()
    return card


BY_ARN = {
    "role_arn": f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta",
    "source_profile": "UserAlpha",
}


@pytest.mark.parametrize(
    ("way", "options"),
    [
        (by_magic, BY_ARN),
        (by_cell_magic, {"profile": "Auditor"}),
        (by_context_manager, {"profile": "RoleBeta", "read_only": True}),
        (by_picker, {"profile": "Auditor"}),
    ],
)
def test_who_the_card_shows(  # noqa: PLR0917  # fixtures
    aws: EmbeddedAws,
    auditor: str,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[..., str],
    options: dict[str, str],
) -> None:
    """AWS sees the ARN on the card from the session, boto3 and child processes, until the end."""
    answer_with_codes(aws, auditor, monkeypatch)
    before = Snapshot.of(shell)
    card = way(shell, **options)
    shown = re.search(r"arn:aws:sts::\d+:assumed-role/[\w/+=,.@-]+", card)
    assert shown
    calls = [call for call in aws.calls if call.action == "sts:GetCallerIdentity"][-3:]
    assert [call.arn for call in calls] == [shown.group()] * 3
    assert replace(Snapshot.of(shell), names={}) == replace(before, names={})
    assert "session" not in shell.names


@dataclass(frozen=True)
class Snapshot:
    """The current state of everything that a switch changes."""

    environ: dict[str, str]
    default_session: object
    fsspec: dict[str, Any]
    names: dict[str, int]
    request: object

    @classmethod
    def of(cls, shell: Shell) -> Self:
        """Capture the state of this process and the notebook's variables, without IPython's own."""
        mine = {name: id(value) for name, value in shell.names.items() if name[0] != "_"}
        conf, request = copy.deepcopy(fsspec.config.conf), running_switcher().request
        return cls(dict(os.environ), boto3.DEFAULT_SESSION, conf, mine, request)


def ctrl_c() -> None:
    """Raise the signal that interrupts a kernel."""
    signal.raise_signal(signal.SIGINT)


IN_A_SCOPE = {
    "pass": False,
    "1 / 0": True,
    "ctrl_c()": True,
    "%aws_profile UserAlpha": False,
    "%aws_profile RoleBeta --read-only --as other": False,
    "%aws_profile Nobody": True,
    "%aws_profile --refresh": False,
    "with using_profile('RoleBeta', read_only=True): 1 / 0": True,
    "with using_profile('UserAlpha'):\n    %aws_profile --refresh": False,
}


@pytest.mark.parametrize(
    ("scope", "active"),
    [
        ("%%aws_profile RoleBeta", None),
        ("%%aws_profile RoleBeta", "UserAlpha"),
        ("with using_profile('RoleBeta'):", "RoleBeta --read-only"),
    ],
)
def test_after_a_scope(
    aws: EmbeddedAws, shell: Shell, monkeypatch: pytest.MonkeyPatch, scope: str, active: str | None
) -> None:
    """After a cell or block, the user's settings are as before, whatever happened but `--off`."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-nobody")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", boto3.Session(region_name="eu-north-1"))
    monkeypatch.setitem(fsspec.config.conf, "s3", {"anon": False})
    shell.names.update(session="mine", using_profile=using_profile, ctrl_c=ctrl_c)
    if active:
        shell.good(f"%aws_profile {active}")
    before = Snapshot.of(shell)
    for code, fails in IN_A_SCOPE.items():
        inner = code if scope.startswith("%%") else textwrap.indent(code, "    ")
        ran = shell.run(f"{scope}\n{inner}")
        assert (ran.error is not None) == fails, ran.printed
        assert Snapshot.of(shell) == before, code


# Switches that fail -------------------------------------------------------------------------------


class Case(NamedTuple):
    """A line that fails, and its error: type, text and hint."""

    line: str
    error: str
    says: str
    hint: str


CASES = (
    Case(
        "%aws_profile RoleBet",
        "ProfileNotFound",
        "There is no profile `RoleBet` in the shared config files.",
        "Did you mean `RoleBeta`",
    ),
    Case(
        "%aws_profile RoleBeta --nope",
        "InvalidOption",
        "unrecognized arguments: --nope",
        "Run `%aws_profile?` to see the options.",
    ),
    Case(
        "%aws_profile NoRole",
        "AccessDenied",
        "AWS denied AssumeRole for `NoRole`: "
        f"User: arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha is not authorized",
        "Check that the role exists",
    ),
    Case(
        "%aws_profile Auditor",
        "MfaUnavailable",
        f"An MFA code from arn:aws:iam::{USER_ACCOUNT}:mfa/AuditorUser is required, "
        "but no one is available to enter it.",
        "Run `%aws_profile Auditor` (or, if the profile is active, `%aws_profile --refresh`)",
    ),
    Case(
        "open_session('NoRole')",
        "AccessDenied",
        "AWS denied AssumeRole for `NoRole`: ",
        "Check that the role exists",
    ),
)
PROOF = "print(session is before, *sorted(get_ipython().run_line_magic('who_ls', '')))"


@pytest.fixture
def no_role(aws: EmbeddedAws, auditor: str) -> None:
    """Create a profile with a role that doesn't exist."""
    aws.write_profile(
        "NoRole",
        role_arn=f"arn:aws:iam::{ROLE_ACCOUNT}:role/NoRole",
        source_profile="UserAlpha",
        region="us-west-2",
    )


@pytest.mark.usefixtures("no_role")
def test_in_a_kernel(aws: EmbeddedAws) -> None:
    """A kernel shows the card and the DataFrame, and errors in two lines that change nothing."""
    cells = [
        "%load_ext ipy_awsprofile",
        "%aws_profile RoleBeta",
        "from ipy_awsprofile import list_buckets, open_session\nlist_buckets(session)",
        "%xmode Verbose\nbefore = session",
    ]
    for case in CASES:
        cells += [case.line, PROOF]
    (loaded, role, frame, _, *ran), _ = run_notebook(*cells, environment=aws.environment())
    assert loaded.outputs == []
    (card,) = role.cards
    assert "RoleBeta ← UserAlpha" in card
    assert "my-first-bucket" in frame.html
    for case, failed, proof in zip(CASES, ran[::2], ran[1::2], strict=True):
        (shown,) = failed.outputs
        assert (shown["output_type"], shown["ename"]) == ("error", case.error)
        assert case.says in shown["evalue"]
        line, hint = "\n".join(shown["traceback"]).splitlines()
        assert line == f"{case.error}: {shown['evalue']}"
        assert case.hint in hint
        assert proof.text == "True before list_buckets open_session session"


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


@pytest.mark.parametrize("encoding", ["cp437", "cp1252"])
def test_output_that_is_not_utf_8(aws: EmbeddedAws, encoding: str) -> None:
    """On Windows, many consoles and pipes can't take arrows, which cards and errors replace."""
    cells = "%load_ext ipy_awsprofile\n%aws_profile RoleBeta\n%aws_profile --explain RoleBeta\n"
    cells += "print(session)"
    command = [sys.executable, "-m", "IPython", "--no-banner", "-c", cells]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    ran = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert ran.stdout.decode(encoding).count("RoleBeta <- UserAlpha") == 3


@posix
def test_interrupted_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """Ctrl-C during a call ends the switch, and keeps the identity and the variables."""
    identity = shell.good("%aws_profile UserAlpha").text
    session = shell.names["session"]
    aws.latency = 30
    error = shell.refused(f"{INTERRUPT_CALL}%aws_profile RoleBeta --as other")
    aws.latency = 0
    assert isinstance(error, SwitchInterrupted)
    assert (str(error), error.hint) == ("The switch was interrupted.", "Nothing has changed.")
    assert shell.names["session"] is session
    assert "other" not in shell.names
    assert shell.good("%aws_profile").text == identity
    assert shell.good("%aws_profile RoleBeta").text.startswith("RoleBeta")
