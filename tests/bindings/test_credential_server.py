"""A kernel lends its sessions to child processes until the server is closed."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
import tempfile
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import time_machine
from botocore.utils import ContainerMetadataFetcher

from ipy_awsprofile.bindings.credential_process import borrowed
from ipy_awsprofile.bindings.credential_server import Address, CredentialServer
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.session import open_session
from tests.bindings.borrowing import (
    KERNEL_GONE,
    KERNEL_TESTS,
    arn_of,
    eventually,
    lent,
    run,
)
from tests.renewing import renew_at_each_use

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

pytestmark = KERNEL_TESTS


def asked(address: Address) -> dict[str, Any]:
    """Return the container credentials at an address, as botocore retrieves them."""
    headers = {"Authorization": address.token_file.read_text()}
    answer: dict[str, Any] = ContainerMetadataFetcher().retrieve_full_uri(address.url, headers)
    return answer


def test_the_session_is_lent(aws: EmbeddedAws, server: CredentialServer) -> None:
    """A child gets exactly the session's credentials, with their expiry, in both formats."""
    session = open_session("RoleBeta", session_name="kernel")
    frozen = session.get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    address = server.lend(session)
    document, container = lent(address), asked(address)
    assert document["Version"] == 1
    assert document["AccessKeyId"] == container["AccessKeyId"] == frozen.access_key
    assert document["SecretAccessKey"] == container["SecretAccessKey"] == frozen.secret_key
    assert document["SessionToken"] == container["Token"] == frozen.token
    assert document["Expiration"] == container["Expiration"]
    assert datetime.fromisoformat(document["Expiration"]) > datetime.now(UTC)
    assert arn_of(document, aws) == f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/kernel"


@pytest.mark.slow
def test_each_identity_has_an_address(aws: EmbeddedAws, server: CredentialServer) -> None:
    """Each identity has an address, and lending an identity again returns the same address."""
    first = server.lend(open_session("RoleBeta", session_name="first"))
    second = server.lend(open_session("RoleBeta", session_name="second"))
    assert server.lend(open_session("RoleBeta", session_name="first")) == first
    assert [arn_of(lent(one), aws)[-7:] for one in (first, second)] == ["a/first", "/second"]
    assert first.token_file == second.token_file


def test_credentials_without_a_known_end(aws: EmbeddedAws, server: CredentialServer) -> None:
    """If the credentials' expiry is unknown, children ask again within half an hour."""
    sts = boto3.Session(profile_name="UserAlpha").client("sts")
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"
    answer = sts.assume_role(RoleArn=role, RoleSessionName="by-hand")["Credentials"]
    aws.write_profile(
        "ByHand",
        file="credentials",
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["SessionToken"],
    )
    aws.write_profile("ByHand", region="us-west-2")
    document = lent(server.lend(open_session("ByHand")))
    assert arn_of(document, aws).endswith("/by-hand")
    ends = datetime.fromisoformat(document["Expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=15) < ends < timedelta(minutes=30)


def test_the_lent_credentials_are_as_fresh_as_the_kernels(
    aws: EmbeddedAws, server: CredentialServer
) -> None:
    """A child always gets the current credentials, which the kernel renews."""
    session = renew_at_each_use(open_session("RoleBeta", session_name="kernel"))
    address = server.lend(session)
    first = lent(address)
    aws.expire_sessions()
    second = lent(address)
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert arn_of(second, aws).endswith("/kernel")


def test_long_term_keys_stay_in_the_kernel(aws: EmbeddedAws, server: CredentialServer) -> None:
    """For long-term keys, children get short-lived credentials from a single STS call."""
    session = open_session("UserAlpha")
    keys = session.get_credentials().get_frozen_credentials()  # type: ignore[union-attr]
    address = server.lend(session)
    first, second = asked(address), asked(address)
    assert first == second
    assert first["AccessKeyId"] != keys.access_key
    document = lent(address)
    assert arn_of(document, aws) == f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"
    assert [call.action for call in aws.calls].count("sts:GetSessionToken") == 1


def test_many_ask_at_once(address: Address) -> None:
    """Many children can borrow a session at the same time."""
    with ThreadPoolExecutor(32) as pool:
        ask = lambda _: borrowed(address.url, str(address.token_file))  # noqa: E731
        assert len(set(pool.map(ask, range(64)))) == 1


@pytest.mark.parametrize("parent", ["plain", "with space", "it's", 'a"b', "a\\b", "50%", "ü"])
def test_the_command_is_quoted(
    aws: EmbeddedAws,
    server: CredentialServer,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    parent: str,
) -> None:
    """A shell and botocore split the command line in the same way, whatever its paths are."""
    (temporary / parent).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / parent))
    address = server.lend(open_session("RoleBeta"))
    assert address.token_file.parents[1] == temporary / parent
    assert lent(address)["Version"] == 1
    by_shell = subprocess.run(address.command, shell=True, capture_output=True, check=True)
    assert json.loads(by_shell.stdout)["Version"] == 1


def test_a_default_timeout_of_sockets_changes_nothing(address: Address) -> None:
    """A default timeout for new sockets doesn't affect the server."""
    socket.setdefaulttimeout(5)
    try:
        assert lent(address)["Version"] == 1
    finally:
        socket.setdefaulttimeout(None)


@pytest.fixture
def with_mfa(aws: EmbeddedAws) -> str:
    """Create a role profile that requires an MFA code, and return the device's serial number."""
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


def test_an_ended_mfa_session_says_what_to_do(
    aws: EmbeddedAws, server: CredentialServer, with_mfa: str
) -> None:
    """If only an MFA code can renew the session, children get one line that says what to run."""
    session = open_session("WithMfa", mfa_prompter=lambda question: aws.mfa_code(with_mfa))
    address = server.lend(session)
    assert arn_of(lent(address), aws).split(":")[4] == ROLE_ACCOUNT
    session.person = Person()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        done = run(address.command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "An MFA code" in done.stderr
    assert "`%aws_profile --refresh`" in done.stderr


def test_closing_leaves_nothing(
    aws: EmbeddedAws, server: CredentialServer, temporary: Path
) -> None:
    """Closing removes the folder and ends the thread, and then children get an error."""
    threads = set(threading.enumerate())
    address = server.lend(open_session("RoleBeta"))
    (address.folder / "more").write_text("a file of another module")
    assert str(address.token_file.parent) in repr(server)
    server.close()
    server.close()
    assert repr(server) == "<CredentialServer closed>"
    assert list(temporary.iterdir()) == []
    assert eventually(lambda: set(threading.enumerate()) <= threads)
    done = run(address.command)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", KERNEL_GONE)


def refuses_connections(url: str) -> bool:
    """Return whether no server listens at a URL. A server that is closing resets connections."""
    try:
        urllib.request.urlopen(url).close()
    except OSError as error:
        return "refused" in str(error)
    return False


def test_a_server_that_nobody_has_any_more(aws: EmbeddedAws, temporary: Path) -> None:
    """A server that is no longer referenced is closed."""
    address = CredentialServer().lend(open_session("RoleBeta"))
    assert eventually(lambda: not address.token_file.exists())
    assert eventually(lambda: refuses_connections(address.url))


def test_closing_when_others_have_cleaned_up(
    aws: EmbeddedAws, server: CredentialServer, temporary: Path
) -> None:
    """If another process has removed the files, closing works, and children get an error."""
    address = server.lend(open_session("RoleBeta"))
    address.token_file.unlink()
    assert run(address.command).stderr == KERNEL_GONE
    server.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("aws")
def test_a_machine_without_the_address(
    server: CredentialServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the server can't bind to 127.0.0.1, the error says so, and the server is closed."""

    def create_server(*_: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address (while binding)")

    monkeypatch.setattr(socket, "create_server", create_server)
    with pytest.raises(CredentialsUnavailable, match=r"127\.0\.0\.1: Cannot assign .*address\.$"):
        server.lend(open_session("RoleBeta"))
    assert "closed" in repr(server)
