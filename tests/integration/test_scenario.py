"""The main job from end to end, in a shell, in a kernel and with the AWS CLI."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.demo.stages.scenario import BUCKETS, ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.errors import AccessDenied
from tests.shells import Shell, run_aws_cli, run_notebook

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

LIST_AS_JSON = "print(list_buckets(session).to_json(orient='records', date_format='iso'))"
NOTEBOOK = (
    "%load_ext ipy_awsprofile",
    "%aws_profile RoleBeta",
    f"from ipy_awsprofile import list_buckets\n{LIST_AS_JSON}",
    "list_buckets(session)",
)


def expected() -> list[tuple[str, datetime]]:
    """Return the names and dates that each client must list."""
    return [(name, created) for name, (_, created) in BUCKETS.items()]


def listed(text: str) -> list[tuple[str, datetime]]:
    """Return the buckets that a kernel has printed as JSON."""
    return [(row["name"], datetime.fromisoformat(row["creation_date"])) for row in json.loads(text)]


def buckets_of_cli() -> list[tuple[str, datetime]]:
    """Return the buckets that the AWS CLI lists, as a second client of the same files."""
    done = run_aws_cli("s3api", "list-buckets", "--profile", "RoleBeta", "--output", "json")
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)["Buckets"]
    return [(row["Name"], datetime.fromisoformat(row["CreationDate"])) for row in rows]


def assumed(aws: EmbeddedAws) -> int:
    """Return the number of AssumeRole calls so far."""
    return sum(call.action == "sts:AssumeRole" for call in aws.calls)


def test_files_are_those_of_the_scenario(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The shared files contain the two profiles, and the user's keys are in only one file."""
    config = aws.config_file.read_text()
    assert "[profile UserAlpha]\nregion = us-west-2\noutput = json\n" in config
    assert f"source_profile = UserAlpha\nrole_arn = {scenario.role_arn}\n" in config
    assert scenario.role_arn == f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"
    assert scenario.user.secret_access_key not in config
    assert scenario.user.secret_access_key in aws.credentials_file.read_text()


def test_in_a_shell(bare_shell: Shell, aws: EmbeddedAws) -> None:
    """IPython lists a profile's buckets with one call to STS."""
    bare_shell.good("%load_ext ipy_awsprofile")
    card = bare_shell.good("%aws_profile RoleBeta").text
    assert card.startswith("RoleBeta ← UserAlpha")
    assert ROLE_ACCOUNT in card
    frame = bare_shell.good("from ipy_awsprofile import list_buckets\nlist_buckets(session)").result
    rows = [(name, created.to_pydatetime()) for name, created, _ in frame.itertuples(index=False)]
    assert rows == expected()
    assert [call.action for call in aws.calls] == ["sts:AssumeRole", "s3:ListAllMyBuckets"]
    card = bare_shell.good("%aws_profile UserAlpha").text
    assert card.startswith("UserAlpha")
    assert USER_ACCOUNT in card
    assert isinstance(bare_shell.refused("list_buckets(session)"), AccessDenied)


@pytest.mark.slow
def test_cli_refuses_the_user(aws: EmbeddedAws) -> None:
    """With the AWS CLI, too, UserAlpha can't list buckets."""
    done = run_aws_cli("s3api", "list-buckets", "--profile", "UserAlpha")
    assert done.returncode != 0
    assert "AccessDenied" in done.stderr


@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize("first", ["kernel", "CLI"])
@pytest.mark.usefixtures("sts_of_aws")
def test_kernel_and_cli_share_the_session(aws: EmbeddedAws, first: str) -> None:
    """The kernel and the AWS CLI list the same buckets, and share one session."""
    if first == "CLI":
        assert buckets_of_cli() == expected()
    loaded, role, printed, frame = run_notebook(*NOTEBOOK, environment=aws.environment())[0]
    assert loaded.outputs == []
    assert role.error is None
    assert "RoleBeta ← UserAlpha" in role.html
    assert ROLE_ACCOUNT in role.html
    assert listed(printed.text) == expected()
    assert "my-first-bucket" in frame.html
    if first == "kernel":
        assert buckets_of_cli() == expected()
    assert assumed(aws) == 1
    keys = {call.access_key_id for call in aws.calls if call.action == "s3:ListAllMyBuckets"}
    assert len(keys) == 1


@pytest.mark.usefixtures("sts_of_aws")
def test_cli_follows_a_refresh(shell: Shell, aws: EmbeddedAws) -> None:
    """After `--refresh`, the AWS CLI uses the new session."""
    shell.good("%aws_profile RoleBeta")
    shell.good("%aws_profile --refresh")
    key = shell.names["session"].get_credentials().access_key
    assert buckets_of_cli() == expected()
    assert aws.calls[-1].access_key_id == key
    assert assumed(aws) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("sts_of_aws")
def test_odd_profile_with_the_cli(shell: Shell, aws: EmbeddedAws, scenario: Scenario) -> None:
    """The kernel and the AWS CLI share the session of a profile with a space in its name."""
    aws.write_profile(
        "my role/δ",
        role_arn=scenario.role_arn,
        source_profile="UserAlpha",
        region="us-west-2",
    )
    shell.good('%aws_profile "my role/δ"')
    done = run_aws_cli("sts", "get-caller-identity", "--profile", "my role/δ", "--output", "json")
    assert json.loads(done.stdout)["Arn"] in shell.good("%aws_profile").text
    assert assumed(aws) == 1
