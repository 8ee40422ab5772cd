"""How a magic's line is read, and which lines are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.config.request import SwitchRequest, arguments, options_of
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.magic import AwsProfileMagics
from ipy_awsprofile.notebook.options import chosen, joined, parse

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


def request_in(line: str) -> SwitchRequest:
    """Return the request that a line of ``%aws_profile`` describes."""
    options = parse(AwsProfileMagics.aws_profile, line)
    return SwitchRequest(joined(options.profile), **chosen(options, SwitchRequest))


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("P --region=eu-west-1", {"region": "eu-west-1"}),
        ("--yes P", {"confirmed": True}),
        ("P --read --as größe", {"read_only": True, "variable": "größe"}),
        ("P --duration 90m --mfa", {"duration": "90m", "mfa": True}),
        ("P --tag team=red --tag job=etl", {"tags": ("team=red", "job=etl")}),
        ("my profile", {"profile": "my profile"}),
        ('"my profile"', {"profile": "my profile"}),
        ("-- -dash", {"profile": "-dash"}),
        (r"team\dev", {"profile": r"team\dev"}),
        ("P # as it was", {}),
        ("'P # 1' # it's mine", {"profile": "P # 1"}),
        ("--role-arn A --source-profile S", {"profile": None, "role_arn": "A"}),
    ],
)
def test_requests(line: str, changes: dict[str, Any]) -> None:
    """Options, quotation marks and comments are read as in a shell, and prefixes are enough."""
    request = request_in(line)
    for name, value in ({"profile": "P"} | changes).items():
        assert getattr(request, name) == value


def test_every_option_and_its_line() -> None:
    """Each option of a switch can be typed, and the line of a request gives the request again."""
    for name, one in options_of(SwitchRequest).items():
        value: Any = ("a b",) if one.is_repeated else "x" if one.metavar else True
        request = SwitchRequest("my profile", **{name: value})
        assert request_in(arguments(request)) == request


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("P --region", "expected one argument"),
        ("P --regoin x", "unrecognized arguments: --regoin"),
        ("P --re x", "ambiguous option: --re could match --region, --read-only, --refresh"),
        ('"P', "No closing quotation"),
        ("P --as 1a", "`1a` isn't a valid variable name."),
        ("RoleBeta --duration soon", "`soon` can't be the DurationSeconds."),
        ("P --off", "--off takes neither a name nor an option of a switch."),
        ("P --console s3", "--console takes neither"),
        ("--refresh --off", "argument --off: not allowed with argument --refresh"),
        ("P --save x --login", "argument --login: not allowed with argument --save"),
        ("--region us-west-2", "The name of a profile is missing."),
        ("--off --yes", "The name of a profile is missing."),
    ],
)
def test_refused(shell: Shell, aws: EmbeddedAws, line: str, message: str) -> None:
    """A line that can't be read is refused, mostly in argparse's words, with the next step."""
    error = shell.refused(f"%aws_profile {line}")
    assert isinstance(error, InvalidOption)
    assert message in str(error)
    assert "session" not in shell.names


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(shell: Shell, option: str) -> None:
    """`-h` shows the options that `?` shows, and runs nothing, not even a cell."""
    for magic in ("aws_profile", "aws_profiles", "aws_calls"):
        shown = shell.good(f"%{magic} {option}").text
        assert shown.startswith(f"%{magic} [--")
        assert shown in shell.ip.find_line_magic(magic).__doc__
    for magic in ("%%aws_profile", "%%aws_profiles"):
        shell.good(f"{magic} RoleBeta {option}\nx = 1")
    assert not {"session", "x"} & shell.names.keys()
