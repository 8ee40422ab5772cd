"""A switch replaces boto3's default session and restores it, unless the user has set another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from ipy_awsprofile.bindings.default_session import default_session
from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, USER_ACCOUNT
from ipy_awsprofile.sessions.session import open_session

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws


def account() -> str:
    """Return the account that `boto3.client` uses, as a library would."""
    return str(boto3.client("sts").get_caller_identity()["Account"])


def test_boto3_works_as_the_session(aws: EmbeddedAws) -> None:
    """`boto3.client` and `boto3.resource` sign as the innermost session, until its block ends."""
    role, user = open_session("RoleBeta"), open_session("UserAlpha")
    with default_session(user):
        assert account() == USER_ACCOUNT
        with default_session(role):
            assert account() == ROLE_ACCOUNT
            assert len(list(boto3.resource("s3").buckets.all())) == 3
        assert account() == USER_ACCOUNT
    assert boto3.DEFAULT_SESSION is None


@pytest.mark.parametrize("before", [None, boto3.Session()])
def test_session_before_comes_back(before: boto3.Session | None) -> None:
    """The binding restores the previous default session, or None, even after an error."""
    boto3.DEFAULT_SESSION = before
    session = boto3.Session()
    with default_session(session):
        assert boto3.DEFAULT_SESSION is session
    assert boto3.DEFAULT_SESSION is before
    with pytest.raises(RuntimeError, match="oops"), default_session(session):
        raise RuntimeError("oops")
    assert boto3.DEFAULT_SESSION is before


def test_session_that_was_set_up_since_stays() -> None:
    """If the user has set a default session meanwhile, it stays."""
    with default_session(boto3.Session()):
        boto3.setup_default_session(region_name="eu-west-3")
        newer = boto3.DEFAULT_SESSION
    assert newer is not None
    assert boto3.DEFAULT_SESSION is newer
