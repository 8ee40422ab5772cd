"""The code and the advice in errors and on cards work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile.demo.stages import USER_ACCOUNT, allow, seed_organisation
from ipy_awsprofile.errors import (
    AccessDenied,
    CredentialsUnavailable,
    InvalidOption,
    MfaUnavailable,
    NoProfileAnswered,
    NotForOneProfile,
    ProfileNotFound,
    ProtectedProfile,
    SignInRequired,
)
from ipy_awsprofile.text import quoted
from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.local_browser import Browser
from tests.roles import answer_with_codes
from tests.shells import Shell

ROLE = "arn:aws:iam::123456789012:role/RoleBeta"


def code_in(text: str) -> list[str]:
    """Return the code between backticks in a text."""
    return re.findall(r"`([^`]+)`", text)


# Sessions that have expired or need a code --------------------------------------------------------


def test_expired_session_of_the_active_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """For the active profile, the hint's command renews the session, and then the cell works."""
    shell.good("from ipy_awsprofile import list_buckets\n%aws_profile RoleBeta")
    aws.iam.expire_sessions()
    name, refresh = code_in(shell.refused("list_buckets(session)").hint)
    assert name == "RoleBeta"
    shell.good(refresh)
    assert len(shell.good("list_buckets(session)").result) == 3


def test_mfa_code_without_a_person(
    shell: Shell, aws: EmbeddedAws, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After you run the hint's command where you can answer, a role and its roles need no code."""
    aws.write_profile("Behind", source_profile="Auditor", role_arn=ROLE, region="us-west-2")
    command, _ = code_in(shell.refused("%aws_profile Behind").hint)
    assert command == "%aws_profile Behind"
    error = shell.refused("%aws_profile Auditor")
    assert isinstance(error, MfaUnavailable)
    command, refresh = code_in(error.hint)
    assert refresh == "%aws_profile --refresh"
    with monkeypatch.context() as patch:
        answer_with_codes(aws, auditor, patch)
        shell.good(f"{command}\n%aws_profile --off")
    shell.good("%aws_profile Auditor")


# Runs for many profiles ---------------------------------------------------------------------------


def test_errors_of_many_profiles(shell: Shell, aws: EmbeddedAws) -> None:
    """The summary of a cell for many profiles shows an expression that returns all errors."""
    for into in ("", " --into found"):
        cell = "assert profile.name != 'UserAlpha'\n1"
        shown = shell.good(f"%%aws_profiles *{into} --no-progress\n{cell}").text
        (expression,) = code_in(next(line for line in shown.splitlines() if "all errors" in line))
        assert [row["profile"] for row in shell.good(expression).result] == ["UserAlpha"]


def test_duckdb_in_a_cell_for_many_profiles(shell: Shell, aws: EmbeddedAws) -> None:
    """The hint for DuckDB has code that creates the connection in the cell."""
    secret = "from ipy_awsprofile.libraries import duckdb_secret as s; s(session)"
    failed = shell.refused(f"%%aws_profiles RoleBeta --no-progress\n{secret}")
    assert isinstance(failed, NoProfileAnswered)
    (error,) = failed.errors
    assert error["error"] == NotForOneProfile.__name__
    code = "\n".join(code_in(error["hint"]))
    shell.good("import duckdb\nfrom ipy_awsprofile import libraries")
    shell.good(f"%%aws_profiles RoleBeta --no-progress\n{code}")


def test_client_without_credentials(shell: Shell, aws: EmbeddedAws) -> None:
    """A client from before the first switch has no credentials; the hint's code creates another."""
    shell.good("import boto3\ns3 = boto3.client('s3', region_name='us-west-2')")
    failed = shell.refused("%%aws_profiles RoleBeta --no-progress\ns3.list_buckets()\n1")
    assert isinstance(failed, NoProfileAnswered)
    (error,) = failed.errors
    assert error["error"] == NotForOneProfile.__name__
    assert error["message"].startswith("A client without credentials was used")
    (code,) = code_in(error["hint"])
    shell.good(f"%%aws_profiles RoleBeta --no-progress\ns3 = {code}\ns3.list_buckets()\n1")


# Default credentials ------------------------------------------------------------------------------


def test_no_default_credentials(shell: Shell, aws: EmbeddedAws) -> None:
    """If there are no default credentials, the error says so, and a listed profile works."""
    error = shell.refused("%aws_profile --default")
    assert isinstance(error, CredentialsUnavailable)
    assert str(error).startswith("There are no default credentials in the environment,")
    assert "Only an EC2 instance" in shell.good("%aws_profile --explain").text
    switch, profiles, _ = code_in(error.hint)
    assert "RoleBeta" in shell.good(profiles).text
    shell.good(switch.replace("NAME", "RoleBeta"))


def test_role_without_a_source(shell: Shell, aws: EmbeddedAws) -> None:
    """For a role without a profile or default credentials, the hint's option names the source."""
    line = f"%aws_profile --role-arn {ROLE}"
    error = shell.refused(line)
    assert str(error).startswith("There are no default credentials in the environment,")
    assert "add `--source-profile NAME`" in error.hint
    assert "assumed-role/RoleBeta" in shell.good(f"{line} --source-profile UserAlpha").text


def test_first_profile(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any files, the card has the lines to write for access keys, and where."""
    user = aws.iam.create_user("student", account=USER_ACCOUNT, policy=allow("s3:*"))
    aws.config_file.unlink()
    aws.credentials_file.unlink()
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    shown = shell.good("%aws_profiles").text
    file, switch, *_ = code_in(shown)
    lines = re.search(r"\[default\]\n(?:.+ = .+\n)+", shown)
    assert lines
    keys = iter((user.access_key_id, user.secret_access_key))
    Path(file).write_text(re.sub("…", lambda _: next(keys), lines[0]))
    shell.good(f"from ipy_awsprofile import list_buckets\n{switch}")
    assert list(shell.good("list_buckets(session)").result) == ["name", "creation_date", "region"]


# Wrong names, values and options ------------------------------------------------------------------


def test_options(shell: Shell, aws: EmbeddedAws) -> None:
    """An option that AWS doesn't accept is refused with the rule, and a right one works."""
    for wrong, rule, right in (
        ("--external-id x", "parameter ExternalId, value: 1, valid min length: 2.", "xy"),
        ("--session-name x", "parameter RoleSessionName, value: 1, valid min length: 2.", "xy"),
        ("--duration 5m", " 900.", "15m"),
    ):
        error = shell.refused(f"%aws_profile RoleBeta {wrong}")
        assert isinstance(error, InvalidOption)
        assert str(error).endswith(rule)
        assert error.hint.startswith("Correct the value.")
        shell.good(f"%aws_profile RoleBeta {wrong.split()[0]} {right}")
    error = shell.refused("%aws_profile RoleBeta --region 'us west-2'")
    assert "has no valid AWS Region" in str(error)
    shell.good("%aws_profile RoleBeta --region us-west-2")


def test_a_name_instead_of_a_session(shell: Shell, aws: EmbeddedAws) -> None:
    """If a function gets a name or another object, the error says how to pass a session."""
    shell.good("from ipy_awsprofile import *\nfrom ipy_awsprofile import libraries")
    calls = ("list_buckets", "who_am_i", "storage_options", "libraries.pyarrow_filesystem")
    for call in calls:
        error = shell.refused(f"{call}('RoleBeta')")
        assert isinstance(error, InvalidOption)
        assert str(error) == "A boto3 session is required, not a value of type str."
        _, switch, argument = code_in(error.hint)
        shell.good(f"{call}({argument}('RoleBeta'))")
    shell.good(switch.replace("NAME", "RoleBeta"))
    for value in ("None", "session.client('s3')"):
        argument, _, _ = code_in(shell.refused(f"list_buckets({value})").hint)
        shell.good(f"list_buckets({argument})")


@pytest.mark.parametrize("call", ["open_session({})", "across_profiles([{}], repr)"])
def test_a_session_instead_of_a_name(shell: Shell, aws: EmbeddedAws, call: str) -> None:
    """A function that gets a session says to pass a name, or one of the listed profiles."""
    shell.good("from ipy_awsprofile import *\n%aws_profile RoleBeta --as other")
    error = shell.refused(call.format("other"))
    assert isinstance(error, InvalidOption)
    assert str(error) == "The name of a profile is a string, not a value of type ProfileSession."
    (profiles,) = code_in(error.hint)
    shell.good(f"found, = [one for one in {profiles} if one == 'RoleBeta']")
    shell.good(f"{call.format('found')}\n%aws_profile --off")


@pytest.mark.parametrize(
    "cell",
    [
        "%aws_profile RoleBetta",
        "with using_profile('RoleBetta'): pass",
        "across_profiles(['RoleBetta'], len, progress=False)",
    ],
)
def test_protected_profile(shell: Shell, aws: EmbeddedAws, cell: str) -> None:
    """A misspelled name of a protected profile gets that hint, and the right one how to confirm."""
    shell.good("from ipy_awsprofile import across_profiles, using_profile")
    shell.good("%config AwsProfileMagics.protected = ['*bet*']")
    error = shell.refused(cell)
    if isinstance(error, NoProfileAnswered):
        (row,) = error.errors
        assert row["error"] == ProfileNotFound.__name__
        hint = row["hint"]
    else:
        assert isinstance(error, ProfileNotFound)
        hint = error.hint
    assert code_in(hint) == ["RoleBeta"]
    protected = shell.refused("%aws_profile RoleBeta")
    assert isinstance(protected, ProtectedProfile)
    option, argument = code_in(protected.hint)
    shell.good(f"%aws_profile RoleBeta {option}\n%aws_profile --off")
    shell.good(f"with using_profile('RoleBeta', {argument}): pass")


SESSION = "arn:aws:sts::123456789012:assumed-role/RoleBeta/me"  # as a card shows it


@pytest.mark.parametrize("arn", [ROLE, ROLE.replace("Beta", "Gamma"), SESSION])
def test_arn_instead_of_a_name(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, arn: str
) -> None:
    """If you use an ARN as a profile's name, a switch and an explanation name the right option."""
    monkeypatch.setenv("AWS_PROFILE", "UserAlpha")  # the default credentials
    (option, _) = code_in(shell.refused(f"%aws_profile {arn}").hint)
    assert f"`{option}`" in shell.good(f"%aws_profile --explain {arn}").text
    assert "no problems found" in shell.good(f"%aws_profile --explain {option}").text
    if option.endswith(ROLE):
        assert "assumed-role/RoleBeta" in shell.good(f"%aws_profile {option}").text
    else:
        assert isinstance(shell.refused(f"%aws_profile {option}"), AccessDenied)


@pytest.mark.parametrize("wrong", ["RoleBeta", SESSION])
def test_a_name_instead_of_an_arn(shell: Shell, aws: EmbeddedAws, wrong: str) -> None:
    """If the option gets another ARN or a name, even a profile's, the hint has the right form."""
    for source in ("", " --source-profile UserAlpha"):
        error = shell.refused(f"%aws_profile --role-arn {wrong}{source}")
        assert str(error) == f"`{wrong}` isn't the ARN of a role."
        (form,) = code_in(error.hint)
        arn = form.replace("ACCOUNT", "123456789012").replace("NAME", "RoleBeta")
    assert "assumed-role/RoleBeta" in shell.good(f"%aws_profile --role-arn {arn}{source}").text


def test_profile_in_a_header_of_the_credentials_file(shell: Shell, aws: EmbeddedAws) -> None:
    """The hint's command names the header that doesn't need the word, and then the keys work."""
    keys = aws.credentials_file.read_text()
    aws.credentials_file.write_text(keys.replace("[UserAlpha]", "[profile UserAlpha]"))
    for name in ("UserAlpha", "RoleBeta"):
        *_, command = code_in(shell.refused(f"%aws_profile {name}").hint)
        assert "Write [UserAlpha]. See credentials:1." in shell.good(command).text
    aws.credentials_file.write_text(keys)
    shell.good("%aws_profile RoleBeta")


def test_a_header_of_the_other_file(shell: Shell, aws: EmbeddedAws) -> None:
    """`[profile X]` in the credentials file gets the right header."""
    with aws.credentials_file.open("a") as credentials:
        credentials.write("\n[profile Keys]\naws_access_key_id = x\naws_secret_access_key = y\n")
    hint = shell.refused("%aws_profile Keys").hint
    assert hint.startswith("Write [Keys] instead of [profile Keys] in ")


@pytest.mark.parametrize("wrong", [f'"{ROLE}"', ROLE.replace("::", ":"), f"{ROLE} # mine"])
def test_role_arn_in_the_file(shell: Shell, aws: EmbeddedAws, wrong: str) -> None:
    """After AWS refuses a malformed role_arn, the hint's command names the line to correct."""
    aws.write_profile("Behind", source_profile="RoleBeta", role_arn=ROLE, region="us-west-2")
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace(ROLE, wrong, 1))
    error = shell.refused("%aws_profile Behind")
    assert ROLE.partition("::")[2] in str(error)
    *_, command = code_in(error.hint)
    number = re.findall(r"! `role_arn` .* See config:(\d+)", shell.good(command).text)
    assert number == [str(1 + config.split("\n").index(f"role_arn = {ROLE}"))]


#: Cells with a common mistake, and what the line of their hint shows.
MISSPELLED = {
    "%aws_profile off": "The switch is undone",
    "%aws_profile refresh": "RoleBeta ← UserAlpha  (1 hour left)",
    "%aws_profile explain UserAlpha": "UserAlpha  (no problems found)",
    "%aws_profile logout": "You aren't signed in",
    "%aws_profile --profile UserAlpha --region eu-west-1": "eu-west-1",
    "%aws_profile UserAlpha eu-west-1 --yes": "eu-west-1",
    "%aws_profile RoleBeta —read-only": "limited by the session policy",
    "%aws_profile --region eu-west-1": "RoleBeta ← UserAlpha",
    "%aws_profile *Alpha": "1 profile for “*Alpha”",
    "%%aws_profile *Alpha\nprofile": "0  UserAlpha",
    "%%aws_profile UserAlpha eu-west-1\nsession": "for this cell",
}


def test_spellings(shell: Shell, aws: EmbeddedAws) -> None:
    """A line with a common mistake is refused with the correct line."""
    for cell, shown in MISSPELLED.items():
        shell.good("%aws_profile RoleBeta")
        (line,) = code_in(shell.refused(cell).hint)
        body = cell.partition("\n")[2] if line.startswith("%%") else ""
        assert shown in shell.good(f"{line}\n{body}".strip()).text, cell


#: Lines that only look like those mistakes, and a part of their hint.
NOT_MISSPELLED = {
    "%aws_profile RoleBet --region us-east-1": "Did you mean `RoleBeta`?",
    "%aws_profile RoleBeta --yess": "Run `%aws_profile?` to see the options.",
    "%aws_profile RoleBeta --regions a,b": "Run `%aws_profile?` to see the options.",
    "%aws_profile prod": "Did you mean `console-prod`?",
    "%aws_profile console-prd": "Did you mean `console-prod`?",
    "%%aws_profile UserAlpha --region us-east-1\nopen_session('RoleBet')": "Did you mean",
    "%%aws_profile UserAlpha\nopen_session('nme')": "`%aws_profiles` lists the profiles.",
    "%aws_profile arn:aws:iam::123456789012:user/me": "`%aws_profiles` lists the profiles.",
    "%aws_profile arn:aws:sts::1:assumed-role/AWSReservedSSO_A_1f/me": "--account ID --role NAME",
}


@pytest.mark.parametrize("magic", ["%aws_profile", "%%aws_profile", "%aws_profiles"])
def test_keys_in_the_line(shell: Shell, magic: str) -> None:
    """An access key in a line, and the text after it, aren't repeated."""
    for option in ("", "--profile ", "--as "):
        ran = shell.run(f"{magic} {option}AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI\n1")
        assert isinstance(ran.error, InvalidOption)
        assert "Never put keys into a notebook" in ran.error.hint
        assert "AKIA" not in ran.text
        assert "wJalr" not in ran.text


def test_other_errors_keep_their_hints(shell: Shell, aws: EmbeddedAws) -> None:
    """A line without such a mistake, and the code of a cell, have the hint of their own error."""
    aws.write_profile("console-prod", region="us-west-2")
    shell.good("from ipy_awsprofile import open_session\nnme = 'RoleBeta'")
    for cell, hint in NOT_MISSPELLED.items():
        error: Any = shell.run(cell).error
        assert hint in error.hint, cell


def test_a_list_instead_of_a_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """If the user lists one profile, the list has the line that switches to it."""
    aws.write_profile("RoleBeta2", region="us-west-2")
    (line,) = code_in(shell.good("%aws_profiles RoleBeta").text)
    assert shell.good(line).text.startswith("RoleBeta ← UserAlpha")


def test_undefined_variables(shell: Shell, aws: EmbeddedAws) -> None:
    """For a variable that IPython couldn't fill in, the error says that it isn't defined."""
    shell.good("name = 'RoleBeta'")
    for line, value in (("{wanted}", "RoleBeta"), ("$name --region {where}", "eu-west-1")):
        error = shell.refused(f"%aws_profile {line}")
        assert error.hint == f"A variable in `%aws_profile {line}` isn't defined. Define it first."
        assert value in shell.good(f"wanted = where = {value!r}\n%aws_profile {line}").text
        shell.good("del wanted, where")


def test_variables_without_braces(shell: Shell, aws: EmbeddedAws) -> None:
    """If a line has a variable's name instead of a profile's, the hint has the line with braces."""
    shell.good("profile = 'RoleBeta'")
    for wrong, cell in (("%aws_profile profile --yes", ""), ("%%aws_profile profile", "\nsession")):
        (line,) = code_in(shell.refused(wrong + cell).hint)
        assert shell.good(line + cell).text.startswith("RoleBeta ← UserAlpha")


def test_policy_in_the_line(shell: Shell, aws: EmbeddedAws, tmp_path: Path) -> None:
    """A policy is in a file, or a dict in Python; the error for its text names both."""
    shell.good("from ipy_awsprofile import list_buckets, scoped")
    policy = allow("s3:*")
    line = f"%aws_profile RoleBeta --policy '{json.dumps(policy)}'"
    assert shell.refused(line).hint.startswith("Use a JSON file. `--policy` also")
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    shell.good(f"%aws_profile RoleBeta --policy {tmp_path}/policy.json")
    shell.good("%aws_profile RoleBeta")
    cell = "with scoped(session, policy={}) as s: print(len(list_buckets(s)))"
    assert shell.refused(cell.format(repr(json.dumps(policy)))).hint.endswith("`scoped` a dict.")
    assert shell.good(cell.format(policy)).text == "3"


def test_a_policy_after_a_change_of_folder(
    shell: Shell, aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh reads the policy's file again, even if the notebook is in another folder now."""
    monkeypatch.chdir(tmp_path)
    Path("draft.json").write_text(json.dumps(allow("s3:ListAllMyBuckets")))
    shell.good("%aws_profile RoleBeta --policy draft.json")
    monkeypatch.chdir(aws.home)
    assert f"session policy {tmp_path / 'draft.json'}" in shell.good("%aws_profile --refresh").text


def test_save_without_a_role(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a role to save, the error's last line saves one."""
    *_, line = code_in(shell.refused("%aws_profile --save mine").hint)
    role = f"{ROLE} --source-profile UserAlpha"
    saved = line.replace("ARN", role).replace("NAME", "mine")
    assert shell.good(f"{saved} --yes").text.startswith("mine ← UserAlpha")


def test_two_names_for_a_cell(shell: Shell, aws: EmbeddedAws) -> None:
    """Words narrow a selection, so the error for two names says how to use both."""
    names = seed_organisation(aws, 2)
    error = shell.refused(f"%%aws_profiles {' '.join(names)}\n1")
    assert error.hint.endswith("For several names, pass a list.")
    shell.good("from ipy_awsprofile import across_profiles")
    frame = shell.good(f"across_profiles({list(names)}, repr)").result
    assert tuple(frame["profile"]) == names


def test_names_that_must_be_quoted(shell: Shell, aws: EmbeddedAws) -> None:
    """A hint's commands name a profile or a sign-in exactly, whatever characters the name has."""
    for name in ("two words", "a # b", "it's", "{x} $HOME"):
        with aws.config_file.open("a") as config:
            config.write(f'\n[profile "{name}"]\nregion = us-west-2\n')
        (command,) = code_in(shell.refused(f"%aws_profile {quoted(name)}").hint)
        assert shell.good(command).text.startswith(f"{name}  (1 warning)")
    url = f"sso_start_url = {aws.sso.start_url}\nsso_region = us-east-1\n"
    with aws.config_file.open("a") as config:
        config.write(f'\n[sso-session "my corp"]\n{url}')
    magic, command = code_in(shell.refused("%aws_profiles --sso").hint)
    assert command == "aws sso login --sso-session 'my corp'"
    assert magic == '%aws_profile --sso "my corp" --login'
    assert isinstance(shell.run(magic).error, SignInRequired)  # no one is here to sign in


# Cells with `await` -------------------------------------------------------------------------------


def test_await_in_a_block(shell: Shell, aws: EmbeddedAws) -> None:
    """The hint's lines run the `await` as the cell's identity, with the limits that were asked for.

    `asyncio.run` isn't one of them, because Jupyter already runs an event loop.
    """
    body = "await asyncio.sleep(0)\nsession.client('s3').create_bucket(Bucket='mine')"
    error = shell.refused(f"%%aws_profile RoleBeta --read-only\n{body}")
    assert "asyncio" not in error.hint
    names, block = code_in(error.hint)
    indented = body.replace("\n", "\n    ")
    ran = shell.run(f"import asyncio\n{names}\n{block}\n    {indented}")
    assert "AccessDenied" in str(ran.error)
    assert "assumed-role/RoleBeta" in str(aws.calls[-1].arn)


def test_await_for_each_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """In a cell for many profiles, the hint's `asyncio.run` works."""
    error = shell.refused("%%aws_profiles RoleBeta --no-progress\nawait work()")
    (call,) = code_in(error.hint)
    shell.good("import asyncio\nasync def work(): return 1")
    ran = shell.good(f"%%aws_profiles RoleBeta --no-progress\n{call.replace('…', 'work()')}")
    assert list(ran.result["value"]) == [1]


# Folders that can't be written -------------------------------------------------------------------


def test_read_only_cache(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the list of roles can't be kept, the error says so before a sign-in or a call to AWS."""
    organisation(aws)
    monkeypatch.setattr("getpass.getpass", lambda _question: "")
    (cache := aws.home / ".cache").write_text("a file, which no user can make a folder in")
    error = shell.refused("%aws_profiles --sso")
    assert str(cache) in str(error)
    assert aws.actions == []
    assert "set XDG_CACHE_HOME to a folder in place of `~/.cache`" in error.hint
    monkeypatch.setenv("XDG_CACHE_HOME", str(aws.home / "elsewhere"))
    aws.sso.sign_in("corp")
    assert "roles in 3 accounts" in shell.good("%aws_profiles --sso").text


@pytest.mark.parametrize("line", ["%aws_profile prod-reader", "%aws_profile --sso corp --login"])
def test_read_only_home(
    shell: Shell, aws: EmbeddedAws, browser: Browser, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """If a sign-in can't be stored, the error says so before the user signs in."""
    organisation(aws)
    monkeypatch.setattr("getpass.getpass", lambda _question: "")
    (home := aws.home / "home").mkdir()
    (home / ".aws").write_text("a file, which no user can make a folder in")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    error = shell.refused(line)
    assert str(home / ".aws" / "sso" / "cache") in str(error)
    assert aws.actions == []
    assert "HOME to a folder with a copy of `~/.aws`" in error.hint
    (home / "copy" / ".aws").mkdir(parents=True)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home / "copy"))
    shell.good(line)
    assert list((home / "copy" / ".aws" / "sso" / "cache").iterdir())
