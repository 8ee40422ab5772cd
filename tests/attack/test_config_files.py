"""Random shared files mean what they mean to botocore, or fail with one of our errors."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from random import Random

import boto3
import botocore.session
import pytest
from botocore.exceptions import ConfigParseError

from ipy_awsprofile import list_profiles, who_am_i
from ipy_awsprofile.config.settings import known_settings
from ipy_awsprofile.demo.stages import Scenario
from ipy_awsprofile.errors import AwsProfileError
from tests.attack.conftest import Rounds
from tests.aws import EmbeddedAws
from tests.shells import Shell

NAMES = ["a", "b", "RoleBeta", "UserAlpha", "default", "my profile", "ä", "A", "profile"]

#: Other settings, except those that lead to other endpoints, and aws-vault's, unknown to botocore.
OTHERS = known_settings() - {"ignore_configured_endpoint_urls", "ec2_metadata_service_endpoint"}
OTHERS -= {"session_tags", "transitive_session_tags", "source_identity", "mfa_process"}
OTHERS -= {"mfa_serial"}  # boto3 would prompt

#: Values that any setting can have by mistake.
ANYTHING = ["", "true", "1", "auto", "\x1b[31m", "%(x)s", "a # b", "x" * 5000, "{}", "\N{NULL}"]


def a_section(random: Random, scenario: Scenario, *, is_config: bool) -> str:
    """Return a section of a file, which can be malformed."""
    name = random.choice(NAMES)
    key, secret = scenario.user.access_key_id, scenario.user.secret_access_key
    header = f"profile '{name}'" if is_config and random.random() < 0.9 else name
    keys = {"AccessKeyId": key, "SecretAccessKey": secret, "Version": 1}
    likely = {
        "aws_access_key_id": [key],
        "aws_secret_access_key": [secret],
        "role_arn": [scenario.role_arn, scenario.role_arn, "arn:aws:iam::1:role/x"],
        "source_profile": NAMES,
        "credential_process": [f"echo '{json.dumps(keys)}'", "echo {}", "false", "/nowhere"],
        "region": ["us-west-2", "eu-central-1", "mars", "us west", "-"],
    }
    lines = [f"[{header}]"]
    for setting in random.sample([*likely], random.randrange(5)):
        lines.append(f"{setting} = {random.choice(likely[setting])}")
    if random.random() < 0.3:
        lines.append(f"{random.choice(sorted(OTHERS))} = {random.choice(ANYTHING)}")
    if random.random() < 0.02:
        lines.append(random.choice(["x", "[", "# c"]))
    return "\n".join([*lines, ""])


def a_file(random: Random, scenario: Scenario, good: str, *, is_config: bool) -> str:
    """Return the text of a file with the good sections, some of which are replaced."""
    sections = {text.splitlines()[0]: text for text in re.split(r"\n(?=\[)", good) if text.strip()}
    for _ in range(random.randrange(1, 7)):
        section = a_section(random, scenario, is_config=is_config)
        sections[section.splitlines()[0]] = section
    return "\n".join(sections.values())


def plain_caller(name: str) -> tuple[str, str] | None:
    """Return the user or role of a profile in plain boto3, and its Region; None if boto3 fails."""
    try:
        session = boto3.Session(profile_name=name)
        arn = session.client("sts", region_name="us-west-2").get_caller_identity()["Arn"]
    except Exception:  # noqa: BLE001  # odd values cause any error
        return None
    return arn.rpartition("/")[0], session.region_name


def test_config_files(
    rounds: Rounds,
    shell: Shell,
    aws: EmbeddedAws,
    scenario: Scenario,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A profile has the identity and Region that it has in boto3, or a switch changes nothing."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    files = {file: file.read_text() for file in (aws.config_file, aws.credentials_file)}
    for random in rounds(10):
        for file, good in files.items():
            file.write_text(a_file(random, scenario, good, is_config=file == aws.config_file))
        what = "\n--\n".join(file.read_text() for file in files)
        with suppress(ConfigParseError):
            theirs = botocore.session.Session().available_profiles
            assert sorted(list_profiles()) == sorted(theirs), what
        for name in random.sample(NAMES, 4):
            expected = plain_caller(name)
            ran = shell.run(f'%aws_profile "{name}"')
            if ran.error is None:
                identity, session = who_am_i(shell.names["session"]), shell.names["session"]
                ours = (identity.arn.rpartition("/")[0], session.region_name)
                assert expected in (None, ours), f"{name}\n{what}"
                shell.good("%aws_profile --off")
            else:
                assert isinstance(ran.error, AwsProfileError), f"{name}\n{what}"
                assert expected is None or "Region" in str(ran.error), f"{name}\n{what}"
                assert len(ran.text.splitlines()) <= 2, f"{ran.text}\n{what}"
            assert boto3.DEFAULT_SESSION is None
