"""The package's own clients return AWS responses, or raise a single kind of exception."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from ipy_awsprofile.credentials.response_checks import guarded
from tests.attack.interrupting import interrupted
from tests.servers import Answers, odd_server

if TYPE_CHECKING:
    from types import FrameType

    from ipy_awsprofile.demo.aws import EmbeddedAws

ACCOUNT = {"accountId": "123456789012", "accountName": "one", "emailAddress": "a@b.org"}


def list_accounts(answer: object) -> Any:
    """Return the result of the portal's ListAccounts for a response body."""
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
    """A response that fits the model is returned, even if fields are missing or unknown."""
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
    """Any other response raises an exception that doesn't quote it."""
    with pytest.raises(ResponseParserError) as caught:
        list_accounts(answer)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_interrupts_while_signing(aws: EmbeddedAws) -> None:
    """Ctrl-C at any line of the AWS CRT's Python code raises KeyboardInterrupt."""
    awscrt = pytest.importorskip("awscrt")
    signing = pytest.importorskip("botocore.crt")
    folders = tuple(os.path.dirname(module.__file__) for module in (awscrt, signing))

    def is_within(frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(folders)

    user = aws.create_user("Ann", account="111111111111")
    sts = guarded(
        Session().create_client(
            "sts",
            "us-east-1",
            endpoint_url=aws.endpoint_url,
            aws_access_key_id=user.access_key_id,
            aws_secret_access_key=user.secret_access_key,
        )
    )
    with interrupted(is_within=is_within) as counted:
        assert sts.get_caller_identity()["Arn"] == user.arn
    for line in range(1, counted.lines + 1):
        with interrupted(line, is_within) as sent, pytest.raises(KeyboardInterrupt):
            sts.get_caller_identity()
        assert sent.where
