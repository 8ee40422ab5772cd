"""A profile has its own command for the codes of an MFA device, or inherits one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of

ROLE = """
[profile role]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = source
mfa_serial = arn:mfa
{role}
[profile source]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush
mfa_serial = {serial}
{source}
[profile shared]
include_profile = more
[profile more]
parent_profile = {loop}
mfa_process = {more}
[profile deep]
parent_profile = more
[default]
{default}
"""

OWN, SOURCE, DEFAULT = ("mfa_process = own", "mfa_process = source", "mfa_process = default")


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        ({"role": OWN, "source": SOURCE, "default": DEFAULT}, "own"),
        ({"source": SOURCE, "default": DEFAULT}, "source"),
        ({"source": SOURCE, "serial": "arn:another"}, None),
        ({"default": DEFAULT}, "default"),
        ({"role": "include_profile = shared", "more": "inherited"}, "inherited"),
        ({"role": "include_profile = deep", "more": "inherited", "source": SOURCE}, "inherited"),
        ({"role": "include_profile = nobody", "default": DEFAULT}, "default"),
        ({"role": "include_profile = shared", "loop": "shared"}, None),
        ({}, None),
    ],
)
def test_precedence(
    shared_files: tuple[Path, Path], settings: dict[str, str], command: str | None
) -> None:
    """The first mfa_process wins, from the profile, included profiles, its source or [default]."""
    empty = dict.fromkeys(("role", "source", "default", "more", "loop"), "")
    shared_files[0].write_text(ROLE.format_map(empty | {"serial": "arn:mfa"} | settings))
    processes = target_of(SessionRequest(profile="role")).mfa_processes
    assert processes.get("arn:mfa") == command
