"""Tab completion of profiles, options and Regions, through IPython's own completer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.completer import provisionalcompleter

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

OPTIONS = {
    "--region",
    "--as",
    "--duration",
    "--session-name",
    "--yes",
    "--refresh",
    "--explain",
    "--off",
}


@pytest.mark.parametrize(
    ("cell", "offered"),
    [
        ("%aws_profile ", ["UserAlpha", "RoleBeta"]),
        ("%aws_profile R", ["RoleBeta"]),
        ("%aws_profile role", ["RoleBeta"]),
        ("%aws_profile   R", ["RoleBeta"]),
        ("%%aws_profile ", ["UserAlpha", "RoleBeta"]),
        ("%%aws_profile U", ["UserAlpha"]),
        ("x = %aws_profile R", ["RoleBeta"]),
        ("x=%aws_profile R", ["RoleBeta"]),
        ("import os\n%aws_profile R", ["RoleBeta"]),
        ("if True:\n    %aws_profile R", ["RoleBeta"]),
        ("%aws_profile UserAlpha\n%aws_profile R", ["RoleBeta"]),
        ("%aws_profile --region us-west-2 R", ["RoleBeta"]),
        ("%aws_profile --yes R", ["RoleBeta"]),
        ("%aws_profile RoleBeta --region us-w", ["us-west-1", "us-west-2"]),
        ("%%aws_profile RoleBeta --region us-w", ["us-west-1", "us-west-2"]),
        ("%aws_profile RoleBeta --re", ["--region", "--read-only", "--refresh"]),
        ("%%aws_profile RoleBeta --re", ["--region", "--read-only", "--refresh"]),
        ("%aws_profile --refresh --re", ["--region", "--read-only"]),
        ("%%aws_profiles R", ["RoleBeta"]),
        ("%%aws_profiles RoleBeta --in", ["--into"]),
        ("%aws_profiles RoleBeta --in", ["--into"]),
    ],
)
def test_offered(shell: Shell, aws: EmbeddedAws, cell: str, offered: list[str]) -> None:
    """Tab offers profiles, options and Regions in every place where the magic can be."""
    assert shell.completions(cell) == offered


@pytest.mark.parametrize("cell", ["%aws_profile -", "%%aws_profile -", "%aws_profile RoleBeta --"])
def test_every_option(shell: Shell, aws: EmbeddedAws, cell: str) -> None:
    """After a dash, Tab offers every option except the internal `--cell`."""
    offered = set(shell.completions(cell))
    assert offered >= OPTIONS
    assert "--cell" not in offered


def test_every_option_of_a_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """After ``%%aws_profiles``, Tab offers the options of that magic only."""
    offered = set(shell.completions("%%aws_profiles -"))
    assert offered >= {"--into", "--workers", "--no-progress", "--yes"}
    assert "--region" not in offered


def test_in_the_middle_of_a_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """Text after the cursor and on other lines makes no difference."""
    before = "x = 1\n%aws_profile R"
    assert shell.completions(f"{before} --yes\nprint(x)", at=len(before)) == ["RoleBeta"]


def test_a_pattern_can_be_a_role(shell: Shell, aws: EmbeddedAws) -> None:
    """Where a pattern is expected, Tab offers the names first, then each role once."""
    for name in ("one", "two"):
        aws.write_profile(name, sso_account_id="1", sso_role_name="ReadOnlyAccess")
    assert shell.completions("%aws_profiles R") == ["RoleBeta", "ReadOnlyAccess"]
    assert shell.completions("%aws_profile R") == ["RoleBeta"]


def test_replaces_what_is_typed(shell: Shell, aws: EmbeddedAws) -> None:
    """A completion replaces the word before the cursor, including its quotation mark."""
    aws.write_profile("my profile")
    cell = '%aws_profile "my pr'
    with provisionalcompleter():
        (found,) = shell.ip.Completer.completions(cell, len(cell))
    assert cell[: found.start] + found.text + cell[found.end :] == '%aws_profile "my profile"'


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        "aws_profile R",
        "%aws_profileR",
        "print('%aws_profile R",
        "%timeit R",
        "%%aws_profile UserAlpha\nR",
        "x = 1\n%%aws_profile R",
        "%aws_profile --as R",
        "%aws_profile --duration R",
        "%aws_profile --session-name R",
        "%%aws_profiles UserAlpha --into R",
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
        ("'say \"x\" y'", 'say "x" y', "'say \"x\" y'"),
        ("größe/δ", "größe/δ", "größe/δ"),
        ("team/dev@corp+1", "team/dev@corp+1", "team/dev@corp+1"),
        ("-dash", "-dash", "-- -dash"),
        ('"-dash and space"', "-dash and space", '-- "-dash and space"'),
        ('"a\'b\\"c"', "a'b\"c", "'a'\"'\"'b\"c'"),
        ("a{1/0}b", "a{1/0}b", "a{{1/0}}b"),
        ("cost$shell.$x", "cost$shell.$x", "cost$$shell.$$x"),
        ('"$ {1}"', "$ {1}", '"$ {{1}}"'),
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


def test_broken_files_offer_nothing(shell: Shell, aws: EmbeddedAws) -> None:
    """While a file is malformed, Tab offers no profiles and raises no error."""
    aws.config_file.write_text("nonsense\n")
    assert "RoleBeta" not in shell.completions("%aws_profile R")


def test_files_are_read_when_asked(shell: Shell, aws: EmbeddedAws) -> None:
    """Tab offers a profile that has just been added."""
    aws.write_profile("Newcomer")
    assert shell.completions("%aws_profile New") == ["Newcomer"]


def test_tab_calls_nobody(shell: Shell, aws: EmbeddedAws) -> None:
    """Completion doesn't call AWS."""
    shell.completions("%aws_profile ")
    shell.completions("%aws_profile RoleBeta --region ")
    assert aws.calls == []
