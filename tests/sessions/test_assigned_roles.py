"""IAM Identity Center roles are listed once for all kernels, and open by account ID or name."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from ipy_awsprofile import across_profiles, list_assigned_roles, open_session, who_am_i
from ipy_awsprofile.demo.stages import allow, trusting
from ipy_awsprofile.errors import AwsProfileError, RoleNotAssigned, SignInRequired
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, TEST, TWIN, organisation, write_session
from tests.integration.test_hints import code_in
from tests.processes import is_private
from tests.shells import Shell

NEW = "444444444444"

#: The calls that list all roles of the organisation.
EVERYTHING = ["sso:ListAccounts", *["sso:ListAccountRoles"] * 3]


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    aws.sso.sign_in("corp")


def listings(aws: EmbeddedAws) -> list[str]:
    """Return the listing calls since the last use, and clear the calls."""
    actions = [call.action for call in aws.calls if call.action.startswith("sso:List")]
    aws.calls.clear()
    return actions


def refused(name: str | None = None, **request: str) -> AwsProfileError:
    """Try to open a role, and return the error."""
    with pytest.raises(AwsProfileError) as caught:
        open_session(name, **request)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("account", [PROD, "Acme Prod", "acme prod", int(PROD)])
def test_opened(aws: EmbeddedAws, account: str | int) -> None:
    """A role opens by account ID or name, with the settings that the sign-in's profiles share."""
    identity = who_am_i(open_session(account=account, role="Admin"))
    assert (identity.account, identity.profile) == (PROD, f"corp:{PROD}/Admin")
    assert identity.region == "us-west-2"
    assert listings(aws) == ([] if str(account) == PROD else ["sso:ListAccounts"])


def test_what_is_refused(aws: EmbeddedAws) -> None:
    """Unknown or ambiguous accounts, and roles that aren't assigned, raise one clear error each."""
    aws.sso.name_account(TWIN, "Sandbox", "x@acme.example")
    ambiguous = refused(account="Sandbox", role="Reader")
    assert str(ambiguous) == "2 accounts of the sign-in `corp` have the name `Sandbox`."
    assert ambiguous.hint == f"Use an account ID: `{TEST}` or `{TWIN}`."
    unknown = refused(account="Acme Prd", role="Reader")
    assert unknown.hint == "Did you mean `Acme Prod`?"
    not_assigned = str(refused(account=TEST, role="Admin"))
    assert "isn't assigned the role of `corp:222222222222/Admin`" in not_assigned
    assert '`open_session(account="ID", role="NAME")`' in refused(account=TEST).hint


def test_a_new_account(shell: Shell, aws: EmbeddedAws) -> None:
    """If the list lacks an account, the accounts are listed once more, to open and protect it."""
    shell.good("%config AwsProfileMagics.protected = ['*live*']")
    list_assigned_roles()
    aws.sso.name_account(NEW, "Acme Live", "n@acme.example")
    aws.sso.assign(NEW, "Reader")
    listings(aws)
    assert "protects the profile" in str(shell.refused(f"%aws_profile corp:{NEW}/Reader"))
    assert who_am_i(open_session(account="acme live", role="Reader")).account == NEW
    assert listings(aws) == ["sso:ListAccounts"]
    assert refused("corp:Acme Life/Reader").hint == "Did you mean `Acme Live`?"
    assert listings(aws) == ["sso:ListAccounts"]
    assert len(list_assigned_roles()) == 5


def test_a_role_that_was_taken_away(shell: Shell, aws: EmbeddedAws) -> None:
    """If AWS refuses a listed role, the error names the others, and how to list the roles again."""
    list_assigned_roles()
    aws.sso.assign(PROD, "Reader", user="bob")
    aws.sso.sign_in("corp", user="bob")
    listings(aws)
    error = refused(f"corp:{PROD}/Admin")
    assert isinstance(error, RoleNotAssigned)
    assert listings(aws) == ["sso:ListAccountRoles"]
    _, other, _, refresh, _ = error.hint.split("`")
    assert f"corp:{PROD}/Reader" in shell.good(other).text
    assert refresh == "%aws_profiles --sso corp --refresh"
    listed = shell.good(refresh).text  # the cached list still has the role
    assert "Reader" in listed
    assert "Admin" not in listed


def test_options_of_a_role_that_was_taken_away(shell: Shell, aws: EmbeddedAws) -> None:
    """The lines for the other roles keep the Region and the limits of the refused line."""
    list_assigned_roles()
    aws.sso.assign(PROD, "Reader", user="bob")
    aws.sso.sign_in("corp", user="bob")
    options = "--region eu-north-1 --read-only --as reader"
    for role in (f"corp:{PROD}/Admin", f"--account {PROD} --role Admin"):
        error = shell.refused(f"%aws_profile {role} {options}")
        other = error.hint.split("`")[1]
        assert other == f"%aws_profile corp:{PROD}/Reader {options}"
        card = shell.good(other).text
        assert "region    eu-north-1" in card
        assert "access    read-only" in card


def test_names_with_the_account_name(shell: Shell, aws: EmbeddedAws) -> None:
    """An account's name works in place of its ID in line magics, cell magics and Python."""
    trust = trusting(f"arn:aws:iam::{PROD}:root")
    arn = aws.iam.create_role("Beta", account=TEST, trust=trust, policy=allow("s3:*"))
    line = f'%aws_profile --role-arn {arn} --source-profile "corp:Acme Prod/Admin"'
    assert f"← corp:{PROD}/Admin" in shell.good(line).text.splitlines()[0]
    cell = "%%aws_profile corp:sandbox/Reader\nsession.client('sts').get_caller_identity()"
    assert shell.good(cell).result["Account"] == TWIN
    explained = shell.good("%aws_profile --explain corp:sandbox/Reader").text
    assert "no problems found" in explained
    assert listings(aws) == ["sso:ListAccounts"]
    names = ["corp:Sandbox/Reader", "corp:sandbox/Reader"]
    frame = across_profiles(names, lambda session: who_am_i(session).account, progress=False)
    assert list(frame["value"]) == [TEST, TWIN]


def test_patterns() -> None:
    """A pattern matches names of accounts, roles and profiles, IDs, and email domains."""
    counts = {"prod": 2, "acme.example admin": 1, "corp:2*": 1, "prod-reader": 1, "nobody": 0}
    assert {text: len(list_assigned_roles(pattern=text)) for text in counts} == counts
    for pattern, accounts in {
        "corp:1*/Admin": [PROD],
        "corp:sand*/*": [TEST, TWIN],
        "corp: sandbox reader": [TEST, TWIN],
    }.items():
        frame = across_profiles(pattern, lambda _session: 1, progress=False)
        assert sorted(frame["account"]) == sorted(accounts), pattern


def test_the_sign_in_that_is_meant(aws: EmbeddedAws) -> None:
    """With several sign-ins, the request must name one, and an unknown name is an error."""
    write_session(aws, "other")
    assert "several sign-ins: `corp`, `other`" in str(refused(account=TEST, role="Reader"))
    assert open_session(account=TEST, role="Reader", sso="corp").chain[0] == f"corp:{TEST}/Reader"
    assert refused(account=TEST, role="Reader", sso="crop").hint == "Did you mean `corp`?"


def test_without_an_sso_session(aws: EmbeddedAws) -> None:
    """Profiles with a start URL form a sign-in, which has the first profile's name."""
    settings: Any = {"sso_start_url": aws.sso.start_url, "sso_region": "us-east-1"}
    for name, role in (("Legacy", "Reader"), ("Second", "Admin")):
        settings |= {"sso_account_id": PROD, "sso_role_name": role, "region": "us-west-2"}
        aws.write_profile(name, **settings)
    aws.sso.sign_in(expires_in=-60)
    with pytest.raises(SignInRequired) as caught:
        list_assigned_roles("Legacy")
    assert "`aws sso login --profile Legacy`" in caught.value.hint
    aws.sso.sign_in()
    roles = list_assigned_roles("Second")
    assert [(assigned_role.name, assigned_role.profile) for assigned_role in roles[:2]] == [
        (f"Legacy:{PROD}/Admin", "Second"),
        (f"Legacy:{PROD}/Reader", "Legacy"),
    ]
    identity = who_am_i(open_session(account="sandbox", role="Reader", sso="Legacy"))
    assert (identity.account, identity.profile) == (TWIN, f"Legacy:{TWIN}/Reader")


# --- The list ---


def assign(aws: EmbeddedAws, accounts: int) -> None:
    """Assign a role in each of these many accounts."""
    for number in range(accounts):
        aws.sso.assign(f"{number:012}", "Reader")


def test_listed_once(aws: EmbeddedAws) -> None:
    """Each role has its account's name and its profile, and only a fresh list calls AWS again."""
    roles = list_assigned_roles()
    assert [(role.account.name, role.account.id, role.role, role.profile) for role in roles] == [
        ("Acme Prod", PROD, "Admin", None),
        ("Acme Prod", PROD, "Reader", "prod-reader"),
        ("Sandbox", TEST, "Reader", None),
        ("sandbox", TWIN, "Reader", None),
    ]
    assert listings(aws) == EVERYTHING
    assert is_private(aws.home / ".cache" / "ipy_awsprofile" / "roles-1.json")
    assert list_assigned_roles("corp") == list_assigned_roles("prod-reader") == roles
    assert listings(aws) == []
    assert list_assigned_roles(fresh=True) == roles
    assert listings(aws) == EVERYTHING


def test_refreshed_on_request(shell: Shell, aws: EmbeddedAws) -> None:
    """`--refresh` lists the roles again, and the hint beside the list's time says so."""
    shell.good("%aws_profiles --sso")
    aws.sso.assign(TEST, "Admin")
    text = shell.good("%aws_profiles --sso").text
    assert text.startswith("4 roles in 3 accounts (listed at ")
    assert "`--refresh` lists them again" in text
    assert "5 roles in 3 accounts\n" in shell.good("%aws_profiles --sso --refresh").text
    assert "`%aws_profiles --sso --refresh`" in shell.refused("%aws_profiles --refresh").hint


def test_an_old_list(aws: EmbeddedAws) -> None:
    """A cached list that is older than a day is listed again."""
    roles = list_assigned_roles()
    listings(aws)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=25)):
        aws.sso.sign_in("corp")
        assert list_assigned_roles() == roles
    assert listings(aws) == EVERYTHING


def test_all_pages(aws: EmbeddedAws) -> None:
    """Accounts on all pages are listed, and the progress reports how many there are."""
    assign(aws, 120)
    progress: list[tuple[int, int]] = []
    roles = list_assigned_roles(report=lambda listed, count: progress.append((listed, count)))
    assert len(roles) == 124
    assert progress == [(number + 1, 123) for number in range(123)]


def test_interrupted(aws: EmbeddedAws) -> None:
    """Ctrl-C ends a listing before all accounts are listed, and caches nothing."""
    assign(aws, 120)
    with pytest.raises(KeyboardInterrupt):
        list_assigned_roles(report=lambda _listed, _count: signal.raise_signal(signal.SIGINT))
    assert len(listings(aws)) < 120
    assert list((aws.home / ".cache" / "ipy_awsprofile").iterdir()) == []


def test_a_sign_in_that_has_ended(aws: EmbeddedAws) -> None:
    """If the sign-in is missing or has expired, only the cache is left."""
    roles = list_assigned_roles()

    ends: tuple[Callable[[], object], ...] = (
        lambda: aws.sso.expire_tokens(refresh=True),
        aws.sso.sign_in("corp").unlink,
    )
    for end in ends:
        end()
        with pytest.raises(SignInRequired, match="`sso-session corp` is missing or") as caught:
            list_assigned_roles(fresh=True)
        assert "`%aws_profile --sso corp --login`" in caught.value.hint
        assert "`aws sso login --sso-session corp`" in caught.value.hint
        assert list_assigned_roles() == roles
    hint = refused(f"corp:{PROD}/Admin").hint
    assert f"`%aws_profile corp:{PROD}/Admin --login`" in hint
    assert "`aws sso login --sso-session corp`" in hint


def test_role_names_as_sign_ins(shell: Shell, aws: EmbeddedAws) -> None:
    """A role's name in place of a sign-in is an error or a warning with code that selects roles."""
    shell.good("from ipy_awsprofile import list_assigned_roles")
    *_, code = code_in(shell.refused("list_assigned_roles('Admin')").hint)
    assert [role.role for role in shell.good(code).result] == ["Admin"]
    aws.write_profile("Reader", sso_session="corp", sso_account_id=TEST, sso_role_name="Reader")
    ran = shell.good("list_assigned_roles('Reader')")
    assert {role.role for role in ran.result} == {"Admin", "Reader"}
    *_, code = code_in(ran.text[: ran.text.index("Out[") if "Out[" in ran.text else None])
    ran = shell.good(code)
    assert {role.role for role in ran.result} == {"Reader"}
    assert "lists all roles" not in ran.text
    assert "lists all roles" not in shell.good("list_assigned_roles('prod-reader')").text
