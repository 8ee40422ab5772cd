"""Signing in and out from a cell, and saving the roles of a sign-in as profiles."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import compat
from botocore.httpsession import URLLib3Session

from ipy_awsprofile.config.listing import list_profiles
from ipy_awsprofile.demo.iam import Signer
from ipy_awsprofile.demo.refusals import Refused
from ipy_awsprofile.demo.stages import ROLE_ACCOUNT, allow
from ipy_awsprofile.errors import CredentialsUnavailable, SignInRequired
from ipy_awsprofile.sessions.aws_login import create_key
from tests.aws import EmbeddedAws
from tests.identity_center import PROD, TEST, TWIN, organisation, write_session
from tests.local_browser import Browser
from tests.processes import is_private
from tests.shells import Shell, aws_cli_2, run_aws_cli

ADMIN = f"--account {PROD} --role Admin"
SAVE = '%aws_profiles --sso corp --save "{account_name}-{role}"'
UP_TO_DATE = "are up to date. There is nothing to write."


@pytest.fixture(autouse=True)
def ann(aws: EmbeddedAws) -> Signer:
    """Create an organisation, and a profile of `aws login`."""
    organisation(aws)
    user = aws.iam.create_user("Ann", account=ROLE_ACCOUNT, policy=allow("s3:*", "sts:AssumeRole"))
    aws.write_profile("Ann", login_session=user.arn, region="us-west-2")
    aws.signin.user = user
    return user


@pytest.fixture
def signed_in(aws: EmbeddedAws) -> None:
    """Sign in as `aws sso login` does."""
    aws.sso.sign_in("corp")


@pytest.fixture
def awscrt() -> None:
    """Skip the test if botocore's extra for `aws login` isn't installed."""
    pytest.importorskip("awscrt", reason="needs botocore[crt]")


def tokens(aws: EmbeddedAws, *kinds: str) -> list[Path]:
    """Return the files in the AWS CLI's caches of sign-ins, which only the user can read."""
    folders = [aws.home / ".aws" / kind / "cache" for kind in kinds or ("sso", "login")]
    files = [file for folder in folders for file in folder.glob("*.json")]
    assert all(map(is_private, files))
    return files


# IAM Identity Center ---


@pytest.mark.usefixtures("person")
def test_in_the_browser(shell: Shell, aws: EmbeddedAws, browser: Browser) -> None:
    """The browser opens, and the switch continues once the user allows the sign-in there."""
    ran = shell.good(f"%aws_profile {ADMIN}")
    assert "Allow the sign-in in the browser" in ran.text
    assert f"corp:{PROD}/Admin" in ran.text
    (token,) = tokens(aws, "sso")
    assert {"accessToken", "refreshToken"} <= json.loads(token.read_text()).keys()
    browser.wait()
    assert "<h1>Sign-in allowed for corp" in browser.page


@pytest.mark.usefixtures("person")
def test_without_a_switch(shell: Shell, browser: Browser) -> None:
    """`--sso NAME --login` signs in without a switch, and a refused sign-in changes nothing."""
    browser.answer = "deny"
    error = shell.run("%aws_profile --sso corp --login").error
    assert isinstance(error, CredentialsUnavailable)
    assert "was refused" in str(error)
    browser.wait()
    assert "<h1>Sign-in not allowed for " in browser.page
    line = "%aws_profile --sso corp --login --device-code"
    assert error.hint == f"Run the cell again, or run `{line}` to use any browser."
    browser.answer = "allow"
    assert "No profile is active" in shell.good("%aws_profile --sso corp --login").text
    assert "4 roles in 3 accounts" in shell.good("%aws_profiles --sso").text


@pytest.mark.usefixtures("person")
def test_a_browser_that_does_not_start(
    shell: Shell, aws: EmbeddedAws, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the browser doesn't start, the card has a link, and a code to compare."""
    monkeypatch.setattr(browser, "open", lambda _url: False)

    def follow_link() -> None:
        while not (code := re.search(r"user_code=([\w-]+)", sys.stdout.getvalue())):  # type: ignore[union-attr]
            time.sleep(0.05)
        aws.sso.approve(code[1])

    threads = [threading.Thread(target=follow_link, daemon=True)]
    shell.ip.events.register("pre_run_cell", lambda _info: threads.pop().start())
    assert "if the page shows this code" in shell.good("%aws_profile prod-reader").text


@pytest.mark.usefixtures("signed_in")
def test_a_role_of_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """Tab offers the listed roles by account name or ID; child processes use the role, too."""
    assert shell.completions("%aws_profile cor") == ["corp:"]
    assert shell.completions("%aws_profiles --sso c") == ["corp"]
    assert shell.completions("%aws_profile corp:") == ["corp:"]  # nothing has been listed
    (line,) = re.findall("`([^`]+)`", shell.refused("%aws_profile corp").hint)
    assert f"corp:{PROD}" not in shell.good(line).text
    aws.calls.clear()
    roles = ['"corp:Acme Prod/Admin"', '"corp:Acme Prod/Reader"']
    assert shell.completions("%aws_profile corp:acme") == roles
    assert shell.completions('%aws_profile "corp:Acme Prod/A') == roles[:1]
    assert shell.completions(f"%%aws_profiles corp:{TEST[:3]}") == [f"corp:{TEST}/Reader"]
    assert aws.calls == []
    assert shell.good(f"%aws_profile {roles[0]}").text.startswith(f"corp:{PROD}/Admin")
    child = run_aws_cli("sts", "get-caller-identity", "--output", "json").stdout
    assert f"{PROD}:assumed-role/AWSReservedSSO_Admin" in json.loads(child)["Arn"]


# `aws login` ---


@pytest.mark.usefixtures("awscrt", "person")
def test_aws_login(shell: Shell, aws: EmbeddedAws, ann: Signer, browser: Browser) -> None:
    """The switch opens the browser and continues; its file has the AWS CLI's format."""
    ran = shell.good("%aws_profile Ann")
    assert ann.arn in ran.text
    assert "Allow the sign-in in the browser" in ran.text
    (token,) = tokens(aws, "login")
    ours = json.loads(token.read_text())
    said = run_aws_cli("sts", "get-caller-identity", "--profile", "Ann").stdout
    assert json.loads(said)["Arn"] == ann.arn
    theirs = json.loads(aws.signin.login(ann).read_text())
    assert ours.keys() == theirs.keys()
    assert ours["accessToken"].keys() == theirs["accessToken"].keys()


@pytest.mark.usefixtures("awscrt", "person", "browser")
def test_aws_login_in_another_region(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sign-in's Region renews the credentials, whatever the Region of the session is."""
    shell.good("%aws_profile Ann")
    (file,) = tokens(aws, "login")
    token = json.loads(file.read_text())
    token["accessToken"]["expiresAt"] = "2026-01-01T00:00:00Z"
    file.write_text(json.dumps(token))
    hosts: list[str] = []
    send = URLLib3Session.send

    def send_here(session: Any, request: Any) -> Any:
        parts = urlsplit(request.url)
        hosts.append(parts.netloc)
        request.headers["Host"] = parts.netloc
        request.url = f"{aws.endpoint_url}{parts.path}"
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", send_here)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    shell.good("%aws_profile Ann --region eu-west-1")
    assert hosts[0] == "us-west-2.signin.aws.amazon.com"
    assert json.loads(file.read_text())["signInRegion"] == "us-west-2"


@pytest.mark.usefixtures("awscrt", "person", "browser")
def test_reason_for_another_aws_login(shell: Shell, aws: EmbeddedAws) -> None:
    """The card says that no sign-in is stored only before the first sign-in."""
    assert "no sign-in is stored" in shell.good("%aws_profile Ann").text
    assert "no sign-in is stored" not in shell.good("%aws_profile Ann --login").text


@pytest.mark.usefixtures("awscrt")
def test_keys_of_aws_login() -> None:
    """A key of a sign-in is the same key after it was stored, so AWS renews the sign-in."""
    from awscrt.crypto import EC

    for _ in range(2000):  # 1 of 80 keys has a coordinate that begins with zeros
        key, exported = create_key()
        coordinates = key.get_public_coords()
        stored = EC.new_key_from_der_data(exported).get_public_coords()
        assert (coordinates.x, coordinates.y) == (stored.x, stored.y)
        assert len(coordinates.x) == len(coordinates.y) == 32


@pytest.mark.usefixtures("awscrt")
def test_aws_login_on_another_machine(
    shell: Shell, aws: EmbeddedAws, ann: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user enters the code from the page, and the output doesn't contain it."""
    codes: list[str] = []

    def allow_and_enter(_question: str) -> str:
        (url,) = re.findall(r"https?://[^\s`]+", sys.stdout.getvalue())  # type: ignore[union-attr]
        with urllib.request.urlopen(url, b"answer=allow") as response:
            codes.extend(re.findall("<code>(.+)</code>", response.read().decode()))
        return codes[-1]

    monkeypatch.setattr("getpass.getpass", allow_and_enter)
    ran = shell.good("%aws_profile Ann --login --device-code")
    assert "enter the code that the page shows" in ran.text
    assert ann.arn in ran.text
    assert codes[-1] not in ran.text + ran.html
    assert tokens(aws, "login")


@pytest.mark.usefixtures("person")
def test_aws_login_without_its_extra(
    shell: Shell, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without AWS's cryptography, the error says what to install."""
    monkeypatch.setattr(compat, "EC", None)
    assert "botocore[crt]" in shell.refused("%aws_profile Ann").hint


# Signing out ---


def is_valid(aws: EmbeddedAws, token: str) -> bool:
    """Return whether AWS accepts the access token."""
    try:
        return bool(aws.sso.user_of(token))
    except Refused:
        return False


def access_token(file: Path) -> str:
    """Return the access token in the file."""
    token: str = json.loads(file.read_text())["accessToken"]
    return token


@pytest.mark.usefixtures("signed_in")
def test_all_sign_ins(shell: Shell, aws: EmbeddedAws, ann: Signer) -> None:
    """Signing out revokes and deletes all tokens, including `aws login`'s, and ends the switch."""
    aws.signin.login(ann)
    write_session(aws, "other")
    aws.write_profile("other-reader", sso_session="other", endpoint_url=aws.endpoint_url)
    aws.sso.sign_in("other")
    valid = [access_token(file) for file in tokens(aws, "sso")]
    assert [is_valid(aws, token) for token in valid] == [True, True]
    shell.good("%aws_profiles --sso corp")
    shell.good("%aws_profile prod-reader")
    ran = shell.good("%aws_profile --logout")
    assert [is_valid(aws, token) for token in valid] == [False, False]
    assert list(aws.home.glob(".aws/*/cache/*.json")) == []
    assert json.loads((aws.home / ".cache/ipy_awsprofile/roles-1.json").read_text())["lists"] == {}
    assert ran.text.startswith("Signed out of ")
    assert all(name in ran.text.splitlines()[0] for name in ("corp", "other", "Ann"))
    assert "prod-reader is no longer active" in ran.text
    assert "session" not in shell.names
    assert [secret for secret in aws.iam.secrets if secret in ran.text + ran.html] == []
    assert "No profile is active" in shell.good("%aws_profile").text
    for line in ("%aws_profile prod-reader", "%aws_profiles --sso corp", "%aws_profile Ann"):
        assert isinstance(shell.refused(line), SignInRequired)
    assert "You aren't signed in" in shell.good("%aws_profile --logout").text


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("line", ["--sso corp --logout", "prod-reader --logout"])
def test_one_sign_in(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """Only the named sign-in ends; an identity of another sign-in stays active."""
    write_session(aws, "other")
    aws.write_profile(
        "other-reader", sso_session="other", sso_account_id=PROD, sso_role_name="Reader"
    )
    kept = aws.sso.sign_in("other")
    shell.good("%aws_profile other-reader --region us-west-2")
    ran = shell.good(f"%aws_profile {line}")
    assert ran.text.splitlines()[0] == "Signed out of corp"
    assert "isn't active" not in ran.text
    assert tokens(aws) == [kept]
    assert is_valid(aws, access_token(kept))
    assert shell.good("%aws_profile --refresh").text.startswith("other-reader")


@pytest.mark.usefixtures("signed_in")
def test_without_a_connection(shell: Shell, aws: EmbeddedAws) -> None:
    """If AWS can't be reached, the token is deleted, and the card says that AWS wasn't told."""
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace(aws.endpoint_url, "http://127.0.0.1:1"))
    (file,) = tokens(aws)
    token = access_token(file)
    ran = shell.good("%aws_profile --sso corp --logout")
    assert "The tokens of `corp` couldn't be revoked" in ran.text
    assert token not in ran.text + ran.html
    assert tokens(aws) == []
    assert is_valid(aws, token)


# Saving roles as profiles ---


@pytest.mark.usefixtures("signed_in")
def test_one_role(shell: Shell, aws: EmbeddedAws) -> None:
    """After a preview, the new profile is appended and active, and the AWS CLI can use it."""
    before = aws.config_file.read_text()
    line = f"%aws_profile {ADMIN} --save prod-admin --as admin --region eu-west-1"
    ran = shell.good(line)
    assert "+[profile prod-admin]" in ran.text
    assert ran.text.startswith(f"corp:{PROD}/Admin  (")
    assert aws.config_file.read_text() == before
    ran = shell.good(f"{line} --yes")
    assert ran.text.startswith("prod-admin")
    assert f"Profiles in `{aws.config_file}`: 1 added, 0 removed." in ran.text
    assert (os.environ["AWS_PROFILE"], shell.names["admin"].profile_name) == ("prod-admin",) * 2
    after = aws.config_file.read_text()
    assert after.startswith(before)
    assert after.removeprefix(before).splitlines() == [
        "",
        "[profile prod-admin]",
        "region = eu-west-1",
        f"endpoint_url = {aws.endpoint_url}",
        "sso_session = corp",
        f"sso_account_id = {PROD}",
        "sso_role_name = Admin",
    ]
    command = [aws_cli_2(), "sts", "get-caller-identity", "--profile", "prod-admin"]
    assert PROD in subprocess.check_output(command, env=aws.environment(), text=True)


@pytest.mark.usefixtures("signed_in")
def test_the_active_role(shell: Shell) -> None:
    """Without a name, `--save` saves the active role; a role given by its ARN can be saved, too."""
    shell.good(f"%aws_profile corp:{TEST}/Reader")
    assert shell.good("%aws_profile --save sandbox --yes").text.startswith("sandbox")
    arn = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"
    ran = shell.good(f"%aws_profile --role-arn {arn} --source-profile UserAlpha --save beta --yes")
    assert ran.text.startswith("beta ← UserAlpha")


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(
    ("line", "text"),
    [
        (f"%aws_profile {ADMIN} --save prod-reader", "The profile `prod-reader` already exists"),
        ("%aws_profile RoleBeta --save other", "is already a profile"),
        (f"%aws_profile {ADMIN} --save other --mfa", "is for long-term keys"),
        (
            f"%aws_profile {ADMIN} --save other --read-only",
            "in the config file can't contain --read-only",
        ),
        ("%aws_profile --save other", "No profile is active"),
        ('%aws_profiles --sso --save "{name}"', "unknown name `{name}`"),
        ('%aws_profiles --save "{role}"', "--save and --refresh require --sso"),
    ],
)
def test_what_is_refused(shell: Shell, aws: EmbeddedAws, line: str, text: str) -> None:
    """A name that exists, an unsuitable identity or pattern changes nothing."""
    before = aws.config_file.read_text()
    assert text in str(shell.refused(line))
    assert aws.config_file.read_text() == before
    assert "session" not in shell.names


@pytest.mark.usefixtures("signed_in")
def test_roles_come_and_go(shell: Shell, aws: EmbeddedAws) -> None:
    """`--save` shows the changes, and `--yes` writes them; the rest of the file stays the same."""
    before = aws.config_file.read_text()
    shown = shell.good(SAVE).text
    assert "3 to add, 0 to remove. Add `--yes` to write the changes. 1 role already has" in shown
    assert (
        f"+[profile Acme-Prod-Admin]\n+region = us-west-2\n+endpoint_url = {aws.endpoint_url}"
        in shown
    )
    assert aws.config_file.read_text() == before
    assert "3 added, 0 removed." in shell.good(f"{SAVE} --yes").text
    added = ["Acme-Prod-Admin", "Sandbox-Reader", "sandbox-Reader"]
    assert [(profile, profile.account) for profile in list_profiles()[-3:]] == [
        *zip(added, (PROD, TEST, TWIN), strict=True)
    ]
    assert UP_TO_DATE in shell.good(f"{SAVE} --yes").text
    assert shell.good("%aws_profile Sandbox-Reader").text.startswith("Sandbox-Reader")

    saved = aws.config_file.read_text()
    aws.write_profile("below", region="eu-west-1")
    below = aws.config_file.read_text().removeprefix(saved)
    aws.sso.name_account(TEST, "Playground", "t@acme.example")
    for account, role in ((PROD, "Reader"), (TEST, "Reader"), (TWIN, "Reader"), (TWIN, "Admin")):
        aws.sso.assign(account, role, policy=allow("*"), user="bob")
    aws.sso.sign_in("corp", user="bob")  # he hasn't the role Admin in PROD
    shown = shell.good(f"{SAVE} --yes").text
    assert "2 added, 2 removed." in shown
    assert "-[profile Acme-Prod-Admin]" in shown
    after = aws.config_file.read_text()
    assert after.startswith(f"{before}\n# >>> ipy_awsprofile: roles of corp\n[profile Playground-R")
    assert after.endswith(f"# <<< ipy_awsprofile: roles of corp\n{below}")
    assert "Admin" not in after.partition("[profile sandbox-Reader]")[0].partition("# >>>")[0]
    assert not {"Acme-Prod-Admin", "Sandbox-Reader"}.intersection(list_profiles())
    assert UP_TO_DATE in shell.good(SAVE).text


def test_a_pattern_of_roles(shell: Shell, aws: EmbeddedAws) -> None:
    """A pattern that begins with a sign-in's name lists its roles, as a cell would run for them."""
    aws.sso.sign_in("corp")
    shown = shell.good("%aws_profiles corp:*/Reader").text
    assert "Sandbox" in shown
    assert "Admin" not in shown


@pytest.mark.usefixtures("signed_in")
def test_a_profile_after_the_option(shell: Shell, aws: EmbeddedAws) -> None:
    """After `--sso`, a word selects roles unless it is a sign-in's name, also a profile's name."""
    assert "4 roles" in shell.good("%aws_profiles --sso corp").text
    shown = shell.good("%aws_profiles --sso prod-reader").text
    assert shown.startswith("1 role in 1 account for “prod-reader”")
    assert "Sandbox" not in shown


@pytest.mark.usefixtures("signed_in")
def test_names_that_clash(shell: Shell, aws: EmbeddedAws) -> None:
    """Nothing is written if two roles, or a role and another profile, would share a name."""
    before = aws.config_file.read_text()
    aws.sso.name_account(PROD, "prod", "x@acme.example")
    aws.sso.assign(PROD, "reader", policy=allow("*"))
    for pattern in ("{account_name}", "{account_name}-{role}"):
        error = shell.refused(f'%aws_profiles --sso corp --save "{pattern}" --yes')
        assert "because another profile has this name" in str(error)
        assert aws.config_file.read_text() == before


@pytest.mark.usefixtures("signed_in")
def test_no_roles(shell: Shell, aws: EmbeddedAws) -> None:
    """An empty list of roles removes nothing."""
    shell.good(f"{SAVE} --yes")
    before = aws.config_file.read_text()
    aws.sso.sign_in("corp", user="nobody")
    assert "No roles of the sign-in `corp` match" in str(shell.refused(f"{SAVE} --yes"))
    assert aws.config_file.read_text() == before
