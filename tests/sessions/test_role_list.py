"""All kernels share a cached list of a sign-in's roles, and renew it when it is out of date."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile import across_profiles, list_assigned_roles, open_session, who_am_i
from ipy_awsprofile.demo.stages.scenario import allow, trusting
from ipy_awsprofile.errors import AccessDenied, InvalidOption, RoleNotAssigned, SignInRequired
from tests.identity_center import PROD, TEST, TWIN, organisation
from tests.shells import run_notebook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

LISTING = {"sso:ListAccounts", "sso:ListAccountRoles"}


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws) -> None:
    organisation(aws)
    aws.sso.sign_in("corp")


def listings(aws: EmbeddedAws) -> list[str]:
    """Return the listing calls since the last use, and clear the calls."""
    actions = [call.action for call in aws.calls if call.action in LISTING]
    aws.calls.clear()
    return sorted(actions)


def kept_file(aws: EmbeddedAws) -> Path:
    """Return the cache file of the list."""
    (file,) = (aws.home / ".cache" / "ipy_awsprofile").iterdir()
    return file


def edit(file: Path, **values: object) -> None:
    """Change values in the file, as another kernel does."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.slow
def test_kept_for_the_next_kernel(aws: EmbeddedAws) -> None:
    """Another kernel shows the cached list without a call, and only the user can read its file."""
    list_assigned_roles()
    assert listings(aws)
    cells, _ = run_notebook(
        "%load_ext ipy_awsprofile", "%aws_profiles --sso", environment=aws.environment()
    )
    assert f"4 roles in 3 accounts (listed at {datetime.now(UTC):%Y-%m-%d}" in cells[1].html
    assert listings(aws) == []
    file = kept_file(aws)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [secret for secret in aws.secrets() if secret in file.read_text()] == []


def test_refreshed_on_request(shell: Shell, aws: EmbeddedAws) -> None:
    """`--refresh` lists the roles again, and the hint beside the list's time says so."""
    shell.good("%aws_profiles --sso")
    aws.sso.assign(TEST, "Admin")
    listings(aws)
    title = shell.good("%aws_profiles --sso").text.splitlines()[0]
    assert title.startswith("4 roles in 3 accounts (listed at ")
    assert "`--refresh` lists them again" in title
    assert listings(aws) == []
    title = shell.good("%aws_profiles --sso --refresh").text.splitlines()[0]
    assert title == "5 roles in 3 accounts"
    assert listings(aws) == ["sso:ListAccountRoles"] * 3 + ["sso:ListAccounts"]
    error = shell.refused("%aws_profiles --refresh")
    assert "`%aws_profiles --sso --refresh`" in error.hint


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.unlink(),
        lambda file: file.write_text(""),
        lambda file: file.write_bytes(b"\xff\xfe\x00"),
        lambda file: edit(file, accounts=[[1, 2, 3]]),
        lambda file: edit(file, accounts=[["1"]]),
        lambda file: edit(file, roles=[]),
        lambda file: edit(file, listed_at="yesterday"),
        lambda file: edit(file, listed_at=str(datetime.now(UTC) - timedelta(hours=25))),
        lambda file: edit(file, listed_at=str(datetime.now(UTC) + timedelta(days=365))),
    ],
    ids=[
        *("deleted", "empty", "not text", "numbers", "short", "no roles", "no time"),
        *("a day old", "from the future"),
    ],
)
def test_a_list_that_cannot_be_used(aws: EmbeddedAws, spoil: Callable[[Path], object]) -> None:
    """A cached list that is missing, malformed or out of date is listed again."""
    roles = list_assigned_roles()
    spoil(kept_file(aws))
    listings(aws)
    assert list_assigned_roles() == roles
    assert "sso:ListAccounts" in listings(aws)


def test_a_file_in_place_of_the_folder(aws: EmbeddedAws) -> None:
    """If the cache folder can't be created, the kernel keeps the list in memory."""
    (aws.home / ".cache").write_text("")
    roles = list_assigned_roles()
    listings(aws)
    assert list_assigned_roles() == roles
    assert listings(aws) == []


def test_without_a_sign_in(aws: EmbeddedAws) -> None:
    """A cached list doesn't need a sign-in, and remains when a fresh list fails without one."""
    roles = list_assigned_roles()
    aws.sso.expire_tokens(refresh=True)
    assert list_assigned_roles() == roles
    with pytest.raises(SignInRequired):
        list_assigned_roles(fresh=True)
    assert list_assigned_roles() == roles


def test_a_new_account(aws: EmbeddedAws) -> None:
    """If the list lacks an account, the accounts are listed once more before an error."""
    list_assigned_roles()
    aws.sso.name_account("444444444444", "Newcomer", "n@acme.example")
    aws.sso.assign("444444444444", "Reader")
    listings(aws)
    assert who_am_i(open_session(account="newcomer", role="Reader")).account == "444444444444"
    assert listings(aws) == ["sso:ListAccounts"]
    assert who_am_i(open_session("corp:Newcomer/Reader")).account == "444444444444"
    assert listings(aws) == []
    assert len(list_assigned_roles()) == 5
    assert listings(aws) == ["sso:ListAccountRoles"]
    with pytest.raises(InvalidOption) as caught:
        open_session("corp:Newcomr/Reader")
    assert caught.value.hint == "Did you mean `Newcomer`?"
    assert listings(aws) == ["sso:ListAccounts"]


def test_a_role_that_was_taken_away(aws: EmbeddedAws) -> None:
    """If AWS refuses a listed role, the error names the account's roles, listed again."""
    list_assigned_roles()
    assignments = aws.sso.assignments
    aws.sso.assignments = lambda user: [  # type: ignore[method-assign]
        one for one in assignments(user) if one != (PROD, "Admin")
    ]
    listings(aws)
    with pytest.raises(RoleNotAssigned) as caught:
        open_session(f"corp:{PROD}/Admin")
    assert isinstance(caught.value, AccessDenied)
    assert caught.value.hint.startswith("Your roles in the account: `Reader`. `%aws_profiles --sso")
    assert listings(aws) == ["sso:ListAccountRoles"]
    assert [one.role for one in list_assigned_roles() if one.account.id == PROD] == ["Reader"]
    with pytest.raises(RoleNotAssigned) as caught:
        open_session("corp:acme prod/Raeder")
    assert caught.value.hint.startswith("Did you mean `Reader`? ")
    assert who_am_i(open_session("corp:acme prod/Reader")).account == PROD


def test_names_with_the_account_name(shell: Shell, aws: EmbeddedAws) -> None:
    """An account's name works in place of its ID in line magics, cell magics and Python."""
    assert shell.good('%aws_profile "corp:Acme Prod/Admin"').text.startswith(f"corp:{PROD}/Admin")
    assert listings(aws) == ["sso:ListAccounts"]
    cell = "%%aws_profile corp:sandbox/Reader\nsession.client('sts').get_caller_identity()"
    assert shell.good(cell).result["Account"] == TWIN
    explained = shell.good("%aws_profile --explain corp:sandbox/Reader").text
    assert TWIN in explained
    assert "no problems found" in explained
    assert listings(aws) == []
    unknown = shell.good("%aws_profile --explain corp:nowhere/Reader").text
    assert "Run `%aws_profiles --sso corp --refresh`" in unknown
    frame = across_profiles(["corp:Sandbox/Reader", "corp:sandbox/Reader"], lambda _session: 1)
    assert list(frame["profile"]) == [f"corp:{TEST}/Reader", f"corp:{TWIN}/Reader"]


def test_as_a_source_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """An Identity Center role can assume a role; `--save` needs it as a saved profile."""
    trust = trusting(f"arn:aws:iam::{PROD}:root")
    arn = aws.create_role("Beta", account=TEST, trust=trust, policy=allow("s3:*"))
    for source in (f"corp:{PROD}/Admin", '"corp:Acme Prod/Admin"'):
        card = shell.good(f"%aws_profile --role-arn {arn} --source-profile {source}").text
        assert f"← corp:{PROD}/Admin" in card.splitlines()[0]
        shell.good("%aws_profile --off")
    line = f"%aws_profile --role-arn {arn} --source-profile corp:{PROD}/Admin --save Beta"
    error = shell.refused(line)
    assert f"`%aws_profile corp:{PROD}/Admin --save NAME`" in error.hint
    shell.good(f"%aws_profile corp:{PROD}/Admin --save Admin")
    shell.good(line.replace(f"corp:{PROD}/Admin", "Admin"))
    assert shell.good("%aws_profile Beta").text.startswith("Beta ← Admin")


def test_patterns(shell: Shell, aws: EmbeddedAws) -> None:
    """A pattern that begins with a sign-in selects roles by account ID or name."""
    for pattern, accounts in {
        "corp:1*/Admin": [PROD],
        "corp:sand*/*": [TEST, TWIN],
        "corp:*/Reader": [TEST, TWIN, PROD],
        "corp: sandbox reader": [TEST, TWIN],
    }.items():
        frame = across_profiles(pattern, lambda _session: 1, progress=False)
        assert sorted(frame["account"]) == sorted(accounts), pattern
    frame = shell.good("%%aws_profiles corp:sand*/* --no-progress\n1").result
    assert list(frame["account"]) == [TEST, TWIN]
    assert "2 roles in 2 accounts" in shell.good("%aws_profiles corp:sand*/*").text
    error = shell.run("%%aws_profiles corp:nobody*/* --no-progress\n1").error
    assert "No profile matches" in str(error)
