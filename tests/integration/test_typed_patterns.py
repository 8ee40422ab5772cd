"""Patterns for profiles that don't match anything: their advice matches profiles."""

from __future__ import annotations

from typing import Any

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, add_role
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

ROLE = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"

ALL = ["one-dev", "two-dev", "one-prod", "two-prod"]

#: Patterns with the syntax of other tools, the pattern in their advice, and its profiles.
PATTERNS = {
    "dev prod": ("dev,prod", ALL),
    "*.dev": ("*dev", ["one-dev", "two-dev"]),
    ".*dev.*": ("*dev*", ["one-dev", "two-dev"]),
    "region=eu-west-3 account=123456789012": ("eu-west-3 123456789012", ALL),
    "^one": ("one*", ["one-dev", "one-prod"]),
    "dev$": ("*dev", ["one-dev", "two-dev"]),
    "one_*": ("one*", ["one-dev", "one-prod"]),
    "| grep dev": ("dev", ["one-dev", "two-dev"]),
    "one-dev two-prd": ("one-dev,two-prod", ["one-dev", "two-prod"]),
    "one-prod *-dev": ("one-prod,*-dev", ["one-prod", "one-dev", "two-dev"]),
    "*-prod;": ("*-prod", ["one-prod", "two-prod"]),
    "*-prod.": ("*-prod", ["one-prod", "two-prod"]),
    "*-prod; one-dev": ("*-prod,one-dev", ["one-prod", "two-prod", "one-dev"]),
    "one-dev nothing": ("one-dev", ["one-dev"]),
    "'! *-dev'": ("", []),
    "nothing": ("", []),
    "*nothing*": ("", []),
}


@pytest.fixture
def profiles(aws: EmbeddedAws) -> None:
    """Add four profiles with a role to the files."""
    for name in ALL:
        add_role(aws, name, "*", region="eu-west-3")


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(("typed", "advice"), PATTERNS.items())
def test_patterns_without_a_match(shell: Shell, typed: str, advice: tuple[str, list[str]]) -> None:
    """A list and a cell for a pattern that matches nothing name a pattern that matches."""
    meant, names = advice
    text = shell.good(f"%aws_profiles {typed}").text
    hint = shell.refused(f"%%aws_profiles {typed}\n1").hint
    if not meant:
        assert "Did you mean" not in text + hint
        return
    assert text.splitlines()[-1].strip() == hint
    *unknown, right = code_in(hint)
    assert right == meant
    for word in unknown:
        assert word in typed
        assert shell.good(f"%aws_profiles {word}").text.startswith("0 profiles")
    assert shell.good(f"%aws_profiles {right}").text.startswith(f"{len(names)} profile")
    frame = shell.good(f"%%aws_profiles {right}\nprofile").result
    assert list(frame["profile"]) == names


#: Lines whose pattern contains options or leaves out profiles, and what their advice runs.
EXCLUDING = {
    "*-dev !one-dev": ["two-dev"],
    "*-dev,!one-dev": ["two-dev"],
    "*-dev, ! one-dev --read-only": ["two-dev"],
    "*-dev not one-dev": ["two-dev"],
    "*-dev except one-dev --read-only": ["two-dev"],
    "*-dev -one-dev": ["two-dev"],
    "* -*-dev": ["UserAlpha", "RoleBeta", "one-prod", "two-prod"],
    "*-dev exclude one-dev": ["two-dev"],
    "*-dev,*-prod --exclude *-[px]rod one-dev": ["two-dev"],
    "*-dev read_only=True": ["one-dev", "two-dev"],
    "one-dev, read_only=True --exclude two-dev": ["one-dev"],
    "one-dev regions=eu-west-1,eu-west-3 read_only=True": ["one-dev", "one-dev"],
    "one-dev --region=eu-west-1 read_only=True": ["one-dev"],
}


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("typed", EXCLUDING)
def test_a_pattern_with_options(shell: Shell, typed: str) -> None:
    """Advice for a pattern with options keeps the pattern, the limits and what to leave out."""
    (line,) = code_in(shell.refused(f"%%aws_profiles {typed}\n1").hint)
    assert ("--read-only" in line) == ("read" in typed)
    frame = shell.good(f"{line} --no-progress\nsession.region_name").result
    assert list(frame["profile"]) == EXCLUDING[typed]
    regions = {
        word for word in typed.replace("=", ",").replace(" ", ",").split(",") if "eu-" in word
    }
    assert set(frame["value"]) == regions or not regions


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("options", ["--into b", "--exclude one-dev", "--read-only --into b"])
@pytest.mark.parametrize("pattern", ["*-dev,nothing", "*-dev, nothing", "nothing,*-dev"])
def test_an_unknown_name_with_options(shell: Shell, pattern: str, options: str) -> None:
    """The hint for an unknown name doesn't repeat the line, but lists the profiles."""
    error = shell.refused(f"%%aws_profiles {pattern} {options}\n1")
    assert str(error) == "No profile matches `nothing`."
    line, function = code_in(error.hint)
    assert "two-prod" in shell.good(line).text
    shell.good("from ipy_awsprofile import list_profiles")
    assert "two-prod" in shell.good(function).result
    close = shell.refused(f"%%aws_profiles *-dev,one-prd {options}\n1").hint
    assert code_in(close)[0] == "one-prod"


@pytest.mark.usefixtures("profiles")
def test_exclusions_in_python(shell: Shell) -> None:
    """The advice in Python leaves out the profile, and a misspelled name isn't run instead."""
    shell.good("from ipy_awsprofile import across_profiles")
    hint = shell.refused("across_profiles('*-dev,!one-dev', repr, progress=False)").hint
    *_, passed = code_in(hint)
    selecting, excluding = passed.split(", ")
    frame = shell.good(f"across_profiles({selecting}, repr, {excluding}, progress=False)").result
    assert list(frame["profile"]) == ["two-dev"]
    hint = shell.refused("%%aws_profiles *-dev not one-dve --read-only\n1").hint
    assert "one-" not in hint
    assert "add `--exclude PATTERN` to the first line" in hint


@pytest.mark.parametrize("typed", ["{regions}", "us-east-1;us-west-2", "us-east-1, us-west-2"])
def test_regions_of_a_list(shell: Shell, aws: EmbeddedAws, typed: str) -> None:
    """No Region is lost if `--regions` has a Python list, semicolons or spaces."""
    shell.good("regions = ['us-east-1', 'us-west-2']")
    line = f"%%aws_profiles RoleBeta --no-progress --read-only --regions {typed}"
    if ";" not in typed:
        (line,) = code_in(shell.refused(f"{line}\n1").hint)
    assert "--read-only" in line
    frame = shell.good(f"{line}\nsession.region_name").result
    assert list(frame["value"]) == ["us-east-1", "us-west-2"]


@pytest.mark.parametrize("option", ["--as s", "--duration 30m", "--session-name audit"])
def test_options_of_a_switch(shell: Shell, aws: EmbeddedAws, option: str) -> None:
    """A cell for many profiles says what replaces an option of a switch."""
    hint = shell.refused(f"%%aws_profiles RoleBeta* {option}\n1").hint
    _, _, instead = code_in(hint)
    cell = "%%aws_profiles RoleBeta* --no-progress\nsession.get_credentials(); {}.profile_name"
    if "=" in instead:
        value = {"--duration": "1800", "--session-name": "audit"}[option.split(maxsplit=1)[0]]
        name = instead.partition(" =")[0]
        role: Any = {"source_profile": "UserAlpha", "role_arn": ROLE, "region": "us-west-2"}
        aws.write_profile("Limited", **role | {name: value})
        cell = cell.replace("RoleBeta", "Limited")
        instead = "session"
    assert shell.good(cell.format(instead)).result.value.tolist() == [cell.split()[1].rstrip("*")]


@pytest.mark.parametrize("line", ["%aws_profile RoleBeta", "%aws_profiles"])
def test_options_of_the_cli(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """The AWS CLI's `--output` is to be left out, and then the line works."""
    hint = shell.refused(f"{line} --output json").hint
    assert hint.startswith("`output` is an option of the AWS CLI. Leave it out.")
    shell.good(line)
    shell.good("from ipy_awsprofile import list_profiles")
    for code in code_in(hint)[1:]:
        assert "RoleBeta" in shell.good(code).result
