"""Credentials and sign-ins are checked before botocore and HTTP use them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ipy_awsprofile.credentials.validation import (
    UnusableCredentialsError,
    is_login,
    is_sso_token,
    parse_time,
    require_usable,
)

GOOD = {"access_key": "AKIAX", "secret_key": "s", "token": "t"}
LATER = "2099-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "given",
    [
        GOOD,
        GOOD | {"token": None},
        GOOD | {"token": ""},
        GOOD | {"expiry_time": None},
        GOOD | {"expiry_time": LATER},
        GOOD | {"expiry_time": "2099-01-01T02:00:00+02:00"},
        GOOD | {"secret_key": "of two words"},
    ],
)
def test_usable(given: dict[str, Any]) -> None:
    """Long-term and temporary keys are usable, and any text can be a secret."""
    require_usable(given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, "there are none"),
        ({}, "there are none"),
        (GOOD | {"access_key": ""}, "access key ID"),
        (GOOD | {"access_key": "hush\n"}, "access key ID"),
        (GOOD | {"access_key": "hüsh"}, "access key ID"),
        (GOOD | {"secret_key": None}, "secret access key"),
        (GOOD | {"token": "hush\r\nhush"}, "session token"),
        (GOOD | {"token": 7}, "session token"),
        (GOOD | {"expiry_time": "hush"}, "isn't a time with a time zone"),
        (GOOD | {"expiry_time": "2020-01-01T00:00:00Z"}, "had already expired"),
    ],
)
def test_unusable(given: dict[str, Any] | None, problem: str) -> None:
    """Unusable credentials raise an error that doesn't quote them."""
    with pytest.raises(UnusableCredentialsError, match=problem) as caught:
        require_usable(given)
    assert "hush" not in str(caught.value)


def test_about_to_end() -> None:
    """Credentials that end within seconds are unusable, because they could end before a call."""
    soon = datetime.now(UTC) + timedelta(seconds=4)
    with pytest.raises(UnusableCredentialsError, match="expire in less than 5 seconds"):
        require_usable(GOOD | {"expiry_time": soon.isoformat()})


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "soon",
        "2099-01-01T00:00:00",
        "2099-01-01T00:00:00+00:00:30",
        "2099-W01-1T00:00:00Z",
        "9" * 400,
    ],
)
def test_text_that_is_not_a_time(text: object) -> None:
    """A text without a date, a time or a time zone isn't a time."""
    assert parse_time(text) is None


@pytest.mark.parametrize(
    "text",
    [
        LATER,
        "2099-01-01T00:00:00UTC",
        "2099-01-01 00:00:00+0000",
        "2099-01-01T00:00:00+00:00",
        "2099-01-01T02:00:00+02:00",
    ],
)
def test_time(text: str) -> None:
    """Each time format that AWS tools have written is accepted."""
    read = parse_time(text)
    assert read
    assert read.isoformat() == "2099-01-01T00:00:00+00:00"


@pytest.mark.parametrize("document", [None, [], "x", {}, {"accessToken": "x"}, {"accessToken": {}}])
def test_document_without_a_sign_in(document: object) -> None:
    """A document that no AWS tool has stored isn't a sign-in."""
    assert not is_sso_token(document)
    assert not is_login(document)
