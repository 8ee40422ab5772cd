"""An unusable response is one error that names the right profile, and shows no stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.credentials.cli_caches import role_cache
from tests.servers import Answers, odd_server
from tests.shells import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "arn:aws:iam::123456789012:user/me"
SECRET = "wJalrXUtnFEMI-a-secret-that-nobody-sees"

CONFIG = f"""
[profile User]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = {SECRET}
region = us-east-1
endpoint_url = URL
[profile F]
role_arn = arn:aws:iam::123456789012:role/F
source_profile = User
region = us-east-1
endpoint_url = URL
[profile G]
role_arn = arn:aws:iam::123456789012:role/G
source_profile = F
region = us-east-1
endpoint_url = URL
[profile Container]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = EcsContainer
region = us-east-1
endpoint_url = URL
[profile Instance]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = Ec2InstanceMetadata
region = us-east-1
endpoint_url = URL
[profile Process]
credential_process = HOME/process
region = us-east-1
endpoint_url = URL
[profile Sso]
sso_session = company
sso_account_id = 123456789012
sso_role_name = Reader
region = us-east-1
endpoint_url = URL
[sso-session company]
sso_start_url = https://company.awsapps.com/start
sso_region = us-east-1
[profile Login]
login_session = {USER}
region = us-east-1
"""

NOT_AWS = "`{}` got a response that isn't from AWS."
UNREADABLE = "The credentials of `{}` can't be read."
EXPIRED = "The credentials of `{}` can't be used: they had already expired."
#: Deeper than any Python can parse; 3.12 and later can parse more than a thousand levels.
DEPTH = 100_000
NESTED = '{"a":' * DEPTH + "1" + "}" * DEPTH


def seconds(number: float) -> str:
    """Return the time in this number of seconds, in AWS's format."""
    return f"{datetime.now(UTC) + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}"


def assumed(expiration: str | None = None, **changed: str) -> str:
    """Return STS's response to AssumeRole, with changed values."""
    parts = {
        "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": SECRET,
        "SessionToken": SECRET,
        "Expiration": seconds(3600) if expiration is None else expiration,
        "Arn": "arn:aws:sts::123456789012:assumed-role/F/me",
        **changed,
    }
    texts = {name: f"<{name}>{text}</{name}>" for name, text in parts.items()}
    arn = texts.pop("Arn")
    return (
        f"<AssumeRoleResponse><AssumeRoleResult><Credentials>{''.join(texts.values())}"
        f"</Credentials><AssumedRoleUser>{arn}<AssumedRoleId>AROA:me</AssumedRoleId>"
        "</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    )


def container(**changed: Any) -> str:
    """Return the document of containers, instances and processes, with changed values."""
    return json.dumps(
        {
            "Code": "Success",
            "Version": 1,
            "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "SecretAccessKey": SECRET,
            "Token": SECRET,
            "SessionToken": SECRET,
            "Expiration": seconds(3600),
            **changed,
        }
    )


def portal(**changed: Any) -> str:
    """Return the SSO portal's credentials of a role, with changed values."""
    keys = {"accessKeyId": "ASIA", "secretAccessKey": SECRET, "sessionToken": SECRET}
    return json.dumps({"roleCredentials": {**keys, "expiration": 4_000_000_000_000, **changed}})


CLIENT = {"clientId": "c", "clientSecret": SECRET, "clientSecretExpiresAt": 4_000_000_000}
DEVICE = {
    "deviceCode": SECRET,
    "userCode": "ABCD-EFGH",
    "verificationUri": "https://company.awsapps.com/device",
    "expiresIn": 600,
    "interval": 1,
}
TOKEN = {"accessToken": SECRET, "expiresIn": 600}
SIGN_IN = (
    "from ipy_awsprofile.sessions.sso_sign_in import begin_device_sign_in\n"
    "from ipy_awsprofile.config.target import target_of\n"
    "from ipy_awsprofile.config.request import SessionRequest\n"
    "begin_device_sign_in(target_of(SessionRequest(profile='Sso'))).is_done()"
)


def signing_in(
    client: object = CLIENT, device: object = DEVICE, token: object = TOKEN
) -> list[str]:
    """Return the three responses for a sign-in."""
    return [json.dumps(answer) for answer in (client, device, token)]


def without(name: str) -> dict[str, Any]:
    """Return a response to StartDeviceAuthorization that lacks a field."""
    return {key: value for key, value in DEVICE.items() if key != name}


#: The server's responses in order, the cell, and the cell's error.
CASES: dict[str, tuple[list[str], str, str]] = {
    "role: no ARN": ([assumed(Arn="x")], "%aws_profile F", NOT_AWS.format("F")),
    "role: expired": ([assumed(seconds(-9))], "%aws_profile F", EXPIRED.format("F")),
    "role: no time": ([assumed("soon")], "%aws_profile F", NOT_AWS.format("F")),
    "role: huge time": ([assumed("9" * 20)], "%aws_profile F", NOT_AWS.format("F")),
    "role: no secret": (
        [assumed(SecretAccessKey="")],
        "%aws_profile F",
        "The credentials of `F` can't be used: the secret access key is invalid.",
    ),
    "source role": (
        [assumed(seconds(-9))],
        "%aws_profile G",
        f"{EXPIRED.format('F')} It is needed for `G`.",
    ),
    "second role": ([assumed(), assumed(seconds(-9))], "%aws_profile G", EXPIRED.format("G")),
    "portal: a list": (["[]"], "%aws_profile Sso", NOT_AWS.format("Sso")),
    "portal: null": (["null"], "%aws_profile Sso", NOT_AWS.format("Sso")),
    "portal: nested": ([NESTED], "%aws_profile Sso", NOT_AWS.format("Sso")),
    "portal: number": ([portal(secretAccessKey=1)], "%aws_profile Sso", NOT_AWS.format("Sso")),
    "portal: huge": ([portal(expiration=1e30)], "%aws_profile Sso", NOT_AWS.format("Sso")),
    "portal: a word": ([portal(expiration="soon")], "%aws_profile Sso", NOT_AWS.format("Sso")),
    "client: a list": (signing_in([]), SIGN_IN, NOT_AWS.format("Sso")),
    "client: huge time": (
        signing_in(CLIENT | {"clientSecretExpiresAt": 10**30}),
        SIGN_IN,
        NOT_AWS.format("Sso"),
    ),
    "device: null": (signing_in(device=None), SIGN_IN, NOT_AWS.format("Sso")),
    "device: no code": (signing_in(device=without("userCode")), SIGN_IN, NOT_AWS.format("Sso")),
    "device: no time": (signing_in(device=without("expiresIn")), SIGN_IN, NOT_AWS.format("Sso")),
    "device: no address": (
        signing_in(device=without("verificationUri")),
        SIGN_IN,
        NOT_AWS.format("Sso"),
    ),
    "device: a script": (
        signing_in(device=DEVICE | {"verificationUriComplete": "javascript:alert()"}),
        SIGN_IN,
        NOT_AWS.format("Sso"),
    ),
    "device: huge time": (
        signing_in(device=DEVICE | {"expiresIn": 10**30}),
        SIGN_IN,
        NOT_AWS.format("Sso"),
    ),
    "token: a number": (signing_in(token={"accessToken": 1}), SIGN_IN, NOT_AWS.format("Sso")),
    "token: huge time": (
        signing_in(token=TOKEN | {"expiresIn": 10**30}),
        SIGN_IN,
        NOT_AWS.format("Sso"),
    ),
    "container: number": (
        [container(SecretAccessKey=1)],
        "%aws_profile Container",
        UNREADABLE.format("Container"),
    ),
    "container: nested": ([NESTED], "%aws_profile Container", UNREADABLE.format("Container")),
    "container: huge time": (
        [container(Expiration="9" * 400)],
        "%aws_profile Container",
        UNREADABLE.format("Container"),
    ),
    "instance: number": (
        ["token", "role", container(SecretAccessKey=1)],
        "%aws_profile Instance",
        UNREADABLE.format("Instance"),
    ),
    "instance: nested": (
        ["token", "role", NESTED],
        "%aws_profile Instance",
        UNREADABLE.format("Instance"),
    ),
}


def store(file: Path, text: str) -> None:
    """Write a file into a cache."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def sso_file() -> Path:
    """Return the path of the AWS CLI's file for the sign-in."""
    return Path("~/.aws/sso/cache").expanduser() / f"{sha1(b'company').hexdigest()}.json"


def login_file() -> Path:
    """Return the path of the file in which `aws login` stores a sign-in."""
    name = sha256(USER.encode()).hexdigest()
    return Path("~/.aws/login/cache").expanduser() / f"{name}.json"


def printed(text: str) -> Callable[[], None]:
    """Return a function that writes a credential_process that prints this text."""

    def write() -> None:
        process = Path("~/process").expanduser()
        process.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
        process.chmod(0o755)

    return write


def endless() -> None:
    """Write a credential_process that never stops printing."""
    process = Path("~/process").expanduser()
    process.write_text("#!/bin/sh\nexec yes\n")
    process.chmod(0o755)


LOGIN = {
    "accessToken": {
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "secretAccessKey": SECRET,
        "sessionToken": SECRET,
        "accountId": "123456789012",
        "expiresAt": seconds(-9),
    },
    "clientId": "c",
    "refreshToken": SECRET,
    "dpopKey": 1,
}
PROCESS = "The credential_process of `Process` {}."

#: A function that writes a file, the profile, and the cell's error.
FILES: dict[str, tuple[Callable[[], None], str, str]] = {
    "process: nested": (printed(NESTED), "Process", PROCESS.format("didn't print JSON")),
    "process: digits": (printed("1" * 5000), "Process", PROCESS.format("didn't print JSON")),
    "process: endless": (endless, "Process", PROCESS.format("prints more than credentials")),
    "sso: nested": (
        lambda: store(sso_file(), NESTED),
        "Sso",
        "The sign-in of `Sso` is missing or has expired.",
    ),
    "login: a number as key": (
        lambda: store(login_file(), json.dumps(LOGIN)),
        "Login",
        "The sign-in of `Login` is missing or has expired.",
    ),
    "login: nested": (
        lambda: store(login_file(), NESTED),
        "Login",
        "The sign-in of `Login` is missing or has expired.",
    ),
}


@pytest.fixture
def verbose(
    shell: Shell, shared_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Shell, Answers]]:
    """Yield a shell that prints the variables of frames, and a server for all profiles."""
    answers = Answers((200, ""))
    with odd_server(answers) as url:
        text = CONFIG.replace("URL", url).replace("HOME", str(Path("~").expanduser()))
        shared_files[0].write_text(text)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/credentials")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        shell.good("%xmode Verbose")
        yield shell, answers


def refused(shell: Shell, cell: str, message: str) -> None:
    """Run a cell that must fail with this error, and check that the error shows no secret."""
    ran = shell.run(cell)
    assert str(ran.error) == message
    assert len(ran.text.splitlines()) <= 2
    assert SECRET not in ran.text


@pytest.mark.slow
def test_answers(verbose: tuple[Shell, Answers]) -> None:
    """Each unusable response is one of our errors, and names the profile that got it."""
    shell, server = verbose
    for answers, cell, message in CASES.values():
        rmtree(Path("~/.aws").expanduser(), ignore_errors=True)
        token = {"accessToken": SECRET, "expiresAt": seconds(3600)}
        store(sso_file(), json.dumps(token))
        server.restart(*((200, answer) for answer in answers))
        refused(shell, cell, message)


def test_files_and_processes(verbose: tuple[Shell, Answers]) -> None:
    """Each unusable file or process is one of our errors, and an explanation doesn't fail."""
    shell, _ = verbose
    for write, profile, message in FILES.values():
        write()
        refused(shell, f"%aws_profile {profile}", message)
        shell.good(f"%aws_profile --explain {profile}")


def test_nested_role(verbose: tuple[Shell, Answers]) -> None:
    """If a role's file in the AWS CLI's cache can't be read, the role is assumed again."""
    shell, server = verbose
    server.restart((200, assumed()))
    shell.good("%aws_profile F")
    (file,) = role_cache().rglob("*.json")
    store(file, NESTED)
    shell.good("%aws_profile --explain F")
    assert shell.good("%aws_profile F").text.startswith("F ← User  (")


def test_redirection(verbose: tuple[Shell, Answers]) -> None:
    """A redirection from S3 is an error about S3, and not about credentials."""
    shell, server = verbose
    body = "<Error><Code>PermanentRedirect</Code><Message>Not here</Message></Error>"
    shell.good("from ipy_awsprofile import list_buckets, open_session")
    for answer in ((301, body), (307, body), (302, "<html>sign in</html>")):
        server.restart(answer)
        error = shell.refused("list_buckets(open_session('User'))")
        assert str(error).startswith("ListBuckets failed for `User`: ")
        assert error.hint.startswith("Use the Region of this S3 endpoint with `--region`")
