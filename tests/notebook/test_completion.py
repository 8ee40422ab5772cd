"""Tab completion of profiles, roles, options and Regions, through IPython's own completer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
        ("%%aws_profiles R* --regions us-east-1,ca-c", ["us-east-1,ca-central-1"]),
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
    "cell", ["%timeit R", "%%aws_profile UserAlpha\nR", "%aws_profile --session-name R"]
)
def test_not_offered(shell: Shell, aws: EmbeddedAws, cell: str) -> None:
    """Elsewhere, and as the value of another option, Tab offers no profile."""
    assert "RoleBeta" not in shell.completions(cell)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("my profile", '"my profile"'),
        ("it's", '"it\'s"'),
        ("team/dev@corp+1", "team/dev@corp+1"),
        ("team#1", '"team#1"'),
    ],
)
def test_names_to_quote(shell: Shell, aws: EmbeddedAws, name: str, written: str) -> None:
    """Tab offers a profile that was just added as it must be written, and it works like that."""
    role = "arn:aws:iam::123456789012:role/RoleBeta"
    aws.write_profile("new", role_arn=role, source_profile="UserAlpha", region="us-west-2")
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("[profile new]", f'[profile "{name}"]'))
    assert written in shell.completions("%aws_profile ")
    assert shell.completions(f"%aws_profile {written[:5]}") == [written]
    assert shell.good(f"%aws_profile {written}").text.startswith(f"{name} ← UserAlpha")


def test_a_malformed_file(shell: Shell, aws: EmbeddedAws) -> None:
    """Tab offers no profile while a file is malformed."""
    aws.config_file.write_text("nonsense\n")
    assert "RoleBeta" not in shell.completions("%aws_profile R")
