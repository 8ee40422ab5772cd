"""The code and the advice in errors and on cards work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile import __version__
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
from tests.packages import needs
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


@needs("duckdb")
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
    assert str(error) in shell.good("%aws_profile --explain").text
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
    """The hint and `--explain` name the header without the word, and then the keys work."""
    keys = aws.credentials_file.read_text()
    aws.credentials_file.write_text(keys.replace("[UserAlpha]", "[profile UserAlpha]"))
    for name in ("UserAlpha", "RoleBeta"):
        for text in (
            shell.refused(f"%aws_profile {name}").hint,
            shell.good(f"%aws_profile --explain {name}").text,
        ):
            assert "Write [UserAlpha]. See credentials:1." in text
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
    """After AWS refuses a malformed role_arn, the hint names the line to correct."""
    aws.write_profile("Behind", source_profile="RoleBeta", role_arn=ROLE, region="us-west-2")
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace(ROLE, wrong, 1))
    error = shell.refused("%aws_profile Behind")
    assert ROLE.partition("::")[2] in str(error)
    number = re.findall(r"`role_arn` .* See config:(\d+)", error.hint)
    assert number == [str(1 + config.split("\n").index(f"role_arn = {ROLE}"))]
    assert error.hint in shell.good("%aws_profile --explain Behind").text


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
    "%aws_profile RoleBeta readonly": "limited by the session policy",
    "%aws_profile readonly RoleBeta": "limited by the session policy",
    "%aws_profile RoleBeta-readonly": "limited by the session policy",
    "%aws_profile RoleBta readonly": "limited by the session policy",
    "%aws_profile RoleBeta --readonly": "limited by the session policy",
    "%aws_profile --read_only RoleBeta": "limited by the session policy",
    "%aws_profile UserAlpha --regoin eu-west-1": "eu-west-1",
    "%aws_profile UserAlpha eu-wset-1": "eu-west-1",
    "%aws_profile -r eu-west-1 UserAlpha": "eu-west-1",
    "%aws_profile eu-west-1 UserAlpha": "eu-west-1",
    "%aws_profile region=eu-west-1 UserAlpha": "eu-west-1",
    "%aws_profile -p UserAlpha": "user/UserAlpha",
    "%aws_profile use UserAlpha": "user/UserAlpha",
    "%aws_profile switch to UserAlpha": "user/UserAlpha",
    "%aws_profile profile UserAlpha": "user/UserAlpha",
    "%aws_profile profile=UserAlpha": "user/UserAlpha",
    "%aws_profile UserAlpha staging": "user/UserAlpha",
    "%aws_profile UserAlpha,staging": "user/UserAlpha",
    f"%aws_profile UserAlpha --role-arn {ROLE}": "assumed-role/RoleBeta",
    "%aws_profile RoleBeta --yess": "RoleBeta ← UserAlpha",
    "%aws_profile RoleBeta --force": "RoleBeta ← UserAlpha",
    "%aws_profile logut": "You aren't signed in",
    "%aws_profile --share on": "Add `--yes` to write the changes.",
    "%aws_profile --UserAlpha": "user/UserAlpha",
    "%aws_profile UserAlpha --region eu-west-1 us-east-1": "eu-west-1",
    "%aws_profile --reset": "The switch is undone",
    "%aws_profile exit": "The switch is undone",
    "%aws_profile whoami": "RoleBeta ← UserAlpha",
    "%aws_profile --whoami": "RoleBeta ← UserAlpha",
    "%aws_profile help": "common options:",
    "%aws_profile --list": "2 profiles",
    "%aws_profile --version": __version__,
    "%%aws_profile UserAlpha; session\nsession": "session of UserAlpha",
    "%%aws_profile UserAlpha print(session)\nprint(session)": "session of UserAlpha",
    "%aws_profiles --profile RoleBeta": "1 profile for “RoleBeta”",
    "%%aws_profiles --workrs 3 RoleBeta\n1": "0  RoleBeta",
    "%%aws_profiles -r eu-west-1 RoleBeta\n1": "eu-west-1",
    "%aws_calls clr": "Not recording AWS calls",
    "%aws_calls --off": "Not recording AWS calls",
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
    "%aws_profile RoleBeta --re": "Run `%aws_profile?` to see the options.",
    "%aws_profile RoleBeta --verbose": "Run `%aws_profile?` to see the options.",
    '%aws_profile ""': "`%aws_profiles` lists the profiles.",
    "%%aws_profile \n1": "Write `%%aws_profile NAME`.",
    "%aws_profile default": "`%aws_profiles` lists the profiles.",
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


#: Lines that can mean several lines, and what each line of their hint shows.
SEVERAL = {
    "%aws_profile UserAlpha --profile RoleBeta": (
        "user/UserAlpha",
        "role/RoleBeta",
        "1   RoleBeta",
    ),
    "%aws_profile UserAlpha,RoleBeta": ("user/UserAlpha", "role/RoleBeta", "1   RoleBeta"),
    "%aws_profile UserAlpha RoleBeta --region eu-west-1": ("eu-west-1",) * 3,
    "%aws_profile UserAlpha RoleBeta --as other": ("other", "other"),
    "%aws_profile RoleBeta --logout": ("role/RoleBeta", "The switch is undone"),
    "%aws_profile UserAlpha --regions eu-west-1": ("eu-west-1",),
    "%%aws_profiles UserAlpha --explain\n1": (),
    "%aws_profiles RoleBeta --explain": ("no problems found",),
    "%%aws_profiles zzz-*\n1": ("RoleBeta",),
}


def test_hints_with_several_lines(shell: Shell, aws: EmbeddedAws) -> None:
    """Each line that a hint offers does what the refused line can have meant."""
    for cell, shown in SEVERAL.items():
        hint = shell.refused(cell).hint
        lines = [
            code for code in code_in(hint) if re.match("%+aws_profiles? |%aws_profiles$", code)
        ]
        assert len(lines) == len(shown), cell
        for line, part in zip(lines, shown, strict=True):
            body = "\nprofile" if line.startswith("%%") else ""
            assert part in shell.good(line + body).text, cell


def test_less_power(shell: Shell, aws: EmbeddedAws) -> None:
    """If you ask for less, no administrator is suggested, and Python code gets the argument."""
    shell.good("from ipy_awsprofile import open_session")
    for name in ("prod-admin", "ProdAdmin"):
        aws.write_profile(name, source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    for asked in ("prod-readonly", "ProdReadOnly", "prodreadonly", "prod-viewer"):
        for call in (f"%aws_profile {asked}", f"open_session('{asked}')"):
            assert "dmin" not in shell.refused(call).hint
    aws.write_profile("prod", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    for asked in ("prod readonly", "prod-readonly"):
        name, _, argument = code_in(shell.refused(f"open_session('{asked}')").hint)
        assert name == "prod"
        shell.good(f"open_session('{name}', {argument})")


def test_an_account_instead_of_a_name(shell: Shell, aws: EmbeddedAws) -> None:
    """For an account's ID, the hint names its only profile, or the line that lists several."""
    for account in ("123456789012", "1234-5678-9012"):
        (name,) = code_in(shell.refused(f"%aws_profile {account}").hint)
        assert shell.good(f"%aws_profile {name}").text.startswith("RoleBeta ← UserAlpha")
    aws.write_profile("other", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    (line,) = code_in(shell.refused("%aws_profile 123456789012").hint)
    assert shell.good(line).text.startswith("2 profiles")
    (line,) = code_in(shell.refused("%aws_profile 999999999999").hint)
    assert "RoleBeta" in shell.good(line).text


def test_exact_names_among_words(shell: Shell, aws: EmbeddedAws) -> None:
    """If words that are profiles' names match none or others, a line names the right pattern."""
    names = seed_organisation(aws, 2)
    (pattern,) = code_in(shell.refused(f"%%aws_profiles {' '.join(names)}\n1").hint)
    frame = shell.good(f"%%aws_profiles {pattern}\n1").result
    assert tuple(frame["profile"]) == names
    assert "2 profiles for" in shell.good(f"%aws_profiles {pattern}").text
    for name in ("dev", "prod", "dev-of-prod"):
        aws.write_profile(name, source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    ran = shell.good("%%aws_profiles dev prod --no-progress\n1")
    assert list(ran.result["profile"]) == ["dev-of-prod"]
    assert "1 profile has all of these words: `dev prod`." in ran.text
    *_, pattern = code_in(ran.text)
    ran = shell.good(f"%%aws_profiles {pattern} --exclude other,prod --no-progress\n1")
    assert list(ran.result["profile"]) == ["dev", "prod"]
    assert code_in(shell.refused("%%aws_profiles dev,prodd\n1").hint) == ["prod"]


#: Calls with habits of boto3, and calls that the argument in their hint makes right.
HABITS = {
    "open_session('RoleBeta', region_name='eu-west-1')": "open_session('RoleBeta', {}='eu-west-1')",
    "open_session(profile_name='RoleBeta')": "open_session({}='RoleBeta')",
    "open_session('RoleBeta', readonly=True)": "open_session('RoleBeta', {}=True)",
    "open_session('RoleBeta', 'eu-west-1')": "open_session('RoleBeta', {})",
    "open_session('RoleBeta', 'x')": "open_session('RoleBeta', {})",
    f"open_session('UserAlpha', role_arn='{ROLE}')": f"open_session({{}}, role_arn='{ROLE}')",
    "open_session('RoleBeta', duration_seconds=900)": "open_session('RoleBeta', {}=900)",
    "using_profile('RoleBeta', session_nme='me')": "using_profile('RoleBeta', {}='me')",
    "across_profiles('UserAlpha', 'RoleBeta')": "function = repr; {}",
    "across_profiles('RoleBeta', repr, regions=[])": "{}=None; across_profiles('RoleBeta', repr)",
}


def test_habits_of_boto3(shell: Shell, aws: EmbeddedAws) -> None:
    """A wrong argument is an error that names the function and the right argument."""
    shell.good("from ipy_awsprofile import *")
    for wrong, right in HABITS.items():
        error = shell.refused(wrong)
        assert isinstance(error, InvalidOption)
        assert (wrong.partition("(")[0] in str(error)) or "`regions`" in str(error)
        (argument,) = code_in(error.hint)
        assert "%" not in argument
        shell.good(right.format(argument))
    for call in ("open_session", "using_profile"):
        *lines, default = code_in(shell.refused(f"{call}()").hint)
        assert [line.partition("(")[0] for line in (*lines, default)] == [call] * 4
        shell.good(lines[0].replace("NAME", "RoleBeta"))
    (command,) = code_in(shell.refused("open_session(aws_access_key_id='AKIA')").hint)
    assert command == "aws configure"
    (line,) = code_in(shell.refused("open_session('RoleBeta', colour=1)").hint)
    assert "read_only" in shell.good(line).text


def test_patterns_that_match_nothing(shell: Shell, aws: EmbeddedAws) -> None:
    """A line names the profile that a misspelled pattern is meant for, and then it is protected."""
    aws.write_profile("prod", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    setting = "%config AwsProfileMagics.{} = ['{}']"
    shown = shell.good(setting.format("protected", "prdo")).text
    assert shown == "`AwsProfileMagics.protected`: No profile matches `prdo`. Did you mean `prod`?"
    *_, pattern = code_in(shell.good(setting.format("read_only", "*-prdo")).text)
    shell.good(setting.format("protected", pattern))
    assert isinstance(shell.refused("%aws_profile prod"), ProtectedProfile)
    for silent in ("*ole*", "123456789012", "99*"):
        assert shell.good(setting.format("protected", silent)).text == ""
    *_, line = code_in(shell.good(setting.format("protected", "no-such")).text)
    assert "RoleBeta" in shell.good(line).text


def test_names_that_must_be_quoted(shell: Shell, aws: EmbeddedAws) -> None:
    """A hint's commands name a profile or a sign-in exactly, whatever characters the name has."""
    for name in ("two words", "a # b", "it's", "{x} $HOME"):
        with aws.config_file.open("a") as config:
            config.write(f'\n[profile "{name}"]\nregion = us-west-2\n')
        (command,) = code_in(shell.refused(f"%aws_profile {quoted(name)}").hint)
        assert shell.good(command).text.startswith(f"{name}  (a switch fails)")
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


# Mistakes in the files ----------------------------------------------------------------------------


def test_misspelled_source(shell: Shell, aws: EmbeddedAws) -> None:
    """The hint has the source's right name and the line, as `--explain` has."""
    aws.write_profile("Mine", source_profile="UserAlhpa", role_arn=ROLE, region="us-west-2")
    hint = shell.refused("%aws_profile Mine").hint
    assert hint in shell.good("%aws_profile --explain Mine").text
    (name,) = code_in(hint)
    (line,) = re.findall(r"See config:(\d+)", hint)
    lines = aws.config_file.read_text().split("\n")
    assert lines[int(line) - 1] == "source_profile = UserAlhpa"
    lines[int(line) - 1] = f"source_profile = {name}"
    aws.config_file.write_text("\n".join(lines))
    shell.good("%aws_profile Mine")


def test_header_of_a_source(shell: Shell, aws: EmbeddedAws) -> None:
    """If the source has the config file's header in the other file, the hint has the right one."""
    user = aws.iam.create_user("keys", account=USER_ACCOUNT, policy=allow("sts:*"))
    text = "".join(f"{name} = {value}\n" for name, value in user.settings().items())
    with aws.credentials_file.open("a") as credentials:
        credentials.write(f"\n[profile Keys]\n{text}")
    aws.write_profile("Mine", source_profile="Keys", role_arn=ROLE, region="us-west-2")
    hint = shell.refused("%aws_profile Mine").hint
    assert hint in shell.good("%aws_profile --explain Mine").text
    right, wrong, file = re.findall(r"Write (\S+) instead of (\[.*\]) in (\S+)\. See config", hint)[
        0
    ]
    Path(file).write_text(Path(file).read_text().replace(wrong, right))
    assert "Did you mean" not in str(shell.run("%aws_profile Mine").error)
    assert "no problems found" in shell.good("%aws_profile --explain Mine").text


def test_syntax_errors(shell: Shell, aws: EmbeddedAws) -> None:
    """A syntax error blocks all profiles; what the error says about its line makes them work."""
    good = aws.config_file.read_text().rstrip("\n")
    last = 1 + good.count("\n")
    for broken, says, correct in (
        ("[profile Mine", "The header needs a closing bracket.", "[profile Mine]"),
        (
            "[profile Mine]\nrole_arn =\n  arn",
            "The value of `role_arn` must be on",
            "role_arn = arn",
        ),
        ("[profile Mine]\nregion = a\nregion = b", "`region` is in its section twice.", ""),
        (
            "[profile Mine]\nregion us-east-1",
            "The line needs an equals sign,",
            "region = us-east-1",
        ),
    ):
        aws.config_file.write_text(f"{good}\n{broken}\n")
        error = shell.refused("%aws_profile RoleBeta")
        assert says in str(error)
        (number,) = re.findall(r"line (\d+)", str(error))
        lines = aws.config_file.read_text().split("\n")
        assert int(number) > last
        lines[int(number) - 1 :] = [correct, ""]
        aws.config_file.write_text("\n".join(lines))
        shell.good("%aws_profile RoleBeta")


def test_value_below_a_setting(shell: Shell, aws: EmbeddedAws) -> None:
    """A value on the line below with an equals sign affects only its profile."""
    with aws.config_file.open("a") as config:
        config.write(f"\n[profile Mine]\nrole_arn =\n  {ROLE}=\nsource_profile = UserAlpha\n")
        config.write(f"region = us-west-2\nendpoint_url = {aws.endpoint_url}\n")
    assert shell.refused("%aws_profile Mine").hint.startswith(
        "The value of `role_arn` must be on t"
    )
    shell.good("%aws_profile RoleBeta")
    aws.config_file.write_text(aws.config_file.read_text().replace(f"=\n  {ROLE}=", f"= {ROLE}"))
    shell.good("%aws_profile Mine")


def test_misspelled_region(shell: Shell, aws: EmbeddedAws) -> None:
    """In the embedded AWS, a misspelled Region works, and the card says which one is meant."""
    for wrong in ("us-wset-2", "uswest2", "us-west-2a"):
        shown = shell.good(f"%aws_profile RoleBeta --region {wrong}").text
        assert f"`{wrong}` is" in shown
        assert "`us-west-2`" in shown
    assert "botocore knows" not in shell.good("%aws_profile RoleBeta --region us-west-2").text
    assert "botocore knows" not in shell.good("%aws_profile RoleBeta --region fr-par").text


def test_no_region(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a Region, each switch is refused, even after one with the hint's option."""
    aws.write_profile("Mine", role_arn=ROLE, source_profile="UserAlpha")
    for _ in range(2):
        setting, line = code_in(shell.refused("%aws_profile Mine").hint)
        assert setting == "region"
        assert "(a switch fails)" in shell.good("%aws_profile --explain Mine").text
        shell.good(line.replace("…", "us-west-2"))
