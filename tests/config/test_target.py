"""A target describes the profile or role of a session, and the settings that options replace."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile.bindings.environment import environment
from ipy_awsprofile.bindings.lending import LentProfile
from ipy_awsprofile.config.read_only import read_only_policy
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.session_policy import Scope, SessionPolicy
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.errors import (
    AwsProfileError,
    InvalidOption,
    InvalidProfile,
    InvalidSource,
    ProfileNotFound,
)
from tests.bindings.borrowing import NOWHERE

CONFIG = """
[profile keys]
region = eu-north-1
endpoint_url = http://127.0.0.1:9
s3 =
  addressing_style = path
services = local
sts_regional_endpoints = legacy
use_fips_endpoint = true
use_dualstack_endpoint = true
ca_bundle = /ca.pem
ignore_configured_endpoint_urls = true
max_attempts = 7
output = json
mfa_serial = arn:aws:iam::111111111111:mfa/phone
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush

[profile bare]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush

[profile role]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = keys
region = eu-west-1

[profile china]
role_arn = arn:aws-cn:iam::123456789012:role/R
source_profile = keys

[profile odd]
role_arn = R
source_profile = keys

[profile source]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = Ec2InstanceMetadata

[profile web]
role_arn = arn:aws:iam::123456789012:role/R
web_identity_token_file = /token

[profile sso]
sso_account_id = 123456789012
sso_role_name = R

[profile process]
credential_process = true

[profile login]
login_session = arn:aws:iam::123456789012:user/u

[profile loop]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = loop

[profile orphan]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = nobody
"""
ARN = "arn:aws:iam::123456789012:role/Other"
ROLES, OTHERS = ("role", "source"), ("keys", "sso", "process", "login")
OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "external ID": ({"external_id": "xy"}, "an external ID"),
    "session name": ({"session_name": "me"}, "a session name"),
    "tags": ({"tags": (("team", "red"),)}, "session tags or a source identity"),
}
READ_ONLY_ACCESS = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.fixture
def config(shared_files: tuple[Path, Path]) -> Path:
    """Write a config file with a profile of each kind."""
    shared_files[0].write_text(CONFIG)
    return shared_files[0]


@pytest.mark.parametrize("name", ROLES)
def test_options_of_a_role(config: Path, name: str) -> None:
    """A role can use every option, which becomes a setting or a session policy."""
    target = target_of(
        SessionRequest(
            profile=name, duration=900, session_name="me", external_id="xy", read_only=True
        )
    )
    assert target.options == {
        "duration_seconds": "900",
        "role_session_name": "me",
        "external_id": "xy",
    }
    assert target.policy == SessionPolicy("", arn=READ_ONLY_ACCESS)
    assert target.scope is None


@pytest.mark.parametrize("name", [*OTHERS, "web"])
def test_limits_of_other_profiles(config: Path, name: str, tmp_path: Path) -> None:
    """Profiles that don't assume a role use GetScopedCredentials for a policy or a duration."""
    target = target_of(SessionRequest(profile=name, duration="20m", read_only=True))
    policy = SessionPolicy("", text=read_only_policy())
    assert (target.options, target.policy) == ({}, policy)
    assert target.scope == Scope(policy, 1200)
    assert target_of(SessionRequest(profile=name, duration="36h")).scope == Scope(None, 129600)
    file = tmp_path / "Größe.json"
    file.write_text('{"Statement": []}')
    scope = target_of(SessionRequest(profile=name, policy=str(file))).scope
    assert scope
    assert scope.policy
    assert scope.policy.text == '{"Statement":[]}'
    assert scope.description == "ipy-awsprofile: Gr??e.json"


def test_limits_that_cannot_be_combined(config: Path) -> None:
    """--read-only can't be combined with --policy, and only a role can use a managed policy."""
    for name in ("role", "keys"):
        with pytest.raises(InvalidOption, match="--read-only and --policy can't be combined"):
            target_of(SessionRequest(profile=name, read_only=True, policy=READ_ONLY_ACCESS))
    with pytest.raises(InvalidOption, match="`sso` doesn't assume a role, so a managed policy"):
        target_of(SessionRequest(profile="sso", policy=READ_ONLY_ACCESS))
    assert target_of(SessionRequest(profile="role", policy=READ_ONLY_ACCESS)).policy == (
        SessionPolicy(READ_ONLY_ACCESS, arn=READ_ONLY_ACCESS)
    )


def test_options_of_a_web_identity(config: Path) -> None:
    """A web identity can use a session name."""
    assert target_of(SessionRequest(profile="web", session_name="me")).options == {
        "role_session_name": "me"
    }


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *((name, option) for name in OTHERS for option in OPTIONS),
        *(("web", option) for option in OPTIONS if option != "session name"),
    ],
)
def test_options_that_a_kind_cannot_use(config: Path, name: str, option: str) -> None:
    """The error names the profile and the option, and the hint gives the profile's kind."""
    options, what = OPTIONS[option]
    with pytest.raises(InvalidOption) as caught:
        target_of(SessionRequest(profile=name, **options))
    assert f"`{name}` doesn't assume a role, so it can't use {what}" in str(caught.value)
    assert caught.value.hint.startswith("It uses ")


@pytest.mark.parametrize("name", [*ROLES, *OTHERS, "web"])
def test_without_options(config: Path, name: str) -> None:
    """Without options, no setting is replaced."""
    target = target_of(SessionRequest(profile=name))
    assert (target.options, target.policy, target.scope) == ({}, None, None)
    assert (target.name, target.config.paths.config) == (name, config)


def test_chain(config: Path) -> None:
    """A target has the names in the role chain, and the ARN of the last role in it."""
    target = target_of(SessionRequest(profile="role"))
    assert target.chain == ("role", "keys")
    assert target.role_arn == "arn:aws:iam::123456789012:role/R"
    assert target_of(SessionRequest(profile="keys")).role_arn is None


def test_policy_of_another_partition(config: Path) -> None:
    """The managed policy's ARN uses the role's partition, such as aws-cn."""
    china = target_of(SessionRequest(profile="china", read_only=True))
    assert china.policy == SessionPolicy("", arn="arn:aws-cn:iam::aws:policy/ReadOnlyAccess")
    by_arn = target_of(
        SessionRequest(
            role_arn="arn:aws-us-gov:iam::123456789012:role/R",
            source_profile="keys",
            read_only=True,
        )
    )
    assert by_arn.policy == SessionPolicy("", arn="arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess")


def test_policy_of_a_role_without_an_arn(config: Path) -> None:
    """A read-only session for a profile with an invalid role_arn raises an error."""
    with pytest.raises(InvalidProfile, match="The role_arn of `odd` isn't an ARN: `R`"):
        target_of(SessionRequest(profile="odd", read_only=True))


def test_role_by_arn(config: Path) -> None:
    """A role given by ARN comes first in the chain, and its ARN is its name."""
    target = target_of(SessionRequest(role_arn=ARN, source_profile="role"))
    assert target.name == target.role_arn == ARN
    assert target.chain == (ARN, "role", "keys")
    assert target.profiles[0].account == "123456789012"
    assert target.profiles[0].source == "role"


def test_settings_of_a_role_by_arn(config: Path) -> None:
    """A role given by ARN uses only the Region and client settings of its source profile."""
    target = target_of(SessionRequest(role_arn=ARN, source_profile="keys"))
    assert target.settings == {
        "role_arn": ARN,
        "source_profile": "keys",
        "region": "eu-north-1",
        "endpoint_url": "http://127.0.0.1:9",
        "s3": {"addressing_style": "path"},
        "services": "local",
        "sts_regional_endpoints": "legacy",
        "use_fips_endpoint": "true",
        "use_dualstack_endpoint": "true",
        "ca_bundle": "/ca.pem",
        "ignore_configured_endpoint_urls": "true",
        "max_attempts": "7",
    }
    assert target.region == "eu-north-1"
    assert target.profiles[0].endpoint == "http://127.0.0.1:9"
    assert "hush" not in repr(target)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": "keys", "role_arn": ARN},
        {"name": "keys", "source_profile": "keys"},
        {"name": "keys", "role_arn": ARN, "source_profile": "keys"},
        {"source_profile": "keys"},
        {"name": "keys", "default": True},
        {"role_arn": ARN, "default": True},
    ],
)
def test_wrong_combinations(config: Path, options: dict[str, Any]) -> None:
    """A request without exactly one name is an error, and the hint lists the three ways."""
    with pytest.raises(InvalidOption, match="Use exactly one of") as caught:
        target_of(SessionRequest(profile=options.pop("name", None), **options))
    for one in ("%aws_profile NAME", "--role-arn ARN", "--default"):
        assert one in caught.value.hint


@pytest.mark.parametrize(
    "arn",
    ["", "Other", "role/Other", "arn:aws:iam::123456789012:user/u", "arn:aws:iam:role/R"],
)
def test_text_that_is_not_a_role_arn(config: Path, arn: str) -> None:
    """The error for text that isn't a role ARN gives an example."""
    with pytest.raises(InvalidOption, match="isn't a role ARN") as caught:
        target_of(SessionRequest(role_arn=arn, source_profile="keys"))
    assert "arn:aws:iam::123456789012:role/X" in caught.value.hint


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("nobody", ProfileNotFound),
        ("orphan", InvalidSource),
        ("loop", AwsProfileError),
    ],
)
def test_invalid_source(config: Path, source: str, error: type[AwsProfileError]) -> None:
    """A missing source profile, or a source with an invalid chain, raises its usual error."""
    with pytest.raises(error):
        target_of(SessionRequest(role_arn=ARN, source_profile=source))


@pytest.mark.parametrize(
    ("option", "environ", "region"),
    [
        ("ap-south-1", {"AWS_DEFAULT_REGION": "us-east-2"}, "ap-south-1"),
        (None, {"AWS_DEFAULT_REGION": "us-east-2"}, "us-east-2"),
        (None, {"AWS_DEFAULT_REGION": ""}, "eu-west-1"),
        (None, {}, "eu-west-1"),
    ],
)
def test_region(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str | None,
    environ: dict[str, str],
    region: str,
) -> None:
    """--region takes precedence over AWS_DEFAULT_REGION, which in turn overrides the profile."""
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert target_of(SessionRequest(profile="role", region=option)).region == region
    assert (
        target_of(SessionRequest(role_arn=ARN, source_profile="role", region=option)).region
        == region
    )


def test_region_of_a_switch_is_not_the_users(config: Path) -> None:
    """The Region that a switch sets for child processes doesn't change other profiles."""
    with environment(LentProfile("keys", NOWHERE), "ap-south-1"):
        assert target_of(SessionRequest(profile="role")).region == "eu-west-1"
        assert target_of(SessionRequest(profile="bare")).region is None


def test_no_region(config: Path) -> None:
    """A profile doesn't need a Region."""
    assert target_of(SessionRequest(profile="bare")).region is None
    assert target_of(SessionRequest(role_arn=ARN, source_profile="bare")).region is None


def test_a_target_stays_as_it_was_read(config: Path) -> None:
    """If a program rewrites or removes the profile later, the target keeps the earlier settings.

    Otherwise, a worker would lose its endpoint, and call AWS instead. `is_changed` reports the
    change.
    """
    config.write_text(
        "[profile mine]\nrole_arn = arn:aws:iam::123456789012:role/Mine\nsource_profile = keys\n"
        "endpoint_url = http://127.0.0.1:1\n"
        "[profile keys]\naws_access_key_id = A\naws_secret_access_key = B\n"
    )
    target = target_of(SessionRequest(profile="mine"))
    assert not target.is_changed()
    config.write_text("[profile other]\n")
    assert target.client_settings() == {"endpoint_url": "http://127.0.0.1:1"}
    assert target.steps[1].settings["aws_access_key_id"] == "A"
    assert target.is_changed()


@pytest.mark.parametrize("take", [pickle.dumps, copy.deepcopy, asdict])
def test_a_target_with_keys_stays_in_the_process(
    config: Path, take: Callable[[Any], object]
) -> None:
    """A target's settings can contain keys, so it can't be pickled or copied, and hides them."""
    config.write_text("[profile keys]\naws_access_key_id = A\naws_secret_access_key = hush-hush\n")
    target = target_of(SessionRequest(profile="keys"))
    with pytest.raises(TypeError) as refused:
        take(target)
    shown = [repr(target), repr(target.config), str(target.config), *map(repr, target.steps)]
    assert "hush-hush" not in "".join([*shown, str(refused.value)])


@pytest.mark.parametrize(
    ("profile", "mfa", "process", "renews"),
    [
        ("keys", False, "", True),
        ("keys", True, "", False),
        ("keys", True, "mfa_process = code", True),
        ("role", False, "", True),
        ("guarded", False, "", False),
        ("guarded", False, "mfa_process = code", True),
    ],
)
def test_unattended_renewal(
    shared_files: tuple[Path, Path], profile: str, mfa: bool, process: str, renews: bool
) -> None:
    """A session that needs an MFA code to renew is unattended only if a command prints the code."""
    serial = "mfa_serial = arn:aws:iam::111111111111:mfa/phone\n"
    role = "role_arn = arn:aws:iam::123456789012:role/R\nsource_profile = keys\n"
    keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n"
    shared_files[0].write_text(
        f"[profile keys]\n{keys}{serial}{process}\n"
        f"[profile role]\n{role}[profile guarded]\n{role}{serial}{process}\n"
    )
    assert target_of(SessionRequest(profile=profile, mfa=mfa)).renews_unattended is renews
