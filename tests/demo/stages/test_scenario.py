"""The main job's accounts, with two profiles, one role and three buckets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from configparser import ConfigParser
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile.demo.stages.demo_aws import demo_aws
from ipy_awsprofile.demo.stages.scenario import BUCKETS
from tests.demo.clients import error_of

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario
    from tests.demo.clients import Clients

NAMES = ["my-first-bucket", "my-second-bucket", "my-third-bucket"]
DATES = ["2018-08-31T07:46:02+00:00", "2019-09-17T19:17:31+00:00", "2018-06-12T23:18:08+00:00"]
when = datetime.fromisoformat


def test_the_role_sees_its_three_buckets(
    aws: EmbeddedAws, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 needs only the profile's name to list RoleBeta's buckets and their dates."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    session = boto3.Session(profile_name="RoleBeta")
    buckets = session.client("s3").list_buckets()["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == NAMES == list(scenario.bucket_names)
    assert [b["CreationDate"] for b in buckets] == [when(date) for date in DATES]
    arn = session.client("sts").get_caller_identity()["Arn"]
    assert arn.startswith("arn:aws:sts::123456789012:assumed-role/RoleBeta/")


def test_the_user_may_not_list_buckets(clients: Clients, scenario: Scenario) -> None:
    """UserAlpha isn't allowed to list buckets, and the message is the same as AWS's."""
    message = (
        "User: arn:aws:iam::231179739868:user/UserAlpha is not authorized to perform: "
        "s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action"
    )
    expected = ("AccessDenied", message, 403)
    assert error_of(clients.of("s3", scenario.user).list_buckets) == expected


@pytest.mark.slow
def test_the_aws_cli_sees_the_same(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The AWS CLI lists the same buckets with the variables of `environment()`."""
    aws_cli = Path(sys.executable).with_name("aws")
    listed = subprocess.run(
        [aws_cli, "s3api", "list-buckets", "--profile", "RoleBeta"],
        env={**os.environ, **aws.environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    buckets = json.loads(listed.stdout)["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == NAMES
    assert [when(bucket["CreationDate"]) for bucket in buckets] == [when(date) for date in DATES]


def test_the_shared_files(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The shared files contain only the two profiles and the user's access key."""
    config, credentials = ConfigParser(), ConfigParser()
    config.read(aws.config_file)
    credentials.read(aws.credentials_file)
    assert {name: dict(config[name]) for name in config.sections()} == {
        "profile UserAlpha": {
            "region": "us-west-2",
            "output": "json",
            "endpoint_url": aws.endpoint_url,
        },
        "profile RoleBeta": {
            "source_profile": "UserAlpha",
            "role_arn": "arn:aws:iam::123456789012:role/RoleBeta",
            "region": "us-west-2",
            "endpoint_url": aws.endpoint_url,
        },
    }
    assert {name: dict(credentials[name]) for name in credentials.sections()} == {
        "UserAlpha": {
            "aws_access_key_id": scenario.user.access_key_id,
            "aws_secret_access_key": scenario.user.secret_access_key,
        }
    }


def test_the_buckets_are_in_two_regions(clients: Clients, scenario: Scenario) -> None:
    """The three buckets are in two Regions."""
    role = clients.of("s3", clients.assume(scenario.user, scenario.role_arn))
    listed = role.list_buckets(MaxBuckets=10)["Buckets"]
    assert [b["BucketRegion"] for b in listed] == [region for region, _ in BUCKETS.values()]


def test_a_switch_costs_one_call_signed_by_the_user(
    aws: EmbeddedAws, clients: Clients, scenario: Scenario
) -> None:
    """A switch makes one AssumeRole call, signed by the user."""
    clients.of("s3", clients.assume(scenario.user, scenario.role_arn)).list_buckets()
    assert [(call.action, call.arn) for call in aws.calls] == [
        ("sts:AssumeRole", "arn:aws:iam::231179739868:user/UserAlpha"),
        ("s3:ListAllMyBuckets", "arn:aws:sts::123456789012:assumed-role/RoleBeta/test"),
    ]


def test_demo_aws() -> None:
    """The config file of `demo_aws` contains the scenario's profiles, and every other kind."""
    with demo_aws() as aws:
        config = aws.config_file.read_text()
        assert "[profile RoleBeta]" in config
        assert {"mfa_serial", "sso_session", "role_arn"} <= set(re.findall(r"(?m)^\w+", config))
