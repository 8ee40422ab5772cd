"""If a profile's Region can't be used with STS, a switch fails before it prompts the user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import across_profiles, open_session
from ipy_awsprofile.config import sts_endpoint
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.region_checks import require_region
from ipy_awsprofile.errors import InvalidOption, NoProfileAnswered, NoRegion, SignInRequired
from ipy_awsprofile.explain.explain import explain
from tests.identity_center import PROD, organisation
from tests.mfa_role import answer_with_codes

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

ROLE = "arn:aws:iam::123456789012:role/RoleBeta"
KEYS = "aws_access_key_id = AKIAX\naws_secret_access_key = x\n"


def set_regions(aws: EmbeddedAws, region: str) -> None:
    """Replace the Region of every profile."""
    file = aws.config_file
    file.write_text(re.sub(r"(?m)^region = .*$", f"region = {region}", file.read_text()))


def remove_regions(aws: EmbeddedAws) -> None:
    """Remove the Region of every profile."""
    file = aws.config_file
    file.write_text(re.sub(r"(?m)^region = .*\n", "", file.read_text()))


@pytest.fixture
def asked(aws: EmbeddedAws, auditor: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Remove all Regions, answer prompts for MFA codes, and return the requested devices."""
    aws.write_profile("Keys", source_profile="AuditorUser", mfa_serial=auditor)
    text = aws.credentials_file.read_text()
    aws.credentials_file.write_text(text + text.partition("[AuditorUser]")[2].join(["[Keys]", ""]))
    aws.write_profile("Behind", source_profile="Auditor", role_arn=ROLE)
    remove_regions(aws)
    questions: list[str] = []

    def code(serial: str) -> str:
        questions.append(serial)
        return str(type(aws).mfa_code(aws, serial))

    monkeypatch.setattr(aws, "mfa_code", code)
    answer_with_codes(aws, auditor, monkeypatch)
    return questions


@pytest.mark.parametrize("switch", ["Auditor", "Auditor --duration 30m", "Keys --mfa"])
def test_no_code_without_a_region(
    shell: Shell, aws: EmbeddedAws, asked: list[str], switch: str
) -> None:
    """A missing Region fails without a prompt or a call, and the hint's command needs one code."""
    aws.calls.clear()
    error = shell.refused(f"%aws_profile {switch}")
    assert isinstance(error, NoRegion)
    assert asked == []
    assert aws.calls == []
    _, command = re.findall(r"`([^`]+)`", error.hint)
    options = switch.partition(" ")[2]
    shell.good(f"{command.replace('…', 'us-west-2')} {options}")
    assert len(asked) == 1


def test_the_profile_that_was_asked_for(shell: Shell, aws: EmbeddedAws, asked: list[str]) -> None:
    """The whole role chain uses the requested profile's Region, so the error names this profile."""
    error = shell.refused("%aws_profile Behind")
    assert str(error) == "No AWS Region is set for `Behind`."
    assert asked == []


def test_many_profiles(shell: Shell, aws: EmbeddedAws, asked: list[str]) -> None:
    """A run over many profiles doesn't prompt for a code that can't be used."""
    with pytest.raises(NoProfileAnswered) as caught:
        across_profiles(["Auditor"], lambda session: 1, progress=False)
    assert [error["error"] for error in caught.value.errors] == [NoRegion.__name__]
    assert asked == []


def test_source_with_a_region(
    shell: Shell, aws: EmbeddedAws, auditor: str, asked: list[str]
) -> None:
    """If the source profile has a Region, only profiles without a Region fail."""
    text = aws.config_file.read_text()
    header = "[profile AuditorUser]\n"
    aws.config_file.write_text(text.replace(header, f"{header}region = us-west-2\n"))
    aws.write_profile(
        "Second",
        source_profile="AuditorUser",
        role_arn="arn:aws:iam::123456789012:role/Auditor",
        mfa_serial=auditor,
        region="us-west-2",
    )
    frame = across_profiles(["Auditor", "Second"], lambda session: 1, progress=False)
    assert list(frame["profile"]) == ["Second"]
    assert [error["error"] for error in frame.attrs["errors"]] == [NoRegion.__name__]
    assert len(asked) == 1


def test_role_in_the_cache(shell: Shell, aws: EmbeddedAws) -> None:
    """A role that is in the cache needs neither a call nor a Region."""
    shell.good("%aws_profile RoleBeta\n%aws_profile --off")
    remove_regions(aws)
    aws.calls.clear()
    assert re.search(r"region +none", shell.good("%aws_profile RoleBeta").text)
    assert aws.calls == []


def test_no_sign_in_without_a_region(shell: Shell, aws: EmbeddedAws) -> None:
    """A missing Region raises an error before the sign-in that a role or a switch would need."""
    organisation(aws)
    aws.write_profile("Role", source_profile="prod-reader", role_arn=ROLE)
    with pytest.raises(SignInRequired):
        open_session("Role", region="us-west-2")
    assert isinstance(shell.refused("%aws_profile Role"), NoRegion)
    remove_regions(aws)
    assert isinstance(shell.refused("%aws_profile prod-reader"), NoRegion)
    assert isinstance(shell.refused(f"%aws_profile corp:{PROD}/Reader"), NoRegion)
    with pytest.raises(SignInRequired):  # without a switch, STS isn't called
        open_session("prod-reader")


def test_no_process_without_a_region(shell: Shell, aws: EmbeddedAws, tmp_path: Path) -> None:
    """A missing Region raises an error before a process runs, because it could prompt, too."""
    ran = tmp_path / "ran"
    aws.write_profile("Tool", credential_process=f"touch {ran}")
    assert isinstance(shell.refused("%aws_profile Tool"), NoRegion)
    assert not ran.exists()
    shell.refused("%aws_profile Tool --region us-west-2")
    assert ran.exists()


@pytest.mark.parametrize("settings", ["", "use_fips_endpoint = true\n"])
def test_own_endpoint_of_aws(shared_files: tuple[Path, Path], settings: str) -> None:
    """AWS's own endpoint has a default Region."""
    shared_files[0].write_text(f"[profile P]\n{KEYS}{settings}")
    require_region(target_of(SessionRequest(profile="P")))


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "https://sts.us-west-2.amazonaws.com"])
def test_other_endpoints(shared_files: tuple[Path, Path], endpoint: str) -> None:
    """A profile with an endpoint_url needs a Region, unless its requests aren't signed."""
    shared_files[0].write_text(f"[profile P]\n{KEYS}endpoint_url = {endpoint}\n")
    target = target_of(SessionRequest(profile="P"))
    with pytest.raises(NoRegion):
        require_region(target)
    require_region(target, signs=False)


@pytest.mark.parametrize("region", ["nonsense", "None", "US-WEST-2", "us-west"])
@pytest.mark.parametrize("profile", ["UserAlpha", "RoleBeta"])
def test_region_that_aws_cannot_have(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, profile: str, region: str
) -> None:
    """At AWS's endpoints, a switch refuses invalid Regions before any call, with a suggestion."""
    monkeypatch.setattr(sts_endpoint, "_AWS", re.compile(r"127\.0\.0\.1"))
    aws.calls.clear()
    error = shell.refused(f"%aws_profile {profile} --region {region}")
    assert isinstance(error, InvalidOption)
    assert str(error) == f"`{profile}` has an invalid AWS Region: `{region}`."
    assert aws.calls == []
    set_regions(aws, region)
    (problem,) = explain(SessionRequest(profile=profile)).problems
    assert problem.fatal
    assert problem.says == f"`{region}` isn't an AWS Region."
    assert problem.fix.partition(" See ")[0] in error.hint
    set_regions(aws, "us-west-2")
    if region == "None":
        assert "leave it out" in error.hint
        shell.good(f"%aws_profile {profile}")
    else:
        (meant, *_) = re.findall(r"[a-z]+-[a-z]+-\d", error.hint)
        shell.good(f"%aws_profile {profile} --region {meant}")


def test_endpoint_in_a_services_section(shell: Shell, aws: EmbeddedAws) -> None:
    """A switch and an explanation see an STS endpoint that only a [services] section has."""
    endpoint = re.compile("endpoint_url = (.*)\n")
    text = aws.config_file.read_text()
    url = endpoint.findall(text)[0]
    section = f"[services local]\nsts =\n  endpoint_url = {url}\n"
    aws.config_file.write_text(endpoint.sub("services = local\n", text) + section)
    set_regions(aws, "mars")
    assert explain(SessionRequest(profile="RoleBeta")).problems == ()
    shell.good("%aws_profile RoleBeta\n%aws_profile --off")
    remove_regions(aws)
    for profile in ("RoleBeta", "UserAlpha"):
        (problem,) = explain(SessionRequest(profile=profile)).problems
        assert problem.fatal
        assert problem.says.startswith(f"`{profile}` has no Region.")
    assert isinstance(shell.refused("%aws_profile UserAlpha"), NoRegion)
    with pytest.raises(NoRegion):
        open_session("RoleBeta", fresh=True)
