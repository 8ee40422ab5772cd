"""Paging of accounts and roles in the access portal, as in botocore's model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from tests.demo.clients import error_of, unsigned_client
from tests.demo.policies import AWAY, HOME

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws

MODEL: Any = botocore.session.Session().get_service_model("sso")


@pytest.fixture
def portal(aws: EmbeddedAws) -> Any:
    return unsigned_client(aws, "sso")


@pytest.fixture
def token(aws: EmbeddedAws) -> dict[str, str]:
    """Sign in a user who has 45 accounts, and return the token; one account has 30 roles."""
    for number in range(44):
        aws.sso.assign(f"{number:012}", "Reader")
    for number in range(30):
        aws.sso.assign(HOME, f"Role{number:02}")
    center = aws.sso.tokens
    client = center.register(["sso:account:access"])
    return {"accessToken": center.grant(client, "ann").access}


def pages(portal: Any, operation: str, **parameters: Any) -> list[list[dict[str, str]]]:
    """Return all pages that botocore's paginator gets."""
    result = MODEL.operation_model(operation).output_shape.members
    name = next(member for member in result if member.endswith("List"))
    paginator = portal.get_paginator(botocore.xform_name(operation))
    return [page[name] for page in paginator.paginate(**parameters)]


def test_all_pages(portal: Any, token: dict[str, str]) -> None:
    """A page has 20 items or the requested number, and all pages together have each item once."""
    listed = pages(portal, "ListAccounts", **token)
    assert [len(page) for page in listed] == [20, 20, 5]
    accounts = [account["accountId"] for page in listed for account in page]
    assert len(set(accounts)) == 45
    roles = pages(portal, "ListAccountRoles", **token, accountId=HOME, maxResults=25)
    assert [len(page) for page in roles] == [25, 5]
    assert len({role["roleName"] for page in roles for role in page}) == 30


def test_what_is_said_of_an_account(aws: EmbeddedAws, portal: Any, token: dict[str, str]) -> None:
    """Each account and each role has every member of its shape in botocore's model."""
    aws.sso.name_account(HOME, "Acme Prod", "prod@acme.example")
    accounts = [one for page in pages(portal, "ListAccounts", **token) for one in page]
    assert {frozenset(one) for one in accounts} == {members("AccountInfo")}
    named = {"accountId": HOME, "accountName": "Acme Prod", "emailAddress": "prod@acme.example"}
    assert named in accounts
    (page,) = pages(portal, "ListAccountRoles", **token, accountId="000000000000")
    assert [frozenset(role) for role in page] == [members("RoleInfo")]


def members(shape: str) -> frozenset[str]:
    """Return the members of a structure in botocore's model."""
    return frozenset(MODEL.shape_for(shape).members)


@pytest.mark.parametrize("wrong", [{"maxResults": 101}, {"nextToken": "another"}])
def test_invalid_pages(portal: Any, token: dict[str, str], wrong: dict[str, Any]) -> None:
    """A page size that is too large is refused, and so is an unknown page token."""
    assert error_of(portal.list_accounts, **token, **wrong).code == "InvalidRequestException"


def test_throttling(aws: EmbeddedAws, portal: Any, token: dict[str, str]) -> None:
    """Requests beyond the configured rate are throttled."""
    aws.sso.calls_per_second = 0
    error = error_of(portal.list_accounts, **token)
    assert (error.code, error.status) == ("TooManyRequestsException", 429)
    aws.sso.calls_per_second = 1
    assert portal.list_accounts(**token)["accountList"]
    assert error_of(portal.list_accounts, **token).status == 429


def test_accounts_of_others(aws: EmbeddedAws, portal: Any, token: dict[str, str]) -> None:
    """An account in which the user has no assignment isn't listed."""
    aws.sso.assign(AWAY, "Admin", user="bob")
    listed = pages(portal, "ListAccounts", **token, maxResults=100)
    assert AWAY not in {one["accountId"] for page in listed for one in page}
