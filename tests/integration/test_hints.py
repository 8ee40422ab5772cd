"""The code and the advice in errors and on cards work."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import USER_ACCOUNT, allow
from ipy_awsprofile.errors import (
    CredentialsUnavailable,
    MfaUnavailable,
    NoProfileAnswered,
    NotForOneProfile,
)
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
    """If AWS ends the active session, a call renews it and goes on."""
    shell.good("from ipy_awsprofile import list_buckets\n%aws_profile RoleBeta")
    aws.iam.expire_sessions()
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
    assert error["message"].startswith("The function used a client without credentials")
    (code,) = code_in(error["hint"])
    shell.good(f"%%aws_profiles RoleBeta --no-progress\ns3 = {code}\ns3.list_buckets()\n1")


# Default credentials ------------------------------------------------------------------------------


def test_no_default_credentials(shell: Shell, aws: EmbeddedAws) -> None:
    """If there are no default credentials, the error says so, and a listed profile works."""
    error = shell.refused("%aws_profile --default")
    assert isinstance(error, CredentialsUnavailable)
    assert str(error).startswith("There are no default credentials in the environment,")
    assert str(error) in shell.good("%aws_profile --explain").text
    switch, profiles, *_ = code_in(error.hint)
    assert "RoleBeta" in shell.good(profiles).text
    shell.good(switch.replace("NAME", "RoleBeta"))


def test_role_without_a_source(shell: Shell, aws: EmbeddedAws) -> None:
    """For a role without a profile or default credentials, the hint's option names the source."""
    line = f"%aws_profile --role-arn {ROLE}"
    error = shell.refused(line)
    assert str(error).startswith("There are no default credentials in the environment,")
    assert "add `--source-profile NAME`" in error.hint
    assert "assumed-role/RoleBeta" in shell.good(f"{line} --source-profile UserAlpha").text
    *_, argument = code_in(error.hint)
    call = f"open_session(role_arn='{ROLE}', {argument.replace('NAME', 'UserAlpha')})"
    shell.good(f"from ipy_awsprofile import open_session\nopened = {call}")
    assert ":assumed-role/RoleBeta/" in shell.names["opened"].arn


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


# Wrong files and policies -------------------------------------------------------------------------


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
    assert shell.refused(cell.format(repr(json.dumps(policy)))).hint.endswith(
        "`scoped` accepts a dict."
    )
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
    assert "set XDG_CACHE_HOME to a folder that replaces `~/.cache`" in error.hint
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


@pytest.mark.parametrize("wrong", ["us_west_2", "us-west-2,us-east-1", "us-west-2 us-east-1"])
def test_invalid_region(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """The error for text that can't be a Region says where it is, and suggests one that works."""
    error = shell.refused(f"%aws_profile RoleBeta --region '{wrong}'")
    assert str(error) == "The value of `--region` isn't an AWS Region."
    assert "--region" not in error.hint
    shown, meant = code_in(error.hint)
    assert (shown, meant) == (wrong, "us-west-2")
    shell.good(f"%aws_profile RoleBeta --region {meant}\n%aws_profile --off")
    aws.write_profile("Mine", role_arn=ROLE, source_profile="UserAlpha", region=wrong)
    error = shell.refused("%aws_profile Mine")
    assert str(error) == "The `region` of `Mine` isn't an AWS Region."
    assert "Did you mean `us-west-2`? See config:" in error.hint
    assert "(a switch fails)" in shell.good("%aws_profile --explain Mine").text
    monkeypatch.setenv("AWS_DEFAULT_REGION", wrong)
    error = shell.refused("%aws_profile RoleBeta")
    assert str(error) == "The value of AWS_DEFAULT_REGION isn't an AWS Region."
    assert error.hint.endswith(
        "Did you mean `us-west-2`? The Region comes from AWS_DEFAULT_REGION."
    )


def test_no_region(shell: Shell, aws: EmbeddedAws) -> None:
    """Without a Region, each switch is refused, even after one with the hint's option."""
    aws.write_profile("Mine", role_arn=ROLE, source_profile="UserAlpha")
    for _ in range(2):
        setting, line = code_in(shell.refused("%aws_profile Mine").hint)
        assert setting == "region"
        assert "(a switch fails)" in shell.good("%aws_profile --explain Mine").text
        shell.good(line.replace("…", "us-west-2"))


def test_limit_in_a_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """The card warns that a profile's `read_only` is ignored; the hint's options limit it."""
    aws.write_profile(
        "Reader", read_only="true", role_arn=ROLE, source_profile="UserAlpha", region="us-west-2"
    )
    says = "`read_only` isn't an AWS setting, so it is ignored."
    card = shell.good("%aws_profile Reader").text
    assert says in card
    assert "read-only, limited" not in card
    assert says in shell.good("%aws_profile --explain Reader").text
    _, option, _, setting = code_in(next(line for line in card.splitlines() if says in line))
    limited = shell.good(f"%aws_profile Reader {option}").text
    assert "read-only, limited" in limited
    assert says not in limited
    shell.good(f"%config {setting} = ['Reader']")
    assert "read-only, limited" in shell.good("%aws_profile Reader").text


def test_session_without_credentials(shell: Shell, aws: EmbeddedAws) -> None:
    """For a plain boto3 session without credentials, the hint leads to a session with some."""
    shell.good("import boto3\nfrom ipy_awsprofile import who_am_i")
    error = shell.refused("who_am_i(boto3.Session())")
    assert str(error) == "This boto3 session doesn't have credentials."
    switch, variable, profiles = code_in(error.hint)
    assert "RoleBeta" in shell.good(profiles).text
    shell.good(switch.replace("NAME", "RoleBeta"))
    assert shell.good(f"who_am_i({variable})").result.profile == "RoleBeta"


def test_blanks_in_a_header(shell: Shell, aws: EmbeddedAws) -> None:
    """The hint for a header with blanks is the header without them."""
    aws.write_profile("spaces", region="us-west-2")
    aws.write_profile("spaced", role_arn=ROLE, source_profile="UserAlpha", region="us-west-2")
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("[profile spaced]", "[ profile spaced ]"))
    hint = shell.refused("%aws_profile spaced").hint
    assert "Write [profile spaced] instead of [ profile spaced ] in " in hint
    aws.config_file.write_text(config)
    shell.good("%aws_profile spaced")


def test_mfa_option_for_a_role(shell: Shell, aws: EmbeddedAws) -> None:
    """For a role, `--mfa` is refused, and the switch works without it."""
    error = shell.refused("%aws_profile RoleBeta --mfa")
    assert error.hint.startswith("Leave out `--mfa`. A role with an `mfa_serial`")
    shell.good("%aws_profile RoleBeta")


def test_policy_as_in_the_aws_cli(shell: Shell, aws: EmbeddedAws, tmp_path: Path) -> None:
    """A policy's path can't begin with `file://`, and the hint has the path."""
    policy = tmp_path / "p.json"
    policy.write_text(json.dumps(allow("s3:ListAllMyBuckets")))
    error = shell.refused(f"%aws_profile RoleBeta --policy file://{policy}")
    assert str(error) == f"The policy `file://{policy}` isn't a path."
    _, path = code_in(error.hint)
    shell.good(f"%aws_profile RoleBeta --policy {path}")
