"""Look-ups of an account alias that exists, is missing, or requires a missing permission."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.iam.models import iam_backends

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.picker.account_alias import alias_lookup
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.fixture
def session(aws: EmbeddedAws) -> boto3.Session:
    """Return a session that is allowed to read the alias of the role's account."""
    role = aws.create_role(
        "Namer",
        account=ROLE_ACCOUNT,
        trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:root"),
        policy=allow("iam:ListAccountAliases"),
    )
    return open_session(role_arn=role, source_profile="UserAlpha")


def test_alias(session: boto3.Session) -> None:
    """The look-up returns the alias of the session's account, even from another thread."""
    iam_backends[ROLE_ACCOUNT]["aws"].create_account_alias("research")
    iam_backends[USER_ACCOUNT]["aws"].create_account_alias("people")
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(alias_lookup(session)).result() == "research"


def test_no_alias(session: boto3.Session) -> None:
    """The look-up returns None for an account without an alias."""
    assert alias_lookup(session)() is None


def test_alias_of_a_former_identity(shell: Shell, session: boto3.Session) -> None:
    """A look-up that ends after a switch or `--off` causes no warning about a stale client."""
    lookup = alias_lookup(shell.good("%aws_profile RoleBeta\nsession").result)
    shell.names["look_up"] = lookup
    for line in ("%aws_profile UserAlpha", "%aws_profile --off"):
        ran = shell.good(f"{line}\nlook_up()")
        assert "ListAccountAliases" not in ran.text


def test_alias_without_permission(aws: EmbeddedAws) -> None:
    """The look-up returns None, not an error, if the identity isn't allowed to read the alias."""
    iam_backends[ROLE_ACCOUNT]["aws"].create_account_alias("research")
    assert alias_lookup(open_session("RoleBeta"))() is None


@pytest.mark.parametrize(("status", "body"), [(200, b"{}"), (404, b"not found"), (200, b"<html>")])
def test_alias_from_a_server_without_iam(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    """The look-up returns None, and no thread fails, if the server doesn't support IAM."""

    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", f"http://127.0.0.1:{server.server_port}")
        keys = boto3.Session("AKIAIOSFODNN7EXAMPLE", "x", region_name="us-west-2")
        assert alias_lookup(keys)() is None
        server.shutdown()


@pytest.mark.slow
def test_alias_without_an_answer(aws: EmbeddedAws) -> None:
    """The look-up returns None for a session without credentials, or if AWS can't be reached."""
    assert alias_lookup(boto3.Session(region_name="us-west-2"))() is None
    aws.write_profile(
        "nowhere",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="x",
        endpoint_url="http://127.0.0.1:1",
        region="us-west-2",
    )
    assert alias_lookup(boto3.Session(profile_name="nowhere"))() is None
