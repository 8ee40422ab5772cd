"""Patterns for profiles that don't match anything: their advice matches profiles."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import add_role
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

ALL = ["one-dev", "two-dev", "one-prod", "two-prod"]

#: Patterns with the syntax of other tools, the pattern in their advice, and its profiles.
PATTERNS = {
    "dev prod": ("dev,prod", ALL),
    "*.dev": ("*dev", ["one-dev", "two-dev"]),
    ".*dev.*": ("*dev*", ["one-dev", "two-dev"]),
    "region=eu-west-3 account=123456789012": ("eu-west-3 123456789012", ALL),
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
