"""A kernel lends its session to its child processes until the server is closed."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
import time_machine

from ipy_awsprofile.bindings.credential_process import borrowed
from ipy_awsprofile.bindings.credential_server import CredentialServer
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidProfile
from ipy_awsprofile.sessions.session import open_session
from tests.bindings.borrowing import (
    KERNEL_GONE,
    KERNEL_TESTS,
    arn_of,
    children,
    eventually,
    lent,
    run,
)

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

pytestmark = KERNEL_TESTS


def test_the_session_is_lent(aws: EmbeddedAws) -> None:
    """A child gets exactly the session's credentials, with their expiry."""
    session = open_session("RoleBeta", session_name="kernel")
    frozen = session.get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    with CredentialServer(session) as server:
        document = lent(server)
    assert document["Version"] == 1
    assert document["AccessKeyId"] == frozen.access_key
    assert document["SecretAccessKey"] == frozen.secret_key
    assert document["SessionToken"] == frozen.token
    assert document["Expiration"].endswith("Z")
    assert datetime.fromisoformat(document["Expiration"]) > datetime.now(UTC)
    assert arn_of(document, aws) == f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/kernel"


def test_the_account_is_lent_too(server: CredentialServer) -> None:
    """The account ID is lent if it is known: SDKs build some endpoints from it."""
    credentials = server._session.get_credentials()
    known = getattr(credentials.get_frozen_credentials(), "account_id", None)  # type: ignore[union-attr]
    assert lent(server).get("AccountId") == known


def test_credentials_that_nobody_renews_are_lent(aws: EmbeddedAws, scenario: Scenario) -> None:
    """Temporary credentials without a known expiry are lent without one."""
    sts = boto3.Session(profile_name="UserAlpha").client("sts")
    answer = sts.assume_role(RoleArn=scenario.role_arn, RoleSessionName="by-hand")["Credentials"]
    session = boto3.Session(
        answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
    )
    with CredentialServer(session) as server:
        document = lent(server)
    assert "Expiration" not in document
    assert arn_of(document, aws).endswith("/by-hand")


def test_the_lent_credentials_are_as_fresh_as_the_kernels(aws: EmbeddedAws) -> None:
    """A child always gets the current credentials, which the kernel renews."""
    session = open_session("RoleBeta", session_name="kernel", duration=900)
    with CredentialServer(session) as server:
        first = lent(server)
        aws.expire_sessions()
        second = lent(server)
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert arn_of(second, aws).endswith("/kernel")


def test_many_ask_at_once(server: CredentialServer) -> None:
    """Many children can ask at the same time."""
    folder = str(server.folder)
    with ThreadPoolExecutor(32) as pool:
        answers = set(pool.map(borrowed, [folder] * 64))
    assert len(answers) == 1


@pytest.mark.parametrize("parent", ["plain", "with space", "it's", 'a"b', "a\\b", "50%", "ü"])
def test_the_command_is_quoted(
    aws: EmbeddedAws, temporary: Path, monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    """A shell and botocore split the command line in the same way, whatever its paths are."""
    (temporary / parent).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / parent))
    with CredentialServer(open_session("RoleBeta")) as server:
        assert server.folder.parent == temporary / parent
        assert lent(server)["Version"] == 1
        by_shell = subprocess.run(server.command, shell=True, capture_output=True, check=True)
    assert json.loads(by_shell.stdout)["Version"] == 1


def test_a_long_path_of_temporary_files(
    aws: EmbeddedAws, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the path of the temporary folder is too long for a socket, another folder is used."""
    deep = temporary / ("deep" * 20)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with CredentialServer(open_session("RoleBeta")) as server:
        assert server.folder.parent != deep
        assert lent(server)["Version"] == 1


def test_a_default_timeout_of_sockets_changes_nothing(server: CredentialServer) -> None:
    """A default timeout for new sockets doesn't change anything."""
    socket.setdefaulttimeout(5)
    try:
        assert lent(server)["Version"] == 1
    finally:
        socket.setdefaulttimeout(None)


def test_long_term_keys_stay_in_the_kernel(aws: EmbeddedAws, temporary: Path) -> None:
    """A session with long-term keys isn't lent, and no folder is left."""
    with pytest.raises(CredentialsUnavailable, match="long-term keys, which never leave"):
        CredentialServer(open_session("UserAlpha")).start()
    assert list(temporary.iterdir()) == []


def test_long_term_keys_that_come_later_stay_too(server: CredentialServer) -> None:
    """Each answer is checked for a session token, not only the first."""
    server._session = boto3.Session(profile_name="UserAlpha")
    done = run(server.command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "long-term keys" in done.stderr


def test_no_credentials_are_told_at_the_start(temporary: Path) -> None:
    """Starting the server without credentials is an error."""
    with pytest.raises(InvalidProfile, match="has no credentials"):
        CredentialServer(boto3.Session()).start()
    assert list(temporary.iterdir()) == []


@pytest.fixture
def with_mfa(aws: EmbeddedAws) -> str:
    """Create a role profile that needs an MFA code; return the device."""
    user = aws.create_user("Careful", account=USER_ACCOUNT, policy=allow("*"), mfa=True)
    role = aws.create_role("RoleMfa", account=ROLE_ACCOUNT, trust=trusting(user.arn))
    aws.write_profile(
        "Careful",
        file="credentials",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    assert user.mfa_serial
    aws.write_profile(
        "WithMfa",
        role_arn=role,
        source_profile="Careful",
        mfa_serial=user.mfa_serial,
        region="us-west-2",
    )
    return user.mfa_serial


def test_an_ended_mfa_session_says_what_to_do(aws: EmbeddedAws, with_mfa: str) -> None:
    """If only a new MFA code can renew the session, children get one line with that error."""
    session = open_session("WithMfa", mfa_prompter=lambda question: aws.mfa_code(with_mfa))
    with CredentialServer(session) as server:
        assert arn_of(lent(server), aws).split(":")[4] == ROLE_ACCOUNT
        session.person = Person()
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
            done = run(server.command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "An MFA code of" in done.stderr
    assert "`%aws_profile --refresh`" in done.stderr


def test_closing_leaves_nothing(aws: EmbeddedAws, temporary: Path) -> None:
    """After closing, folder, thread and remover are gone, and a child gets an error."""
    threads = set(threading.enumerate())
    server = CredentialServer(open_session("RoleBeta")).start()
    command = server.command
    (server.folder / "more").write_text("a file of somebody else")
    server.close()
    server.close()
    assert list(temporary.iterdir()) == []
    assert eventually(lambda: set(threading.enumerate()) <= threads)
    if Path("/proc/self").exists():
        assert not [one for one in children() if b"rmtree" in (one / "cmdline").read_bytes()]
    done = run(command)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", KERNEL_GONE)


def test_a_server_that_is_not_open_has_no_command(aws: EmbeddedAws) -> None:
    """Folder and command exist only while the server is open."""
    server = CredentialServer(open_session("RoleBeta"))
    for _ in ("before", "after"):
        with pytest.raises(RuntimeError, match="isn't open"):
            _ = server.command
        assert repr(server) == "<CredentialServer closed>"
        if not server._closing.is_set():
            with server:
                assert str(server.folder) in repr(server)


def test_closing_when_others_have_cleaned_up(aws: EmbeddedAws, temporary: Path) -> None:
    """Files that have been removed already aren't an error, and a child gets one."""
    server = CredentialServer(open_session("RoleBeta")).start()
    command = server.command
    for file in server.folder.iterdir():
        file.unlink()
    assert run(command).stderr == KERNEL_GONE
    server.close()
    assert list(temporary.iterdir()) == []
