"""Roles share their sources, with one call per hub role and one code per MFA device."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from ipy_awsprofile import across_profiles
from ipy_awsprofile.across.shared_sources import SharedSources
from ipy_awsprofile.config.request import SessionRequest
from ipy_awsprofile.config.target import Target, target_of
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT, allow, trusting
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.sessions.portable import for_many_profiles
from ipy_awsprofile.sessions.session import open_session, who_am_i
from ipy_awsprofile.sessions.sign_in import begin_sign_in
from tests.mfa_role import add_mfa_role
from tests.sessions.traces import cached_roles
from tests.shells import run_aws_cli

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

ASSUME = "sts:AssumeRole"


def open_all(sources: SharedSources, names: Iterable[str]) -> dict[str, Any]:
    """Prompt first, open the profiles in threads, and return the ARN or the error of each."""
    targets = [target_of(SessionRequest(profile=name)) for name in names]
    sources.ask_person(targets)

    def opened(target: Target) -> Any:
        try:
            return who_am_i(sources.open(target)).arn
        except AwsProfileError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(names, pool.map(opened, targets), strict=True))


def actions(aws: EmbeddedAws) -> Counter[str]:
    """Return the number of calls by action."""
    return Counter(call.action for call in aws.calls)


def add_spokes(
    aws: EmbeddedAws, source: str, trusted: str, number: int = 6, **more: Any
) -> list[str]:
    """Create roles that are assumed from a profile; return the names of their profiles."""
    names = [f"spoke-{one}" for one in range(number)]
    for name in names:
        arn = aws.create_role(
            name, account=ROLE_ACCOUNT, trust=trusting(trusted), policy=allow("s3:*")
        )
        aws.write_profile(name, source_profile=source, role_arn=arn, region="us-west-2")
    return names


@pytest.fixture
def hub(aws: EmbeddedAws, scenario: Scenario) -> str:
    """Create a role that other roles are assumed from; return its ARN."""
    arn = aws.create_role(
        "Hub", account=USER_ACCOUNT, trust=trusting(scenario.user.arn), policy=allow("*")
    )
    aws.write_profile("Hub", source_profile="UserAlpha", role_arn=arn)
    return arn


def test_hub_is_assumed_once(aws: EmbeddedAws, hub: str) -> None:
    """Roles with the same hub role need one AssumeRole call each, and one for the hub."""
    names = add_spokes(aws, "Hub", hub)
    arns = open_all(SharedSources(), names)
    assert [arns[name].split("/")[1] for name in names] == names
    assert actions(aws) == {ASSUME: len(names) + 1}


def test_hub_that_fails_fails_once(aws: EmbeddedAws, hub: str) -> None:
    """A hub role that can't be assumed is tried once, and all its roles get the error."""
    aws.write_profile("Shut", source_profile="UserAlpha", role_arn=f"{hub}-shut")
    errors = open_all(SharedSources(), add_spokes(aws, "Shut", hub))
    assert {type(error).__name__ for error in errors.values()} == {"AccessDenied"}
    assert {f"{hub}-shut" in str(error) for error in errors.values()} == {True}
    assert actions(aws) == {ASSUME: 1}


def test_source_process_runs_once(aws: EmbeddedAws, scenario: Scenario) -> None:
    """The credential_process of a source profile runs once for all its roles."""
    keys = {
        "Version": 1,
        "AccessKeyId": scenario.user.access_key_id,
        "SecretAccessKey": scenario.user.secret_access_key,
    }
    answer, runs = aws.home / "answer.json", aws.home / "runs"
    answer.write_text(json.dumps(keys))
    aws.write_profile(
        "Process", credential_process=f"sh -c \"echo run >> '{runs}'; cat '{answer}'\""
    )
    arns = open_all(SharedSources(), add_spokes(aws, "Process", scenario.user.arn))
    assert all(isinstance(arn, str) for arn in arns.values())
    assert runs.read_text() == "run\n"


def test_cached_roles_need_no_source(aws: EmbeddedAws, hub: str) -> None:
    """Roles in the AWS CLI's cache open without their source profile."""
    names = add_spokes(aws, "Hub", hub)
    open_all(SharedSources(), names)
    for file in cached_roles(aws):
        if ":role/Hub" in file.read_text() or "assumed-role/Hub" in file.read_text():
            file.unlink()
    aws.calls.clear()
    assert all(isinstance(arn, str) for arn in open_all(SharedSources(), names).values())
    assert actions(aws) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("sts_of_aws")
def test_cache_is_that_of_the_cli(aws: EmbeddedAws, scenario: Scenario) -> None:
    """`open_session` and the AWS CLI use the role sessions that a run has cached."""
    names = add_spokes(aws, "UserAlpha", scenario.user.arn, 2)
    arns = open_all(SharedSources(), names)
    aws.calls.clear()
    assert who_am_i(open_session(names[0])).arn == arns[names[0]]
    assert arns[names[1]] in run_aws_cli("sts", "get-caller-identity", "--profile", names[1]).stdout
    assert ASSUME not in actions(aws)


def test_source_with_keys_and_a_role(aws: EmbeddedAws, scenario: Scenario, hub: str) -> None:
    """A source profile with both keys and a role uses its keys, as in botocore."""
    aws.write_profile(
        "Both",
        source_profile="UserAlpha",
        role_arn=hub,
        aws_access_key_id=scenario.user.access_key_id,
        aws_secret_access_key=scenario.user.secret_access_key,
    )
    arns = open_all(SharedSources(), add_spokes(aws, "Both", scenario.user.arn, 2))
    assert all(isinstance(arn, str) for arn in arns.values())
    assert actions(aws) == {ASSUME: 2}


class Phone:
    """An MFA device that records its prompts, which must come from the main thread."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws = aws
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        """Return the device's code."""
        assert threading.current_thread() is threading.main_thread()
        serial = question.removeprefix("Enter MFA code for ").rstrip(": ")
        self.asked.append(serial)
        return self._aws.mfa_code(serial)


@pytest.fixture
def guarded(aws: EmbeddedAws) -> tuple[str, list[str]]:
    """Create roles that need an MFA code; return the device and the names of their profiles."""
    serial = add_mfa_role(aws, "Auditor")
    user = f"arn:aws:iam::{USER_ACCOUNT}:user/AuditorUser"
    trust = trusting(user)
    trust["Statement"][0]["Condition"] = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    names = [f"guarded-{number}" for number in range(5)]
    for name in names:
        arn = aws.create_role(name, account=ROLE_ACCOUNT, trust=trust, policy=allow("s3:*"))
        aws.write_profile(
            name,
            source_profile="AuditorUser",
            role_arn=arn,
            mfa_serial=serial,
            region="us-west-2",
        )
    return serial, names


def test_one_code_for_many_roles(aws: EmbeddedAws, guarded: tuple[str, list[str]]) -> None:
    """A run prompts once for each device's code, which opens all its roles."""
    serial, names = guarded
    other = add_mfa_role(aws, "Other")
    phone = Phone(aws)
    arns = open_all(SharedSources(Person(mfa_prompter=phone)), [*names, "Other", "RoleBeta"])
    assert all(isinstance(arn, str) for arn in arns.values()), arns
    assert phone.asked == [serial, other]
    assert actions(aws) == {"sts:GetSessionToken": 2, ASSUME: len(names) + 2}


@pytest.mark.slow
@pytest.mark.usefixtures("sts_of_aws")
def test_cached_roles_need_no_code(aws: EmbeddedAws, guarded: tuple[str, list[str]]) -> None:
    """Roles in the AWS CLI's cache need neither an MFA code nor a call."""
    _, names = guarded
    first = Phone(aws)
    open_all(SharedSources(Person(mfa_prompter=first)), names)
    aws.calls.clear()
    again = Phone(aws)
    arns = open_all(SharedSources(Person(mfa_prompter=again)), names)
    assert all(isinstance(arn, str) for arn in arns.values())
    assert again.asked == []
    assert actions(aws) == {}
    assert "guarded-0" in run_aws_cli("sts", "get-caller-identity", "--profile", names[0]).stdout


def test_code_in_the_middle_of_a_chain(aws: EmbeddedAws, guarded: tuple[str, list[str]]) -> None:
    """Roles whose source role needs an MFA code share one code."""
    serial, names = guarded
    hub = f"arn:aws:iam::{ROLE_ACCOUNT}:role/{names[0]}"
    aws.create_role("Inner", account=ROLE_ACCOUNT, trust=trusting(hub), policy=allow("*"))
    aws.write_profile(
        "MiddleHub",
        source_profile="AuditorUser",
        role_arn=aws.create_role(
            "MiddleHub",
            account=ROLE_ACCOUNT,
            trust=trusting(f"arn:aws:iam::{USER_ACCOUNT}:user/AuditorUser"),
            policy=allow("sts:AssumeRole"),
        ),
        mfa_serial=serial,
    )
    phone = Phone(aws)
    spokes = add_spokes(aws, "MiddleHub", f"arn:aws:iam::{ROLE_ACCOUNT}:role/MiddleHub")
    arns = open_all(SharedSources(Person(mfa_prompter=phone)), spokes)
    assert all(isinstance(arn, str) for arn in arns.values()), arns
    assert phone.asked == [serial]
    assert actions(aws) == {"sts:GetSessionToken": 1, ASSUME: len(spokes) + 1}


def test_wrong_code(aws: EmbeddedAws, guarded: tuple[str, list[str]]) -> None:
    """A wrong code is sent to AWS once, and all roles of the device get the error."""
    serial, names = guarded
    wrong = "000000" if aws.mfa_code(serial) != "000000" else "111111"
    errors = open_all(SharedSources(Person(mfa_prompter=lambda _: wrong)), names)
    assert {type(error).__name__ for error in errors.values()} == {"MfaRejected"}
    assert wrong not in str(errors)
    assert actions(aws) == {"sts:GetSessionToken": 1}


def test_unattended_run(aws: EmbeddedAws, guarded: tuple[str, list[str]]) -> None:
    """In an unattended run, roles that need an MFA code fail without a call, and others work."""
    _, names = guarded
    frame = across_profiles([*names, "RoleBeta"], lambda session: 1)
    assert list(frame["profile"]) == ["RoleBeta"]
    assert {row["error"] for row in frame.attrs["errors"]} == {"MfaUnavailable"}
    assert actions(aws) == {ASSUME: 1}


def test_mfa_process(aws: EmbeddedAws, guarded: tuple[str, list[str]]) -> None:
    """An ``mfa_process`` runs once for its device."""
    serial, names = guarded
    runs = aws.home / "runs"
    config = aws.config_file.read_text()
    command = f"mfa_process = echo x >> {runs}; echo {aws.mfa_code(serial)}"
    aws.config_file.write_text(
        config.replace(f"mfa_serial = {serial}", f"mfa_serial = {serial}\n{command}")
    )
    arns = open_all(SharedSources(), names)
    assert all(isinstance(arn, str) for arn in arns.values()), arns
    assert runs.read_text() == "x\n"


@pytest.fixture
def sign_ins(aws: EmbeddedAws) -> list[str]:
    """Create five profiles that share two sign-ins; return their names."""
    text = ""
    for session in ("corp", "lab"):
        text += (
            f"\n[sso-session {session}]\nsso_start_url = {aws.sso.start_url}\n"
            "sso_region = us-east-1\nsso_registration_scopes = sso:account:access\n"
        )
    with aws.config_file.open("a") as file:
        file.write(text)
    names = []
    for number in range(5):
        account = f"{300_000_000_000 + number}"
        aws.sso.assign(account, "Reader", policy=allow("s3:*"))
        aws.write_profile(
            f"sso-{number}",
            sso_session="corp" if number < 3 else "lab",
            sso_account_id=account,
            sso_role_name="Reader",
            region="us-east-1",
        )
        names.append(f"sso-{number}")
    return names


def test_one_sign_in_for_many_profiles(aws: EmbeddedAws, sign_ins: list[str]) -> None:
    """A run starts each missing sign-in once for all its profiles."""
    asked = []

    def sign_in(target: Target) -> None:
        asked.append(target.name)
        attempt = begin_sign_in(target, device_code=True)
        aws.sso.approve(str(attempt.code))
        assert [*attempt.waiting()]

    arns = open_all(SharedSources(Person(sign_in=sign_in)), sign_ins)
    assert all(isinstance(arn, str) for arn in arns.values()), arns
    assert asked == ["sso-0", "sso-3"]


def test_one_sign_in_of_aws_login(aws: EmbeddedAws) -> None:
    """A run starts a missing `aws login` sign-in once for all roles that use it."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("sts:AssumeRole"))
    aws.write_profile("Ann", login_session=user.arn, region="us-east-1")
    names = add_spokes(aws, "Ann", user.arn, 3)
    asked = []

    def sign_in(target: Target) -> None:
        asked.append(target.name)
        aws.signin.login(user)

    arns = open_all(SharedSources(Person(sign_in=sign_in)), names)
    assert all(isinstance(arn, str) for arn in arns.values()), arns
    assert asked == ["Ann"]


def test_sign_in_that_fails(aws: EmbeddedAws, sign_ins: list[str]) -> None:
    """If a sign-in is missing in an unattended run, each of its profiles gets the error."""
    errors = open_all(SharedSources(), sign_ins)
    assert {type(error).__name__ for error in errors.values()} == {"SignInRequired"}


def test_renewal(aws: EmbeddedAws, hub: str) -> None:
    """An expired session renews itself and its hub role."""
    import time_machine

    names = add_spokes(aws, "Hub", hub, 1)
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        session = SharedSources().open(target_of(SessionRequest(profile=names[0])))
        s3 = session.client("s3")
        traveller.shift(timedelta(hours=2))
        aws.calls.clear()
        assert s3.list_buckets()["Buckets"]
    assert actions(aws) == {ASSUME: 2, "s3:ListAllMyBuckets": 1}


class Throttling(BaseHTTPRequestHandler):
    """A server that throttles the first three attempts of each call."""

    seen: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """Respond to ListBuckets."""
        self._answer("s3", b"<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>")

    def do_POST(self) -> None:
        """Respond to AssumeRole."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert b"Action=AssumeRole" in body
        ends = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        self._answer(
            "sts",
            f"<R><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s"
            f"</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{ends}</Expiration>"
            "</Credentials><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/R/s</Arn>"
            "<AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></R>".encode(),
        )

    def _answer(self, service: str, good: bytes) -> None:
        self.seen[service] += 1
        is_good = self.seen[service] >= 4
        error = b"<Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
        text = good if is_good else error if service == "s3" else b"<E>" + error + b"</E>"
        self.send_response(200 if is_good else 503 if service == "s3" else 400)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture
def throttling(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Start the throttling server, remove the clients' delays, and yield the URL."""
    Throttling.seen = Counter()
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Throttling) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_throttling(aws: EmbeddedAws, scenario: Scenario, throttling: str) -> None:
    """Throttled calls are retried, both to STS and in the function."""
    aws.write_profile(
        "Slow",
        source_profile="UserAlpha",
        role_arn=f"{scenario.role_arn}-slow",
        region="us-west-2",
        endpoint_url=throttling,
    )
    frame = across_profiles(["Slow"], lambda s: len(s.client("s3").list_buckets()["Buckets"]))
    assert frame.attrs["errors"] == []
    assert list(frame["value"]) == [0]
    assert Throttling.seen == {"sts": 4, "s3": 4}


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({"retry_mode": "legacy"}, {}),
        ({"max_attempts": "1"}, {}),
        ({}, {"AWS_MAX_ATTEMPTS": "1"}),
        ({}, {"AWS_RETRY_MODE": "legacy"}),
    ],
)
def test_user_configured_retries(
    settings: dict[str, str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own retry configuration isn't replaced."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert for_many_profiles(settings) is None
    assert for_many_profiles({"region": "x"}) is None or not variables


def test_users_retries_count(aws: EmbeddedAws, scenario: Scenario, throttling: str) -> None:
    """A profile with `max_attempts = 1` makes a single attempt."""
    aws.write_profile(
        "Slow", source_profile="UserAlpha", role_arn=scenario.role_arn, max_attempts=1
    )
    session = SharedSources().open(target_of(SessionRequest(profile="Slow", region="us-west-2")))
    client: Any = session.client("s3", endpoint_url=throttling)
    with pytest.raises(ClientError):
        client.list_buckets()
    assert Throttling.seen["s3"] == 1
