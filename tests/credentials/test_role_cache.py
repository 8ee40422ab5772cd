"""The notebook and the AWS CLI share their cached role sessions, separately for each server.

Each test fills the cache, opens a session, and checks the calls that AWS received.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import pytest

from ipy_awsprofile import open_session, who_am_i
from ipy_awsprofile.demo.stages import USER_ACCOUNT, Scenario, allow, trusting
from ipy_awsprofile.sessions.session import Identity
from tests.aws import EmbeddedAws
from tests.aws.web_identity import OidcProvider
from tests.identity_center import organisation
from tests.processes import is_private, open_elsewhere
from tests.sessions.traces import actions, cached_roles
from tests.shells import Shell, aws_cli_2, run_python

ASSUMED = ["sts:AssumeRole"]
POD = f"arn:aws:iam::{USER_ACCOUNT}:role/Pod"

#: Newer versions of AWS CLI 1 have a separate cache entry for each web identity token.
HAS_ONE_FOR_EACH_TOKEN = int(version("awscli").split(".")[1]) >= 46


def opened(name: str, **options: Any) -> Identity:
    """Open a session, and return its identity."""
    return who_am_i(open_session(name, **options))


def ask_by_cli(major: int, profile: str) -> None:
    """Run `sts get-caller-identity` for a profile with an AWS CLI."""
    command = [aws_cli_2()] if major == 2 else [sys.executable, "-m", "awscli"]
    asks = [*command, "sts", "get-caller-identity", "--profile", profile]
    subprocess.run(asks, capture_output=True, check=True)


@pytest.fixture
def provider(aws: EmbeddedAws) -> OidcProvider:
    """Create a role for pods with its profile, and return the provider that signs tokens."""
    provider = aws.create_oidc_provider("https://oidc.example.com/c", account=USER_ACCOUNT)
    trust = trusting("*")
    trust["Statement"][0] |= {
        "Principal": {"Federated": provider.arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    aws.iam.create_role("Pod", account=USER_ACCOUNT, trust=trust)
    token = str(aws.home / "token")
    role: dict[str, Any] = {"role_arn": POD, "role_session_name": "me", "region": "us-west-2"}
    aws.write_profile("Pod", web_identity_token_file=token, **role)
    return provider


@pytest.mark.usefixtures("sts_of_aws")
@pytest.mark.parametrize(
    ("profile", "major", "first", "is_shared"),
    [
        ("RoleBeta", 2, "CLI", True),
        ("Pod", 1, "CLI", not HAS_ONE_FOR_EACH_TOKEN),
        ("Pod", 2, "notebook", True),
        ("prod-reader", 2, "CLI", True),
    ],
)
def test_what_is_shared(
    aws: EmbeddedAws,
    provider: OidcProvider,
    *,
    profile: str,
    major: int,
    first: str,
    is_shared: bool,
) -> None:
    """The notebook uses a session that an AWS CLI has cached, and vice versa, as documented."""
    (aws.home / "token").write_text(provider.token("ann"))
    organisation(aws)
    aws.sso.sign_in("corp")
    aws.calls.clear()
    new = {
        "RoleBeta": "sts:AssumeRole",
        "Pod": "sts:AssumeRoleWithWebIdentity",
        "prod-reader": "sso:GetRoleCredentials",
    }[profile]
    both: list[Callable[[], object]] = [
        partial(ask_by_cli, major, profile),
        partial(opened, profile),
    ]
    for number, ask in enumerate(both if first == "CLI" else reversed(both)):
        ask()
        assert actions(aws).count(new) == (0 if is_shared and number else 1)


def test_a_session_that_another_program_reads(aws: EmbeddedAws) -> None:
    """A switch waits for it on Windows, and leaves no other file."""
    opened("RoleBeta")
    folder = aws.home / ".aws/cli/cache"
    (file,) = folder.iterdir()
    before = file.read_text()
    aws.iam.expire_sessions()
    document = json.loads(before)
    document["Credentials"]["Expiration"] = "2020-01-01T00:00:00Z"
    file.write_text(json.dumps(document))
    with open_elsewhere(file):
        opened("RoleBeta")
    assert json.loads(file.read_text())["Credentials"]["Expiration"] > "2021"
    assert list(folder.iterdir()) == [file]


@pytest.mark.usefixtures("sts_of_aws")
def test_options(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The AWS CLI uses a session with its profile's duration, but not a read-only one."""
    role: Any = {"role_arn": scenario.role_arn, "source_profile": "UserAlpha"}
    aws.write_profile("Half", duration_seconds=1800, region="us-west-2", **role)
    full: Any = open_session("RoleBeta", duration="30m")
    open_session("Half", read_only=True)
    aws.calls.clear()
    ask_by_cli(1, "Half")
    (call,) = aws.calls
    assert call.access_key_id == full.get_credentials().access_key


@pytest.mark.usefixtures("sts_of_aws")
def test_another_server(monkeypatch: pytest.MonkeyPatch, aws: EmbeddedAws) -> None:
    """A session from AWS isn't used for another STS endpoint, and both are kept."""
    opened("RoleBeta")
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    for expected in (ASSUMED, []):
        actions(aws)
        opened("RoleBeta")
        assert actions(aws) == expected
    assert len(cached_roles(aws)) == 2


def test_another_source(aws: EmbeddedAws, scenario: Scenario, shell: Shell) -> None:
    """Profiles for the same role share its session until a refresh; cards show the files' chain.

    A card says `cached` until then.
    """
    bob = aws.iam.create_user("Bob", account=USER_ACCOUNT, policy=allow("sts:AssumeRole"))
    aws.write_profile("Bob", **bob.settings())
    aws.write_profile(
        "BetaOfBob", role_arn=scenario.role_arn, source_profile="Bob", region="us-west-2"
    )
    opened("RoleBeta")
    actions(aws)
    card = shell.good("%aws_profile BetaOfBob").text
    assert card.startswith("BetaOfBob ← Bob  (")
    assert "left, cached)" in card
    assert actions(aws) == []
    card = shell.good("%aws_profile --refresh").text
    assert card.startswith("BetaOfBob ← Bob  (")
    assert "cached" not in card
    assert [call.arn for call in aws.calls if call.action == "sts:AssumeRole"] == [bob.arn]


def test_half_a_file(aws: EmbeddedAws) -> None:
    """A file that isn't a whole session is replaced, and only its owner can read it."""
    opened("RoleBeta")
    (file,) = cached_roles(aws)
    file.write_text('{"Credentials": {"AccessKeyId": "A"}}')
    actions(aws)
    opened("RoleBeta")
    assert actions(aws) == ASSUMED
    assert is_private(file)
    assert json.loads(file.read_text()).keys() >= {"Credentials", "AssumedRoleUser"}


def test_folder_that_cannot_be_written(aws: EmbeddedAws) -> None:
    """Without a folder for the cache, each session assumes the role."""
    (aws.home / ".aws").mkdir(exist_ok=True)
    (aws.home / ".aws" / "cli").write_text("")
    for _ in range(2):
        opened("RoleBeta")
    assert actions(aws) == ASSUMED * 2


MOCKED = """
from moto import mock_aws
from ipy_awsprofile import open_session

with mock_aws():
    open_session("RoleBeta").client("s3").list_buckets()
"""


def test_a_mocked_session(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that moto has made up isn't written to the cache that others use."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing else answers for AWS
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace(f"endpoint_url = {aws.endpoint_url}", ""))
    run_python(MOCKED)
    assert cached_roles(aws) == set()
    assert aws.calls == []
