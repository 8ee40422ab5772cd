"""What the picker's views do and show, without a browser, and while a cell is running."""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
import time_machine

from ipy_awsprofile import using_profile
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, USER_ACCOUNT, allow
from ipy_awsprofile.picker.conversation import Conversation
from ipy_awsprofile.picker.messages import Message
from ipy_awsprofile.sessions.assigned_roles import list_assigned_roles
from ipy_awsprofile.switch.switcher import Switcher
from ipy_awsprofile.switch.using_profile import running_switcher
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, organisation, write_analyst
from tests.shells import Shell

USER = f"arn:aws:iam::{USER_ACCOUNT}:user/UserAlpha"
ROLE = f"arn:aws:sts::{ROLE_ACCOUNT}:assumed-role/RoleBeta/"


class Views:
    """The views of a picker, without a browser: they send commands and keep what they get."""

    def __init__(self, switcher: Switcher) -> None:
        self.switcher = switcher
        self.messages: list[dict[str, Any]] = []
        self.rows: list[list[Any]] = []
        self.conversation = Conversation(switcher, self._hear)

    def _hear(self, message: Message, buffers: list[bytes]) -> None:
        self.messages.append(json.loads(json.dumps(message)))
        if buffers:
            self.rows = json.loads(buffers[0])

    def do(self, command: str, **content: Any) -> dict[str, Any]:
        """Send a command as a view does, and return the last message."""
        if command == "answer" and self.state["ask"]:
            content = {"question": self.state["ask"]["question"], **content}
        self.conversation.receive({"do": command, **content})
        return self.messages[-1]

    def switch(self, profile: str, **content: Any) -> dict[str, Any]:
        """Choose a profile, and return the state."""
        return self.do("switch", profile=profile, read_only=False, **content)

    @property
    def state(self) -> dict[str, Any]:
        """The last state."""
        return next(message for message in reversed(self.messages) if "busy" in message)

    @property
    def profile(self) -> str | None:
        """The profile that the views show."""
        identity = self.state["identity"]
        return identity and str(identity["profile"])


@pytest.fixture
def views(aws: EmbeddedAws, shell: Shell) -> Iterator[Views]:
    views = Views(running_switcher())
    yield views
    views.conversation.close()


def test_lists_the_profiles(views: Views, shell: Shell, aws: EmbeddedAws) -> None:
    """A row has what the list shows, and protection; the files are read each time."""
    shell.good("%config AwsProfileMagics.protected = ['*BETA']")
    message = views.do("list")
    assert views.rows == [
        ["UserAlpha", "", "", "us-west-2", False, "access keys"],
        ["RoleBeta", "123456789012", "RoleBeta", "us-west-2", True, "assume role"],
    ]
    assert "us-gov-west-1" in message["regions"]
    aws.write_profile("Another", region="us-east-1")
    assert views.do("list")["profiles"] == 3
    assert aws.calls == []


def test_recent_profiles(views: Views, shell: Shell, aws: EmbeddedAws) -> None:
    """Each switch counts, in whichever notebook, but not a profile without credentials.

    Incomplete profiles are the last ones in the list.
    """
    aws.write_profile("Another", region="us-east-1")
    aws.write_profile("Later", source_profile="UserAlpha", role_arn=f"arn:aws:iam::{PROD}:role/A")
    shell.good("%aws_profile RoleBeta")
    views.switch("UserAlpha")
    shell.good("%%aws_profile RoleBeta\n1")
    assert views.do("list")["recent"] == ["UserAlpha", "RoleBeta"]
    assert [row[0] for row in views.rows] == ["UserAlpha", "RoleBeta", "Later", "Another"]
    elsewhere = Views(Switcher(None))
    assert elsewhere.do("list")["recent"] == ["UserAlpha", "RoleBeta"]
    with aws.config_file.open() as file:
        text = file.read()
    aws.config_file.write_text(text.replace("role_arn", "was_role_arn"))
    assert elsewhere.do("list")["recent"] == ["UserAlpha"]


def test_a_rejected_session(views: Views, shell: Shell, aws: EmbeddedAws) -> None:
    """A session that AWS rejects counts as expired, in the toolbar, too, until it is renewed."""
    write_analyst(aws)
    aws.sso.sign_in("corp")
    shell.good("%aws_profile Analyst")
    views.conversation.cell_ended()
    assert views.state["identity"]["seconds_left"] > 3000
    aws.sso.expire_tokens(refresh=True)
    aws.iam.expire_sessions()
    assert shell.run("session.client('s3').list_buckets()").error
    views.conversation.cell_ended()
    assert views.state["identity"]["seconds_left"] == 0
    assert views.state["identity"]["signs_in"]
    assert "expired" in views.state["html"]
    aws.sso.sign_in("corp")
    shell.good("session.client('s3').list_buckets()")
    views.conversation.cell_ended()
    assert views.state["identity"]["seconds_left"] > 3000


def test_account_names_after_a_sign_in(views: Views, aws: EmbeddedAws) -> None:
    """After a sign-in, the list and a confirmation have the names of accounts beside their IDs."""
    organisation(aws)
    aws.write_profile("Prod", sso_session="corp", sso_account_id=PROD, sso_role_name="Admin")
    views.switcher.protection.protected = ("Prod",)
    views.do("list")
    assert ["Prod", PROD, "Admin", "", True, "SSO"] in views.rows
    aws.sso.approve(views.switch("Prod")["ask"]["code"])
    deadline = time.monotonic() + 60
    while (views.state["ask"] or {}).get("kind") != "confirm":
        assert time.monotonic() < deadline, views.state
        time.sleep(0.05)
    assert views.state["ask"]["account"] == f"Acme Prod {PROD}"
    views.do("list")
    assert ["Prod", f"Acme Prod {PROD}", "Admin", "", True, "SSO"] in views.rows


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
    views.do("answer", code=(code := aws.iam.mfa_code(auditor)))
    assert views.profile == "Auditor"
    sent = json.dumps(views.messages)
    assert [secret for secret in (*aws.iam.secrets, code) if secret in sent] == []


def test_sign_in_with_a_code(views: Views, aws: EmbeddedAws) -> None:
    """`aws login` on another machine shows a code to enter; a wrong code is an error."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")
    user = aws.iam.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.user = user
    ask = views.switch("Ann")["ask"]
    assert (ask["step"], ask["code"]) == ("enter", "")
    assert "the code for the sign-in of" in views.do("answer", entered="x")["error"]
    page = views.switch("Ann")["ask"]["url"]
    with urllib.request.urlopen(page, urlencode({"answer": "allow"}).encode()) as response:
        code = response.read().decode().partition("<code>")[2].partition("</code>")[0]
    assert views.do("answer", entered=code)["identity"]["profile"] == "Ann"
    assert [secret for secret in aws.iam.secrets if secret in json.dumps(views.messages)] == []


def test_a_refused_sign_in(views: Views, aws: EmbeddedAws) -> None:
    """A sign-in that the user has denied is an error, which says to choose the profile again."""
    organisation(aws)
    ask = views.switch("prod-reader")["ask"]
    aws.sso.deny(ask["code"])
    end = time.monotonic() + 30
    while not views.state["error"] and time.monotonic() < end:
        time.sleep(0.05)
    assert "was refused" in views.state["error"]
    assert "Choose the profile again." in views.state["error"]


def test_listed_roles(views: Views, aws: EmbeddedAws) -> None:
    """Roles that `%aws_profiles --sso` has listed appear, with the account's name to search for."""
    organisation(aws)
    aws.sso.sign_in("corp")
    assert views.do("list")["profiles"] == 3
    list_assigned_roles()
    aws.calls.clear()
    views.do("list")
    name = f"corp:{PROD}/Admin"
    assert [name, f"Acme Prod {PROD}", "Admin", "", False, "SSO"] in views.rows
    assert aws.calls == []
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


def test_a_renewal_that_failed(views: Views, shell: Shell, aws: EmbeddedAws) -> None:
    """After a renewal that failed, the views say so, and after the next one, nothing of it."""
    shell.ip.events.register("post_run_cell", views.conversation.cell_ended)
    shell.good("%aws_profile RoleBeta")
    arn = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"
    role = aws.iam.roles.pop(arn)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        shell.run("session.client('s3').list_buckets()")
        assert not views.state["identity"]["renews"]
        assert ">expired<" in views.state["html"]
        assert "The next call tries again." in views.state["html"]
        aws.iam.roles[arn] = role
        shell.good("session.client('s3').list_buckets()")
        assert views.state["identity"]["renews"]
        assert "tries again" not in views.state["html"]


def test_each_change(views: Views, shell: Shell, aws: EmbeddedAws) -> None:
    """The views get each switch at once and other changes after the cell, without calls to AWS."""
    shell.ip.events.register("post_run_cell", views.conversation.cell_ended)
    shell.good("%aws_profile RoleBeta")
    aws.calls.clear()
    shell.good("import os; os.environ['AWS_PROFILE'] = 'UserAlpha'")
    assert views.state["identity"]["notes"] == 1
    assert "AWS_PROFILE" in views.state["html"]
    assert aws.calls == []
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=50)):
        shell.good("session.client('s3').list_buckets()")
        assert views.state["identity"]["seconds_left"] > 3500
    shell.good("%%aws_profile UserAlpha\n1")
    profiles = [message["identity"]["profile"] for message in views.messages]
    assert "UserAlpha" in profiles
    assert profiles[-1] == "RoleBeta"


def test_without_a_shell(aws: EmbeddedAws) -> None:
    """Outside IPython, the views switch, too, and the card names no variable."""
    switcher = Switcher(None)
    views = Views(switcher)
    views.switch("RoleBeta")
    assert views.profile == "RoleBeta"
    assert "variable" not in views.state["html"]
    switcher.off()
    views.conversation.close()


# While a cell runs ---


def who() -> str:
    """Return the ARN of boto3's caller identity."""
    arn: str = boto3.client("sts").get_caller_identity()["Arn"]
    return arn


def in_a_thread(function: Callable[..., Any]) -> Callable[..., None]:
    """Return a function that runs in a thread, as commands do in a kernel's subshell."""

    def call(*values: Any, **named: Any) -> None:
        thread = threading.Thread(target=function, args=values, kwargs=named)
        thread.start()
        thread.join()

    return call


@pytest.fixture
def notebook(views: Views, shell: Shell) -> Shell:
    """Activate UserAlpha, and return a shell whose cells can trigger the user's clicks."""
    shell.good("%aws_profile UserAlpha")
    names = {"choose": in_a_thread(views.switch), "do": in_a_thread(views.do), "views": views}
    shell.names.update(names, who=who, using_profile=using_profile)
    return shell


@pytest.mark.parametrize(
    ("click", "end"),
    [
        ("choose('RoleBeta')", "who()"),
        ("choose('RoleBeta')", "1 / 0"),
        ("import asyncio; asyncio.get_running_loop().call_soon(views.switch, 'RoleBeta')"
         "\nfor _ in range(3): await asyncio.sleep(0)", "who()"),
        ("choose('Nobody'); choose('RoleBeta')", "who()"),
        ("with using_profile('UserAlpha'):\n    choose('RoleBeta')", "who()"),
    ],
)  # fmt: skip
def test_a_cell_keeps_its_identity(notebook: Shell, views: Views, click: str, end: str) -> None:
    """The newest choice becomes active after the cell, whether or not the cell succeeds."""
    notebook.run(f"{click}\nseen, waiting = who(), views.state['busy']\n{end}")
    assert notebook.names["seen"] == USER
    assert notebook.names["waiting"] == {"doing": "Switching to RoleBeta", "waits": True}
    assert (views.profile, views.state["busy"]) == ("RoleBeta", None)
    assert notebook.good("who()").result.startswith(ROLE)


def test_a_cell_magic_keeps_its_identity(notebook: Shell, views: Views) -> None:
    """A profile chosen during a `%%aws_profile` cell becomes active after the cell."""
    notebook.good("%%aws_profile RoleBeta\nchoose('UserAlpha')\nseen = who()")
    assert notebook.names["seen"].startswith(ROLE)
    assert notebook.good("who()").result == USER


@pytest.mark.parametrize("drop", ["do('cancel')", "%aws_profile --off", "do('off')"])
def test_a_choice_that_is_cancelled(notebook: Shell, views: Views, drop: str) -> None:
    """*Cancel* drops the waiting choice alone; *Off* and `--off` drop it and undo the switch."""
    notebook.good(f"choose('RoleBeta')\n{drop}")
    assert views.state["busy"] is None
    assert views.profile == ("UserAlpha" if "cancel" in drop else None)


def test_commands_for_the_active_identity(notebook: Shell) -> None:
    """A refresh or a new Region waits, too."""
    for command in ("'refresh'", "'region', region='eu-west-1'"):
        notebook.good(f"before = session; do({command}); same = session is before")
        assert notebook.names["same"]
        assert notebook.names["session"] is not notebook.names["before"]
    assert notebook.names["session"].region_name == "eu-west-1"


def test_a_question_after_the_cell(
    notebook: Shell, views: Views, aws: EmbeddedAws, auditor: str
) -> None:
    """The views ask for an MFA code after the cell, because a code expires within seconds.

    They ask again for a code that can't be one, and for the next one if AWS has seen it.
    """
    notebook.good("choose('Auditor'); asked = views.state['ask']")
    assert notebook.names["asked"] is None
    assert views.state["ask"]["kind"] == "code"
    state = views.do("answer", code="12 34")
    assert "The code wasn't sent to AWS. Enter all six digits." in state["ask"]["error"]
    assert state["ask"]["again"] is False
    state = views.do("answer", code="000000")
    assert "Each code works only once. Wait for the next code" in state["ask"]["error"]
    assert state["ask"]["again"] is True
    assert views.do("answer", code=aws.iam.mfa_code(auditor))["identity"]["profile"] == "Auditor"


def test_an_error_after_the_cell(notebook: Shell, views: Views) -> None:
    """An error is shown in the views, and doesn't fail the cell."""
    assert notebook.good("choose('Nobody')").printed == ""
    assert "Nobody" in views.state["error"]
    assert views.profile == "UserAlpha"


def test_a_cell_that_begins_during_the_switch(
    notebook: Shell, views: Views, aws: EmbeddedAws, auditor: str, tmp_path: Path
) -> None:
    """A cell that begins in the middle of a switch keeps its identity to its end."""
    begun = tmp_path / "begun"
    go = tmp_path / "go"
    program = tmp_path / "code.py"
    program.write_text(
        "import pathlib, time\n"
        f"pathlib.Path({str(begun)!r}).touch()\n"
        f"while not pathlib.Path({str(go)!r}).exists():\n    time.sleep(0.1)\n"
        f"print('{aws.iam.mfa_code(auditor)}')\n"
    )
    command = f'mfa_process = "{sys.executable}" "{program}"\n'
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("mfa_serial", f"{command}mfa_serial", 1))
    thread = threading.Thread(target=views.switch, args=("Auditor",))
    notebook.names.update(go=go, thread=thread)
    thread.start()
    while not begun.exists():
        time.sleep(0.05)
    notebook.good("seen = [who()]; go.touch(); thread.join(); seen.append(who())")
    assert notebook.names["seen"] == [USER, USER]
    assert "/Auditor/" in notebook.good("who()").result


def test_two_pages(views: Views, shell: Shell) -> None:
    """A late answer to a page's question isn't the answer to another page's question."""
    shell.good("%config AwsProfileMagics.protected = ['*']")
    late = views.switch("RoleBeta")["ask"]["question"]
    asked = views.switch("UserAlpha")["ask"]
    assert views.do("answer", question=late, confirmed=True)["ask"] == asked
    assert "session" not in shell.names
    views.do("answer", confirmed=True)
    assert views.profile == "UserAlpha"
