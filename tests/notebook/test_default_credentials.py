"""`--default` and `--role-arn` without a profile, for machines that have no profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ipy_awsprofile import open_session, using_profile, who_am_i
from ipy_awsprofile.demo.aws import EmbeddedAws
from ipy_awsprofile.errors import InvalidProfile, ProtectedProfile
from tests.kinds import ACCOUNT, create_ann, prepared, role
from tests.shells import Shell, run_aws_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

MACHINE = f"arn:aws:iam::{ACCOUNT}:role/Machine"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS without profiles, and set its endpoint in the environment."""
    with EmbeddedAws() as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        yield aws


@pytest.fixture
def values(aws: EmbeddedAws) -> dict[str, str]:
    return prepared(aws, create_ann(aws))


@pytest.fixture(params=["environment", "container", "instance", "token", "AWS_PROFILE"])
def place(
    request: pytest.FixtureRequest,
    aws: EmbeddedAws,
    values: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[str, str, str]]:
    """Set up a machine; yield its name on the card, its ARN, and a role that it can assume."""
    match request.param:
        case "environment":
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", values["key"])
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", values["secret"])
            yield "environment variables", values["user"], values["hop1"]
        case "container" | "instance":
            where: Any = {"container": aws.in_container, "instance": aws.on_instance}
            session = {"container": "container", "instance": "i-0abcdef1234567890"}[request.param]
            name = {"container": "container credentials", "instance": "EC2 instance"}[request.param]
            with where[request.param](MACHINE) as environment:
                for variable, value in environment.items():
                    monkeypatch.setenv(variable, value)
                yield name, role("Machine", session), values["after_machine"]
        case "token":
            monkeypatch.setenv("AWS_ROLE_ARN", values["pod"])
            monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", values["token_file"])
            monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "pod")
            yield "web identity token", role("Pod", "pod"), values["after_pod"]
        case "AWS_PROFILE":
            keys: dict[str, Any] = {
                "aws_access_key_id": values["key"],
                "aws_secret_access_key": values["secret"],
            }
            aws.write_profile("Ann", region="eu-west-1", **keys)
            monkeypatch.setenv("AWS_PROFILE", "Ann")
            yield "Ann", values["user"], values["hop1"]


@pytest.mark.nightly(keep=2)
def test_default(shell: Shell, aws: EmbeddedAws, place: tuple[str, str, str]) -> None:
    """The card names the credentials' source, and all calls use them, even after another switch."""
    name, arn, _ = place
    for _ in range(2):
        ran = shell.good("%aws_profile --default")
        assert ran.text.splitlines()[0].startswith(name)
        assert arn in ran.text
        assert "eu-west-1" in ran.text
        for who in ("session", "boto3"):
            code = f"import boto3\n{who}.client('sts').get_caller_identity()['Arn']"
            assert shell.good(code).result == arn
        if "user/" not in arn:  # a user's access keys don't leave the kernel
            said = run_aws_cli("sts", "get-caller-identity", "--query", "Arn", "--output", "text")
            assert said.stdout.strip() == arn
        shell.good("%aws_profile --refresh")
    shell.good("%aws_profile --off")
    sts: Any = boto3.Session().client("sts", region_name="eu-west-1")
    assert sts.get_caller_identity()["Arn"] == arn


def test_role_arn_alone(shell: Shell, aws: EmbeddedAws, place: tuple[str, str, str]) -> None:
    """The default credentials assume the role, even while another identity is active."""
    name, _, role_arn = place
    shell.good("%aws_profile --default")
    for options in ("", "--read-only --session-name me"):
        ran = shell.good(f"%aws_profile --role-arn {role_arn} {options}")
        assert ran.text.splitlines()[0].startswith(f"{role_arn} ← {name}")
        assert f"assumed-role/{role_arn.rpartition('/')[2]}/" in ran.text
    assert "access" in ran.text
    assert who_am_i(open_session(role_arn=role_arn)).arn.startswith("arn:aws:sts::")
    with using_profile(default=True) as session:
        assert who_am_i(session).arn == place[1]


def test_the_default_profile_is_protected(
    shell: Shell, aws: EmbeddedAws, values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--default` is protected if a pattern matches the default profile or the account."""
    keys: dict[str, Any] = {
        "aws_access_key_id": values["key"],
        "aws_secret_access_key": values["secret"],
    }
    aws.write_profile("Ann", region="eu-west-1", **keys)
    monkeypatch.setenv("AWS_PROFILE", "Ann")
    for pattern in ("Ann", ACCOUNT):
        shell.good(f"%config AwsProfileMagics.protected = ['{pattern}']")
        assert isinstance(shell.refused("%aws_profile --default"), ProtectedProfile)
    shell.good("%aws_profile --default --yes")
    assert shell.good("%aws_profile").text.startswith("Ann")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", values["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", values["secret"])
    error = shell.refused("%aws_profile --default")
    assert isinstance(error, ProtectedProfile)
    assert f"its account is {ACCOUNT}" in str(error)


def test_nothing_there(shell: Shell, aws: EmbeddedAws) -> None:
    """Without credentials, `--default` fails, and no profile is active."""
    error = shell.refused("%aws_profile --default")
    assert isinstance(error, InvalidProfile), error
    assert shell.good("%aws_profile").text.startswith("No profile is active")
