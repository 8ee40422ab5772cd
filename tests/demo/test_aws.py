"""The embedded AWS as a whole: starting, stopping, its files and its secrets."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import moto.iam.access_control
import moto.s3.responses
import moto.sts.urls
import pytest
from botocore.exceptions import ClientError
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import BaseResponse
from moto.iam.models import iam_backends

from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.demo.stages.scenario import seed
from tests.demo.clients import Clients
from tests.demo.policies import HOME, allows, policy, trusts

if TYPE_CHECKING:
    pass


def traces() -> dict[str, Any]:
    """Return everything that a running embedded AWS changes in the process."""
    return {
        "requests": moto.iam.access_control.IAMRequest,
        "S3 requests": moto.iam.access_control.S3IAMRequest,
        "ListBuckets": moto.s3.responses.S3Response.all_buckets,
        "account": BaseResponse.get_current_account,
        "STS": dict(moto.sts.urls.url_paths),
        "authentication": settings.INITIAL_NO_AUTH_ACTION_COUNT,
        "requests counted": ActionAuthenticatorMixin.request_count,
        "accounts": {account for account in iam_backends if iam_backends[account]["aws"].users},
        "environment": dict(os.environ),
    }


def test_nothing_is_left_behind() -> None:
    """On exit, the embedded AWS removes its server, its folder, and its changes to moto."""
    before = traces()
    with EmbeddedAws() as aws:
        home, url = aws.home, aws.endpoint_url
        seed(aws)
        assert {name for name, value in traces().items() if value != before[name]} == {
            "requests",
            "S3 requests",
            "ListBuckets",
            "account",
            "STS",
            "authentication",
            "accounts",
        }
    assert traces() == before
    assert not home.exists()
    with pytest.raises(URLError):
        urllib.request.urlopen(url)
    assert repr(aws) == "<EmbeddedAws not running>"


def test_an_error_inside_leaves_nothing_behind() -> None:
    """After an error in the block, the embedded AWS still removes everything."""
    before = traces()
    homes = []

    def fail() -> None:
        with EmbeddedAws() as aws:
            homes.append(aws.home)
            seed(aws)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert traces() == before
    assert not homes[0].exists()


def test_one_at_a_time() -> None:
    """A second embedded AWS is refused while one is running, and doesn't affect it."""
    with EmbeddedAws() as aws:
        user = aws.create_user("Ann", account=HOME)
        with pytest.raises(RuntimeError, match="already running in this process"):
            EmbeddedAws().start()
        assert Clients(aws).of("sts", user).get_caller_identity()["Arn"] == user.arn


def test_the_next_one_is_fresh() -> None:
    """An embedded AWS contains nothing from the previous one."""
    with EmbeddedAws() as first:
        old = first.create_user("Ann", account=HOME)
        first.create_bucket("the-bucket", account=HOME)
    with EmbeddedAws() as second:
        new = second.create_user("Ann", account=HOME, policy=policy(allows("s3:*")))
        clients = Clients(second)
        assert clients.of("s3", new).list_buckets()["Buckets"] == []
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            clients.of("sts", old).get_caller_identity()
        assert [call.access_key_id for call in second.calls] == [
            new.access_key_id,
            old.access_key_id,
        ]


def test_start_and_stop() -> None:
    """`start` and `stop` work without `with`, and a second `stop` does nothing."""
    aws = EmbeddedAws().start()
    home = aws.home
    aws.stop()
    aws.stop()
    assert not home.exists()
    with pytest.raises(RuntimeError, match="isn't running"):
        aws.endpoint_url  # noqa: B018 — reading it is the test
    with pytest.raises(RuntimeError, match="isn't running"):
        aws.environment()


@pytest.mark.slow
def test_it_stops_with_the_interpreter() -> None:
    """An embedded AWS that wasn't stopped removes its folder when Python exits."""
    script = (
        "from ipy_awsprofile.demo.aws import EmbeddedAws; print(EmbeddedAws().start().home, end='')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stderr == ""
    assert "embedded-aws-" in ended.stdout
    assert not os.path.exists(ended.stdout)


def test_only_the_user_can_read_the_files(aws: EmbeddedAws) -> None:
    """The folder's mode is 0700, and the shared files' mode is 0600."""
    seed(aws)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in aws.home.rglob("*")}
    assert stat.S_IMODE(aws.home.stat().st_mode) == 0o700
    assert modes == {
        aws.home / ".aws": 0o700,
        aws.config_file: 0o600,
        aws.credentials_file: 0o600,
    }


def test_the_environment_has_no_secret_and_no_endpoint(aws: EmbeddedAws) -> None:
    """The environment for other processes contains only the files' paths."""
    seed(aws)
    assert aws.environment() == {
        "HOME": str(aws.home),
        "AWS_CONFIG_FILE": str(aws.home / ".aws" / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(aws.home / ".aws" / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_secrets(aws: EmbeddedAws, clients: Clients) -> None:
    """`secrets` contains keys, tokens and seeds, and the keys that a client created."""
    user = aws.create_user("Ann", account=HOME, policy=policy(allows("*")), mfa=True)
    role = aws.create_role("Role", account=HOME, trust=trusts(user.arn))
    session = clients.assume(user, role)
    made = clients.of("iam", user).create_access_key(UserName="Ann")["AccessKey"]
    secrets = aws.secrets()
    assert {
        user.secret_access_key,
        session["SecretAccessKey"],
        session["SessionToken"],
        made["SecretAccessKey"],
    } < secrets
    assert len(secrets) == 5  # the fifth is the MFA device's seed
    assert user.access_key_id not in secrets


def test_no_secret_is_in_a_repr(aws: EmbeddedAws, clients: Clients) -> None:
    """The reprs of the embedded AWS and of its records contain no secret."""
    scenario = seed(aws)
    user = aws.create_user("Ann", account=HOME, mfa=True)
    clients.assume(scenario.user, scenario.role_arn)
    state = aws._state
    callers = [state.sessions.find(call.access_key_id or "") for call in aws.calls]
    sessions = list(state.sessions._sessions.values())
    shown = repr([aws, scenario, user, aws.calls, callers, sessions, state.mfa, state.sessions])
    assert not [secret for secret in aws.secrets() if secret in shown]
