"""A rehearsal calls what a switch calls and fails as a switch fails, but changes nothing."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings

from ipy_awsprofile.config.request import SessionRequest, SwitchRequest
from ipy_awsprofile.config.target import target_of
from ipy_awsprofile.credentials.person import Person
from ipy_awsprofile.credentials.translation import translated
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.explain.explain import explain
from ipy_awsprofile.explain.rehearsal import Rehearsal, rehearse
from ipy_awsprofile.sessions.session import open_session
from ipy_awsprofile.switch.opening import open_request
from tests.explain.profiles import ASSUME, MODERN, USER, P, write
from tests.kinds import KINDS, create_ann, in_its_place, prepared, sign_in
from tests.machines import Machine, answer, machines, running
from tests.servers import Answers, echoing_server, odd_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.explain.profiles import Files
    from tests.shells import Shell

DEVICE = "arn:aws:iam::123456789012:mfa/me"
AWS = ("sts:", "sso:", "sso-oidc:", "signin:")


def rehearsed(name: str = "p", **options: Any) -> Rehearsal:
    """Return the rehearsal of a switch to a profile."""
    return rehearse(target_of(SessionRequest(profile=name, **options)))


def switch() -> None:
    """Open the profile `p` as a switch does, and create a client for Amazon S3."""
    target, request = target_of(SessionRequest(profile="p")), SwitchRequest(profile="p")
    person = Person(mfa_prompter=lambda _: "123456")
    session, _ = open_request(request, fresh=False, person=person, ask=False)
    with translated(target.chain):
        session.client("s3", region_name=target.region or "us-east-1")


def require_same_error(server: str, machine: Machine) -> None:
    """Assert that an explanation and the switch have the same error, or none.

    An `mfa_process` or a `credential_process` can fail only when it runs.
    """
    failure = None
    with running(machine, server):
        explained = explain(SessionRequest(profile="p")).error
        try:
            switch()
        except AwsProfileError as error:
            failure = error
    if "_process " not in str(failure):
        words = [error and (str(error), error.hint) for error in (explained, failure)]
        assert words[0] == words[1], machine


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run a server that allows everything, and yield its URL."""
    with echoing_server(200, answer) as url:
        yield url


@settings(phases=[Phase.generate], max_examples=15, derandomize=True)
@given(machines())
def test_same_error_in_a_sample(server: str, machine: Machine) -> None:
    """The error of a rehearsal is the error of the switch, on a few random machines."""
    require_same_error(server, machine)


@pytest.mark.slow
@settings(phases=[Phase.generate])
@given(machines())
def test_same_error(server: str, machine: Machine) -> None:
    """The error of a rehearsal is the error of the switch, on many random machines."""
    require_same_error(server, machine)


@contextmanager
def unchanged_files(folder: Path) -> Iterator[None]:
    """Assert that the files in a folder don't change in this context."""

    def content() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    before = content()
    yield
    assert content() == before


@pytest.fixture
def values(aws: EmbeddedAws) -> dict[str, str]:
    """Create the resources that the texts of the kinds name, and return their values."""
    ann = create_ann(aws)
    sign_in(aws, ann)
    return prepared(aws, ann)


@pytest.mark.nightly(keep=6)
@pytest.mark.parametrize("name", KINDS)
def test_kind(
    aws: EmbeddedAws, values: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The rehearsal of a kind of profile calls nothing, and reports the calls of the switch."""
    kind = KINDS[name]
    with in_its_place(aws, values, monkeypatch, kind):
        aws.calls.clear()
        with unchanged_files(aws.home):
            rehearsal = rehearsed(kind.profile)
        assert aws.calls == []
        assert rehearsal.error is None
        request = SwitchRequest(profile=kind.profile)
        person = Person(mfa_prompter=lambda _: aws.mfa_code(values["mfa_serial"]))
        open_request(request, fresh=False, person=person, ask=False)
    actions = [each for each in (call.action for call in aws.calls) if each.startswith(AWS)]
    assert [call for call in rehearsal.calls if call.startswith(AWS)] == actions


@pytest.mark.parametrize(
    "settings",
    [
        "aws_access_key_id = AKIAHUSH\naws_secret_access_key = hush",
        "role_arn = arn:aws:iam::123456789012:role/R\ncredential_source = Ec2InstanceMetadata",
    ],
)
def test_no_connection(shared_files: Files, monkeypatch: pytest.MonkeyPatch, settings: str) -> None:
    """A rehearsal connects neither to AWS, nor to instance metadata, nor to a monitoring agent.

    With `defaults_mode = auto`, botocore reads instance metadata for each client.
    """
    write(shared_files, f"{P}{settings}\ndefaults_mode = auto\n")
    answers = Answers((200, ""))
    with odd_server(answers) as url, socket(AF_INET, SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", 0))
        agent.setblocking(False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_CSM_ENABLED", "true")
        monkeypatch.setenv("AWS_CSM_PORT", str(agent.getsockname()[1]))
        assert rehearsed().error is None
        assert answers.asked == 0
        with pytest.raises(BlockingIOError):
            agent.recv(1)


def test_no_record(shell: Shell, aws: EmbeddedAws) -> None:
    """`%aws_calls` doesn't record the calls of a rehearsal, because they aren't made."""
    shell.good("%aws_calls on")
    assert rehearsed("UserAlpha").calls == ("sts:GetCallerIdentity",)
    shell.good("%aws_profile UserAlpha")
    shell.good("calls = %aws_calls")
    assert list(shell.names["calls"].operation) == []


def test_no_process(shared_files: Files, tmp_path: Path) -> None:
    """A rehearsal names the commands that a switch runs, and doesn't run them."""
    command = f"touch {tmp_path}/ran"
    write(
        shared_files,
        f"{ASSUME}source_profile = u\nmfa_serial = {DEVICE}\nmfa_process = {command}\n"
        f"[profile u]\ncredential_process = {command}\n",
    )
    with unchanged_files(tmp_path):
        rehearsal = rehearsed()
    commands = ("credential_process: touch", f"mfa_process for {DEVICE}")
    assert rehearsal == Rehearsal((*commands, "sts:AssumeRole"))


KEYS = USER.replace("[u]", f"[p]\nmfa_serial = {DEVICE}")
PROMPT = f"MFA code for {DEVICE}"


@pytest.mark.parametrize(
    ("settings", "options", "calls"),
    [
        (
            f"{ASSUME}source_profile = u\nmfa_serial = {DEVICE}",
            {},
            (PROMPT, "sts:AssumeRole"),
        ),
        (P, {"mfa": True}, (PROMPT, "sts:GetSessionToken", "sts:GetCallerIdentity")),
        (P, {"duration": 900}, ("sts:GetSessionToken", "sts:GetCallerIdentity")),
        (
            P,
            {"read_only": True},
            ("sts:GetSessionToken", "sts:GetScopedCredentials", "sts:GetCallerIdentity"),
        ),
    ],
)
def test_options_and_codes(
    shared_files: Files, settings: str, options: dict[str, Any], calls: tuple[str, ...]
) -> None:
    """A rehearsal takes the options into account, and reports prompts instead of prompting."""
    write(shared_files, settings, KEYS + USER)
    assert rehearsed(**options) == Rehearsal(calls)


@pytest.mark.parametrize(
    ("minutes", "calls"), [(59, ("cached session until {:%H:%M} UTC",)), (10, ("sts:AssumeRole",))]
)
def test_cached_role(aws: EmbeddedAws, minutes: int, calls: tuple[str, ...]) -> None:
    """A rehearsal reports a cached session if a switch uses it."""
    open_session("RoleBeta")
    (file,) = aws.home.glob(".aws/cli/cache/*.json")
    document = json.loads(file.read_text())
    expiry = datetime.now(UTC) + timedelta(minutes=minutes)
    document["Credentials"]["Expiration"] = expiry.isoformat()
    file.write_text(json.dumps(document))
    with unchanged_files(aws.home):
        assert rehearsed("RoleBeta") == Rehearsal(tuple(each.format(expiry) for each in calls))


def test_renewed_sso_token(shared_files: Files, tmp_path: Path) -> None:
    """A rehearsal reports the renewal of an SSO token, and doesn't store the new token."""
    write(shared_files, MODERN)
    token = {
        "startUrl": "https://x",
        "accessToken": "hush",
        "expiresAt": "2020-01-01T00:00:00Z",
        "refreshToken": "hush",
        "clientId": "me",
        "clientSecret": "hush",
        "registrationExpiresAt": "2099-01-01T00:00:00Z",
    }
    cache = tmp_path / ".aws/sso/cache"
    cache.mkdir(parents=True)
    (cache / f"{sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))
    with unchanged_files(tmp_path):
        rehearsal = rehearsed()
    calls = ("sso-oidc:CreateToken", "sso:GetRoleCredentials", "sts:GetCallerIdentity")
    assert rehearsal == Rehearsal(calls)


def test_renewed_login(aws: EmbeddedAws, values: dict[str, str]) -> None:
    """A rehearsal reports the renewal of an `aws login` session, and doesn't store the new one."""
    aws.config_file.write_text(KINDS["login session"].config.format(**values))
    (file,) = aws.home.glob(".aws/login/cache/*.json")
    document = json.loads(file.read_text())
    document["accessToken"]["expiresAt"] = "2020-01-01T00:00:00Z"
    file.write_text(json.dumps(document))
    with unchanged_files(aws.home):
        rehearsal = rehearsed("P")
    assert rehearsal == Rehearsal(("signin:CreateOAuth2Token", "sts:GetCallerIdentity"))
