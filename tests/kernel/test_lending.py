"""Child processes and libraries in other languages use exactly the session of the kernel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
import time_machine

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT
from ipy_awsprofile.errors import CredentialsUnavailable
from tests.aws import EmbeddedAws
from tests.processes import Child, is_private, posix
from tests.roles import answer_with_codes, renew_at_each_use
from tests.shells import Shell, aws_cli_2

ARN = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"

#: Switches to identities that a profile's name doesn't describe completely, and to long-term keys.
SWITCHES = {
    "read-only": "RoleBeta --read-only",
    "duration": "RoleBeta --duration 15m",
    "MFA": "Auditor",
    "ARN": f"--role-arn arn:aws:iam::{ROLE_ACCOUNT}:role/RoleGamma --source-profile UserAlpha",
    "space": "'my role' --read-only",
    "long-term keys": "UserAlpha",
}


@pytest.fixture
def answering(aws: EmbeddedAws, auditor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer prompts with codes from Auditor's device."""
    answer_with_codes(aws, auditor, monkeypatch)


@pytest.mark.usefixtures("answering")
def test_children(aws: EmbeddedAws, notebook: Shell, child: Child) -> None:
    """A child process has the identity of the card, with the same session name."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleGamma"
    aws.write_profile("my role", source_profile="UserAlpha", role_arn=role, region="us-west-2")
    for kind, line in SWITCHES.items():
        notebook.good(f"%aws_profile {line}")
        arn = notebook.good("session.client('sts').get_caller_identity()['Arn']").result
        assert child.arn() == arn, kind
        aws.calls.clear()
        notebook.run("import pyarrow.fs as f; f.FileSystem.from_uri(PARQUET)[0].get_file_info(KEY)")
        assert {call.arn for call in aws.calls if call.action.startswith("s3:")} == {arn}, kind


@pytest.mark.parametrize("version", [1, 2])
def test_the_aws_cli(notebook: Shell, version: int) -> None:
    """The AWS CLI has the identity of the card, even if a profile's name doesn't describe it."""
    command = [sys.executable, "-m", "awscli"] if version == 1 else [aws_cli_2()]
    notebook.good("%aws_profile RoleBeta --read-only --session-name limited")
    asks = [*command, "sts", "get-caller-identity", "--output", "text"]
    assert ":assumed-role/RoleBeta/limited" in subprocess.check_output(asks, text=True)


def test_a_child_keeps_its_identity(aws: EmbeddedAws, notebook: Shell) -> None:
    """A child from before a switch keeps its identity, and a new child has the new one."""
    wait = f"import sys; sys.stdin.read(); {ARN}"
    start = f"subprocess.Popen([sys.executable, '-c', {wait!r}], stdin=-1, stdout=-1, text=True)"
    switches = ("RoleGamma --read-only", "UserAlpha")
    for name in switches:
        notebook.good(f"%aws_profile {name}\nchildren = [*globals().get('children', []), {start}]")
    for child, name in zip(notebook.names["children"], switches, strict=True):
        assert f"/{name.split()[0]}" in child.communicate()[0]
        assert child.returncode == 0


def lent() -> tuple[str, Path]:
    """Return the address of the session that is lent now, and its token's file."""
    token = Path(os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
    return os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], token


def answer(address: str, token: str | None) -> Mapping[str, Any]:
    """Return the credentials at an address."""
    headers = {} if token is None else {"Authorization": token}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as response:
        document: dict[str, Any] = json.load(response)
    return document


def test_a_wrong_token_gets_nothing(notebook: Shell) -> None:
    """Without the session's own token, the kernel refuses to lend it."""
    notebook.good("%aws_profile RoleBeta")
    full, token_of_full = lent()
    notebook.good("%aws_profile RoleBeta --read-only")
    address, token = lent()
    assert address != full
    for wrong in (None, "", "x" * 64, "é", token.read_text() + "x", token_of_full.read_text()):
        with pytest.raises(HTTPError) as refused:
            answer(address, wrong)
        assert refused.value.code == HTTPStatus.UNAUTHORIZED
    with pytest.raises(HTTPError):  # a read-only child can't get the full identity
        answer(full, token.read_text())
    assert answer(address, token.read_text())["AccessKeyId"]


def test_many_children_at_once(notebook: Shell) -> None:
    """All workers of a large pool can ask at the same time."""
    notebook.good("%aws_profile RoleBeta")
    address, token = lent()
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: answer(address, token.read_text()), range(64)))
    assert len({credentials["AccessKeyId"] for credentials in answers}) == 1


def test_renewed_credentials(aws: EmbeddedAws, notebook: Shell) -> None:
    """A child always gets the kernel's current credentials."""
    notebook.good("%aws_profile RoleBeta --duration 15m")
    renew_at_each_use(notebook.names["session"])
    address, token = lent()
    first = answer(address, token.read_text())
    aws.iam.expire_sessions()
    second = answer(address, token.read_text())
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert datetime.fromisoformat(second["Expiration"]) > datetime.now(UTC)


def test_a_session_that_needs_a_code(as_auditor: None) -> None:
    """After an MFA session has expired, the child's error says what to run in the notebook."""
    address, token = lent()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True):
        with pytest.raises(HTTPError) as refused:
            answer(address, token.read_text())
        assert "`%aws_profile --refresh`" in json.load(refused.value)["Message"]


def test_files_are_private(
    aws: EmbeddedAws, notebook: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the user can read the files, which are removed when the extension is unloaded.

    They are in a new folder, even if a folder that others can write to is in the cache.
    """
    (tmp_path / "cache").mkdir(mode=0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    notebook.good("%aws_profile UserAlpha\n%aws_profile RoleBeta --read-only")
    address, token = lent()
    folder = token.parents[1]
    assert Path(os.environ["AWS_CONFIG_FILE"]).parents[1] == folder
    assert all(map(is_private, (folder, *folder.rglob("*"))))
    texts = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert [secret for secret in aws.iam.secrets if secret in texts] == []
    cached = [path.name for path in (tmp_path / "cache").rglob("*")]
    assert cached == ["ipy_awsprofile", "recent-1.json"]
    notebook.good("%unload_ext ipy_awsprofile")
    assert not folder.exists()
    with pytest.raises(URLError):
        answer(address, "")


def test_keys_in_the_config_file(aws: EmbeddedAws, notebook: Shell, child: Child) -> None:
    """The config file for child processes has all profiles, unless it would contain keys."""
    notebook.good("%aws_profile RoleBeta --read-only")
    assert "[profile RoleGamma]" in Path(os.environ["AWS_CONFIG_FILE"]).read_text()
    settings: Any = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "hush"}
    aws.write_profile("Keys", **settings)
    notebook.good("%aws_profile RoleBeta --read-only")
    assert "hush" not in Path(os.environ["AWS_CONFIG_FILE"]).read_text()
    assert ":assumed-role/RoleBeta/" in child.arn()


@posix
def test_a_cleanup(notebook: Shell) -> None:
    """After a cleanup, the next switch writes new files, and never uses what it finds."""
    notebook.good("%aws_profile RoleBeta --read-only")
    folder = lent()[1].parents[1]
    shutil.rmtree(folder)
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)  # another user's
    notebook.good("%aws_profile RoleBeta --read-only")
    address, token = lent()
    assert list(folder.iterdir()) == []
    assert answer(address, token.read_text())["AccessKeyId"]
    assert is_private(token.parents[1])
    folder.rmdir()


def test_full_disk(notebook: Shell) -> None:
    """If the disk is full, a switch changes nothing and says so, and works once there is room."""
    resource: Any = pytest.importorskip("resource")
    before, environment = resource.getrlimit(resource.RLIMIT_FSIZE), dict(os.environ)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        error = notebook.refused("%aws_profile RoleBeta")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(error, CredentialsUnavailable)
    assert "File too large" in str(error)
    assert dict(os.environ) == environment
    notebook.good("%aws_profile RoleBeta")


FORKS = f"""
import os, subprocess, sys
from ipy_awsprofile import using_profile

with using_profile("RoleBeta", read_only=True):
    if os.fork() == 0:
        sys.exit()  # a forked child runs the kernel's cleanup
    os.wait()
    print(subprocess.check_output([sys.executable, "-c", {ARN!r}], text=True).strip())
    print(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    print(os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"], flush=True)
    if os.fork() == 0:
        sys.stdin.read()  # this child lives longer than the kernel
        os._exit(0)
"""


@posix
def test_forked_children(aws: EmbeddedAws) -> None:
    """A forked child doesn't remove the kernel's files, and doesn't answer after its end."""
    with subprocess.Popen([sys.executable, "-c", FORKS], stdin=-1, stdout=-1, text=True) as script:
        assert script.stdout
        assert script.stdin
        arn, address, token = (script.stdout.readline().strip() for _ in range(3))
        assert script.wait(60) == 0
        assert ":assumed-role/RoleBeta/" in arn
        with pytest.raises(URLError, match="refused"):
            answer(address, "")
        script.stdin.close()
    assert not Path(token).parents[1].exists()


#: Runs a second AWS in its own process, because a process can have only one.
_SECOND = """
import sys
from ipy_awsprofile.demo.stages import seed
from tests.aws import EmbeddedAws
with EmbeddedAws() as aws:
    seed(aws)
    print(aws.endpoint_url, aws.home, flush=True)
    sys.stdin.read()
"""


def test_the_same_role_on_another_server(aws: EmbeddedAws, notebook: Shell) -> None:
    """After a profile's endpoint was edited, a refresh is another identity, though its ARN isn't.

    A child from before keeps the former server's keys, and a former client is reported.
    """
    run = [sys.executable, "-c", _SECOND]
    with subprocess.Popen(run, stdin=-1, stdout=-1, text=True, cwd=Path.cwd()) as second:
        assert second.stdout
        url, home = second.stdout.readline().split()
        notebook.good("%aws_profile RoleBeta\ns3 = session.client('s3')")
        address, token = lent()
        before = answer(address, token.read_text())
        arn = notebook.good("session.client('sts').get_caller_identity()['Arn']").result
        for file in (aws.config_file, aws.credentials_file):
            file.write_text((Path(home) / ".aws" / file.name).read_text())
        os.environ.pop("AWS_ENDPOINT_URL")
        notebook.good("%aws_profile --refresh")
        now = notebook.good("session.client('sts').get_caller_identity()['Arn']").result
        assert arn.rpartition("/")[0] == now.rpartition("/")[0]
        address_now, token_now = lent()
        assert answer(address, token.read_text())["AccessKeyId"] == before["AccessKeyId"]
        new = answer(address_now, token_now.read_text())
        assert new["AccessKeyId"] != before["AccessKeyId"]
        ran = notebook.run("s3.list_buckets()")
        assert f"as RoleBeta on {aws.endpoint_url}" in f"{ran.text} {ran.error}"
        assert url != aws.endpoint_url
