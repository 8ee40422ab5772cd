"""The magics' options, which become requests, and the lines that are refused."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

import pytest

from ipy_awsprofile.config.request import SwitchRequest
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.magic import AwsProfileMagics
from ipy_awsprofile.notebook.options import parse, require_no_cell_options, switch_request


def options_of(line: str) -> argparse.Namespace:
    """Parse a line of ``%aws_profile``, and return its options."""
    return parse(AwsProfileMagics.aws_profile, line)


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("P", {}),
        ("P --region eu-west-1", {"region": "eu-west-1"}),
        ("P --region=eu-west-1", {"region": "eu-west-1"}),
        ("P --as beta", {"variable": "beta"}),
        ("P --as größe", {"variable": "größe"}),
        ("P --duration 3600", {"duration": 3600}),
        ("P --duration 1800s", {"duration": 1800}),
        ("P --duration 90m", {"duration": 5400}),
        ("P --duration 1h", {"duration": 3600}),
        ("P --duration 1h30m", {"duration": 5400}),
        ("P --duration 0h30m0s", {"duration": 1800}),
        ("P --duration 0", {"duration": 0}),
        ("P --session-name me --external-id 7", {"session_name": "me", "external_id": "7"}),
        ("P --read-only", {"read_only": True}),
        ("P --expect-account 123456789012", {"expect_account": "123456789012"}),
        ("--yes P", {"confirmed": True}),
        ("P --mfa --duration 36h", {"mfa": True, "duration": 129600}),
        ("P --login", {}),
        ("P --explain", {}),
        ("my profile", {"profile": "my profile"}),
        ("my, profile", {"profile": "my, profile"}),
        ('"my profile"', {"profile": "my profile"}),
        ("-- -dash", {"profile": "-dash"}),
        (r"team\dev", {"profile": r"team\dev"}),
        ("#1", {"profile": "#1"}),
        ("P # as it was", {}),
        ("P --as beta #", {"variable": "beta"}),
        ("'P # 1' # it's mine", {"profile": "P # 1"}),
        ('"a#b" # "', {"profile": "a#b"}),
        ("P --readonly", {"read_only": True}),
        ("P --sessionname=a-b --ReadOnly", {"session_name": "a-b", "read_only": True}),
        ("-- --readonly", {"profile": "--readonly"}),
        ("''", {"profile": ""}),
        (
            "--role-arn A --source-profile S",
            {"profile": None, "role_arn": "A", "source_profile": "S"},
        ),
    ],
)
def test_requests(line: str, changes: dict[str, Any]) -> None:
    """Each option of a switch sets a field of the request; other fields keep their defaults."""
    assert switch_request(options_of(line)) == SwitchRequest(**{"profile": "P"} | changes)


@pytest.mark.parametrize("line", ["", "--refresh", "--off", "--pick", "--explain", "--login"])
def test_no_request(line: str) -> None:
    """A line without a profile's name isn't a request to switch."""
    assert switch_request(options_of(line)) is None


def test_every_field_has_an_option() -> None:
    """The magic has an option for each field of a request that isn't set in another way."""
    configured = {"default_session_name", "caller"}
    named = {field.name for field in fields(SwitchRequest)} - configured
    assert named <= vars(options_of("")).keys()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("P --region", "expected one argument"),
        ("P --duration soon", "`soon` isn't a duration; use `3600`, `90m` or `1h`."),
        ("P --duration ''", "`` isn't a duration"),
        ("P --duration -5", "`-5` isn't a duration"),
        ("P --as 1a", "`1a` isn't a valid variable name."),
        ("P --as class", "`class` isn't a valid variable name."),
        ("P --as a.b", "`a.b` isn't a valid variable name."),
        ("-x", "unrecognized arguments: -x"),
        ('"P', "A quotation mark isn't closed."),
        ("P --off", "Only --login, --logout and --explain can be combined with a profile's name."),
        (
            "P --refresh",
            "Only --login, --logout and --explain can be combined with a profile's name.",
        ),
        ("P --pick", "Only --login, --logout and --explain can be combined with a profile's name."),
        (
            "P --login --explain",
            "Use only one of --refresh, --off, --pick, --console, --login, --logout and",
        ),
        ("--refresh --off", "Use only one of"),
        ("--login --refresh", "Use only one of"),
        ("--region us-west-2", "The name of a profile is missing."),
        ("--off --yes", "The name of a profile is missing."),
        ("--role-arn ''", "The name of a profile is missing."),
        ("--cell", "The name of a profile is missing."),
        ("P --explain --yes", "--explain can't be combined with the options of a switch."),
        ("P --explain --cell", "--explain can't be combined with the options of a switch."),
    ],
)
def test_refused(line: str, message: str) -> None:
    """Wrong values and conflicting options are refused with a message."""
    with pytest.raises(InvalidOption) as raised:
        switch_request(options_of(line))
    assert message in str(raised.value)


def test_repeated_options() -> None:
    """If a second tag has no option, the error says to write it, and that works."""
    with pytest.raises(InvalidOption, match="unrecognized arguments: job=etl") as raised:
        options_of("P --tag team=red job=etl")
    assert raised.value.hint.startswith("Write `--tag` before each value.")
    tags = options_of("P --tag team=red --tag job=etl").tags
    assert tags == [("team", "red"), ("job", "etl")]


@pytest.mark.parametrize("line", ["x --into df", "--workers 2", "--no-progress", "x --yes"])
def test_options_of_a_cell(line: str) -> None:
    """The options of a cell magic are refused in the line magic."""
    options = parse(AwsProfileMagics.aws_profiles, line)
    with pytest.raises(InvalidOption, match="need a cell"):
        require_no_cell_options(options)
