"""A kernel lends its session to its own child processes, and to nobody else."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import time_machine
from botocore.compat import compat_shell_split

from ipy_awsprofile.bindings.credential_process import (
    address_of,
    borrowed,
    command_line,
    main,
    read,
)
from ipy_awsprofile.bindings.credential_server import CredentialServer
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import CredentialsUnavailable, InvalidProfile
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="sockets, forks and users are those of POSIX"),
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]

needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

KERNEL_GONE = "The kernel that lent this identity has ended, or has switched to another one.\n"


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make temporary files in a folder that has nothing else in it."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def server(aws: EmbeddedAws) -> Iterator[CredentialServer]:
    """Lend a session of RoleBeta."""
    with CredentialServer(open_session("RoleBeta", session_name="kernel")) as server:
        yield server


def run(command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a `credential_process` as an SDK does."""
    return subprocess.run(
        compat_shell_split(command),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def lent(server: CredentialServer) -> dict[str, Any]:
    """Borrow the credentials of a server."""
    done = run(server.command)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def arn_of(document: dict[str, Any], aws: EmbeddedAws) -> str:
    """Ask STS who the holder of these credentials is."""
    sts = boto3.client(
        "sts",
        region_name="us-west-2",
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=document["AccessKeyId"],
        aws_secret_access_key=document["SecretAccessKey"],
        aws_session_token=document["SessionToken"],
    )
    return str(sts.get_caller_identity()["Arn"])


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until something is so, but not for ever."""
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_the_session_is_lent(aws: EmbeddedAws) -> None:
    """A child gets exactly the session's credentials, with the time of their end."""
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
    """SDKs build some endpoints from the account: it goes with the credentials if it is known."""
    credentials = server._session.get_credentials()
    known = getattr(credentials.get_frozen_credentials(), "account_id", None)  # type: ignore[union-attr]
    assert lent(server).get("AccountId") == known


def test_credentials_that_nobody_renews_are_lent(aws: EmbeddedAws, scenario: Scenario) -> None:
    """Temporary credentials without a known end are lent without one."""
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
    """Each time a child asks, it gets what the session has then; the kernel renews it."""
    session = open_session("RoleBeta", session_name="kernel", duration=900)
    with CredentialServer(session) as server:
        first = lent(server)
        aws.expire_sessions()
        second = lent(server)
    assert first["AccessKeyId"] != second["AccessKeyId"]
    assert arn_of(second, aws).endswith("/kernel")


def test_many_ask_at_once(server: CredentialServer) -> None:
    """Any number of children may ask at the same time."""
    folder = str(server.folder)
    with ThreadPoolExecutor(32) as pool:
        answers = set(pool.map(borrowed, [folder] * 64))
    assert len(answers) == 1


@pytest.mark.parametrize("parent", ["plain", "with space", "it's", 'a"b', "a\\b", "50%", "ü"])
def test_the_command_is_quoted(
    aws: EmbeddedAws, temporary: Path, monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    """Shell and botocore take the command line apart alike, whatever its paths are."""
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
    """Where the folder for temporary files is too deep for a socket, another is used."""
    deep = temporary / ("deep" * 20)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with CredentialServer(open_session("RoleBeta")) as server:
        assert server.folder.parent != deep
        assert lent(server)["Version"] == 1


def test_the_client_needs_nothing_of_its_surroundings(
    server: CredentialServer, tmp_path: Path
) -> None:
    """Neither the working directory nor the environment has a say in what the client imports."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported by mistake')")
    done = run(
        server.command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "LC_ALL": "C"},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_only_the_user_can_read(server: CredentialServer) -> None:
    """Folder, socket and token belong to the user alone."""
    modes = {path.name: path.stat().st_mode & 0o777 for path in server.folder.iterdir()}
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert modes == {"socket": 0o600, "token": 0o600}


@needs_proc
def test_no_secret_to_be_seen(aws: EmbeddedAws, server: CredentialServer) -> None:
    """No file, argument or environment variable holds a secret; none but the file the token."""
    lent(server)
    token = (server.folder / "token").read_bytes()
    secrets = {secret.encode() for secret in aws.secrets()} | {token, token.hex().encode()}
    seen = server.command.encode() + repr(server).encode()
    for process in children():
        seen += (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    for file in server.folder.rglob("*"):
        if file.is_file() and file.name != "token":
            seen += file.read_bytes()
    assert b"shutil.rmtree" in seen  # the watcher's arguments are among it
    assert not [secret for secret in secrets if secret in seen]
    assert not [secret for secret in aws.secrets() if secret.encode() in token]


def children() -> list[Path]:
    """List the processes that this one has started, as folders of /proc."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            if f"\nPPid:\t{os.getpid()}\n" in status.read_text():
                found.append(status.parent)
    return found


def as_nobody(act: Callable[[], str]) -> str:
    """Do something as another user, in a process of its own; return what it says."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setresuid(65534, 65534, 65534)
            said = act()
        except BaseException as error:  # noqa: BLE001  # a forked test must not go on
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        said = answer.read()
    os.waitpid(process, 0)
    return said


@needs_root
def test_another_user_gets_nothing(server: CredentialServer) -> None:
    """Another user of the machine can't even see the folder's files."""
    folder = str(server.folder)
    assert as_nobody(lambda: borrowed(folder).decode()) == (
        "NothingPrintedError: This identity is lent to another user."
    )


@needs_root
@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="the system doesn't tell")
def test_another_user_gets_nothing_even_with_the_token(server: CredentialServer) -> None:
    """Where somebody has opened the folder, the system's word on who asks keeps others out."""
    folder = str(server.folder)
    for entered in (server.folder, server.folder.parent):
        entered.chmod(0o755)
    for file in server.folder.iterdir():
        file.chmod(0o666)
    assert as_nobody(lambda: str(len(os.listdir(folder)))) == "2"
    assert as_nobody(lambda: borrowed(folder).decode()) == (
        "NothingPrintedError: The kernel that lent this identity has hung up."
    )
    assert lent(server)["Version"] == 1


def made(folder: Path) -> str:
    """Make a folder, and say so."""
    folder.mkdir()
    return "made"


@needs_root
def test_nobody_else_gets_the_name_of_a_server_that_has_ended(aws: EmbeddedAws) -> None:
    """A child that outlives the server still reads the config file of that name: it stays ours."""
    with CredentialServer(open_session("RoleBeta")) as server:
        folder = server.folder
    assert as_nobody(lambda: made(folder)).startswith("PermissionError")
    assert not folder.exists()


@needs_root
def test_a_place_that_somebody_else_has_taken(aws: EmbeddedAws, temporary: Path) -> None:
    """Where another user has made the user's own folder, nothing is lent, and the error says so."""
    temporary.chmod(0o1777)
    squatted = temporary / f"ipy-awsprofile-{os.geteuid()}"
    assert as_nobody(lambda: made(squatted)) == "made"
    with pytest.raises(CredentialsUnavailable, match=r"isn't this user's own folder"):
        CredentialServer(open_session("RoleBeta")).start()
    squatted.rmdir()
    with CredentialServer(open_session("RoleBeta")) as server:
        assert server.folder.parent == squatted


def test_a_wrong_token_gets_nothing(server: CredentialServer) -> None:
    """Who doesn't prove to have the token is turned away, and others are served."""
    address = address_of(str(server.folder))
    with pytest.raises(AuthenticationError):
        Client(address, authkey=b"x" * 32)
    assert lent(server)["Version"] == 1


def test_no_token_gets_nothing(server: CredentialServer) -> None:
    """A client that knows no handshake sees a challenge, and then that it was refused."""
    with Client(address_of(str(server.folder))) as client:
        said = [client.recv_bytes()]
        client.send_bytes(b"let me in")
        with suppress(EOFError):
            while True:
                said.append(client.recv_bytes())
    assert b"CHALLENGE" in said[0]
    assert said[1:] == [b"#FAILURE#"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\4abc",
        b"\0\0\0\4abcd",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\1\0" + b"x" * 256,
        bytes(range(256)) * 16,
    ],
)
def test_garbage_and_silence_keep_nobody_waiting(server: CredentialServer, garbage: bytes) -> None:
    """Whatever clients send, and whether they leave or stay, the next one is served."""
    with ExitStack() as clients:
        for leaves in (True, False) * 3:
            client = clients.enter_context(closing(socket.socket(socket.AF_UNIX)))
            client.connect(address_of(str(server.folder)))
            with suppress(OSError):
                client.sendall(garbage)
            if leaves:
                client.close()
        assert lent(server)["Version"] == 1


def test_silence_ends(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that says nothing, or stops in the middle of a word, is hung up on in the end."""
    monkeypatch.setattr("ipy_awsprofile.bindings.credential_server._PATIENCE", 1)
    session = open_session("RoleBeta")
    for word in (b"", b"\0\0"):
        with CredentialServer(session) as server, closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(30)
            client.connect(address_of(str(server.folder)))
            client.sendall(word)
            while client.recv(1000):
                pass


def test_a_default_timeout_of_sockets_changes_nothing(server: CredentialServer) -> None:
    """The kernel's user may set a timeout for all new sockets."""
    socket.setdefaulttimeout(5)
    try:
        assert lent(server)["Version"] == 1
    finally:
        socket.setdefaulttimeout(None)


def test_long_term_keys_stay_in_the_kernel(aws: EmbeddedAws, temporary: Path) -> None:
    """A session of long-term keys isn't lent; nothing is left of the try."""
    with pytest.raises(CredentialsUnavailable, match="long-term keys, and those never leave"):
        CredentialServer(open_session("UserAlpha")).start()
    assert list(temporary.iterdir()) == []


def test_long_term_keys_that_come_later_stay_too(server: CredentialServer) -> None:
    """The token is looked for at each answer, not only at the start."""
    server._session = boto3.Session(profile_name="UserAlpha")
    done = run(server.command)
    assert (done.returncode, done.stdout) == (1, "")
    assert "long-term keys" in done.stderr


def test_no_credentials_are_told_at_the_start(temporary: Path) -> None:
    """A session that has no credentials is refused where the user is looking."""
    with pytest.raises(InvalidProfile, match="has no credentials"):
        CredentialServer(boto3.Session()).start()
    assert list(temporary.iterdir()) == []


@pytest.fixture
def with_mfa(aws: EmbeddedAws) -> str:
    """Make a role profile that asks for an MFA code; say of which device."""
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
    """A session that only a new code can renew gives children one line that says so."""
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
    """After closing, folder, thread and watcher are gone, and a child is told so."""
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
    """Folder and command are there while the server is open, and only then."""
    server = CredentialServer(open_session("RoleBeta"))
    for _ in ("before", "after"):
        with pytest.raises(RuntimeError, match="isn't open"):
            _ = server.command
        assert repr(server) == "<CredentialServer closed>"
        if not server._closing.is_set():
            with server:
                assert str(server.folder) in repr(server)


def test_closing_when_others_have_cleaned_up(aws: EmbeddedAws, temporary: Path) -> None:
    """Files that somebody has removed already are no error, and a child is told that it's over."""
    server = CredentialServer(open_session("RoleBeta")).start()
    command = server.command
    for file in server.folder.iterdir():
        file.unlink()
    assert run(command).stderr == KERNEL_GONE
    server.close()
    assert list(temporary.iterdir()) == []


KERNEL = """
import os, signal, sys
from ipy_awsprofile.bindings.credential_server import CredentialServer
from ipy_awsprofile.sessions.session import open_session

server = CredentialServer(open_session("RoleBeta")).start()
print(server.command, flush=True)
"""


def kernel(code: str) -> tuple[subprocess.Popen[str], str]:
    """Start a process that lends a session and goes on with some code; return its command, too."""
    process = subprocess.Popen(
        [sys.executable, "-c", KERNEL + code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(0)",
        "1 / 0",
        "os._exit(1)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.killpg(os.getpid(), signal.SIGKILL)",
        "signal.signal(signal.SIGINT, signal.SIG_IGN); os.killpg(0, signal.SIGINT); os._exit(1)",
    ],
)
def test_nothing_stays_of_a_kernel_that_has_ended(aws: EmbeddedAws, end: str) -> None:
    """However the kernel ends, its folder goes, and a child is told."""
    process, command = kernel(f"input()\n{end}")
    folder = Path(shlex.split(command)[-1])
    assert run(command).returncode == 0
    process.communicate("now\n", timeout=60)
    assert eventually(lambda: not folder.exists())
    assert run(command).stderr == KERNEL_GONE


def test_an_orderly_end_waits_for_nobody(aws: EmbeddedAws) -> None:
    """A kernel that ends by itself has removed the folder before it is gone."""
    code = (
        "import atexit, os\n"
        "atexit.register(lambda: print(os.path.exists(folder)))\n"
        f"{KERNEL}\nfolder = server.folder\n"
    )
    done = run(shlex.join([sys.executable, "-c", code]))
    assert done.stdout.splitlines()[-1] == "False", done.stderr


def test_a_worker_that_outlives_the_kernel_keeps_nothing(aws: EmbeddedAws) -> None:
    """A forked worker neither keeps the folder alive nor leaves children waiting for an answer."""
    process, command = kernel(
        "worker = os.fork()\n"
        "if worker == 0:\n"
        "    signal.pause()\n"
        "print(worker, flush=True)\n"
        "signal.pause()\n"
    )
    assert process.stdout
    worker = int(process.stdout.readline())
    try:
        process.kill()
        process.wait(timeout=60)
        assert eventually(lambda: not Path(shlex.split(command)[-1]).exists())
        os.kill(worker, 0)  # it is there still
        assert run(command).stderr == KERNEL_GONE
    finally:
        os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize("end", ["server.close(); sys.exit(0)", "sys.exit(0)", "os._exit(0)"])
def test_a_worker_that_ends_takes_nothing_along(aws: EmbeddedAws, end: str) -> None:
    """A forked worker can't close the kernel's server, whatever it does."""
    process, command = kernel(
        f"worker = os.fork()\nif worker == 0:\n    {end}\n"
        "os.waitpid(worker, 0)\nprint('done', flush=True)\ninput()\n"
    )
    assert process.stdout
    assert process.stdout.readline() == "done\n"
    assert run(command).returncode == 0
    process.communicate("\n", timeout=60)


def test_workers_of_multiprocessing(aws: EmbeddedAws) -> None:
    """A pool of forked workers comes and goes; the server stays."""
    process, command = kernel(
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    print(sum(pool.map(abs, range(-5, 0))), flush=True)\n"
        "input()\n"
    )
    assert process.stdout
    assert process.stdout.readline() == "15\n"
    assert run(command).returncode == 0
    process.communicate("\n", timeout=60)


def test_a_server_that_is_no_kernel(temporary: Path) -> None:
    """A client takes nothing from somebody who listens there without the token."""
    (temporary / "token").write_bytes(b"x" * 32)
    with closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(str(temporary / "socket"))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with closing(connection):
                connection.sendall(b"\0\0\0\5hello")

        thread = threading.Thread(target=answer)
        thread.start()
        done = run(command_line("borrow", str(temporary)))
        thread.join()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The kernel that lent this identity has hung up.\n"


def test_a_kernel_that_is_busy(temporary: Path) -> None:
    """A client doesn't wait for ever for a kernel that doesn't answer."""
    (temporary / "token").write_bytes(b"x" * 32)
    with closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(str(temporary / "socket"))
        other.listen()
        impatient = (
            "import sys\n"
            "from ipy_awsprofile.bindings import credential_process as client\n"
            "client.PATIENCE = 0.2\n"
            f"sys.exit(client.main(['borrow', {str(temporary)!r}]))"
        )
        done = run(shlex.join([sys.executable, "-c", impatient]))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The kernel is busy")


def test_keys_are_read_where_they_stand(tmp_path: Path) -> None:
    """Keys of a config file are printed, with or without a session token."""
    config = tmp_path / "config"
    config.write_text(
        "[DEFAULT]\naws_access_key_id = AKIA\n"
        "[profile it's]\naws_secret_access_key = a%b\n"
        "[default]\naws_secret_access_key = c\naws_session_token = d\n"
    )
    its = run(command_line("read", str(config), "profile it's"))
    assert json.loads(its.stdout) == {
        "Version": 1,
        "AccessKeyId": "AKIA",
        "SecretAccessKey": "a%b",
    }
    assert json.loads(read(str(config), "default"))["SessionToken"] == "d"


@pytest.mark.parametrize(
    "text", ["", "[default]\naws_access_key_id = a\n", "[default\nhush", "\xff"]
)
def test_keys_that_are_there_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """A config file without the keys is named; nothing of it is quoted."""
    config = tmp_path / "config"
    config.write_text(text, encoding="latin-1")
    assert main(["read", str(config), "default"]) == 1
    assert capsys.readouterr() == ("", f"There are no keys any more in [default] of {config}.\n")


def test_other_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """The client says which arguments it takes."""
    assert main(["lend"]) == 1
    assert capsys.readouterr() == ("", "Usage: borrow FOLDER | read FILE SECTION\n")


def test_the_client_in_this_process(
    server: CredentialServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the command prints while the server is open, and what after it, as a function."""
    folder = str(server.folder)
    assert main(["borrow", folder]) == 0
    assert json.loads(capsys.readouterr().out)["Version"] == 1
    server._session = boto3.Session(profile_name="UserAlpha")
    assert main(["borrow", folder]) == 1
    assert "long-term keys" in capsys.readouterr().err
    server.close()
    assert main(["borrow", folder]) == 1
    assert capsys.readouterr() == ("", KERNEL_GONE)
