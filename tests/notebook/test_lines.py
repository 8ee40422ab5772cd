"""How a magic's line is read and completed, and which lines are refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ipy_awsprofile.config.request import SwitchRequest, arguments, options_of
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.magic import AwsProfileMagics
from ipy_awsprofile.notebook.options import chosen, joined, parse
from tests.aws import EmbeddedAws
from tests.shells import Shell


def request_in(line: str) -> SwitchRequest:
    """Return the request that a line of ``%aws_profile`` describes."""
    options = parse(AwsProfileMagics.aws_profile.parser, line)
    return SwitchRequest(joined(options.profile), **chosen(options, SwitchRequest))


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("P --read --as größe", {"read_only": True, "variable": "größe"}),
        ("my profile", {"profile": "my profile"}),
        ("P\xa0--region\xa0us-west-2", {"region": "us-west-2"}),
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
    for name, option in options_of(SwitchRequest).items():
        value: Any = "x" if option.metavar else True
        if name == "expect_account":
            value = "123456789012"
        request = SwitchRequest("my profile", **{name: value})
        assert request_in(arguments(request)) == request


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("P --regoin x", "unrecognized arguments: --regoin"),
        ("P --re x", "ambiguous option: --re could match --region, --read-only, --refresh"),
        ("P --as 1a", "`1a` isn't a valid variable name."),
        ("RoleBeta --as list", "`list` is the name of a Python built-in"),
        ("RoleBeta --read-only --write", "combined"),
        ("RoleBeta --duration soon", "`soon` isn't a valid duration_seconds."),
        ("P --off", "--off doesn't accept a profile's name or the options of a switch."),
        ("--refresh --off", "--refresh and --off can't be combined."),
        ("--region us-west-2", "The name of a profile is missing."),
        ("--off --yes", "--off doesn't accept a profile's name or the options of a switch."),
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
        assert shown.startswith(f"%{magic} [")
        assert shown in shell.ip.find_line_magic(magic).__doc__
        assert "<" not in shown
    for magic in ("%%aws_profile", "%%aws_profiles"):
        shell.good(f"{magic} RoleBeta {option}\nx = 1")
    assert not {"session", "x"} & shell.names.keys()
    shown = shell.good(f"%aws_profile {option}").text
    assert "--console [SERVICE]\n" in shown
    common, others = shown.split("\n\n")[-3:-1]
    assert {"--region", "--off", "--as"} <= set(re.findall("^  (--[a-z]+)", common, re.M))
    assert "--external-id" in others
    assert "With --save or the first --share, write" in " ".join(common.split())


# Tab ---


@pytest.mark.parametrize(
    ("cell", "offered"),
    [
        ("%aws_profile ", ["UserAlpha", "RoleBeta"]),
        ("%aws_profile role", ["RoleBeta"]),
        ("x = %aws_profile R", ["RoleBeta"]),
        ("if True:\n    %aws_profile R", ["RoleBeta"]),
        ("%aws_profile --region us-west-2 R", ["RoleBeta"]),
        ("%aws_profile --source-profile U", ["UserAlpha"]),
        ("%%aws_profile RoleBeta --region us-w", ["us-west-1", "us-west-2"]),
        ("%aws_profile RoleBeta --re", ["--region", "--read-only", "--refresh"]),
        ("%aws_profile --refresh --re", ["--region", "--read-only"]),
        ("%%aws_profiles RoleBeta --in", ["--into"]),
        ("%%aws_profiles R* --regions ca-c", ["ca-central-1"]),
        ("%%aws_profiles R* --regions us-east-1,ca-c", ["us-east-1,ca-central-1"]),
        ("%%aws_profiles UserAlpha,R", ["UserAlpha,RoleBeta"]),
        ("%aws_calls --d", ["--denied"]),
        ("%aws_calls c", ["clear"]),
        ("%aws_profile pri", ["pri"]),
        ("%aws_profile RoleBeta --session-name pri", ["pri"]),
    ],
)
def test_offered(shell: Shell, aws: EmbeddedAws, cell: str, offered: list[str]) -> None:
    """Tab offers profiles, options and Regions wherever the magic can be, without calling AWS.

    A word that nothing completes stays as it is, rather than a name of Python's.
    """
    assert shell.completions(cell) == offered
    assert aws.calls == []


def test_in_the_middle_of_a_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """Text after the cursor and on other lines makes no difference."""
    before = "x = 1\n%aws_profile R"
    assert shell.completions(f"{before} --yes\nprint(x)", at=len(before)) == ["RoleBeta"]


@pytest.mark.parametrize("cell", ["%%aws_profile UserAlpha\nR", "%aws_profile --session-name R"])
def test_not_offered(shell: Shell, aws: EmbeddedAws, cell: str) -> None:
    """Elsewhere, and as the value of another option, Tab offers no profile."""
    shell.ip.Completer.use_jedi = False  # takes seconds
    assert "RoleBeta" not in shell.completions(cell)


def test_names_to_quote(shell: Shell, aws: EmbeddedAws) -> None:
    """Tab offers a profile that was just added as it must be written, and it works like that."""
    names = {
        "my profile": '"my profile"',
        "it's": '"it\'s"',
        "team/dev@corp+1": "team/dev@corp+1",
        "team#1": '"team#1"',
    }
    role = "arn:aws:iam::123456789012:role/RoleBeta"
    aws.write_profile("new", role_arn=role, source_profile="UserAlpha", region="us-west-2")
    config = aws.config_file.read_text()
    for name, written in names.items():
        aws.config_file.write_text(config.replace("[profile new]", f'[profile "{name}"]'))
        assert written in shell.completions("%aws_profile ")
        assert shell.completions(f"%aws_profile {written[:5]}") == [written]
        assert shell.good(f"%aws_profile {written}").text.startswith(f"{name} ← UserAlpha")
