"""Random shared files, with which each profile works, or fails with one of our errors."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile.config.settings import known_settings
from ipy_awsprofile.errors import AwsProfileError
from tests.attack.rounds import Rounds
from tests.shells import Ran, Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

#: Names of profiles in the files, and in other profiles' settings.
NAMES = [
    "a",
    "b",
    "RoleBeta",
    "UserAlpha",
    "default",
    "my profile",
    "ä",
    "A",
    "-x",
    "profile",
    "[b",
]

#: With these settings, calls would leave the embedded AWS.
ELSEWHERE = {"ignore_configured_endpoint_urls", "ec2_metadata_service_endpoint"}

SECRET = "wJalrXUtnFEMI/secret+key=in-a-file"

LIKELY = [
    *("role_arn", "role_arn", "source_profile", "source_profile", "region", "endpoint_url"),
    *("aws_access_key_id", "aws_secret_access_key", "credential_process"),
]

SETTING_NAMES = [
    *sorted(known_settings() - ELSEWHERE),
    "Region",
    "x",
    "s3",
    "sso_sesion",
    "AWS_REGION",
]


def a_value(random: Random, setting: str, role_arn: str) -> str:
    """Return a value that fits the setting, or any value."""
    if "secret" in setting or ("token" in setting and "file" not in setting):
        return SECRET
    if setting == "endpoint_url":  # the embedded AWS's endpoint is set in the environment
        return random.choice(["http://127.0.0.1:1", ""])
    if setting == "credential_process":
        return random.choice(["echo {}", "false", "echo", "/nowhere", "'", ""])
    fitting = {
        "role_arn": [role_arn, "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:role/Nobody"],
        "source_profile": NAMES,
        "credential_source": ["Environment", "EcsContainer", "Ec2InstanceMetadata", "Nowhere"],
        "region": ["us-west-2", "eu-central-1", "mars", "us west", "-"],
        "sso_session": ["s", "t", ""],
        "duration_seconds": ["900", "3600", "-1", "1h", "9" * 40, "15.5"],
        "external_id": ["abcd", "", "x y", "é"],
        "mfa_serial": ["arn:aws:iam::231179739868:mfa/UserAlpha", "GAHT12345678", " "],
        "web_identity_token_file": ["/nowhere", "/dev/null", "/"],
        "sso_start_url": ["https://company.awsapps.com/start", "javascript:1", "x"],
        "sso_account_id": ["123456789012", "1", "abc"],
    }
    anything = ["", "true", "0", "\x1b[31m", "%(x)s", "a # b", "x" * 5000, "{}", "💥", "\N{NULL}"]
    odd = random.random() < 0.15
    return random.choice(anything if odd else fitting.get(setting, ["auto", "true", "1"]))


def a_section(random: Random, kind: str, role_arn: str) -> str:
    """Return a section of a file, which can be malformed."""
    name = random.choice(NAMES)
    likely = [f"profile {name}"] * 6 if " " not in name else [f"profile '{name}'"]
    header = random.choice([*likely, f"profile '{name}'", name, "sso-session s", "services x"])
    settings = {}
    for _ in range(random.randrange(6)):
        setting = random.choice(LIKELY if random.random() < 0.6 else SETTING_NAMES)
        settings[setting] = a_value(random, setting, role_arn)
    lines = [f"{setting} = {value}" for setting, value in settings.items()]
    if random.random() < 0.02:
        lines.append(random.choice(["  endpoint_url = http://127.0.0.1:1", "x", "  y", "[", "# c"]))
    return "\n".join([f"[{name if kind == 'credentials' else header}]", *lines, ""])


def files_of(random: Random, good: str, kind: str, role_arn: str) -> str:
    """Return the text of a file with some of the good sections, and some random ones."""
    sections = {text.splitlines()[0]: text for text in re.split(r"\n(?=\[)", good) if text.strip()}
    if random.random() < 0.3:
        sections = {}
    for _ in range(random.randrange(1, 7)):
        section = a_section(random, kind, role_arn)
        sections[section.splitlines()[0]] = section
    return "\n".join(sections.values())


def looked_at(ran: Ran, what: str) -> None:
    """Fail unless a cell succeeded or shows one of our errors, without a secret."""
    assert ran.error is None or isinstance(ran.error, AwsProfileError), what
    assert SECRET not in ran.text + ran.html, what
    assert "Traceback" not in ran.text, what
    if ran.error:
        assert len(ran.text.splitlines()) <= 2, f"{what}\n{ran.text}"


@pytest.mark.slow
def test_config_files(
    rounds: Rounds,
    shell: Shell,
    aws: EmbeddedAws,
    scenario: Scenario,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Magics work with random files or fail with our error, and a failed switch changes nothing."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    good = aws.config_file.read_text(), aws.credentials_file.read_text()
    shell.good("%xmode Verbose")
    for random in rounds(8):
        shell.good("%aws_profile RoleBeta")
        session = boto3.DEFAULT_SESSION
        texts = [
            files_of(random, text, kind, scenario.role_arn)
            for text, kind in zip(good, ("config", "credentials"), strict=True)
        ]
        aws.config_file.write_text(texts[0])
        aws.credentials_file.write_text(texts[1])
        what = "\n--\n".join(texts)
        looked_at(shell.run("%aws_profiles"), what)
        for name in random.sample(NAMES, 3):
            looked_at(shell.run(f"%aws_profile --explain {name}"), what)
            shell.completions(f"%aws_profile {name[:1]}")
            looked_at(ran := shell.run(f'%aws_profile "{name}"'), f"{name}\n{what}")
            assert (boto3.DEFAULT_SESSION is session) == bool(ran.error), what
            session = boto3.DEFAULT_SESSION
        aws.config_file.write_text(good[0])
        aws.credentials_file.write_text(good[1])
    shell.good("%aws_profile --off")
