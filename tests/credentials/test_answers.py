"""The clients of our own calls have responses of AWS, or one exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from ipy_awsprofile.credentials.answers import guarded
from tests.servers import Answers, odd_server

ACCOUNT = {"accountId": "123456789012", "accountName": "one", "emailAddress": "a@b.org"}


def list_accounts(answer: object) -> Any:
    """Return what the portal's ListAccounts returns for an answer."""
    session = Session()
    with odd_server(Answers((200, json.dumps(answer)))) as url:
        once = Config(retries={"total_max_attempts": 1})
        portal = session.create_client("sso", "us-east-1", endpoint_url=url, config=once)
        return guarded(portal).list_accounts(accessToken="token")


@pytest.mark.parametrize(
    "answer",
    [
        {"accountList": [ACCOUNT], "nextToken": "x"},
        {"accountList": [ACCOUNT | {"unknown": 1}], "other": []},
        {"accountList": [{}]},
        {"accountList": []},
        {},
    ],
)
def test_of_aws(answer: object) -> None:
    """A response of the model is returned, also if something is missing or unknown."""
    assert list_accounts(answer)["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    "answer",
    [
        [],
        None,
        "hush",
        7,
        {"accountList": "hush"},
        {"accountList": ["hush"]},
        {"accountList": [[ACCOUNT]]},
        {"accountList": [ACCOUNT | {"accountId": 7}]},
        {"accountList": [], "nextToken": {"hush": 1}},
    ],
)
def test_not_of_aws(answer: object) -> None:
    """Anything else is an exception that doesn't quote it."""
    with pytest.raises(ResponseParserError) as caught:
        list_accounts(answer)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
