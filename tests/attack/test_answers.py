"""Random answers from servers, processes and files, which cause a success or one of our errors."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from html import escape
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import boto3
import pytest

from ipy_awsprofile.credentials import deadline, retries
from ipy_awsprofile.credentials.cli_caches import role_cache
from ipy_awsprofile.errors import AwsProfileError
from tests.attack.rounds import Rounds
from tests.shells import Shell

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.demo.stages.scenario import Scenario

USER = "arn:aws:iam::123456789012:user/me"

PROFILES = """
[profile Role]
role_arn = arn:aws:iam::123456789012:role/R
source_profile = RoleBeta
region = us-west-2
endpoint_url = {url}
[profile Buckets]
role_arn = {role}
source_profile = UserAlpha
region = us-west-2
services = buckets
endpoint_url = {aws}
[services buckets]
s3 =
  endpoint_url = {url}
[profile Keys]
aws_access_key_id = {key}
aws_secret_access_key = {secret}
region = us-west-2
endpoint_url = {url}
[profile Container]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = EcsContainer
region = us-west-2
endpoint_url = {url}
[profile Instance]
role_arn = arn:aws:iam::123456789012:role/R
credential_source = Ec2InstanceMetadata
region = us-west-2
endpoint_url = {url}
[profile Process]
credential_process = cat {home}/printed
region = us-west-2
endpoint_url = {url}
[profile Web]
role_arn = arn:aws:iam::123456789012:role/R
web_identity_token_file = {home}/token
region = us-west-2
endpoint_url = {url}
[profile Sso]
sso_session = company
sso_account_id = 123456789012
sso_role_name = Reader
region = us-west-2
endpoint_url = {url}
[sso-session company]
sso_start_url = https://company.awsapps.com/start
sso_region = us-west-2
[profile Login]
login_session = arn:aws:iam::123456789012:user/me
region = us-west-2
endpoint_url = {url}
"""

SIGN_IN = (
    "from ipy_awsprofile.sessions.sso_sign_in import begin_device_sign_in\n"
    "from ipy_awsprofile.config.target import target_of\n"
    "from ipy_awsprofile.config.request import SessionRequest\n"
    "begin_device_sign_in(target_of(SessionRequest(profile='Sso'))).is_done()"
)

NAMES = ["Role", "Keys", "Container", "Instance", "Process", "Web", "Sso", "Login"]
CELLS = [
    *(f"%aws_profile {name}" for name in NAMES),
    *(f"open_session('{name}')" for name in NAMES),
    *(f"who_am_i(open_session('{name}'))" for name in NAMES),
    *(f"list_buckets(open_session('{name}'))" for name in ("Buckets", "Keys")),
    *(f"%aws_profile --explain {name}" for name in NAMES),
    *("%aws_profile --refresh", SIGN_IN, "%%aws_profile Role\n1"),
]

#: Secrets that are sent or stored, and must never be shown. The test adds the user's own keys.
SECRETS = {
    "bearer": "aoaAAAAAGbearer/token+of=the-sign-in",
    "client": "eyJraWQiclient/secret+of=the-sign-in",
    "refresh": "aorAAAAAGrefresh/token+of=the-sign-in",
    "web": "eyJhbGciweb/identity+token=x",
    "issued": "wJalrXUtn/issued+secret=of-a-role",
    "session": "IQoJb3JpZ2luX2VjE/issued+token=of-a-role",
    "device": "ABCDEFGHdevice/code+of=the-sign-in",
}

WORDS: list[Any] = [
    None,
    True,
    0,
    -1,
    7,
    10**30,
    1e300,
    0.5,
    "",
    "x",
    "ü\n<b>",
    [],
    {},
    [{}],
    "soon",
]


def soon(random: Random) -> str:
    """Return a valid or nearly valid time."""
    left = random.choice([3600, 3600, 3600, -9, 1, 10**6])
    time = f"{datetime.now(UTC) + timedelta(seconds=left):%Y-%m-%dT%H:%M:%SZ}"
    return random.choice([time, time, time, time[:-1], "9" * 30, "9999-99-99T00:00:00Z", "soon"])


def documents(random: Random) -> dict[str, Any]:
    """Return a document that contains the answers of all sources."""
    keys = {
        "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": SECRETS["issued"],
        "SessionToken": SECRETS["session"],
        "Token": SECRETS["session"],
        "Expiration": soon(random),
    }
    role = {
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "secretAccessKey": SECRETS["issued"],
        "sessionToken": SECRETS["session"],
        "expiration": 4_000_000_000_000,
        "expiresAt": soon(random),
        "accountId": "123456789012",
    }
    return {
        **keys,
        "Version": 1,
        "Code": "Success",
        "roleCredentials": role,
        "clientId": "client",
        "clientSecret": SECRETS["client"],
        "clientSecretExpiresAt": 4_000_000_000,
        "registrationExpiresAt": soon(random),
        "deviceCode": SECRETS["device"],
        "userCode": "ABCD-EFGH",
        "verificationUri": "https://company.awsapps.com/device",
        "expiresIn": 600,
        "interval": 1,
        "accessToken": SECRETS["bearer"],
        "refreshToken": SECRETS["refresh"],
        "expiresAt": soon(random),
        "dpopKey": "key",
        "__type": random.choice(["AuthorizationPendingException", "Odd", 7]),
        "message": "no",
    }


def changed(random: Random, document: dict[str, Any]) -> Any:
    """Return the document with some values removed or replaced, or another value."""
    if random.random() < 0.1:
        return random.choice(WORDS)
    for name in random.sample(sorted(document), random.choice([0, 0, 1, 1, 2, 4])):
        if random.random() < 0.4:
            del document[name]
        elif isinstance(document[name], dict) and random.random() < 0.7:
            document[name] = changed(random, document[name])
        else:
            document[name] = random.choice(WORDS)
    return document


def xml(random: Random) -> str:
    """Return a response to any call of STS or S3, with some parts missing or odd."""
    keys = {
        "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": SECRETS["issued"],
        "SessionToken": SECRETS["session"],
        "Expiration": soon(random),
    }
    arn = random.choice(["arn:aws:sts::123456789012:assumed-role/R/s", USER, "x", "", "arn:::::"])
    text = {name: escape(str(value)) for name, value in changed_text(random, keys).items()}
    credentials = "".join(f"<{name}>{value}</{name}>" for name, value in text.items())
    call = random.choice(["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity", "List"])
    inner = (
        f"<Credentials>{credentials}</Credentials><Arn>{arn}</Arn><UserId>A:s</UserId>"
        f"<AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>"
        "<Buckets><Bucket><Name>b</Name><CreationDate>soon</CreationDate></Bucket></Buckets>"
    )
    return f"<{call}Response><{call}Result>{inner}</{call}Result></{call}Response>"


def changed_text(random: Random, texts: dict[str, str]) -> dict[str, str]:
    """Return the texts with some of them missing or replaced."""
    for name in random.sample(sorted(texts), random.choice([0, 0, 1, 2])):
        if random.random() < 0.4:
            del texts[name]
        else:
            texts[name] = random.choice(["", "x", "ü", "a\nb", "0", "9" * 50])
    return texts


WRITTEN: list[Callable[[str], str]] = [
    str,
    quote,
    quote_plus,
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(b"x" + text.encode()).decode(),
    escape,
    json.dumps,
]


def echo(random: Random, sent: str) -> str:
    """Return an error that repeats the request."""
    text = random.choice(WRITTEN)(sent)
    return random.choice(
        [
            f"<ErrorResponse><Error><Code>Odd</Code><Message>{escape(text)}</Message></Error>"
            "</ErrorResponse>",
            f"<Error><Code>{escape(text)}</Code><Message>no</Message></Error>",
            json.dumps({"message": text, "error_description": text, "__type": "Odd"}),
            json.dumps({"error": text, "Message": text, "Code": text}),
            f"<html><body>{escape(text)}</body></html>",
        ]
    )


def body(random: Random, sent: str) -> bytes:
    """Return a random response body."""
    kinds: list[Callable[[], str]] = [
        lambda: json.dumps(changed(random, documents(random))),
        lambda: json.dumps(changed(random, documents(random))),
        lambda: xml(random),
        lambda: xml(random),
        lambda: echo(random, sent),
        lambda: echo(random, sent),
        lambda: "<html><body>Sign in</body></html>",
        lambda: "",
        lambda: "<ErrorResponse><Error></Error></ErrorResponse>",
        lambda: "x" * 5_000_000 if random.random() < 0.1 else "x" * 5000,
        lambda: random.choice(["null", "[]", "7", '"x"', "{}", "\0", "role"]),
    ]
    answer = random.choice(kinds)().encode(errors="replace")
    if random.random() < 0.1:
        answer = answer[: random.randrange(len(answer) + 1)]
    if random.random() < 0.05:
        answer += bytes(random.randrange(256) for _ in range(20))
    return answer


STATUS = [200, 200, 200, 200, 200, 200, 400, 401, 403, 403, 404, 301, 302, 307, 405, 429, 500, 503]


class Server:
    """A server that answers at random, with each round's own random generator."""

    def __init__(self) -> None:
        self.random = Random(0)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Answer each connection in a thread until the listener is closed."""
        with suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            connection.settimeout(5)
            if sent := _request(connection):
                with self._lock:
                    pieces = self._pieces(sent)
                for piece in pieces:
                    connection.sendall(piece)

    def _pieces(self, sent: str) -> list[bytes]:
        random = self.random
        if random.random() < 0.04:
            return []  # close the connection without an answer
        answer, status = body(random, sent), random.choice(STATUS)
        kind = random.choice(["text/xml", "application/json", "text/html", "x\x01y"])
        head = f"HTTP/1.1 {status} {random.choice(['OK', '', 'ü'])}\r\nContent-Type: {kind}\r\n"
        if random.random() < 0.1:
            head += random.choice(["Location: http://127.0.0.1:9/\r\n", "Date: x\r\n", "A\r\n"])
        if random.random() < 0.03:
            head = random.choice(["HTTP/9 x\r\n", "\0\r\n", f"HTTP/1.1 200 {'x' * 70000}\r\n"])
        length = len(answer) + random.choice([0, 0, 0, 0, 0, 0, 0, 0, 0, -1])
        sized = f"Content-Length: {max(length, 0)}\r\n" if random.random() < 0.9 else ""
        return [f"{head}{sized}\r\n".encode("latin-1"), answer]


def _request(connection: socket.socket) -> str:
    """Return a request's headers and body, or an empty string at the end of the connection."""
    with connection.makefile("rb") as file:
        line = file.readline()
        if not line:
            return ""
        headers = http.client.parse_headers(file)
        sent = file.read(int(headers.get("Content-Length") or 0))
    return f"{headers}{sent.decode(errors='replace')}"


@contextmanager
def answering() -> Iterator[Server]:
    """Run a server that answers at random."""
    server = Server()
    with server.listener:
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.listener.shutdown(socket.SHUT_RDWR)


def store(random: Random, url: str) -> None:
    """Fill the caches, and the files that sources read, with tokens or with something else."""
    home = Path("~").expanduser()
    for folder in ("sso", "login", "cli"):
        rmtree(home / ".aws" / folder, ignore_errors=True)
    role = json.dumps({"RoleArn": "arn:aws:iam::123456789012:role/R"})
    files = {
        home / ".aws/sso/cache" / f"{sha1(b'company').hexdigest()}.json": 0.8,
        home / ".aws/login/cache" / f"{sha256(USER.encode()).hexdigest()}.json": 0.8,
        role_cache(url) / f"{sha1(role.encode()).hexdigest()}.json": 0.3,
        home / "printed": 1,
    }
    for file, share in files.items():
        if random.random() > share:
            continue
        document = documents(random)
        keys = {name: document[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        if "cli" in str(file):
            document["Credentials"] = {**keys, "Expiration": document["Expiration"]}
        if "login" in str(file):
            document["accessToken"] = document["roleCredentials"]
        text = json.dumps(changed(random, document)).encode()
        if random.random() < 0.1:
            text = body(random, "")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
    (home / "token").write_text(SECRETS["web"])


def forms(secrets: set[str]) -> set[str]:
    """Return all the ways to write the secrets, without whitespace."""
    found = {write(secret) for secret in secrets for write in WRITTEN}
    return {"".join(text.split()) for text in found}


@pytest.fixture
def attacked(
    shell: Shell, aws: EmbeddedAws, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Shell, Server, set[str]]]:
    """Yield a shell with verbose tracebacks whose services answer at random."""
    monkeypatch.setattr(deadline, "LIMIT", 3.0)
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    monkeypatch.setattr(retries, "THROTTLING_DELAYS", (0.0,))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "1")
    shell.good("from ipy_awsprofile import *")
    shell.good("%xmode Verbose")
    user = scenario.user
    with answering() as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/credentials")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        text = PROFILES.format(
            url=server.url,
            aws=aws.endpoint_url,
            role=scenario.role_arn,
            key=user.access_key_id,
            secret=user.secret_access_key,
            home=Path("~").expanduser(),
        )
        with aws.config_file.open("a") as file:
            file.write(text)
        yield shell, server, {*SECRETS.values(), user.secret_access_key}


@pytest.mark.slow
def test_answers(rounds: Rounds, attacked: tuple[Shell, Server, set[str]]) -> None:
    """A cell succeeds, or fails with a short error and leaves the previous identity active."""
    shell, server, secrets = attacked
    for random in rounds(25):
        store(random, server.url)
        shell.good("%aws_profile RoleBeta")
        session, shown = shell.names["session"], shell.good("%aws_profile").text
        server.random, cell = random, random.choice(CELLS)
        ran = shell.run(cell)
        text = "".join(f"{ran.text} {ran.html} {ran.result!r}".split())
        known = forms({*secrets, *_keys_of(session)})
        assert [form for form in known if form in text] == [], (cell, ran.text[-1500:])
        if ran.error is None:
            continue
        assert isinstance(ran.error, AwsProfileError), (cell, ran.text[-3000:])
        assert len([line for line in ran.text.splitlines() if line]) <= 2, (cell, ran.text)
        assert len(ran.text) < 2000, cell
        assert shell.names["session"] is session, cell
        assert boto3.DEFAULT_SESSION is session, cell
        assert shell.good("%aws_profile").text.splitlines()[0] == shown.splitlines()[0], cell
    shell.good("%aws_profile --off")


def _keys_of(session: Any) -> list[str]:
    keys = session.get_credentials().get_frozen_credentials()
    return [str(keys.secret_key), str(keys.token)]
