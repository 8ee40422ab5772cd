"""IAM Identity Center roles are listed, found and opened without a profile."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.demo.endpoints import json_refusal
from ipy_awsprofile.errors import (
    AccessDenied,
    AwsProfileError,
    CredentialsUnavailable,
    InvalidOption,
    ServiceError,
    SignInRequired,
)
from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles
from ipy_awsprofile.sessions.identity import who_am_i
from ipy_awsprofile.sessions.session import open_session
from tests.identity_center import PROD, TEST, TWIN, organisation, write_session
from tests.servers import Answers, echoing_server, odd_server

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from ipy_awsprofile.sessions.access_portal import ListingProgress


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    aws.sso.sign_in("corp")


def called(aws: EmbeddedAws) -> Counter[str]:
    """Return the number of calls by action since the last use, and clear them."""
    actions = Counter(call.action for call in aws.calls)
    aws.calls.clear()
    return actions


def test_listed_once(aws: EmbeddedAws) -> None:
    """Each role has its account's name and email domain, and only a fresh list calls AWS again."""
    roles = list_assigned_roles()
    assert [(one.account.name, one.account.id, one.role, one.profile) for one in roles] == [
        ("Acme Prod", PROD, "Admin", None),
        ("Acme Prod", PROD, "Reader", "prod-reader"),
        ("Sandbox", TEST, "Reader", None),
        ("sandbox", TWIN, "Reader", None),
    ]
    assert {one.account.domain for one in roles} == {"acme.example"}
    assert called(aws) == {"sso:ListAccounts": 1, "sso:ListAccountRoles": 3}
    assert list_assigned_roles("corp") == list_assigned_roles("prod-reader") == roles
    aws.sso.sign_in("corp")
    assert list_assigned_roles() == roles
    assert called(aws) == {}
    assert list_assigned_roles(fresh=True) == roles
    assert called(aws) == {"sso:ListAccounts": 1, "sso:ListAccountRoles": 3}


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("prod", 2), ("acme.example admin", 1), ("corp:2*", 1), ("111111111111", 2), ("nobody", 0)],
)
def test_pattern(pattern: str, count: int) -> None:
    """A pattern matches profile names, account names, email domains and roles."""
    assert len(list_assigned_roles(pattern=pattern)) == count


def test_all_pages(aws: EmbeddedAws) -> None:
    """Accounts on all pages are listed, and the progress reports how many there are."""
    for number in range(120):
        aws.sso.assign(f"{number:012}", "Reader")
    progress: list[ListingProgress] = []
    assert len(list_assigned_roles(report=progress.append)) == 124
    assert progress == [(number + 1, 123, False) for number in range(123)]
    assert called(aws)["sso:ListAccounts"] >= 2


@pytest.mark.slow
@pytest.mark.nightly(keep=1)
@pytest.mark.parametrize(("calls_per_second", "accounts"), [(10, 40), (20, 80), (40, 160)])
def test_throttled(aws: EmbeddedAws, calls_per_second: int, accounts: int) -> None:
    """The list is complete at any rate limit, and the progress says that AWS slows it down."""
    for number in range(accounts):
        aws.sso.assign(f"{number:012}", "Reader")
    aws.sso.calls_per_second = calls_per_second
    progress: list[ListingProgress] = []
    assert len(list_assigned_roles(report=progress.append)) == accounts + 4
    assert progress[-1] == (accounts + 3, accounts + 3, True)


@pytest.mark.slow
def test_throttled_for_good(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the portal throttles every call, the listing ends with an error that says so."""
    monkeypatch.setattr("ipy_awsprofile.credentials.pace._PATIENCE", 1.0)
    aws.sso.calls_per_second = 0
    with pytest.raises(ServiceError) as caught:
        list_assigned_roles()
    assert "AWS limits how often" in caught.value.hint


LISTS = {
    "the same page again and again": '{"accountList": [{"accountId": "1"}], "nextToken": "next"}',
    "an account without an ID": '{"accountList": [{"accountName": "Acme"}]}',
    "no account at all": '{"accountList": [null]}',
}


@pytest.mark.parametrize("page", LISTS.values(), ids=LISTS)
def test_an_odd_list(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    """A list that AWS wouldn't return raises an error, and a later list from AWS works."""
    with odd_server(Answers((200, page))) as portal:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", portal)
        with pytest.raises(ServiceError, match="isn't from AWS"):
            list_assigned_roles()
    monkeypatch.delenv("AWS_ENDPOINT_URL_SSO")
    assert len(list_assigned_roles()) == 4


@pytest.mark.slow
def test_an_endless_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list whose pages never end raises an error."""
    pages = iter(range(10**6))

    def page(_sent: str) -> str:
        return f'{{"accountList": [], "nextToken": "{next(pages)}"}}'

    with echoing_server(200, page) as portal:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", portal)
        with pytest.raises(ServiceError, match="isn't from AWS"):
            list_assigned_roles()


def test_a_listing_that_is_cut_off(aws: EmbeddedAws) -> None:
    """An error during a listing says where it ended, and the next listing continues there."""
    for number in range(40):
        aws.sso.assign(f"{number:012}", "Reader")
    roles = aws.sso.assignments

    def fail_at_last(user: str) -> Any:
        if sum(call.action == "sso:ListAccountRoles" for call in aws.calls) >= 20:
            raise json_refusal("ResourceNotFoundException", {"message": "gone"}, 404)
        return roles(user)

    aws.sso.assignments = fail_at_last  # type: ignore[method-assign]
    with pytest.raises(AwsProfileError, match=r"The list ends after \d+ of 43 accounts"):
        list_assigned_roles()
    aws.sso.assignments = roles  # type: ignore[method-assign]
    called(aws)
    assert len(list_assigned_roles()) == 44
    again = called(aws)
    assert again["sso:ListAccounts"] == 0
    assert 0 < again["sso:ListAccountRoles"] < 40


@pytest.mark.parametrize("page", ["<!doctype html><title>Log in</title>", "", "{}"])
def test_a_page_of_a_proxy(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    """A proxy's login page raises an error, and the list works once the proxy is gone."""
    with odd_server(Answers((200, page))) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(ServiceError, match="isn't from AWS"):
            list_assigned_roles()
    monkeypatch.delenv("http_proxy")
    assert len(list_assigned_roles()) == 4


@pytest.mark.parametrize("account", [PROD, "Acme Prod", "acme prod", int(PROD)])
def test_opened(aws: EmbeddedAws, account: str | int) -> None:
    """A role opens by account ID or name, with the settings that the sign-in's profiles share."""
    session = open_session(account=account, role="Admin")
    identity = who_am_i(session)
    assert (identity.account, identity.profile) == (PROD, f"corp:{PROD}/Admin")
    assert session.region_name == "us-west-2"
    assert who_am_i(open_session(f"corp:{PROD}/Admin", region="eu-west-1")).region == "eu-west-1"
    assert session.client("s3").list_buckets()["Buckets"] == []


def test_by_id_without_a_listing(aws: EmbeddedAws) -> None:
    """Opening a role by account ID doesn't list the accounts."""
    open_session(account=TEST, role="Reader")
    assert called(aws) == {"sso:GetRoleCredentials": 1}


def refused(**request: str) -> AwsProfileError:
    """Try to open a role, and return the error."""
    with pytest.raises(AwsProfileError) as caught:
        open_session(**request)  # type: ignore[arg-type]
    return caught.value


def test_what_is_refused(aws: EmbeddedAws) -> None:
    """Unknown or ambiguous accounts, and roles that aren't assigned, raise one clear error each."""
    aws.sso.name_account(TWIN, "Sandbox", "x@acme.example")
    ambiguous = refused(account="Sandbox", role="Reader")
    assert isinstance(ambiguous, InvalidOption)
    assert "2 accounts have the name `Sandbox`" in str(ambiguous)
    assert TEST in ambiguous.hint
    assert TWIN in ambiguous.hint
    unknown = refused(account="Acme Prd", role="Reader")
    assert "No account `Acme Prd`" in str(unknown)
    assert unknown.hint == "Did you mean `Acme Prod`?"
    not_assigned = refused(account=TEST, role="Admin")
    assert isinstance(not_assigned, AccessDenied)
    assert str(not_assigned) == f"The signed-in user isn't assigned `Admin` in account {TEST}."
    assert "--account and --role together" in str(refused(account=TEST))
    assert "can't be the name of a role" in str(refused(account=TEST, role="a/b"))


def test_the_sign_in_that_is_meant(aws: EmbeddedAws) -> None:
    """With several sign-ins, the request must name one, and an unknown name is an error."""
    write_session(aws, "other")
    assert "several sign-ins: `corp`, `other`" in str(refused(account=TEST, role="Reader"))
    assert who_am_i(open_session(account=TEST, role="Reader", sso="corp")).account == TEST
    error = refused(account=TEST, role="Reader", sso="crop")
    assert error.hint == "Did you mean `corp`?"
    aws.config_file.write_text("")
    assert "has no [sso-session]" in str(refused(account=TEST, role="Reader"))


def test_a_sign_in_that_has_ended(aws: EmbeddedAws) -> None:
    """A sign-in that is missing, has expired or has another start URL raises an error."""
    aws.sso.expire_tokens(refresh=True)
    with pytest.raises(SignInRequired, match="is missing or has expired"):
        list_assigned_roles()
    file = aws.sso.sign_in("corp")
    file.write_text(file.read_text().replace("0000000000", "1111111111"))
    with pytest.raises(SignInRequired, match="is for another start URL") as caught:
        list_assigned_roles()
    assert "aws sso login --sso-session corp" in caught.value.hint
    assert "%aws_profile --sso corp --login" in caught.value.hint
    file.unlink()
    with pytest.raises(SignInRequired, match="`sso-session corp` is missing or has expired"):
        list_assigned_roles()


def test_a_profile_of_that_name_takes_precedence(aws: EmbeddedAws) -> None:
    """A profile in the files takes precedence over an assigned role of the same name."""
    aws.write_profile(f"corp:{PROD}/Admin", source_profile="UserAlpha", role_arn="arn:x")
    error = refused(name=f"corp:{PROD}/Admin")
    assert not isinstance(error, CredentialsUnavailable)


def test_a_role_that_is_saved_under_its_own_name(aws: EmbeddedAws) -> None:
    """Account and role lead to the profile that has the role's full name."""
    aws.write_profile(
        f"corp:{PROD}/Admin",
        sso_session="corp",
        sso_account_id=PROD,
        sso_role_name="Admin",
        region="eu-west-3",
    )
    assert open_session(account=PROD, role="Admin").region_name == "eu-west-3"


@pytest.fixture
def legacy(aws: EmbeddedAws) -> None:
    """Write two profiles with a start URL and without an [sso-session]."""
    for name, role in (("Legacy", "Reader"), ("Second", "Admin")):
        aws.write_profile(
            name,
            sso_start_url=aws.sso.start_url,
            sso_region="us-east-1",
            sso_account_id=PROD,
            sso_role_name=role,
            region="us-west-2",
        )


def test_without_an_sso_session(aws: EmbeddedAws, legacy: None) -> None:
    """Profiles with a start URL form a sign-in, which has the first profile's name."""
    aws.sso.sign_in()
    roles = list_assigned_roles("Second")
    assert [(one.name, one.profile) for one in roles[:3]] == [
        (f"Legacy:{PROD}/Admin", "Second"),
        (f"Legacy:{PROD}/Reader", "Legacy"),
        (f"Legacy:{TEST}/Reader", None),
    ]
    called(aws)
    assert list_assigned_roles("Legacy") == roles
    assert called(aws) == {}
    identity = who_am_i(open_session(account="sandbox", role="Reader", sso="Legacy"))
    assert (identity.account, identity.profile) == (TWIN, f"Legacy:{TWIN}/Reader")
    assert identity.region == "us-west-2"
    assert {one.name.partition(":")[0] for one in list_assigned_roles()} == {"corp"}
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace("[sso-session corp]", "[ignored]"))
    assert list_assigned_roles() == roles


@pytest.mark.parametrize("expires_in", [None, -60])
def test_a_sign_in_without_an_sso_session_that_has_ended(
    aws: EmbeddedAws, legacy: None, expires_in: int | None
) -> None:
    """The hints name the profile, because there is no [sso-session] to name."""
    if expires_in:
        aws.sso.sign_in(expires_in=expires_in)
    with pytest.raises(SignInRequired) as caught:
        list_assigned_roles("Legacy")
    assert "`%aws_profile Legacy --login`" in caught.value.hint
    assert "`aws sso login --profile Legacy`" in caught.value.hint
    error = refused(name=f"Legacy:{TEST}/Reader")
    assert f"`%aws_profile Legacy:{TEST}/Reader --login`" in error.hint
    assert "`aws sso login --profile Legacy`" in error.hint
