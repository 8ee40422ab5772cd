"""Programs outside the kernel use the identity that a notebook shares."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from ipy_awsprofile.config.private import replace_file
from ipy_awsprofile.config.shared import (
    AGENT,
    NOTEBOOK,
    NotShared,
    fetch_shared,
    process_of,
    proof,
    shared_file,
)
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT
from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.processes import OTHER_ENCODING, is_private, posix
from tests.roles import add_mfa_role, answer_with_codes
from tests.shells import Shell, aws_cli_2
from tests.terminals import ASK, Terminal, may_write, switch_to_writer


def test_the_first_time(aws: EmbeddedAws, shell: Shell) -> None:
    """The profiles are added once, after a preview, or with the `--yes` of the first line."""
    before = aws.config_file.read_text()
    for line in ("--share", "--share --yes"):
        assert "No profile is active" in str(shell.refused(f"%aws_profile {line}"))
    for line in ("RoleBeta --share", "--share"):
        shown = shell.good(f"%aws_profile {line}").text
        assert "This identity isn't shared yet" in shown
        assert "and share the identity, run `%aws_profile --share --yes`." in shown
        assert aws.config_file.read_text() == before
        assert not shared_file().exists()
    shell.good("%aws_profile --off")
    card = shell.good("%aws_profile RoleBeta --share --yes").text
    assert "2 added" in card
    assert "programs with the profile `notebook`, or `notebook-agent` to only read" in card
    after = aws.config_file.read_text()
    assert after.startswith(before)
    for profile in (NOTEBOOK, AGENT):
        section = f"credential_process = {process_of(profile)}\nregion = us-west-2\n"
        assert f"[profile {profile}]\n{section}" in after
    assert is_private(shared_file())
    shell.good("%aws_profile RoleBeta --share")
    assert aws.config_file.read_text() == after


def test_programs_follow(notebook: Shell, terminal: Terminal) -> None:
    """Programs follow each switch, but no block, and get nothing after `--off`."""
    assert ":assumed-role/RoleBeta/" in terminal.who()
    notebook.good("%aws_profile --share RoleGamma")
    assert ":assumed-role/RoleGamma/" in terminal.who()
    notebook.names["terminal"] = terminal
    for cell in (
        "%%aws_profile UserAlpha\nseen = terminal.who()",
        "from ipy_awsprofile import using_profile\n"
        "with using_profile('UserAlpha'):\n    seen = terminal.who()",
        "%%aws_profiles UserAlpha --into frame\nterminal.who()",
    ):
        assert "shared" not in notebook.good(cell).text
        frame = notebook.names.get("frame")
        seen = notebook.names["seen"] if frame is None else frame["value"][0]
        assert ":assumed-role/RoleGamma/" in seen
    card = notebook.good("%aws_profile --off").text
    assert "Programs no longer get credentials." in card
    says = "No notebook on this machine shares its identity. Run `%aws_profile --share`"
    assert says in terminal.who()
    notebook.good("%aws_profile RoleBeta")
    assert says in terminal.who()
    notebook.good("%aws_profile --share")
    assert ":assumed-role/RoleBeta/" in terminal.who()
    assert "shared" not in notebook.good("%aws_profile --share off").text
    assert says in terminal.who()


@pytest.mark.parametrize("version", [1, 2])
def test_the_aws_cli(notebook: Shell, terminal: Terminal, version: int) -> None:
    """Both versions of the AWS CLI use the profiles, and show why they can't."""
    command = [sys.executable, "-m", "awscli"] if version == 1 else [aws_cli_2()]
    for profile in (NOTEBOOK, AGENT):
        listed = terminal.run(*command, "s3", "ls", "--profile", profile)
        assert "my-first-bucket" in listed.stdout
    if version != 1:  # for a container, which can't ask the kernel
        export = ("configure", "export-credentials", "--format", "env-no-export")
        exported = terminal.run(*command, *export, "--profile", AGENT).stdout
        variables = dict(line.split("=", 1) for line in exported.splitlines())
        listed = terminal.run(*command, "s3", "ls", **variables)
        assert "my-first-bucket" in listed.stdout
    notebook.good("%aws_profile --off")
    refused = terminal.run(*command, "s3", "ls", "--profile", NOTEBOOK)
    assert "Run `%aws_profile --share` in a notebook." in refused.stderr


DELETE_AND_LIST = """
import boto3
s3 = boto3.client("s3")
try:
    s3.delete_bucket(Bucket="my-first-bucket")
except s3.exceptions.ClientError as error:
    print(error)
print(s3.list_buckets()["Buckets"])
"""


@pytest.mark.parametrize("kind", ["role", "MFA", "long-term keys", "Identity Center"])
def test_the_reader_only_reads(
    aws: EmbeddedAws,
    notebook: Shell,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """`notebook-agent` reads and can't write, even while the notebook can; keys stay in it."""
    switch_to_writer(aws, notebook, monkeypatch, kind)
    aws.calls.clear()
    refused, buckets = terminal.python(DELETE_AND_LIST, AWS_PROFILE=AGENT).splitlines()
    assert "AccessDenied" in refused
    assert "my-first-bucket" in buckets
    put = "session.client('s3').put_object(Bucket='my-first-bucket', Key='a', Body=b'')"
    notebook.good(put)
    callers = {call.arn for call in aws.calls if call.action.startswith("s3:")}
    names = {arn.rpartition("/")[2] for arn in callers if arn}
    assert ("notebook-agent-python" in names) is (kind == "role")
    for reader in ([], ["--agent"]):
        credentials = json.loads(terminal.run(*ASK, *reader).stdout)
        assert credentials["SessionToken"]
        assert credentials["AccessKeyId"] not in aws.credentials_file.read_text()


def test_a_read_only_notebook(notebook: Shell, terminal: Terminal) -> None:
    """While the notebook itself is read-only, both profiles can only read."""
    notebook.good("%aws_profile RoleBeta --read-only")
    for profile in (NOTEBOOK, AGENT):
        refused, buckets = terminal.python(DELETE_AND_LIST, AWS_PROFILE=profile).splitlines()
        assert "AccessDenied" in refused
        assert "my-first-bucket" in buckets


#: The time that a program's keys last.
BRIEF = timedelta(minutes=20)


@pytest.mark.parametrize("kind", ["role", "MFA", "long-term keys", "Identity Center"])
def test_brief_keys(
    aws: EmbeddedAws,
    notebook: Shell,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """AWS accepts a program's keys for 20 minutes, not only as long as their label says."""
    switch_to_writer(aws, notebook, monkeypatch, kind)
    for option in ([], ["--agent"]):
        document = json.loads(terminal.run(*ASK, *option).stdout)
        left = datetime.fromisoformat(document["Expiration"]) - datetime.now(UTC)
        assert timedelta(minutes=19) < left <= BRIEF
        assert lifetime(aws, document) <= BRIEF


def lifetime(aws: EmbeddedAws, document: Mapping[str, str]) -> timedelta:
    """Return how long AWS accepts keys from now on."""
    signer = aws.iam.find_signer(document["AccessKeyId"], document["SessionToken"])
    assert signer.expiration
    return signer.expiration - datetime.now(UTC)


def test_no_brief_keys(aws: EmbeddedAws, notebook: Shell, terminal: Terminal) -> None:
    """If AWS can't issue brief keys, the card says so, and the label still says 20 minutes."""
    card = notebook.good(f"%aws_profile {may_write(aws, 'Identity Center', 's3:*')}").text
    assert "their keys last as long as the notebook's" in card
    document = json.loads(terminal.run(*ASK).stdout)
    assert datetime.fromisoformat(document["Expiration"]) - datetime.now(UTC) <= BRIEF
    assert lifetime(aws, document) > BRIEF
    assert "sts:GetScopedCredentials" in terminal.run(*ASK, "--agent").stderr
    assert "their keys last" not in notebook.good("%aws_profile RoleBeta").text


def test_many_at_once(notebook: Shell, terminal: Terminal) -> None:
    """Programs that start together get the same credentials, from a single session."""
    with ThreadPoolExecutor(16) as pool:
        printed = list(pool.map(lambda _: terminal.run(*ASK, "--agent").stdout, range(16)))
    assert len({json.loads(output)["AccessKeyId"] for output in printed}) == 1


def test_protected_profiles(notebook: Shell, terminal: Terminal) -> None:
    """A switch to a protected profile ends the sharing, unless its line says `--share`."""
    notebook.good("%config AwsProfileMagics.protected = ['*Gamma']")
    for share, profile in (("", NOTEBOOK), ("", AGENT), ("--share", NOTEBOOK)):
        notebook.good("%aws_profile RoleBeta --share")
        notebook.good(f"%aws_profile RoleGamma --yes {share}")
        assert ("RoleGamma" if share else "No notebook") in terminal.who(profile)
    notebook.good("%aws_profile --refresh")
    assert "RoleGamma" in terminal.who()
    notebook.good("%aws_profile RoleGamma --yes")
    assert "No notebook" in terminal.who()


@pytest.mark.parametrize("line", ["--share off", "RoleGamma --yes"])
def test_a_program_that_is_connected(notebook: Shell, line: str) -> None:
    """A program that has connected before the end of the sharing gets no answer after it."""
    notebook.good("%config AwsProfileMagics.protected = ['*Gamma']")
    document = json.loads(shared_file().read_bytes())
    asked = f"notebook 00 {os.getpid()} "
    question = f"{proof(document['key'], 'program', asked)} {asked}\n"
    with socket.create_connection(("127.0.0.1", document["port"])) as connection:
        connection.sendall(question[:20].encode())
        notebook.good(f"%aws_profile {line}")
        with suppress(OSError):
            connection.sendall(question[20:].encode())
            assert connection.recv(1000) == b""


def test_edited_files(aws: EmbeddedAws, notebook: Shell, terminal: Terminal) -> None:
    """`notebook-agent` is the notebook's identity, even after edits of its profile."""
    text = aws.config_file.read_text()
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/Role"
    for line in ("RoleBeta", f"--role-arn {role}Beta --source-profile UserAlpha"):
        aws.config_file.write_text(text)
        notebook.good(f"%aws_profile {line}")
        aws.config_file.write_text(text.replace(f"{role}Beta", f"{role}Gamma"))
        for profile in (NOTEBOOK, AGENT):
            assert ":assumed-role/RoleBeta/" in terminal.who(profile)
    aws.config_file.write_text(text)
    notebook.good("%config AwsProfileMagics.session_name = 'ann'")
    notebook.good("%aws_profile RoleBeta")
    names = [terminal.who(profile).rpartition("/")[2] for profile in (NOTEBOOK, AGENT)]
    assert names == ["ann-notebook-python", "ann-notebook-agent-python"]


def test_the_setting(notebook: Shell, terminal: Terminal) -> None:
    """With the setting, each switch shares its identity, except for protected ones."""
    notebook.good("%aws_profile --off")
    notebook.good("%config AwsProfileMagics.share = True")
    notebook.good("%config AwsProfileMagics.protected = ['*Gamma']")
    for line, says in (
        ("RoleBeta", "RoleBeta"),
        ("RoleGamma --yes", "No notebook"),
        ("RoleBeta", "RoleBeta"),
        ("--share off", "No notebook"),
        ("RoleBeta", "No notebook"),
    ):
        notebook.good(f"%aws_profile {line}")
        assert says in terminal.who()
    notebook.good("%config AwsProfileMagics.stale = 'refuse'")  # changes no other setting
    notebook.good("%aws_profile RoleBeta")
    assert "No notebook" in terminal.who()
    notebook.good("%aws_profile --share")
    shown = notebook.good("%config AwsProfileMagics.share = True").text
    shown += notebook.good("%config AwsProfileMagics.share = False").text
    assert shown == "The notebook's identity isn't shared anymore."
    assert "No notebook" in terminal.who()


@posix
def test_a_folder_of_another_user(
    notebook: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook doesn't share in a folder of another user, and says whose it is."""
    notebook.good("%aws_profile --off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "ipy_awsprofile").mkdir(mode=0o755)
    error = notebook.refused("%aws_profile RoleBeta --share")
    assert "drwxr-xr-x; it must be yours alone" in str(error)
    (tmp_path / "ipy_awsprofile").chmod(0o700)
    notebook.good("%config AwsProfileMagics.share = True")
    threads = threading.active_count()
    with monkeypatch.context() as another_user:
        another_user.setattr("os.getuid", lambda: 12345)
        card = notebook.good("%aws_profile RoleBeta").text
    assert f"The notebook's identity can't be shared: `{tmp_path}" in card
    assert f"belongs to the user with the ID {os.getuid()} and" in card
    assert threading.active_count() == threads
    assert "can't be shared" not in notebook.good("%aws_profile RoleBeta").text


def test_no_circles(aws: EmbeddedAws, notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook can't switch to what it shares, and runs leave it out."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"
    aws.write_profile("Circle", source_profile=NOTEBOOK, role_arn=role)
    monkeypatch.setenv("AWS_PROFILE", NOTEBOOK)
    says = "is the identity that a notebook shares"
    assert says in notebook.good(f"%aws_profile --explain {NOTEBOOK}").text
    for line in (NOTEBOOK, AGENT, "Circle", "Circle --share", "--default"):
        assert says in str(notebook.refused(f"%aws_profile {line}"))
    frame = notebook.good("%%aws_profiles *\nsession.profile_name").result
    assert {NOTEBOOK, AGENT}.isdisjoint(frame["profile"])
    assert "UserAlpha" in set(frame["profile"])


OTHER = "%load_ext ipy_awsprofile\n%aws_profile UserAlpha --share\nimport sys; sys.stdin.read()"


@pytest.fixture
def other(terminal: Terminal, notebook: Shell) -> Iterator[subprocess.Popen[bytes]]:
    """Run another notebook that shares its identity, in its own process."""
    before = shared_file().read_bytes()
    command = [sys.executable, "-m", "IPython", "--no-banner", "-c", OTHER]
    with subprocess.Popen(
        command, env=terminal.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        while shared_file().read_bytes() == before:
            assert process.poll() is None
            time.sleep(0.1)
        yield process
        process.kill()


def test_two_notebooks(notebook: Shell, terminal: Terminal, other: subprocess.Popen[bytes]) -> None:
    """The newest notebook that shares wins, and the other's card says so."""
    assert ":user/UserAlpha" in terminal.who()
    card = notebook.good("%aws_profile RoleBeta").text
    assert "no: another notebook shares its identity now." in card
    assert ":user/UserAlpha" in terminal.who()
    notebook.good("%aws_profile --share")
    assert ":assumed-role/RoleBeta/" in terminal.who()
    other.communicate()  # the end of its input ends it, and it leaves this notebook's file
    assert ":assumed-role/RoleBeta/" in terminal.who()


def test_another_notebook_and_none(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card of a notebook that programs don't ask says whether another one shares."""
    monkeypatch.setattr("getpass.getpass", lambda _question: "yes")
    monkeypatch.setattr("builtins.input", lambda _question: "yes")
    assert "can write until" in notebook.good("%aws_profile --share write 10m").text
    replace_file(shared_file(), json.dumps({"port": 1, "key": "another"}).encode())
    card = notebook.good("%aws_profile").text
    assert "no: another notebook shares its identity now." in card
    assert "can write until" not in card
    shared_file().unlink()  # the other one has ended
    card = notebook.good("%aws_profile").text
    assert "no: programs don't find this notebook anymore." in card
    assert "can write until" not in card


def test_a_profile_named_write(aws: EmbeddedAws, notebook: Shell, terminal: Terminal) -> None:
    """The name of a profile can be a word of `--share`, if it is before the option."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleGamma"
    aws.write_profile("write", source_profile="UserAlpha", role_arn=role, region="us-west-2")
    notebook.good("%aws_profile write --share")
    assert ":assumed-role/RoleGamma/" in terminal.who()


@dataclass
class HangingSts:
    """STS that doesn't answer calls for keys of programs until ``go`` is set, or for 30 seconds."""

    called: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    gave_up: bool = False

    def wait(self) -> None:
        """Wait as a call does."""
        self.called.set()
        self.gave_up |= not self.go.wait(30)


@pytest.fixture
def hanging(
    aws: EmbeddedAws, notebook: Shell, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HangingSts]:
    """Share an identity of Identity Center, and let STS hang for all programs but the first."""
    notebook.good(f"%aws_profile {may_write(aws, 'Identity Center')}")
    fetch_shared(NOTEBOOK)
    sts = HangingSts()
    issue = aws.iam.create_session

    def hang(*arguments: Any, **options: Any) -> Any:
        if "scopes" in options:
            sts.wait()
        return issue(*arguments, **options)

    monkeypatch.setattr(aws.iam, "create_session", hang)
    yield sts
    sts.go.set()


def test_a_call_that_hangs(hanging: HangingSts) -> None:
    """Programs whose keys are there get them while STS hangs for another program."""
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(fetch_shared, AGENT)
        assert hanging.called.wait(30)
        assert json.loads(fetch_shared(NOTEBOOK))["AccessKeyId"]
        assert not hanging.gave_up
        hanging.go.set()
        assert json.loads(waiting.result())["AccessKeyId"]


@pytest.mark.parametrize("line", ["--refresh", "RoleBeta", "UserAlpha", "--off"])
def test_a_switch_while_a_call_hangs(hanging: HangingSts, notebook: Shell, line: str) -> None:
    """A switch doesn't wait for the keys of a program."""
    with ThreadPoolExecutor() as pool:
        pool.submit(fetch_shared, AGENT)
        assert hanging.called.wait(30)
        notebook.good(f"%aws_profile {line}")
        assert not hanging.gave_up
        hanging.go.set()


def test_no_keys_after_the_end(hanging: HangingSts, notebook: Shell) -> None:
    """A program whose keys arrive after the end of the sharing doesn't get them."""
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(fetch_shared, AGENT)
        assert hanging.called.wait(30)
        notebook.good("%aws_profile --share off")
        hanging.go.set()
        with pytest.raises(NotShared):
            waiting.result()


def test_a_crowd_of_programs(notebook: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program whose connection the kernel closes, because many others come, asks again."""
    connect = socket.create_connection
    crowd: list[socket.socket] = []

    def connect_in_a_crowd(*arguments: Any) -> socket.socket:
        connection = connect(*arguments)
        if not crowd:
            crowd.extend(connect(*arguments) for _ in range(40))
            assert connection.recv(1) == b""  # the kernel has closed it
        return connection

    monkeypatch.setattr(socket, "create_connection", connect_in_a_crowd)
    assert json.loads(fetch_shared(AGENT))["AccessKeyId"]
    assert crowd
    for connection in crowd:
        connection.close()


def test_200_programs(notebook: Shell) -> None:
    """Programs that connect in one instant wait for each other."""
    fetch_shared(AGENT)
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: fetch_shared(AGENT), range(200)))
    assert len({json.loads(answer)["AccessKeyId"] for answer in answers}) == 1


def test_a_killed_kernel(
    terminal: Terminal, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kernel was killed, programs say so, even if another program has its port."""
    port = json.loads(shared_file().read_bytes())["port"]
    other.kill()
    other.wait()
    ended = "The notebook that shared its identity has ended. Run `%aws_profile --share`"
    assert ended in terminal.who()
    questions: list[bytes] = []
    evil = json.dumps({"Version": 1, "AccessKeyId": "AKIAEVIL"})
    answers = (f"{'0' * 64} {evil}", "[]", "[" * 10**6, "\xff", "é " + evil)

    def pretend(server: socket.socket) -> None:
        for answer in answers:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                questions.append(connection.recv(1000))
                connection.sendall(answer.encode("latin-1"))

    with socket.create_server(("127.0.0.1", port)) as server:
        thread = threading.Thread(target=pretend, args=(server,))
        thread.start()
        for _ in answers:
            done = terminal.run(*ASK)
            assert done.returncode == 1
            assert "EVIL" not in done.stdout
            assert ended in done.stderr
        thread.join()
    key = json.loads(shared_file().read_bytes())["key"]
    assert key not in str(questions)


def test_a_program_without_the_key(notebook: Shell) -> None:
    """The kernel gives nothing to a program that can't read the file."""
    port = json.loads(shared_file().read_bytes())["port"]
    for question in (b"notebook 00 00\n", b"notebook\n", b"\xff\n", b"x" * 2000):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(question)
            assert connection.recv(1000) == b""


def test_an_untrusted_folder(notebook: Shell, terminal: Terminal) -> None:
    """Nothing of the folder in which a program runs is imported."""
    for module in ("json", "argparse", "socket", "boto3", "ipy_awsprofile"):
        (terminal.folder / f"{module}.py").write_text("raise SystemExit('ran')")
    listed = terminal.run(sys.executable, "-P", "-m", "awscli", "s3", "ls", "--profile", NOTEBOOK)
    assert "my-first-bucket" in listed.stdout, listed.stderr


def test_an_identity_that_needs_the_user(
    aws: EmbeddedAws, notebook: Shell, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an MFA session has expired, programs say what to run, and the user isn't prompted."""
    answer_with_codes(aws, add_mfa_role(aws, "Auditor"), monkeypatch)
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("[profile Auditor]", "[profile Prüfer]"))
    notebook.good("%aws_profile Prüfer")
    assert ":assumed-role/Auditor/" in terminal.who()
    monkeypatch.undo()
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True):
        done = terminal.run(*shlex.split(process_of(NOTEBOOK)), **OTHER_ENCODING)
    assert done.returncode == 1
    # SDKs read it as UTF-8, on Windows, too.
    assert (
        "Run `%aws_profile Prüfer` (or, if the profile is active, `%aws_profile --refresh`"
        in done.stderr
    )


# The config file ---


def test_a_python_that_is_gone(aws: EmbeddedAws, notebook: Shell) -> None:
    """A profile of a Python that has been removed is replaced, after another preview."""
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace(sys.executable, "/nowhere/python"))
    shown = notebook.good("%aws_profile --share").text
    assert '+credential_process = "/nowhere/python"' not in shown
    assert '-credential_process = "/nowhere/python"' in shown
    notebook.good("%aws_profile --share --yes")
    assert aws.config_file.read_text() == text


@pytest.mark.parametrize("settings", ["region = us-west-2\n", ""])
@pytest.mark.parametrize("name", [NOTEBOOK, AGENT])
def test_a_profile_of_the_user(aws: EmbeddedAws, shell: Shell, name: str, settings: str) -> None:
    """A profile of the user with this name stays, and the notebook doesn't switch or share."""
    with aws.config_file.open("a") as config:
        config.write(f"[profile {name}]\n{settings}")
    before = aws.config_file.read_text()
    for line in ("RoleBeta --share", "RoleBeta --share --yes"):
        error = shell.refused(f"%aws_profile {line}")
        assert f"The config file already has a different profile `{name}`" in str(error)
    assert "session" not in shell.names
    assert aws.config_file.read_text() == before


def test_the_region_of_programs(notebook: Shell) -> None:
    """The card says so if programs have another Region."""
    assert "Region" not in notebook.good("%aws_profile RoleBeta").text
    card = notebook.good("%aws_profile RoleBeta --region eu-west-1").text
    assert "; their Region is us-west-2" in card


def test_a_switch_in_a_block_without_the_notebooks_identity(shell: Shell, aws: EmbeddedAws) -> None:
    """A switch in a block is complete even if the notebook has no identity to share anymore."""
    organisation(aws)
    aws.sso.sign_in("corp")
    shell.good("from contextlib import ExitStack\nfrom ipy_awsprofile import using_profile")
    shell.good("%aws_profile prod-reader --share --yes")
    shell.good("blocks = ExitStack()\nblocks.enter_context(using_profile('RoleBeta'))")
    shell.good("%aws_profile --logout")
    assert shell.good("%aws_profile UserAlpha").text.startswith("UserAlpha")
    shell.good("blocks.close()")
    assert shell.good("%aws_profile").text.startswith("No profile is active")


def test_sharing_that_fails(shell: Shell, aws: EmbeddedAws) -> None:
    """If the file of the sharing can't be written, nothing listens for programs."""
    shell.good("%aws_profile RoleBeta --share --yes\n%aws_profile --share off")
    shared_file().mkdir()
    before = [thread.name for thread in threading.enumerate()]
    for _ in range(3):
        assert "can't be shared" in str(shell.refused("%aws_profile --share"))
    assert [thread.name for thread in threading.enumerate()] == before
