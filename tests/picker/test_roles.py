"""Roles of IAM Identity Center in the picker, listed on request and saved as profiles."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.config.profiles import list_profiles
from ipy_awsprofile.demo.endpoints import json_refusal
from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles
from tests.identity_center import PROD, TEST, organisation
from tests.local_browser import Browser, browser
from tests.picker.person import waited_for

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.picker.person import Person
    from tests.shells import Shell

__all__ = ["browser"]

ADMIN = f"corp:{PROD}/Admin"


@pytest.fixture(autouse=True)
def _organisation(aws: EmbeddedAws, person: Person) -> None:
    organisation(aws)


def actions(aws: EmbeddedAws) -> set[str]:
    """Return the actions that AWS saw."""
    return {call.action for call in aws.calls}


def test_listed_when_asked_for(aws: EmbeddedAws, person: Person) -> None:
    """The list offers a sign-in without calling AWS; the command shows progress, then the roles."""
    aws.sso.sign_in("corp")
    aws.calls.clear()
    assert len(person.rows() or []) == 3
    assert person.seen[0]["sign_ins"] == ["corp"]
    assert aws.calls == []
    person.says("roles", sso="corp")
    waited_for(person, "listed", "corp")
    progress = [one for one in person.seen if one["type"] == "progress"]
    assert (progress[-1]["listed"], progress[-1]["accounts"]) == (3, 3)
    assert actions(aws) == {"sso:ListAccounts", "sso:ListAccountRoles"}
    assert [secret for secret in aws.secrets() if secret in json.dumps(person.seen)] == []
    aws.calls.clear()
    rows = person.rows() or []
    assert next(row[0] for row in rows if row[1] == "no profile yet") == ADMIN
    assert person.seen[0]["sign_ins"] == []
    assert datetime.fromisoformat(person.seen[0]["listed_at"]["corp"]) <= datetime.now(UTC)
    assert aws.calls == []


def test_refreshed_when_asked_for(aws: EmbeddedAws, person: Person) -> None:
    """The picker shows another kernel's list with its time, and refreshes it on request."""
    aws.sso.sign_in("corp")
    list_assigned_roles()
    aws.sso.assign(PROD, "Auditor")
    aws.calls.clear()
    assert len(person.rows() or []) == 6
    assert aws.calls == []
    person.says("roles", sso="corp", fresh=True)
    waited_for(person, "listed", "corp")
    assert len(person.rows() or []) == 7


@pytest.mark.slow
def test_signed_in_first(aws: EmbeddedAws, person: Person) -> None:
    """Without a sign-in, the command shows where to sign in; repeated, it lists the roles."""
    person.says("roles", sso="corp")
    asked = waited_for(person, "sign_in")
    aws.sso.approve(asked["code"])
    waited_for(person, "signed_in")
    person.says("roles", sso="corp")
    waited_for(person, "listed")
    assert len(person.rows() or []) == 6


@pytest.mark.slow
def test_another_program_signs_in(aws: EmbeddedAws, person: Person) -> None:
    """When another program signs in, the view continues, and the kernel requests no token."""
    aws.sso.lifetimes = replace(aws.sso.lifetimes, interval=60)
    person.says("roles", sso="corp")
    waited_for(person, "sign_in")
    aws.sso.sign_in("corp")
    waited_for(person, "signed_in")
    assert "sso-oidc:CreateToken" not in actions(aws)


@pytest.mark.parametrize("how", ["another command", "another sign-in", "off", "closed"])
def test_a_sign_in_that_is_given_up(aws: EmbeddedAws, person: Person, how: str) -> None:
    """After the user does something else, the kernel stops polling AWS and sends nothing."""
    person.switches("prod-reader")
    (given_up,) = waiting()
    match how:
        case "another command":
            assert person.switches("RoleBeta")["type"] == "done"
        case "another sign-in":
            assert person.switches("prod-reader")["type"] == "sign_in"
        case "off":
            person.says("off")
        case "closed":
            person.picker.close()
    given_up.join()
    assert given_up not in waiting()
    assert not [one for one in person.seen if one["type"] in {"signed_in", "error"}]


def waiting() -> list[threading.Thread]:
    """Return the threads that wait for a sign-in."""
    return [thread for thread in threading.enumerate() if thread.name == "sign-in"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["roles", "switch"])
def test_sign_in_in_the_browser(
    aws: EmbeddedAws, person: Person, browser: Browser, command: str
) -> None:
    """The kernel's machine opens the page in its browser, or shows a code on request."""
    browser.answer = None
    person.rows()
    seen = person.seen[0]["version"]
    content: dict[str, Any] = {
        "roles": {"sso": "corp"},
        "switch": {"profile": "prod-reader", "region": None, "list": seen},
    }[command]
    person.says(command, **content, device_code=True)
    assert waited_for(person, "sign_in")["code"]
    assert browser.opened == []
    browser.answer = "allow"
    person.says(command, **content)
    assert waited_for(person, "sign_in")["code"] == ""
    waited_for(person, "signed_in")
    assert "sso-oidc:StartDeviceAuthorization" in actions(aws)
    person.says(command, **content)
    waited_for(person, {"roles": "listed", "switch": "done"}[command])


@pytest.mark.slow
def test_refused_in_the_browser(aws: EmbeddedAws, person: Person, browser: Browser) -> None:
    """A denied sign-in is shown as an error, and the list stays the same."""
    browser.answer = "deny"
    person.says("roles", sso="corp")
    assert "was refused" in waited_for(person, "error")["html"]
    assert len(person.rows() or []) == 3


def test_errors_of_a_listing(aws: EmbeddedAws, person: Person) -> None:
    """A failed listing is shown as an error, and so is a section that doesn't exist."""
    aws.sso.sign_in("corp")
    assignments = aws.sso.assignments

    def gone(user: str) -> Any:
        raise json_refusal("ResourceNotFoundException", {"message": "gone"}, 404)

    aws.sso.assignments = gone  # type: ignore[method-assign]
    person.says("roles", sso="corp")
    waited_for(person, "error", "gone")
    aws.sso.assignments = assignments  # type: ignore[method-assign]
    assert "no [sso-session other]" in error_of(person, "other")


def test_nothing_new_is_listed(aws: EmbeddedAws, person: Person) -> None:
    """If each role is already a profile, the picker says so."""
    aws.sso.sign_in("corp")
    for role in list_assigned_roles():
        aws.write_profile(
            role.name.replace(":", "-"),
            sso_session="corp",
            sso_account_id=role.account.id,
            sso_role_name=role.role,
        )
    assert "has no roles without a profile" in error_of(person, "corp")
    assert person.rows() is not None
    assert person.seen[0]["sign_ins"] == []


def error_of(person: Person, sso: str) -> str:
    """Request the roles, and return the HTML of the error."""
    person.says("roles", sso=sso)
    html: str = waited_for(person, "error")["html"]
    return html


def test_kept_as_a_profile(aws: EmbeddedAws, person: Person, shell: Shell) -> None:
    """The role's button suggests a name and saves the active role, like `--save`."""
    aws.sso.sign_in("corp")
    shell.good("%aws_profiles --sso")
    identity = person.chooses(ADMIN)[0]["identity"]
    assert (identity["save_as"], identity["account"]) == ("Acme-Prod-Admin", "Acme Prod")
    before = aws.config_file.read_text()
    refused = person.says("save", name="prod-reader")[-1]
    assert "already exists" in refused["html"]
    assert aws.config_file.read_text() == before
    shown, done = person.says("save", name="Acme-Prod-Admin")
    assert done["type"] == "done"
    assert (shown["identity"]["profile"], shown["identity"]["save_as"]) == ("Acme-Prod-Admin", "")
    added = aws.config_file.read_text().removeprefix(before)
    assert "[profile Acme-Prod-Admin]" in added
    assert f"sso_account_id = {PROD}" in added
    assert list_profiles()[-1] == "Acme-Prod-Admin"
    assert ADMIN not in [row[0] for row in person.rows() or []]


def test_a_protected_name(aws: EmbeddedAws, person: Person, shell: Shell) -> None:
    """If the new name is protected, the picker asks for confirmation before it writes the file."""
    aws.sso.sign_in("corp")
    shell.good("%config AwsProfileMagics.protected = ['live*']")
    person.switches(f"corp:{TEST}/Reader")
    before = aws.config_file.read_text()
    assert person.says("save", name="live-reader")[-1]["type"] == "confirm"
    assert aws.config_file.read_text() == before
    assert person.says("save", name="live-reader", confirmed=True)[-1]["type"] == "done"
    assert person.picker.value == "live-reader"


def test_a_role_by_its_arn(aws: EmbeddedAws, person: Person, shell: Shell) -> None:
    """A role given by its ARN can be saved; a profile, or no active identity, can't."""
    arn = next(one.role_arn for one in list_profiles() if one == "RoleBeta")
    shell.good(f"%aws_profile --role-arn {arn} --source-profile UserAlpha")
    assert person.says("ready")[0]["identity"]["save_as"] == "123456789012-RoleBeta"
    assert person.says("save", name="beta")[-1]["type"] == "done"
    assert "is already a profile" in person.says("save", name="gamma")[-1]["html"]
    shell.good("%aws_profile --off")
    assert "No profile is active" in person.says("save", name="gamma")[-1]["html"]
