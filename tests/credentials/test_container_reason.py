"""The reason that a container's credential service gives is shown, and nothing of the request."""

from __future__ import annotations

import pytest

from ipy_awsprofile.credentials.container_reason import reason_of_container

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
        ("[" * 100_000, "HTTP 404"),
        ("[]", "HTTP 404"),
    ],
    ids=range(9),
)
def test_reason(monkeypatch: pytest.MonkeyPatch, body: str, reason: str) -> None:
    """Code and message of JSON are quoted, if they don't repeat the token."""
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer hush-token-1")
    assert reason_of_container(NOT_200.format(404, body)) == reason


def test_other_messages() -> None:
    """Other messages have no reason, or that nobody answers."""
    assert reason_of_container("Received error when attempting: x") == "it can't be reached"
    assert not reason_of_container("Unable to parse JSON")
