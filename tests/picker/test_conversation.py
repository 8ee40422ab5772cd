"""What the picker's views do and show, without a browser."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import time_machine

from ipy_awsprofile.demo.stages.scenario import ROLE_ACCOUNT, allow
from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles
from ipy_awsprofile.switch.switcher import Switcher
from tests.identity_center import PROD, organisation
from tests.local_browser import browser
from tests.picker.conftest import Views
from tests.shells import run_python

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

__all__ = ["browser"]


def actions(aws: EmbeddedAws) -> list[str]:
    """Return the calls that AWS saw, and forget them."""
    seen = [call.action for call in aws.calls]
    aws.calls.clear()
    return seen


def test_lists_the_profiles(views: Views, aws: EmbeddedAws) -> None:
    """A row has name, account, role, Region and protection; the files are read each time."""
    message = views.do("list")
    assert views.rows == [
        ["UserAlpha", "", "", "us-west-2", False],
        ["RoleBeta", "123456789012", "RoleBeta", "us-west-2", False],
    ]
    assert "us-gov-west-1" in message["regions"]
    aws.write_profile("Another", region="us-east-1")
    assert views.do("list")["profiles"] == 3
    assert actions(aws) == []


def test_says_how_to_get_profiles(views: Views, aws: EmbeddedAws) -> None:
    """Without profiles, the views show the first steps, and with a broken file, its line."""
    for file in (aws.config_file, aws.credentials_file):
        file.write_text("")
    assert "aws configure sso" in views.do("list")["html"]
    aws.config_file.write_text("[profile RoleBeta\n")
    assert "line 1" in views.do("list")["error"]


def test_switches_the_notebook(views: Views, shell: Shell, aws: EmbeddedAws) -> None:
    """A choice switches the notebook, and the views show the identity and the magic's card."""
    assert views.do("ready")["identity"] is None
    state = views.switch("RoleBeta")
    assert (state["busy"], state["ask"], state["error"]) == (None, None, "")
    identity = state["identity"]
    assert (identity["name"], identity["account"]) == ("RoleBeta ← UserAlpha", "123456789012")
    assert 3500 < identity["left"] <= 3600
    assert identity["renews"]
    assert "arn:aws:sts::123456789012:assumed-role/RoleBeta/" in state["html"]
    assert shell.names["session"].profile_name == "RoleBeta"
    assert views.do("list")["recent"] == ["RoleBeta"]
    shell.good("%aws_profile UserAlpha")
    assert views.profile == "UserAlpha"
    assert views.do("off")["identity"] is None
    assert "session" not in shell.names


def test_options_of_a_switch(views: Views, shell: Shell) -> None:
    """A choice can be read-only; a new Region keeps the other options of the active request."""
    assert views.switch("RoleBeta", read_only=True)["identity"]["read_only"]
    shell.good("%aws_profile RoleBeta --as prod")
    identity = views.do("region", region="eu-west-1")["identity"]
    assert (identity["region"], identity["chosen_region"]) == ("eu-west-1", "eu-west-1")
    assert shell.names["prod"].region_name == "eu-west-1"
    assert views.do("region", region=None)["identity"]["region"] == "us-west-2"


def test_refresh(views: Views, aws: EmbeddedAws) -> None:
    """A refresh assumes the role again."""
    views.switch("RoleBeta")
    actions(aws)
    assert views.do("refresh")["error"] == ""
    assert actions(aws) == ["sts:AssumeRole"]


def test_a_protected_profile_is_confirmed(views: Views, shell: Shell) -> None:
    """A protected profile is marked, and nothing switches before the user confirms."""
    shell.good("%config AwsProfileMagics.protected = ['*BETA']")
    views.do("list")
    assert [row[-1] for row in views.rows] == [False, True]
    state = views.switch("RoleBeta")
    assert state["ask"] == {"kind": "confirm", "profile": "RoleBeta"}
    assert state["identity"] is None
    assert views.do("cancel")["ask"] is None
    views.switch("RoleBeta")
    assert views.do("answer", confirmed=True)["identity"]["protected"]


def test_mfa(views: Views, aws: EmbeddedAws, auditor: str) -> None:
    """The views ask for a code, and again after a wrong one; no message contains a code."""
    asked = {"kind": "code", "profile": "Auditor", "device": auditor, "again": False}
    assert views.switch("Auditor")["ask"] == asked
    refused = views.do("answer", code="000000")
    assert refused["ask"] == {**asked, "again": True}
    assert "AWS refused the MFA code" in refused["error"]
    code = aws.mfa_code(auditor)
    assert views.do("answer", code=code)["identity"]["profile"] == "Auditor"
    assert code not in json.dumps(views.messages)
    views.do("off")
    assert views.switch("Auditor")["ask"] is None  # the session is cached
    assert views.do("refresh")["ask"] == asked


def test_mfa_process(views: Views, shell: Shell, auditor: str) -> None:
    """A wrong code from a program is an error, and the views don't ask for a code."""
    shell.good("%config AwsProfileMagics.mfa_process = lambda serial: '000000'")
    state = views.switch("Auditor")
    assert state["ask"] is None
    assert "AWS refused the MFA code" in state["error"]


def test_errors(views: Views, shell: Shell) -> None:
    """An error is a card with escaped names, the identity stays, and *Cancel* removes it."""
    views.switch("RoleBeta")
    state = views.switch("<img src=x>")
    assert "&lt;img src=x&gt;" in state["error"]
    assert "<img" not in state["error"]
    assert views.profile == "RoleBeta"
    assert views.do("cancel")["error"] == ""
    shell.good("%unload_ext ipy_awsprofile")
    assert "%load_ext ipy_awsprofile" in views.switch("RoleBeta")["error"]


@pytest.mark.parametrize("message", [None, [1], {}, {"do": []}, {"do": "switch"}, {"do": "answer"}])
def test_other_messages_do_nothing(views: Views, message: object) -> None:
    """A message that isn't a command does nothing."""
    views.conversation.receive(message)
    assert views.messages == []


def test_console(views: Views, aws: EmbeddedAws) -> None:
    """The link is in one message and never in the state; long-term keys have no link."""
    views.switch("RoleBeta")
    views.do("console")
    (link,) = (one["console"] for one in views.messages if "console" in one)
    with urllib.request.urlopen(link) as page:
        assert "assumed-role/RoleBeta/" in page.read().decode()
    views.do("ready")
    assert "SigninToken" not in json.dumps([one for one in views.messages if "busy" in one])
    views.switch("UserAlpha")
    assert "only a role&#x27;s session can open" in views.do("console")["error"]


def test_no_secret_is_sent(views: Views, aws: EmbeddedAws) -> None:
    """No message contains a key or a token."""
    for command in ("ready", "list", "refresh", "off"):
        views.switch("RoleBeta")
        views.do(command)
    sent = json.dumps(views.messages)
    assert [secret for secret in aws.secrets() if secret in sent] == []


@pytest.mark.slow
def test_sign_in(views: Views, aws: EmbeddedAws) -> None:
    """The views show where to sign in; afterwards, the switch happens by itself."""
    organisation(aws)
    asked = views.switch("prod-reader")["ask"]
    assert asked["kind"] == "sign_in"
    aws.sso.deny(views.do("answer", device_code=True)["ask"]["code"])
    views.wait_for(lambda state: "was refused" in state["error"])
    asked = views.switch("prod-reader")["ask"]
    aws.sso.approve(asked["code"])
    state = views.wait_for(lambda state: state["identity"])
    assert (state["ask"], views.profile) == (None, "prod-reader")


def test_sign_in_with_a_code(views: Views, aws: EmbeddedAws) -> None:
    """`aws login` on another machine shows a code to enter; a wrong code is an error."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")
    user = aws.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.codes.user = user
    assert views.switch("Ann")["ask"]["code"] is None
    assert "the code for the sign-in of" in views.do("answer", entered="x")["error"]
    page = views.switch("Ann")["ask"]["url"]
    with urllib.request.urlopen(page, urlencode({"answer": "allow"}).encode()) as response:
        code = response.read().decode().partition("<code>")[2].partition("</code>")[0]
    assert views.do("answer", entered=code)["identity"]["profile"] == "Ann"
    assert [secret for secret in aws.secrets() if secret in json.dumps(views.messages)] == []


def test_listed_roles(views: Views, aws: EmbeddedAws) -> None:
    """Roles that `%aws_profiles --sso` has listed appear, with the account's name to search for."""
    organisation(aws)
    aws.sso.sign_in("corp")
    assert views.do("list")["profiles"] == 3
    list_assigned_roles()
    actions(aws)
    views.do("list")
    name = f"corp:{PROD}/Admin"
    assert [name, f"Acme Prod {PROD}", "Admin", "", False] in views.rows
    assert actions(aws) == []
    assert views.switch(name)["identity"]["account"] == "Acme Prod"


def test_expired_credentials_of_a_sign_in(views: Views, aws: EmbeddedAws) -> None:
    """The views don't promise that credentials renew if that needs a valid sign-in."""
    organisation(aws)
    aws.sso.sign_in("corp")
    assert views.switch("prod-reader")["identity"]["signs_in"]
    with time_machine.travel(datetime.now(UTC) + timedelta(days=3)):
        html = views.do("ready")["html"]
    assert ">expired<" in html
    assert "if you are still signed in" in html


def test_without_a_shell(aws: EmbeddedAws) -> None:
    """Outside IPython, as in marimo, the views switch, too, and the card names no variable."""
    switcher = Switcher(None)
    views = Views(switcher)
    views.switch("RoleBeta")
    assert views.profile == "RoleBeta"
    assert "variable" not in views.state["html"]
    switcher.off()
    views.conversation.close()


def test_the_list_imports_boto3_in_the_background() -> None:
    """A picker doesn't import boto3; its list does, in a thread."""
    shown = run_python(
        "import sys, threading\n"
        "from ipy_awsprofile.picker.widget import ProfilePicker\n"
        "from ipy_awsprofile.switch.switcher import Switcher\n"
        "picker = ProfilePicker(switcher=Switcher(None))\n"
        "print('boto3' in sys.modules)\n"
        "picker._handle_custom_msg({'do': 'list'}, [])\n"
        "for thread in threading.enumerate():\n"
        "    thread.name == 'warm-up' and thread.join()\n"
        "print('boto3' in sys.modules)"
    )
    assert shown.split() == ["False", "True"]
