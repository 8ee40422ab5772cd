"""Network errors name their cause, such as a certificate, a CA file or a proxy."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.credentials.network_errors import reason_of_container
from ipy_awsprofile.errors import AwsProfileError, EndpointUnreachable, ServiceError
from ipy_awsprofile.sessions.session import open_session
from tests.servers import Answers, closed_port, odd_server, refusing_proxy, tls_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLE = """
[profile p]
region = us-east-1
role_arn = arn:aws:iam::123456789012:role/R
source_profile = u
endpoint_url = {url}
{more}
[profile u]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush
"""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run the servers, and yield their addresses and files by name."""
    folder = tmp_path_factory.mktemp("tls")
    (folder / "empty.pem").write_text("")
    with ExitStack() as servers:
        tls = servers.enter_context(tls_server(folder / "ca.pem"))
        plain = servers.enter_context(odd_server(Answers((200, ""))))
        yield {
            "tls": tls,
            "other name": tls.replace("localhost", "127.0.0.1"),
            "no tls": plain.replace("http:", "https:"),
            "ca": f"ca_bundle = {folder}/ca.pem",
            "empty ca": f"ca_bundle = {folder}/empty.pem",
            "no ca": "ca_bundle = /no/such.pem",
            "plain": "http://aws.local",
            "proxy": servers.enter_context(refusing_proxy()),
            "forbidding proxy": servers.enter_context(refusing_proxy(403)),
            "other server": servers.enter_context(odd_server(Answers((403, "<Error/>")))),
            "no proxy": f"http://127.0.0.1:{closed_port()}",
        }


CASES = {
    "unknown certificate": (
        ("tls", "", ""),
        r"The certificate of https://localhost:\d+ isn't accepted for `p`: self.signed",
        "set `ca_bundle`",
    ),
    "other host": (
        ("other name", "ca", ""),
        r"The certificate of https://127.0.0.1:\d+ isn't accepted for `p`: .*127.0.0.1",
        "set `ca_bundle`",
    ),
    "missing file": (
        ("tls", "no ca", ""),
        "The file with CA certificates can't be used for `p`: No such file or directory.",
        "Correct the path in `ca_bundle`",
    ),
    "empty file": (
        ("tls", "empty ca", ""),
        "The file with CA certificates can't be used for `p`: no certificate or crl found.",
        "in PEM format",
    ),
    "no TLS": (
        ("no tls", "", ""),
        r"https://127.0.0.1:\d+ doesn't answer with TLS for `p`",
        "begins with http://",
    ),
    "refusing proxy": (
        ("tls", "ca", "proxy"),
        r"The proxy http://127.0.0.1:\d+ refuses the connection for `p`: 407 Proxy Authentication",
        "a name and a password",
    ),
    "refusing proxy without TLS": (
        ("plain", "", "proxy"),
        r"The proxy http://127.0.0.1:\d+ refuses the connection for `p`: 407 Proxy Authentication",
        "a name and a password",
    ),
    "forbidding proxy without TLS": (
        ("plain", "", "forbidding proxy"),
        r"The proxy http://127.0.0.1:\d+ refuses the connection for `p`: 403 Forbidden",
        "doesn't allow this host",
    ),
    "no proxy": (
        ("tls", "ca", "no proxy"),
        r"The proxy http://127.0.0.1:\d+ can't be reached for `p`.",
        "NO_PROXY",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_cause(
    shared_files: tuple[Path, Path],
    places: dict[str, str],
    case: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names the cause, the hint says where to correct it, and no password is shown."""
    (url, more, proxy), says, hint = CASES[case]
    shared_files[0].write_text(ROLE.format(url=places[url], more=places.get(more, "")))
    if proxy:
        address = places[proxy].replace("http://", "http://me:hush@")
        for variable in ("HTTPS_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(variable, address)
    with pytest.raises(EndpointUnreachable, match=says) as caught:
        open_session("p")
    assert hint in caught.value.hint
    assert "hush" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_with_the_certificate(shared_files: tuple[Path, Path], places: dict[str, str]) -> None:
    """With the server's CA certificate, the call reaches the server."""
    shared_files[0].write_text(ROLE.format(url=places["tls"], more=places["ca"]))
    with pytest.raises(ServiceError, match="AssumeRole failed for `p`: Reached"):
        open_session("p")


@pytest.mark.parametrize("proxy", ["", "other server"])
def test_refusal_that_is_not_of_a_proxy(
    shared_files: tuple[Path, Path],
    places: dict[str, str],
    proxy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refusal from AWS, with or without a proxy, isn't reported as the proxy's."""
    url = "http://aws.local" if proxy else places["forbidding proxy"]
    shared_files[0].write_text(ROLE.format(url=url, more=""))
    if proxy:
        monkeypatch.setenv("HTTP_PROXY", places[proxy])
    with pytest.raises(AwsProfileError) as caught:
        open_session("p")
    assert not isinstance(caught.value, EndpointUnreachable)


UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
NOT_200 = "Error retrieving metadata: Received non 200 response {} from container metadata: {}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"code": "NoRole", "message": "There is no role."}', "HTTP 404, NoRole There is no role"),
        ('{"Message": "Not\\nnow", "AccessKeyId": "hush"}', "HTTP 404, Not now"),
        ('{"message": {"hush": 1}, "code": 7}', "HTTP 404"),
        (f'{{"code": "{UUID}", "message": "Gone."}}', "HTTP 404, Gone"),
        (f'{{"code": "NoRole", "message": "{UUID}"}}', "HTTP 404, NoRole"),
        ('{"message": "no token hush-token-1"}', "HTTP 404"),
        ("<html>hush</html>", "HTTP 404"),
        ("[]", "HTTP 404"),
    ],
    ids=range(8),
)
def test_reason_of_a_container(monkeypatch: pytest.MonkeyPatch, body: str, reason: str) -> None:
    """The reason quotes the code and message of a JSON body, unless they repeat the token."""
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer hush-token-1")
    assert reason_of_container(NOT_200.format(404, body)) == reason


def test_other_messages_of_a_container() -> None:
    """The reason says that a connection has failed, and is empty for other messages."""
    assert reason_of_container("Received error when attempting: x") == "it can't be reached"
    assert not reason_of_container("Unable to parse JSON")
