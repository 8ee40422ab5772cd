"""Child processes and AWS's C++ SDK report their calls in datagrams, which aren't trusted."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.calls.children import ChildCall, ChildCalls
from tests.tools import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

CHILD = "import boto3; boto3.client('s3').list_objects_v2(Bucket='my-first-bucket')"

#: Code that a notebook runs, and the client's name in the record.
PROGRAMS = {
    "AWS CLI 1": ("run(sys.executable, '-m', 'awscli', 's3', 'ls', 'my-first-bucket')", "aws-cli"),
    "AWS CLI 2": ("run('aws', 's3', 'ls', 'my-first-bucket')", "aws-cli"),
    "child Python": ("run(sys.executable, '-c', CHILD)", "boto3"),
    "pyarrow": (
        "pd.DataFrame({'a': [1]}).to_parquet('s3://my-first-bucket/t/x.parquet')",
        "aws-sdk-cpp",
    ),
}


@pytest.fixture
def notebook(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Open a notebook that uses RoleBeta and records child processes."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    shell.names["CHILD"] = CHILD
    shell.good("%aws_profile RoleBeta\n%aws_calls on --children")
    shell.good(
        "import subprocess, sys\nimport pandas as pd\n"
        "def run(*command): subprocess.run(command, check=True, capture_output=True)"
    )
    return shell


def eventually(notebook: Shell, is_there: Callable[[Any], bool]) -> Any:
    """Wait some seconds for the expected rows, and return the last rows."""
    for _ in range(100):
        rows = notebook.good("%aws_calls").result
        if is_there(rows):
            break
        time.sleep(0.1)
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(notebook: Shell, aws: EmbeddedAws, program: str) -> None:
    """Every call that AWS sees from a program is recorded, without its resource."""
    code, client = PROGRAMS[program]
    if "run('aws'" in code and shutil.which("aws") is None:
        raise missing("AWS CLI", "awscli")
    notebook.good("%aws_calls clear")
    aws.calls.clear()
    notebook.good(code)
    # A sign-in that another test abandoned can make one more call, in a thread of this process.
    seen = sorted(call.action for call in aws.calls if not call.action.startswith("sso-oauth:"))

    def actions(rows: Any) -> list[str]:
        return sorted(rows[rows.outcome.ne("not visible") & rows.service.ne("sso-oidc")].action)

    rows = eventually(notebook, lambda rows: actions(rows) == seen)
    assert actions(rows) == seen
    reported = rows[rows.outcome.eq("ok") & rows.service.ne("sso-oidc")]
    assert set(reported.client) == {client}
    assert set(reported.resource) == {"*"}
    assert not reported.complete.any()
    everything = rows.to_json(date_format="iso")
    assert [secret for secret in aws.secrets() if secret in everything] == []


def test_calls_of_the_kernel_are_recorded_once(notebook: Shell) -> None:
    """Clients that the kernel creates are recorded once, because they send no datagrams."""
    notebook.good("%aws_calls clear\nimport boto3")
    notebook.good("boto3.Session().client('s3').list_buckets()")
    time.sleep(0.3)
    operations = list(notebook.good("%aws_calls").result["operation"])
    assert operations.count("ListBuckets") == 1


def test_variables(notebook: Shell) -> None:
    """Recording child processes sets the AWS_CSM variables, and stopping it removes them."""
    assert os.environ["AWS_CSM_ENABLED"] == "true"
    notebook.good("%aws_calls off")
    assert not [name for name in os.environ if name.startswith("AWS_CSM")]
    notebook.good("%aws_calls on --children")
    assert os.environ["AWS_CSM_HOST"] == "127.0.0.1"
    notebook.good("%unload_ext ipy_awsprofile")
    assert not [name for name in os.environ if name.startswith("AWS_CSM")]


def test_another_program_that_listens(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Child processes can't be recorded if the user has set AWS_CSM variables."""
    monkeypatch.setenv("AWS_CSM_ENABLED", "true")
    error = shell.refused("%aws_calls on --children")
    assert "without --children" in error.hint
    shell.good("%aws_calls on")
    assert "need `on`" in str(shell.refused("%aws_calls --children"))


@pytest.fixture
def listening() -> Iterator[tuple[list[ChildCall], Callable[[Any], None]]]:
    """Start listening; yield the list of received calls, and a function that sends a datagram."""
    heard: list[ChildCall] = []
    calls = ChildCalls(heard.append)
    calls.start()
    port = int(os.environ["AWS_CSM_PORT"])
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(content: Any) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        sender.sendto(data, ("127.0.0.1", port))

    yield heard, send
    calls.stop()
    sender.close()


def event(**more: Any) -> dict[str, Any]:
    """Return a datagram's content."""
    return {
        "Version": 1,
        "ClientId": os.environ["AWS_CSM_CLIENT_ID"],
        "Type": "ApiCall",
        "Service": "S3",
        "Api": "ListBuckets",
        "Timestamp": 1_900_000_000_000,
        **more,
    }


def test_no_datagram_is_trusted(listening: Any) -> None:
    """Malformed datagrams, or datagrams without the token, are ignored, and values are escaped."""
    heard, send = listening
    for odd in (
        b"",
        b"\xff" * 100,
        b"null",
        b'"x"',
        {},
        event(ClientId="x"),
        event(ClientId=None),
        event(Timestamp="x"),
        event(Timestamp=10**40),
        event(Service=None, Timestamp=None),
        {key: value for key, value in event().items() if key != "Api"},
    ):
        send(odd)
    send(event(Type="ApiCallAttempt", AccessKey="AKIA", SessionToken="hush", Service="S3"))
    send(event(FinalAwsException="AccessDenied\n\x1b[31m", UserAgent="x" * 5000, Latency=5))
    for _ in range(100):
        if heard:
            break
        time.sleep(0.05)
    (call,) = heard
    assert (call.access_key, call.service, call.operation) == ("AKIA", "s3", "ListBuckets")
    assert call.result["error"] == r"AccessDenied \x1b[31m"
    assert len(call.client) < 200
    assert "hush" not in repr(call)
    assert sys.getsizeof(call) < 1000


def test_the_port_stays_taken() -> None:
    """The port stays bound after recording ends, so no other program receives late reports."""
    calls = ChildCalls(lambda _call: None)
    calls.start()
    address = ("127.0.0.1", int(os.environ["AWS_CSM_PORT"]))
    calls.stop()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
        pytest.raises(OSError, match="in use"),
    ):
        other.bind(address)
    again = ChildCalls(lambda _call: None)
    again.start()
    assert int(os.environ["AWS_CSM_PORT"]) == address[1]
    again.stop()
