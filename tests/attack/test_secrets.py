"""Random cells with profiles of each kind, whose outputs contain no secret."""

from __future__ import annotations

import logging
import os
import traceback
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from ipy_awsprofile.config.settings import known_settings
from tests.attack.conftest import Rounds
from tests.aws import EmbeddedAws
from tests.kinds import KINDS, Kind, create_ann, in_its_place, prepared, sign_in
from tests.shells import Shell

#: Wrong values that a setting can have by mistake.
ODD = [
    *("", "x", "0", "-1", "/nowhere", "{folder}", "\x1b[31m", "a\N{NULL}b", "\n  a = b", "\n  x"),
    *("P", "Ann", "arn:aws:iam::1:role/x", "http://[", "http://127.0.0.1:1", "mars", "'", "=", "["),
    *("cat {folder}/.aws/config", "cat {folder}/.aws/config /nowhere", "false"),
]

#: Settings, except those with which calls would leave the embedded AWS.
SETTINGS = sorted(known_settings() - {"ec2_metadata_service_endpoint", "region"})

#: Lines and cells, in which NAME is the profile.
CELLS = [
    *("%aws_profile NAME", "%aws_profile NAME --read-only", "%aws_profile NAME --duration 15m"),
    *("%aws_profile --explain NAME", "%aws_profile --explain", "%aws_profile --refresh"),
    *("%aws_profile NAME --expect-account 999999999999", "%aws_profiles", "%aws_profile"),
    *("%aws_profile NAME --external-id x", "%%aws_profile NAME\n1 / 0", "%aws_calls", "session"),
    *("open_session('NAME')", "who_am_i(open_session('NAME'))", "list_profiles('NAME')"),
    *("storage_options(open_session('NAME'))", "libraries.polars_options(open_session('NAME'))"),
    *("with using_profile('NAME'): 1 / 0", "across_profiles(['NAME', 'Gone'], who_am_i)"),
    "across_profiles(['NAME', 'Ann'], lambda session: session.get_credentials())",
    "scoped('s3:ListAllMyBuckets', session=open_session('NAME'))",
]


def with_odd_setting(random: Random, kind: Kind) -> Kind:
    """Return a copy of a kind whose profile has a wrong value in one or two settings."""
    config = kind.config
    for setting in random.sample(SETTINGS, random.randint(0, 2)):
        lines = [line for line in config.splitlines() if not line.startswith(f"{setting} =")]
        header = "[default]" if kind.profile == "default" else f"[profile {kind.profile}]"
        if header in lines:
            value = random.choice(["{secret}x", "{secret}"] if "secret" in setting else ODD)
            lines.insert(lines.index(header) + 1, f"{setting} = {value}")
        config = "\n".join([*lines, ""])
    return replace(kind, config=config)


def secrets_of(aws: EmbeddedAws) -> list[str]:
    """Return all secrets that AWS has issued so far, and the token of the lent session."""
    file = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    token = [Path(file).read_text()] if file else []
    return [secret for secret in aws.iam.secrets if len(secret) > 8] + token


def test_secrets(
    rounds: Rounds,
    shell: Shell,
    aws: EmbeddedAws,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever a profile contains, no output, error or log record of a cell shows a secret."""
    caplog.set_level(logging.DEBUG, logger="ipy_awsprofile")
    caplog.set_level(logging.INFO, logger="botocore")
    ann = create_ann(aws)
    sign_in(aws, ann)
    values = prepared(aws, ann) | {"folder": str(aws.home)}
    shell.good("from ipy_awsprofile import *\nfrom ipy_awsprofile import libraries")
    for random in rounds(12):
        name = random.choice([name for name, kind in KINDS.items() if kind.place != "instance"])
        kind = with_odd_setting(random, KINDS[name])
        with monkeypatch.context() as patch, in_its_place(aws, values, patch, kind):
            for cell in random.sample(CELLS, 6):
                ran = shell.run(cell.replace("NAME", kind.profile))
                error = traceback.format_exception(ran.error) if ran.error else ""
                text = f"{ran.printed}{ran.displayed}{ran.result!r}{error}{caplog.text}"
                caplog.clear()
                leaks = [secret[:4] for secret in secrets_of(aws) if secret in text]
                assert not leaks, f"{name}\n{cell}\n{kind.config}\n{text}"
            shell.run("%aws_profile --off")
