"""``%xmode Verbose`` prints the variables of every frame, and none of them contains a secret."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import AwsProfileError
from tests.identity_center import organisation
from tests.mfa_role import add_mfa_role
from tests.servers import Answers, odd_server
from tests.sessions.traces import move_cached_roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
from tests.shells import Shell

#: An MFA code, which is a secret until AWS has refused it.
WRONG_CODE = "459021"

#: Code that raises another error while it handles ours, so that both are printed.
EXPLICIT = "except AwsProfileError as error:\n    raise RuntimeError('cannot') from error"
IMPLICIT = "except AwsProfileError:\n    1 / 0"


@pytest.fixture
def verbose(shell: Shell) -> Shell:
    """Return a shell that prints the variables of frames."""
    shell.good("from ipy_awsprofile import *\nfrom ipy_awsprofile import AwsProfileError")
    shell.good("from ipy_awsprofile.libraries import *")
    shell.good("%xmode Verbose")
    shell.good("%aws_profile RoleBeta")
    return shell


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Listen at an endpoint that never answers, and yield its socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def leaks(aws: EmbeddedAws, text: str) -> list[str]:
    """Return the beginning of each secret that is in a text."""
    return [secret[:4] for secret in (*aws.secrets(), WRONG_CODE) if secret in text]


@pytest.mark.nightly(keep=5)
@pytest.mark.parametrize("raised", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("open_session('BadEndpoint')", "InvalidProfile"),
        ("open_session('Unreachable')", "EndpointUnreachable"),
        ("open_session('Denied')", "AccessDenied"),
        ("open_session('WithMfa', mfa_prompter=types_a_code)", "MfaRejected"),
        ("open_session('WithMfa', mfa_prompter=types_a_word)", "MfaRejected"),
        ("list_buckets(open_session('UserAlpha'))", "AccessDenied"),
        ("using_profile('Denied').__enter__()", "AccessDenied"),
        ("using_profile('Keys').__enter__()", "InvalidOption"),
        ("using_profile('KeysInRole').__enter__()", "InvalidOption"),
    ],
)
def test_cause_of_another_error(
    aws: EmbeddedAws, verbose: Shell, call: str, kind: str, raised: str
) -> None:
    """If our error leads to another error, the output shows our error without a secret."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/None"
    for name, endpoint in (
        ("BadEndpoint", "http://bad host:x"),
        ("Unreachable", "http://127.0.0.1:9"),
        ("Denied", aws.endpoint_url),
    ):
        aws.write_profile(
            name,
            source_profile="RoleBeta",
            role_arn=role,
            endpoint_url=endpoint,
            region="us-west-2",
        )
    device = add_mfa_role(aws, "WithMfa")
    user = aws.create_user("Keys", account=ROLE_ACCOUNT, policy=allow("*"))
    keys = {
        "aws_access_key_id": user.access_key_id,
        "aws_secret_access_key": user.secret_access_key,
    }
    aws.write_profile("Keys", file="config", **keys)
    aws.write_profile(
        "KeysInRole",
        file="config",
        source_profile="KeysInRole",
        role_arn=role,
        mfa_serial=device,
        **keys,
    )
    verbose.names["types_a_code"] = lambda _: WRONG_CODE
    verbose.names["types_a_word"] = lambda _: f"word{WRONG_CODE}"
    ran = verbose.run(f"try:\n    {call}\n{raised}")
    assert kind in ran.text
    assert type(ran.error) in {RuntimeError, ZeroDivisionError}
    assert leaks(aws, ran.text) == []


@pytest.mark.parametrize("raised", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize(
    "page",
    [
        (200, '{"accountList": [{"accountName": "Acme"}]}'),
        (200, '{"accountList": [], "nextToken": "again"}'),
        (401, '{"__type": "UnauthorizedException"}'),
        (404, '{"__type": "ResourceNotFoundException"}'),
    ],
)
def test_listing(aws: EmbeddedAws, verbose: Shell, page: tuple[int, str], raised: str) -> None:
    """A listing that fails doesn't show the token of the sign-in."""
    organisation(aws)
    aws.sso.sign_in("corp")
    with odd_server(Answers(page)) as portal:
        verbose.good(f"import os; os.environ['AWS_ENDPOINT_URL_SSO'] = '{portal}'")
        ran = verbose.run(f"try:\n    list_assigned_roles()\n{raised}")
    assert "AwsProfileError" in ran.text
    assert leaks(aws, ran.text) == []


@pytest.mark.parametrize(
    "cell", ["open_session('Slow')", "with using_profile('Slow'):\n    pass", "list_buckets(slow)"]
)
def test_interrupt(aws: EmbeddedAws, verbose: Shell, silent: socket.socket, cell: str) -> None:
    """Ctrl-C during a call that hangs doesn't show a secret of the request."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/None"
    endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
    aws.write_profile(
        "Slow",
        source_profile="RoleBeta",
        role_arn=role,
        endpoint_url=endpoint,
        region="us-west-2",
    )
    os.environ["AWS_ENDPOINT_URL_S3"] = endpoint
    try:
        verbose.good("slow = open_session('RoleBeta')")
        threading.Thread(target=_interrupt_request, args=(silent,)).start()
        ran = verbose.run(cell)
    finally:
        del os.environ["AWS_ENDPOINT_URL_S3"]
    assert isinstance(ran.error, KeyboardInterrupt)
    assert leaks(aws, ran.text) == []


def _interrupt_request(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(1)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)  # keep the connection open until the interrupt


@pytest.mark.parametrize(
    "cell",
    [
        "import duckdb\n"
        "closed = duckdb.connect(config={'enable_external_access': False})\n"
        "duckdb_secret(session, closed)",
        "from unittest.mock import patch\n"
        "with patch('ipy_awsprofile.libraries.pyarrow.s3_location', return_value=(0, 0)):\n"
        "    pyarrow_filesystem(session)",
    ],
)
def test_library_that_refuses(aws: EmbeddedAws, verbose: Shell, cell: str) -> None:
    """If a library refuses its arguments, the traceback shows no secret."""
    ran = verbose.run(cell)
    assert ran.error
    assert "frozen" in ran.text or "secret_options" in ran.text
    assert leaks(aws, ran.text) == []


def test_what_was_there_before_keeps_its_stack(aws: EmbeddedAws, verbose: Shell) -> None:
    """If our error is raised while another error is handled, the other error keeps its stack."""
    ran = verbose.run(
        "def divide():\n    1 / 0\ntry:\n    divide()\nexcept ZeroDivisionError:\n"
        "    try:\n        list_buckets(open_session('UserAlpha'))\n"
        "    except AwsProfileError:\n        undefined"
    )
    assert isinstance(ran.error, NameError)
    assert "in divide()" in ran.text


BETA = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"

#: A response for which botocore raises an AttributeError.
EMPTY = "<ErrorResponse><Error></Error></ErrorResponse>"

#: Code that calls STS or S3 with a session token.
CALLS = (
    "%aws_profile Chained",
    "%aws_profile --refresh",
    "open_session('Chained')",
    "list_buckets(odd)",
    "across_profiles('Chained', lambda session: 1)",
)


@pytest.mark.nightly(keep=6)
@pytest.mark.parametrize(
    "answer", [(200, EMPTY), (200, "<a>"), (403, EMPTY), (403, ""), (502, "<a>")]
)
@pytest.mark.parametrize("call", CALLS)
def test_odd_answers(
    aws: EmbeddedAws,
    verbose: Shell,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    answer: tuple[int, str],
) -> None:
    """Whatever botocore raises for an odd response, the user sees our error, without a secret."""
    role = f"arn:aws:iam::{ROLE_ACCOUNT}:role/None"
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with odd_server(Answers(answer)) as url:
        odd: Any = {"endpoint_url": url, "region": "eu-west-1"}
        aws.write_profile("Chained", source_profile="RoleBeta", role_arn=role, **odd)
        aws.write_profile("Beta", source_profile="UserAlpha", role_arn=BETA, **odd)
        move_cached_roles(url)
        verbose.good("odd = open_session('Beta')")
        if "--refresh" in call:
            aws.write_profile("RoleBeta", source_profile="UserAlpha", role_arn=BETA, **odd)
        ran = verbose.run(call)
    assert isinstance(ran.error, AwsProfileError), ran.printed
    assert leaks(aws, ran.printed) == []


def test_a_prompter_that_fails(aws: EmbeddedAws, verbose: Shell) -> None:
    """An error in the user's own prompter becomes our error, without the stack in between."""
    add_mfa_role(aws, "Guarded")
    verbose.good("def ask(question): raise LookupError('no device, code 459021')")
    ran = verbose.run("open_session('Guarded', mfa_prompter=ask)")
    assert type(ran.error) is AwsProfileError
    assert "LookupError" in str(ran.error)
    assert leaks(aws, ran.printed) == []
