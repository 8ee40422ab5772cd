"""If a profile's name moves to another account, cards tell objects apart by account."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
import s3fs  # noqa: F401  # fsspec's defaults follow only what is imported before the switch

from ipy_awsprofile.config.profiles import find_profile
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from tests.shells import run_python

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

OTHER_ACCOUNT = "444455556666"

BUCKETS = "my-first-bucket"

ARN = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


@pytest.fixture(autouse=True)
def _other_role(aws: EmbeddedAws) -> None:
    """Create a RoleBeta in another account, too."""
    trust = trusting(f"arn:aws:iam::{USER_ACCOUNT}:root")
    aws.create_role("RoleBeta", account=OTHER_ACCOUNT, trust=trust, policy=allow("s3:*"))


def edit(aws: EmbeddedAws) -> None:
    """Change the profile to the role in the other account."""
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace(f"::{ROLE_ACCOUNT}:", f"::{OTHER_ACCOUNT}:"))


def edit_copy(aws: EmbeddedAws) -> None:
    """Point AWS_CONFIG_FILE to a copy in which the profile has the other account's role."""
    copy = aws.config_file.with_name("other-config")
    copy.write_text(aws.config_file.read_text().replace(ROLE_ACCOUNT, OTHER_ACCOUNT))
    os.environ["AWS_CONFIG_FILE"] = str(copy)


@pytest.mark.slow
@pytest.mark.parametrize("change", [edit, edit_copy])
@pytest.mark.parametrize("options", ["", " --read-only"])
def test_what_was_made_before_is_named(
    aws: EmbeddedAws, shell: Shell, options: str, change: object
) -> None:
    """The card names objects that use the old account, and new objects use the new account."""
    shell.good(f"%aws_profile RoleBeta{options}\ns3, old = session.client('s3'), session")
    shell.good(f"import s3fs; fs = s3fs.S3FileSystem(); fs.ls('{BUCKETS}')")
    assert callable(change)
    change(aws)
    card = shell.good(f"%aws_profile RoleBeta{options}").text
    assert OTHER_ACCOUNT in card
    named = set(re.findall(rf"`(\w+)` [^\n]*RoleBeta in account {ROLE_ACCOUNT}", card))
    assert named == {"s3", "old", "fs"}
    aws.calls.clear()
    shell.run(f"new = s3fs.S3FileSystem(); new.ls('{BUCKETS}')")
    arns = [call.arn or "" for call in aws.calls if call.action.startswith("s3:")]
    assert arns
    assert all(OTHER_ACCOUNT in arn for arn in arns)
    shell.good("del new; fs = s3fs.S3FileSystem(); s3 = session.client('s3'); del old")
    assert "`" not in shell.good("%aws_profile").text


@pytest.mark.slow
def test_a_child_from_before_keeps_its_account(aws: EmbeddedAws, shell: Shell) -> None:
    """A child process from before the edit keeps the old account, and new ones get the new one."""
    shell.good("%aws_profile RoleBeta --read-only")
    before = f"import os; os.environ.update({dict(os.environ)!r})\n{ARN}"
    edit(aws)
    shell.good("%aws_profile RoleBeta --read-only")
    assert f"::{OTHER_ACCOUNT}:" in run_python(ARN)
    shell.good("%aws_profile --off")
    assert f"::{ROLE_ACCOUNT}:" in run_python(before)


@pytest.mark.slow
def test_an_edit_without_a_switch_is_named(aws: EmbeddedAws, shell: Shell) -> None:
    """If an edit changes the profile's role after a switch, the card and the list show it."""
    shell.good("%aws_profile RoleBeta")
    aws.write_profile("another", region="us-east-1")
    assert "`RoleBeta`" not in shell.good("%aws_profile").text
    edit(aws)
    card = shell.good("%aws_profile").text
    assert "`RoleBeta` was changed in the shared files after the switch" in card
    assert ROLE_ACCOUNT in card
    assert find_profile("RoleBeta").account == OTHER_ACCOUNT
    assert OTHER_ACCOUNT in shell.good("%aws_profiles RoleBeta").text
    assert "`RoleBeta`" not in shell.good("%aws_profile RoleBeta").text
