"""Other processes use the profile's name if that is enough, or a lent identity otherwise."""

from __future__ import annotations

import configparser
import json
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.bindings.follow import follow
from ipy_awsprofile.bindings.lending import LentProfile, lend
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT
from ipy_awsprofile.errors import CredentialsUnavailable
from ipy_awsprofile.sessions.session import open_session
from tests.shells import Shell, run_aws_cli

if TYPE_CHECKING:
    from ipy_awsprofile.bindings.credential_server import CredentialServer
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

CONFIG = """
[profile keys]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush
[profile keys-with-device]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush
mfa_serial = arn:aws:iam::231179739868:mfa/phone
[profile role]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = keys
[profile over-role]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = role
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = keys
mfa_serial = arn:aws:iam::231179739868:mfa/phone
[profile over-mfa]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = mfa
[profile from-environment]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = Environment
[profile from-container]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = EcsContainer
[profile over-environment]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = from-environment
[profile machine]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = Ec2InstanceMetadata
[profile process]
credential_process = true
[profile sso]
sso_account_id = 123456789012
sso_role_name = R
"""
ARN = "arn:aws:iam::123456789012:role/R"


@pytest.mark.parametrize(
    ("name", "options", "by_name"),
    [
        ("keys", {}, True),
        ("role", {}, True),
        ("over-role", {}, True),
        ("machine", {}, True),
        ("process", {}, True),
        ("sso", {}, True),
        ("keys-with-device", {}, True),
        ("keys-with-device", {"mfa": True}, False),
        ("role", {"region": "eu-west-1"}, True),  # a variable sets the Region, too
        ("mfa", {}, False),
        ("over-mfa", {}, False),
        ("from-environment", {}, False),
        ("over-environment", {}, False),
        ("from-container", {}, False),
        ("role", {"duration": 900}, False),
        ("role", {"session_name": "me"}, False),
        ("role", {"external_id": "xy"}, False),
        ("role", {"read_only": True}, False),
        (None, {"role_arn": ARN, "source_profile": "keys"}, False),
    ],
)
def test_what_resolves_by_name(
    shared_files: tuple[Path, Path], name: str | None, options: dict[str, Any], by_name: bool
) -> None:
    """`resolves_by_name` is false if another process needs more than the profile's name."""
    shared_files[0].write_text(CONFIG)
    target = target_of(SessionRequest(profile=name, **options))
    assert target.resolves_by_name is by_name


@pytest.mark.parametrize("name", ["UserAlpha", "RoleBeta"])
def test_name_is_lent_without_a_file(aws: EmbeddedAws, server: CredentialServer, name: str) -> None:
    """A profile that resolves by name doesn't need an overlay."""
    profile = lend(open_session(name), server)
    assert (profile.name, profile.config_file) == (name, None)


def section_of(profile: LentProfile) -> configparser.SectionProxy:
    """Return the section of a lent profile from its overlay."""
    assert profile.config_file is not None
    overlay = configparser.RawConfigParser()
    overlay.read(profile.config_file)
    return overlay[f"profile {profile.name}"]


@pytest.mark.parametrize("options", [{"read_only": True}, {"session_name": "me"}])
def test_lent_with_an_overlay(
    aws: EmbeddedAws, server: CredentialServer, options: dict[str, Any]
) -> None:
    """A lent identity has a new name, and closing the server removes its config file."""
    profile = lend(open_session("RoleBeta", region="eu-central-1", **options), server)
    assert profile.name == "RoleBeta-in-kernel"
    section = section_of(profile)
    assert section["region"] == "eu-central-1"
    assert section["endpoint_url"] == aws.endpoint_url
    assert "role_arn" not in section
    assert profile.config_file is not None
    text = profile.config_file.read_text()
    assert not [secret for secret in aws.secrets() if secret in text]
    server.close()
    assert not profile.config_file.exists()


def test_name_that_is_taken(aws: EmbeddedAws, server: CredentialServer) -> None:
    """If the user has a profile with the lent name, the lent identity gets another name."""
    aws.write_profile("RoleBeta-in-kernel", region="us-west-2")
    profile = lend(open_session("RoleBeta", session_name="me"), server)
    assert profile.name == "RoleBeta-in-kernel-2"


def test_role_by_arn(aws: EmbeddedAws, server: CredentialServer, scenario: Scenario) -> None:
    """A role without a profile gets the endpoint and the Region of its source profile."""
    session = open_session(role_arn=scenario.role_arn, source_profile="UserAlpha")
    profile = lend(session, server)
    assert profile.name == "RoleBeta-in-kernel"
    section = section_of(profile)
    assert section["endpoint_url"] == aws.endpoint_url
    assert (section["region"], section["output"]) == ("us-west-2", "json")


def test_children_are_as_read_only_as_the_kernel(
    aws: EmbeddedAws, server: CredentialServer
) -> None:
    """The AWS CLI gets the same read-only session, and can't write either."""
    session = open_session("RoleBeta", session_name="me", read_only=True)
    put = ("s3api", "put-object", "--bucket", "my-first-bucket", "--key", "k")
    with follow(None, "session", session, ["environment"], server, rest=session):
        who = run_aws_cli("sts", "get-caller-identity", "--output", "json")
        written = run_aws_cli(*put)
    assert json.loads(who.stdout)["Arn"].endswith(f"{ROLE_ACCOUNT}:assumed-role/RoleBeta/me")
    assert written.returncode != 0
    assert "AccessDenied" in written.stderr


@pytest.mark.slow
@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize("chosen", [[], ["namespace"], ["default_session"]])
def test_nothing_is_lent_unless_something_follows(
    aws: EmbeddedAws, server: CredentialServer, chosen: list[str]
) -> None:
    """If neither child processes nor filesystems follow, the environment doesn't change."""
    session = open_session("RoleBeta", read_only=True)
    before = run_aws_cli("configure", "list-profiles").stdout
    with follow(None, "session", session, chosen, server, rest=session):
        assert run_aws_cli("configure", "list-profiles").stdout == before


def test_full_disk(shell: Shell, aws: EmbeddedAws) -> None:
    """If the disk is full, a switch changes nothing and says so, and works once there is room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        error = shell.refused("%aws_profile RoleBeta")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(error, CredentialsUnavailable)
    assert str(error).endswith("which needs a few temporary files: File too large.")
    assert "session" not in shell.names
    shell.good("%aws_profile RoleBeta")
