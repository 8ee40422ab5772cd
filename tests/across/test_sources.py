"""Roles share their sources: one call for each, one code per MFA device, and one sign-in."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from ipy_awsprofile import across_profiles
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, Scenario, allow, trusting
from tests.across.runs import ASSUME, account_of, actions, bucket_count, errors_of
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, TEST, TWIN, organisation
from tests.local_browser import Browser
from tests.roles import add_mfa_role
from tests.servers import answering_server
from tests.shells import Shell


def add_spokes(aws: EmbeddedAws, source: str, trust: Any, **settings: Any) -> list[str]:
    """Create five roles that are assumed from a profile; return the names of their profiles."""
    names = [f"spoke-{number}" for number in range(5)]
    for name in names:
        arn = aws.iam.create_role(name, account=ROLE_ACCOUNT, trust=trust, policy=allow("s3:*"))
        aws.write_profile(name, source_profile=source, role_arn=arn, region="us-west-2", **settings)
    return names


def run(names: Any, function: Any = str) -> None:
    """Run a function that must succeed for all profiles."""
    frame = across_profiles(names, function, progress=False)
    assert frame.attrs["errors"] == []
    assert list(frame["profile"]) == list(names)


@pytest.fixture
def hub(aws: EmbeddedAws, scenario: Scenario) -> str:
    """Create the role profile Hub, from which other roles are assumed; return its ARN."""
    arn = aws.iam.create_role(
        "Hub", account=USER_ACCOUNT, trust=trusting(scenario.user.arn), policy=allow("*")
    )
    aws.write_profile("Hub", source_profile="UserAlpha", role_arn=arn)
    return arn


def test_hub_is_assumed_once(aws: EmbeddedAws, hub: str) -> None:
    """Roles with the same hub role need one call each and one for the hub, or none if cached."""
    names = add_spokes(aws, "Hub", trusting(hub))
    run(names, bucket_count)
    assert actions(aws) == {ASSUME: len(names) + 1, "s3:ListAllMyBuckets": len(names)}
    for file in (aws.home / ".aws" / "cli" / "cache").glob("*.json"):
        if "role/Hub/" in file.read_text():
            file.unlink()
    aws.calls.clear()
    run(names)
    assert actions(aws) == {}  # cached roles don't need their hub


def test_hub_that_fails_fails_once(aws: EmbeddedAws, hub: str) -> None:
    """A hub role that can't be assumed is tried once, and all its roles get the error."""
    aws.write_profile("Shut", source_profile="UserAlpha", role_arn=f"{hub}-shut")
    errors = errors_of(add_spokes(aws, "Shut", trusting(hub)), str)
    assert {error["error"] for error in errors} == {"AccessDenied"}
    (message,) = {error["message"] for error in errors}
    assert message.startswith("AWS denied AssumeRole for `Shut`")
    assert f"{hub}-shut" in message
    assert actions(aws) == {ASSUME: 1}


class BusySts:
    """STS that throttles every third call, and remembers how many calls it had at once."""

    ASSUMED = (
        "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser>"
        "<Arn>arn:aws:sts::111111111111:assumed-role/spoke/s</Arn><AssumedRoleId>A:s</AssumedRoleId>"
        "</AssumedRoleUser><Credentials><AccessKeyId>ASIAK</AccessKeyId>"
        "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        "<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
        "</AssumeRoleResponse>"
    )
    THROTTLED = (
        "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
        "</ErrorResponse>"
    )

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = self._at_once = self.most = 0

    def answer(self, _request: str) -> tuple[int, str]:
        """Answer a call after the time that STS takes."""
        with self._lock:
            self._calls += 1
            self._at_once += 1
            self.most = max(self.most, self._at_once)
            is_third = self._calls % 3 == 0
        time.sleep(0.05)
        with self._lock:
            self._at_once -= 1
        return (400, self.THROTTLED) if is_third else (200, self.ASSUMED)


def test_throttled(aws: EmbeddedAws) -> None:
    """Every role answers even if STS throttles calls, and STS gets at most 16 calls at once."""
    sts = BusySts()
    names = [f"spoke-{number:02}" for number in range(24)]
    with answering_server(sts.answer) as url:
        for name in names:
            arn = f"arn:aws:iam::111111111111:role/{name}"
            settings: Any = {"role_arn": arn, "endpoint_url": url, "region": "us-west-2"}
            aws.write_profile(name, source_profile="UserAlpha", **settings)
        run(names)
    assert sts.most <= 16


# MFA ----------------------------------------------------------------------------------------------


@pytest.fixture
def device(aws: EmbeddedAws) -> str:
    """Create the profile AuditorUser with an MFA device; return the device's serial number."""
    return add_mfa_role(aws, "Auditor")


@pytest.fixture
def guarded(aws: EmbeddedAws, device: str) -> list[str]:
    """Create roles that require a code of the device; return the names of their profiles."""
    trust = trusting(f"arn:aws:iam::{USER_ACCOUNT}:user/AuditorUser", mfa=True)
    names = add_spokes(aws, "AuditorUser", trust, mfa_serial=device)
    source: Any = {"source_profile": "AuditorUser", "mfa_serial": device}
    arn = f"arn:aws:iam::{ROLE_ACCOUNT}:role/{names[0]}"
    aws.write_profile("elsewhere", role_arn=arn, region="eu-central-1", **source)
    return [*names, "elsewhere"]


@pytest.fixture
def asked(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer prompts in the main thread with the device's code; return the devices so far."""
    asked: list[str] = []

    def answer(question: str) -> str:
        assert threading.current_thread() is threading.main_thread()
        asked.append(question.rpartition("for ")[2].rstrip(": "))
        return aws.iam.mfa_code(asked[-1])

    monkeypatch.setattr("getpass.getpass", answer)
    return asked


def test_one_code_for_many_roles(
    aws: EmbeddedAws, device: str, guarded: list[str], asked: list[str]
) -> None:
    """A run prompts once for each device, in the main thread, and not if the roles are cached."""
    other = add_mfa_role(aws, "Other")
    run([*guarded, "Other", "RoleBeta"])
    assert sorted(asked) == sorted([device, other])
    assert actions(aws) == {"sts:GetSessionToken": 2, ASSUME: len(guarded) + 2}
    aws.calls.clear()
    run(guarded)
    assert len(asked) == 2
    assert actions(aws) == {}


def test_code_in_the_middle_of_a_chain(
    aws: EmbeddedAws, device: str, scenario: Scenario, asked: list[str]
) -> None:
    """Roles whose source role requires an MFA code share one code."""
    spokes = add_spokes(aws, "Auditor", trusting(f"arn:aws:iam::{ROLE_ACCOUNT}:role/Auditor"))
    run(spokes)
    assert asked == [device]
    assert actions(aws) == {"sts:GetSessionToken": 1, ASSUME: len(spokes) + 1}


@pytest.mark.usefixtures("asked")
def test_wrong_code(
    aws: EmbeddedAws, device: str, guarded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong code is sent to AWS once, and all roles of the device get the error."""
    wrong = "000000" if aws.iam.mfa_code(device) != "000000" else "111111"
    monkeypatch.setattr("getpass.getpass", lambda _question: wrong)
    errors = errors_of(guarded, str)
    assert {error["error"] for error in errors} == {"MfaRejected"}
    assert all("the MFA code for `AuditorUser`" in error["message"] for error in errors)
    assert wrong not in str(errors)
    assert actions(aws) == {"sts:GetSessionToken": 1}


def test_unattended_run(aws: EmbeddedAws, guarded: list[str]) -> None:
    """In an unattended run, roles that require a code fail without a call, and others work."""
    frame = across_profiles([*guarded, "RoleBeta"], lambda _: 1, progress=False)
    assert list(frame["profile"]) == ["RoleBeta"]
    assert {row["error"] for row in frame.attrs["errors"]} == {"MfaUnavailable"}
    assert actions(aws) == {ASSUME: 1}


# Sign-ins -----------------------------------------------------------------------------------------


def test_one_sign_in_for_many_roles(
    aws: EmbeddedAws, shell: Shell, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run starts a missing sign-in once for all its roles; unattended, each role is an error."""
    organisation(aws)
    roles = [f"corp:{account}/Reader" for account in (PROD, TEST, TWIN)]
    assert {error["error"] for error in errors_of(roles, account_of)} == {"SignInRequired"}
    monkeypatch.setattr("getpass.getpass", lambda _question: "")  # a user sees the output
    run(roles, account_of)
    assert len(browser.opened) == 1


@pytest.mark.usefixtures("person")
def test_one_aws_login(aws: EmbeddedAws, shell: Shell, browser: Browser) -> None:
    """A run starts a missing `aws login` sign-in once for all roles that use it."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")
    user = aws.iam.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("sts:AssumeRole"))
    aws.write_profile("Ann", login_session=user.arn, region="us-east-1")
    aws.signin.user = user
    run(add_spokes(aws, "Ann", trusting(user.arn)))
    assert len(browser.opened) == 1
