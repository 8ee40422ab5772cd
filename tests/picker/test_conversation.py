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
from tests.picker.conftest import Views
from tests.sessions.traces import actions

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell


def test_lists_the_profiles(views: Views, shell: Shell, aws: EmbeddedAws) -> None:
    """A row has name, account, role, Region and protection; the files are read each time."""
    shell.good("%config AwsProfileMagics.protected = ['*BETA']")
    message = views.do("list")
    assert views.rows == [
        ["UserAlpha", "", "", "us-west-2", False],
        ["RoleBeta", "123456789012", "RoleBeta", "us-west-2", True],
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


def test_no_secret_is_sent(views: Views, aws: EmbeddedAws, auditor: str) -> None:
    """No message contains a key, a token or an MFA code."""
    for command in ("ready", "list", "refresh", "off"):
        views.switch("RoleBeta")
        views.do(command)
    views.switch("Auditor")
    views.do("answer", code=(code := aws.mfa_code(auditor)))
    assert views.profile == "Auditor"
    sent = json.dumps(views.messages)
    assert [secret for secret in (*aws.secrets(), code) if secret in sent] == []


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
