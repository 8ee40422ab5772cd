"""Words that turn an option off, name one Region or combine patterns: each hint selects that."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.shells import Shell

PUT = "session.client('s3').put_object(Bucket='my-first-bucket', Key='k', Body=b'')"


@pytest.mark.parametrize("word", ["off", "no", "false", "False"])
def test_a_limit_that_is_turned_off(shell: Shell, aws: EmbeddedAws, word: str) -> None:
    """`--read-only off` never gets a line that limits the session."""
    shell.good("%aws_profile RoleBeta --read-only")
    hint = shell.refused(f"%aws_profile RoleBeta --read-only {word}").hint
    assert "To turn `--read-only` off, leave it out." in hint
    *_, line = code_in(shell.refused(f"%aws_profile --read-only {word}").hint)
    assert line == "%aws_profile RoleBeta --write"
    for written in (line, "%aws_profile RoleBeta"):
        shell.good("%aws_profile RoleBeta --read-only")
        assert shell.run(PUT).error
        shell.good(written)
        shell.good(PUT)


def test_a_limit_that_is_turned_on(shell: Shell, aws: EmbeddedAws) -> None:
    """`--read-only yes` gets the option without the word, and without a confirmation."""
    (line,) = code_in(shell.refused("%aws_profile RoleBeta --read-only yes").hint)
    assert line == "%aws_profile RoleBeta --read-only"
    shell.good(line)
    assert shell.run(PUT).error


@pytest.mark.parametrize("option", ["--regions us-west-1", "--regions=us-west-1"])
def test_one_region(shell: Shell, aws: EmbeddedAws, option: str) -> None:
    """`--regions` with one Region gets `--region`, with the other options of the line."""
    (line,) = code_in(shell.refused(f"%aws_profile RoleBeta --read-only {option}").hint)
    request = shell.good(f"{line}\nsession.target.request").result
    assert (request.region, request.read_only) == ("us-west-1", True)


@pytest.mark.parametrize("regions", ["us-west-1,us-west-2", "us-west-1 us-west-2"])
def test_several_regions(shell: Shell, aws: EmbeddedAws, regions: str) -> None:
    """`--regions` with several Regions gets the first line of a cell with code."""
    assert "has `--regions`" not in shell.refused("%aws_profile RoleBeta --regions").hint
    hint = shell.refused(f"%aws_profile RoleBeta --regions {regions}").hint
    *_, line = code_in(hint)
    assert "above the code of a cell" in hint
    assert len(shell.good(f"{line}\nsession.region_name").result) == 2


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("UserA OR RoleB", "UserA,RoleB"),
        ("UserA or RoleB", "UserA,RoleB"),
        ("UserA || RoleB", "UserA,RoleB"),
        ("'RoleB' AND 'atlas'", "RoleB,atlas"),
        ("atlas and dev", "atlas dev"),
        ("%-dev", "*-dev"),
        ("atlas%", "atlas*"),
    ],
)
def test_operators(shell: Shell, aws: EmbeddedAws, pattern: str, meant: str) -> None:
    """`or`, `and` and `%` of SQL get the pattern with the same meaning, in cells and in lists."""
    seed_organisation(aws, 2)
    aws.write_profile("borealis", source_profile="UserAlpha", region="us-west-2")
    (written,) = code_in(shell.refused(f"%%aws_profiles {pattern}\n1").hint)
    assert written == meant
    assert f"`{meant}`" in shell.good(f"%aws_profiles {pattern}").text
    names = set(shell.good(f"%%aws_profiles {written}\n1").result["profile"])
    assert names
    assert "borealis" not in names


def test_a_placeholder_as_a_region(shell: Shell, aws: EmbeddedAws) -> None:
    """The `R` of the usage in place of a Region gets a line on the card and in `--explain`."""
    says = "`R` isn't a Region that botocore knows."
    assert says in shell.good("%aws_profile RoleBeta --region R").text
    assert says in shell.good("%aws_profile --explain RoleBeta --region R").text


def test_a_portal_without_a_scheme(shell: Shell, aws: EmbeddedAws) -> None:
    """`--explain` says that the address of a sign-in's portal needs `https://`."""
    aws.write_profile("etl", sso_session="c2", sso_account_id="123456789012", sso_role_name="Etl")
    section = "\n[sso-session c2]\nsso_region = us-east-1\nsso_start_url = "
    text = aws.config_file.read_text() + section
    aws.config_file.write_text(f"{text}example.awsapps.com/start\n")
    says = "`sso_start_url` needs a scheme and a host"
    assert says in shell.good("%aws_profile --explain etl").text
    aws.config_file.write_text(f"{text}https://example.awsapps.com/start\n")
    assert says not in shell.good("%aws_profile --explain etl").text
