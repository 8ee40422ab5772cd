"""Tab completion of profiles, roles, options and Regions, through IPython's own completer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.completer import provisionalcompleter

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


@pytest.mark.parametrize(
    ("cell", "offered"),
    [
        ("%aws_profile ", ["UserAlpha", "RoleBeta"]),
        ("%aws_profile role", ["RoleBeta"]),
        ("%%aws_profile U", ["UserAlpha"]),
        ("x = %aws_profile R", ["RoleBeta"]),
        ("if True:\n    %aws_profile R", ["RoleBeta"]),
        ("%aws_profile --region us-west-2 R", ["RoleBeta"]),
        ("%aws_profile --yes R", ["RoleBeta"]),
        ("%aws_profile --source-profile U", ["UserAlpha"]),
        ("%%aws_profile RoleBeta --region us-w", ["us-west-1", "us-west-2"]),
        ("%aws_profile RoleBeta --re", ["--region", "--read-only", "--refresh"]),
        ("%aws_profile --refresh --re", ["--region", "--read-only"]),
        ("%%aws_profiles R", ["RoleBeta"]),
        ("%%aws_profiles RoleBeta --in", ["--into"]),
        ("%aws_calls c", ["clear"]),
    ],
)
def test_offered(shell: Shell, aws: EmbeddedAws, cell: str, offered: list[str]) -> None:
    """Tab offers profiles, options and Regions wherever the magic can be, without calling AWS."""
    assert shell.completions(cell) == offered
    assert aws.calls == []


def test_in_the_middle_of_a_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """Text after the cursor and on other lines makes no difference."""
    before = "x = 1\n%aws_profile R"
    assert shell.completions(f"{before} --yes\nprint(x)", at=len(before)) == ["RoleBeta"]


@pytest.mark.parametrize(
    "cell",
    [
        "%aws_profileR",
        "%timeit R",
        "%%aws_profile UserAlpha\nR",
        "%aws_profile --as R",
        "%aws_profile --session-name R",
    ],
)
def test_not_offered(shell: Shell, aws: EmbeddedAws, cell: str) -> None:
    """Elsewhere, and as the value of another option, Tab offers no profile."""
    assert "RoleBeta" not in shell.completions(cell)


@pytest.mark.parametrize(
    ("header", "name", "written"),
    [
        ('"my profile"', "my profile", '"my profile"'),
        ('"it\'s"', "it's", '"it\'s"'),
        ("team/dev@corp+1", "team/dev@corp+1", "team/dev@corp+1"),
        ('"-dash and space"', "-dash and space", '-- "-dash and space"'),
        ("a{1/0}b", "a{1/0}b", "a{{1/0}}b"),
        ('"team#1"', "team#1", '"team#1"'),
    ],
)
def test_odd_names(shell: Shell, aws: EmbeddedAws, header: str, name: str, written: str) -> None:
    """The text that Tab inserts for an odd name switches to that profile."""
    aws.write_profile(
        "placeholder",
        role_arn="arn:aws:iam::123456789012:role/RoleBeta",
        source_profile="UserAlpha",
        region="us-west-2",
    )
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("placeholder", header))
    assert written in shell.completions("%aws_profile ")
    assert shell.good(f"%aws_profile {written}").text.startswith(f"{name} ← UserAlpha")
    cell = f"%aws_profile {written.rstrip(chr(34))[:-2]}"
    with provisionalcompleter():
        found = next(iter(shell.ip.Completer.completions(cell, len(cell))))
    assert name in cell[: found.start] + found.text.replace("{{", "{").replace("}}", "}")


def test_files_are_read_when_asked(shell: Shell, aws: EmbeddedAws) -> None:
    """Tab offers a profile that was just added, and nothing while a file is malformed."""
    aws.write_profile("Newcomer")
    assert shell.completions("%aws_profile New") == ["Newcomer"]
    aws.config_file.write_text("nonsense\n")
    assert "RoleBeta" not in shell.completions("%aws_profile R")
