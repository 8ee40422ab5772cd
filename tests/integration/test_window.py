"""Programs with the profile `notebook-agent` write while a person lets them, and AWS ends it."""

from __future__ import annotations

import getpass
import json
import re
import shlex
import sys
import sysconfig
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import time_machine

from ipy_awsprofile.config.shared import AGENT, NOTEBOOK
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role, allow, trusting
from ipy_awsprofile.kernel.sharing import Receipt, Receipts
from tests.aws import EmbeddedAws
from tests.kernels import Kernel
from tests.processes import posix
from tests.shells import Shell
from tests.terminals import (
    ASK,
    KEYS,
    PUT,
    VARIABLES,
    Terminal,
    may_write,
    switch_to_writer,
)

ARN = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
LIST = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'])"
GETPASS = getpass.getpass


class Answers:
    """What the user answers, and the questions."""

    def __init__(self) -> None:
        self.answer = "yes"
        self.questions: list[str] = []
        self.meanwhile: Callable[[], object] = str

    def __call__(self, question: str = "") -> str:
        """Keep the question, let something happen meanwhile, and return the answer."""
        self.questions.append(question)
        self.meanwhile()
        return self.answer


#: Where Python finds its packages if it is started by another name, from outside its environment.
PACKAGES = {"PYTHONPATH": sysconfig.get_path("purelib")}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Answer questions as the user of a front end does."""
    answers = Answers()
    monkeypatch.setattr("getpass.getpass", answers)
    monkeypatch.setattr("builtins.input", answers)
    return answers


def put(terminal: Terminal, **variables: str) -> str:
    """Return what a program says that writes an object with `notebook-agent`."""
    if not variables:
        variables = {"AWS_PROFILE": AGENT}
    return terminal.python(PUT, **variables)


@pytest.mark.parametrize("kind", ["role", "MFA", "long-term keys", "Identity Center"])
def test_a_window(
    aws: EmbeddedAws,
    notebook: Shell,
    terminal: Terminal,
    answers: Answers,
    *,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """A program reads before and after a window, and writes in it; AWS refuses copied keys."""
    line = switch_to_writer(aws, notebook, monkeypatch, kind)
    assert "AccessDenied" in put(terminal)
    card = notebook.good("%aws_profile --share write 10m").text
    assert "`notebook-agent` can write until" in card
    assert "only read" not in card
    assert f"can write as {line} for 10 minutes, until " in answers.questions[-1]
    assert "written" in put(terminal)
    document = json.loads(terminal.run(*ASK, "--agent").stdout)
    left = datetime.fromisoformat(document["Expiration"]) - datetime.now(UTC)
    assert left <= timedelta(minutes=10)
    copied = dict(zip(VARIABLES, (document[key] for key in KEYS), strict=True))
    assert "written" in put(terminal, **copied)
    clock.shift(timedelta(minutes=10, seconds=1))
    assert "AccessDenied" in put(terminal)
    refused = put(terminal, **copied)
    assert "AccessDenied" in refused or "ExpiredToken" in refused
    assert "my-second-bucket" in terminal.python(LIST, AWS_PROFILE=AGENT)
    assert "can write until" not in notebook.good("%aws_profile").text


@pytest.mark.parametrize("kind", ["role", "Identity Center"])
def test_a_policy(
    aws: EmbeddedAws,
    notebook: Shell,
    terminal: Terminal,
    answers: Answers,
    *,
    tmp_path: Path,
    kind: str,
) -> None:
    """With a policy, a program does only what it allows."""
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(allow("s3:PutObject")))
    notebook.good(f"%aws_profile {may_write(aws, kind)}")
    card = notebook.good(f'%aws_profile --share write 20m --policy "{file}"').text
    assert f"as far as {file} allows" in card
    assert f"limited by {file}" in answers.questions[-1]
    assert "written" in put(terminal)
    assert "AccessDenied" in terminal.python(LIST, AWS_PROFILE=AGENT)
    file.write_text("{}")
    error = notebook.refused(f'%aws_profile --share write 20m --policy "{file}"')
    assert "can't be read" in str(error)
    file.write_text(json.dumps(allow(*(f"s3:GetObject{number}" for number in range(300)))))
    error = notebook.refused(f'%aws_profile --share write 20m --policy "{file}"')
    assert "but AWS accepts at most 2,048." in str(error)
    assert "written" in put(terminal)  # the former window is still open


def test_the_policy_that_was_confirmed(
    notebook: Shell, terminal: Terminal, answers: Answers, tmp_path: Path
) -> None:
    """A policy is read once: later changes of the file, even before the answer, do nothing."""
    file = tmp_path / "change.json"
    file.write_text(json.dumps(allow("s3:PutObject")))
    answers.meanwhile = partial(file.write_text, json.dumps(allow("*")))
    notebook.good(f'%aws_profile --share write 10m --policy "{file}"')
    for program in ("first", "second"):  # each gets its own keys
        link = tmp_path / program
        link.symlink_to(sys.executable)
        assert "written" in terminal.run(str(link), "-c", PUT, AWS_PROFILE=AGENT, **PACKAGES).stdout
        listed = terminal.run(str(link), "-c", LIST, AWS_PROFILE=AGENT, **PACKAGES)
        assert "AccessDenied" in listed.stderr
        file.unlink(missing_ok=True)


def test_programs_of_a_limited_notebook(
    aws: EmbeddedAws, notebook: Shell, terminal: Terminal, tmp_path: Path
) -> None:
    """Programs keep the policy that the notebook was switched with, whatever is in the file now."""
    file = tmp_path / "limit.json"
    file.write_text(json.dumps(allow("s3:ListAllMyBuckets")))
    notebook.good(f'%aws_profile RoleBeta --policy "{file}"')
    file.write_text(json.dumps(allow("*")))
    assert "AccessDenied" in put(terminal, AWS_PROFILE=NOTEBOOK)
    file.unlink()
    link = tmp_path / "program"
    link.symlink_to(sys.executable)
    assert (
        "my-first" in terminal.run(str(link), "-c", LIST, AWS_PROFILE=NOTEBOOK, **PACKAGES).stdout
    )
    assert {call.arn for call in aws.calls if call.action == "s3:PutObject"} != {None}


def test_a_switch_before_the_answer(notebook: Shell, terminal: Terminal, answers: Answers) -> None:
    """Nothing opens if the notebook has switched since the question, or the time is over."""

    def switch() -> None:
        thread = threading.Thread(
            target=notebook.ip.run_cell, args=("%aws_profile RoleGamma --quiet",)
        )
        thread.start()
        thread.join()

    answers.meanwhile = switch
    error = notebook.refused("%aws_profile --share write 10m")
    assert "can write as RoleBeta" in answers.questions[-1]
    assert "The notebook has switched or stopped sharing since it asked you" in str(error)
    assert "can write until" not in notebook.good("%aws_profile").text
    assert "AccessDenied" in put(terminal)


def test_an_answer_after_the_end(
    notebook: Shell, terminal: Terminal, answers: Answers, clock: time_machine.Traveller
) -> None:
    """The end is the one of the question, so a late answer opens nothing."""
    answers.meanwhile = partial(clock.shift, timedelta(minutes=11))
    error = notebook.refused("%aws_profile --share write 10m")
    assert "The write window ended before you confirmed it" in str(error)
    assert "AccessDenied" in put(terminal)


def test_a_policy_that_becomes_too_long(notebook: Shell, answers: Answers, tmp_path: Path) -> None:
    """A policy without space for the window's end is refused before the question."""
    file = tmp_path / "long.json"
    file.write_text(json.dumps(allow("s3:PutObject", resource="x" * 1880), separators=(",", ":")))
    error = notebook.refused(f'%aws_profile --share write 20m --policy "{file}"')
    assert "the policy has 2," in str(error)
    assert answers.questions == []


ASSUME = """
import boto3
try:
    role = "arn:aws:iam::123456789012:role/Other"
    boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="me")
    print("assumed")
except Exception as error:
    print(error)
"""


def test_keys_that_would_last_longer(
    aws: EmbeddedAws, notebook: Shell, terminal: Terminal, answers: Answers, tmp_path: Path
) -> None:
    """In a window, a program can't assume another role, unless the policy names that."""
    trust = trusting(f"arn:aws:iam::{ROLE_ACCOUNT}:root")
    aws.iam.create_role("Other", account=ROLE_ACCOUNT, trust=trust, policy=allow("s3:*"))
    add_role(aws, "Chains", "s3:*", "sts:AssumeRole")
    notebook.good("%aws_profile Chains")
    card = notebook.good("%aws_profile --share write 5m").text
    assert "Programs can't assume other roles." in card
    assert "written" in put(terminal)
    assert "AccessDenied" in terminal.python(ASSUME, AWS_PROFILE=AGENT)
    file = tmp_path / "policy.json"
    for actions, is_allowed in ((["s3:*", "sts:*"], False), (["sts:AssumeRole"], True)):
        file.write_text(json.dumps(allow(*actions)))
        notebook.good(f'%aws_profile --share write 5m --policy "{file}"')
        said = terminal.python(ASSUME, AWS_PROFILE=AGENT)
        assert (said == "assumed\n") is is_allowed


def test_other_roles_that_aws_can_not_deny(
    aws: EmbeddedAws, notebook: Shell, terminal: Terminal, answers: Answers, tmp_path: Path
) -> None:
    """Without a policy, AWS can only end the keys of an identity that isn't a role: it says so.

    With a policy, programs can't assume another role.
    """
    trust = trusting(f"arn:aws:iam::{ROLE_ACCOUNT}:root")
    aws.iam.create_role("Other", account=ROLE_ACCOUNT, trust=trust, policy=allow("s3:*"))
    notebook.good(f"%aws_profile {may_write(aws, 'Identity Center')}")
    card = notebook.good("%aws_profile --share write 5m").text
    assert "The programs can also assume other roles" in answers.questions[-1]
    assert "Programs can also assume other roles, whose keys can outlast the window." in card
    assert terminal.python(ASSUME, AWS_PROFILE=AGENT) == "assumed\n"
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(allow("s3:*", "sts:*")))
    card = notebook.good(f'%aws_profile --share write 5m --policy "{file}"').text
    assert "Programs can't assume other roles unless the policy names `sts:AssumeRole`." in card
    assert "AccessDenied" in terminal.python(ASSUME, AWS_PROFILE=AGENT)


@pytest.mark.parametrize("minutes", [4, -4])
def test_another_clock(
    aws: EmbeddedAws,
    notebook: Shell,
    terminal: Terminal,
    answers: Answers,
    *,
    clock: time_machine.Traveller,
    minutes: int,
) -> None:
    """A window has its whole time, and no more, if this machine's clock is some minutes off."""
    aws.iam.clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes)
    card = notebook.good("%aws_profile --share write 3m").text
    assert "(3 minutes left)" in card
    document = json.loads(terminal.run(*ASK, "--agent").stdout)
    copied = dict(zip(VARIABLES, (document[key] for key in KEYS), strict=True))
    clock.shift(timedelta(minutes=2, seconds=30))
    assert "written" in put(terminal, **copied)
    clock.shift(timedelta(seconds=31))
    assert "AccessDenied" in put(terminal, **copied)
    assert "can write until" not in notebook.good("%aws_profile").text


@pytest.mark.parametrize(
    "line", ["RoleGamma", "--share off", "--off", "--refresh", "RoleBeta --read-only"]
)
def test_what_closes_a_window(
    notebook: Shell, terminal: Terminal, answers: Answers, line: str
) -> None:
    """A switch and the end of the sharing close a window."""
    notebook.good("%aws_profile --share write 10m")
    assert "written" in put(terminal)
    card = notebook.good(f"%aws_profile {line}").text
    assert "can write until" not in card
    assert "written" not in put(terminal)


@pytest.mark.parametrize("word", ["off", "stop", "end", "0"])
def test_a_word_instead_of_a_time(
    notebook: Shell, terminal: Terminal, answers: Answers, word: str
) -> None:
    """A word that would end a window gets the lines that do, and each of them does."""
    hint = notebook.refused(f"%aws_profile --share write {word}").hint
    for line in re.findall("`([^`]+)`", hint):
        notebook.good("%aws_profile --share")
        notebook.good("%aws_profile --share write 10m")
        assert "can write until" in notebook.good("%aws_profile").text
        notebook.good(line)
        assert "can write until" not in notebook.good("%aws_profile").text


@pytest.mark.parametrize("words", ["90m", "", "10m --read-only"])
def test_a_policy_in_the_hint(
    notebook: Shell, terminal: Terminal, answers: Answers, tmp_path: Path, words: str
) -> None:
    """The line that opens a window after a mistake has the same policy."""
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(allow("s3:GetObject")))
    error = notebook.refused(f'%aws_profile --share write {words} --policy "{file}"')
    (line,) = re.findall("Write `([^`]+)`", error.hint)
    assert f"as far as {file} allows" in notebook.good(line).text
    assert "written" not in put(terminal)


def test_blocks(notebook: Shell, terminal: Terminal, answers: Answers) -> None:
    """A window stays open during a block and a run, which can't open one."""
    opened = "get_ipython().run_line_magic('aws_profile', '--share write 10m')"
    for cell in (f"%%aws_profile UserAlpha\n{opened}", f"%%aws_profiles UserAlpha\n{opened}"):
        assert "`notebook-agent` can write" not in notebook.run(cell).text
        assert answers.questions == []
    notebook.good("%aws_profile --share write 10m")
    notebook.names["put"] = lambda: put(terminal)
    block = notebook.good("%%aws_profile UserAlpha\nseen = put()")
    assert "written" in notebook.names["seen"]
    assert "can write until" not in block.text


def test_a_person_opens_it(
    notebook: Shell, terminal: Terminal, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the right answer of a person opens a window."""
    for line, says in (
        ("--share write", "isn't between 1 second and 60 minutes"),
        ("--share write 61m", "isn't between 1 second and 60 minutes"),
        ("--share write ten", "isn't between 1 second and 60 minutes"),
        ("--share write 10m --yes", "accepts only a time and `--policy FILE`"),
    ):
        assert says in str(notebook.refused(f"%aws_profile {line}"))
    assert answers.questions == []
    answers.answer = "no"
    assert "didn't confirm the action" in str(notebook.refused("%aws_profile --share write 10m"))
    answers.answer = "yes"
    with monkeypatch.context() as nobody:
        nobody.setattr("getpass.getpass", GETPASS)
        error = notebook.refused("%aws_profile --share write 10m")
        assert "Only a person can confirm this action" in str(error)
    notebook.good("%aws_profile RoleBeta --read-only")
    assert "is read-only" in str(notebook.refused("%aws_profile --share write 10m"))
    assert "AccessDenied" in put(terminal)
    notebook.good("%aws_profile --share off")
    error = notebook.refused("%aws_profile --share write 10m")
    assert error.hint == "Run `%aws_profile --share` first."


def test_a_protected_profile(notebook: Shell, terminal: Terminal, answers: Answers) -> None:
    """For a protected profile, the user types its name."""
    notebook.good("%config AwsProfileMagics.protected = ['*Gamma']")
    notebook.good("%aws_profile RoleGamma --yes --share")
    assert "didn't confirm the action" in str(notebook.refused("%aws_profile --share write 10m"))
    answers.answer = "RoleGamma"
    notebook.good("%aws_profile --share write 10m")
    assert "written" in put(terminal)


def test_an_identity_that_aws_can_not_limit(
    aws: EmbeddedAws, notebook: Shell, terminal: Terminal, answers: Answers
) -> None:
    """If AWS can't end a window in time, it isn't opened."""
    notebook.good(f"%aws_profile {may_write(aws, 'long-term keys', 's3:*')}")
    error = notebook.refused("%aws_profile --share write 10m")
    assert "sts:GetScopedCredentials" in str(error)
    assert "can write until" not in notebook.good("%aws_profile").text


def test_receipts(aws: EmbeddedAws, notebook: Shell, terminal: Terminal, answers: Answers) -> None:
    """`--share` lists which programs got keys, and CloudTrail has their names."""
    notebook.good("%aws_profile --share write 10m")
    aws.calls.clear()
    put(terminal)
    put(terminal, AWS_PROFILE="notebook", AI_AGENT="claud\udce9")  # isn't UTF-8
    in_shell = ["sh", "-c", shlex.join([*ASK, "--agent"])]
    if sys.platform == "win32":
        in_shell = ["cmd", "/c", *ASK, "--agent"]
    assert terminal.run(*in_shell).returncode == 0
    ran = notebook.good("%aws_profile --share")
    assert "can write until" in ran.text
    frame = ran.result
    seen = frame[["agent", "profile", "identity", "access"]].values.tolist()
    assert seen == [
        ["", "notebook-agent", "RoleBeta", "writing"],
        ["claud?", "notebook", "RoleBeta", "writing"],
    ]
    assert frame["times_asked"].sum() > len(frame)
    assert all(frame["process_id"] > 0)
    assert not set(frame["program"]) & {"sh", ""}
    callers = {
        str(call.arn).rpartition("/")[2] for call in aws.calls if call.action == "s3:PutObject"
    }
    assert callers == {"notebook-agent-python", "notebook-python"}


def test_receipts_of_writing_stay() -> None:
    """If there are too many receipts, those of reading go first, and the number is known."""
    receipts = Receipts()
    now = datetime.now(UTC)
    for number in range(1100):
        access = "reading" if number else "writing"
        expires = now + timedelta(minutes=number)
        for process_id in (1, 2):  # the same keys
            receipts.add(Receipt(now, "aws", process_id, "", AGENT, "RoleBeta", access, expires))
    frame = receipts.frame()
    assert len(frame) == len(receipts) == 1000
    assert receipts.dropped == 100
    assert frame["access"].tolist() == ["writing"] + ["reading"] * 999
    assert set(frame["times_asked"]) == {2}


@posix
def test_names_of_programs(notebook: Shell, terminal: Terminal, tmp_path: Path) -> None:
    """A program's name is shown without what a terminal would execute, and never hides the user."""
    long_name = "x" * 60
    ask = f"import subprocess; subprocess.run({ASK!r}, check=True)"
    user = "ann.with-a-long-name@department.example.com"
    notebook.good(f"%config AwsProfileMagics.session_name = {user!r}")
    notebook.good("%aws_profile RoleBeta")
    for name in ("\x1b[2Kevil\u202e", long_name):
        link = tmp_path / name
        link.symlink_to(sys.executable)
        done = terminal.run(str(link), "-c", ask, **PACKAGES)
        assert done.returncode == 0, done.stderr
        who = terminal.run(str(link), "-c", ARN, AWS_PROFILE=AGENT, **PACKAGES).stdout
        assert f"/{user}-notebook-agent" in who
    programs = notebook.good("%aws_profile --share").result["program"].tolist()
    assert programs[0] == r"\x1b[2Kevil\u202e"


def test_the_question_of_a_kernel(aws: EmbeddedAws, terminal: Terminal) -> None:
    """A front end shows the question. If it can't prompt the user, the cell fails."""
    with Kernel.started(aws, {}) as kernel:
        kernel.good("%aws_profile RoleBeta --share --yes")
        unattended = kernel.run("%aws_profile --share write 10m", is_attended=False)
        assert "no one is available to answer" in unattended.text
        kernel.answer = lambda _: "yes"
        seen = kernel.good("%aws_profile --share write 10m")
        assert "can write as RoleBeta for 10 minutes" in seen.prompts[-1]
        assert "written" in put(terminal)
        interrupted = kernel.run("%aws_profile --share write 20m", interrupts=True)
        assert interrupted.error == "SwitchInterrupted"
