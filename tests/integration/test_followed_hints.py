"""Hints about read-only sessions and about the files work when they are followed literally."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.packages import needs
from tests.shells import Ran, Shell

# A read-only session that would write -------------------------------------------------------------

PUT = "session.client('s3').put_object(Bucket='my-first-bucket', Key='k')"
FUNCTION = f"lambda session: {PUT}['ResponseMetadata']['HTTPStatusCode']"

#: For each form of a request, the same code with another request.
FORMS = {
    "%%aws_profile": f"%%aws_profile RoleBeta OPTIONS\n{PUT}",
    "%%aws_profiles": f"%%aws_profiles RoleBeta --no-progress OPTIONS\n{PUT}['ResponseMetadata']",
    "using_profile": f"with using_profile('RoleBeta', OPTIONS) as session:\n    {PUT}",
    "across_profiles": f"across_profiles('RoleBeta', {FUNCTION}, progress=False, OPTIONS)",
    "open_session": f"session = open_session('RoleBeta', OPTIONS)\n{PUT}",
}


def code(form: str, *options: str) -> str:
    """Return the code of a form with options, such as ``--read-only`` or ``read_only=True``."""
    separator = " " if "%" in form else ", "
    return FORMS[form].replace("OPTIONS", separator.join(options))


def line_below(ran: Ran) -> str:
    """Return the text of a cell that failed, with the line below its error."""
    assert ran.error is not None
    shown = [output["text/plain"] for output in ran.displayed]
    return " ".join([*shown, getattr(ran.error, "hint", "")])


@pytest.fixture
def writer(shell: Shell) -> Shell:
    """Return a shell with the functions of this package, and no active profile."""
    shell.good("%aws_profile --off")
    shell.good("from ipy_awsprofile import across_profiles, open_session, using_profile")
    return shell


@pytest.mark.parametrize("is_active", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_setting_that_makes_a_session_read_only(
    writer: Shell, aws: EmbeddedAws, form: str, *, is_active: bool
) -> None:
    """If the setting makes a session read-only, the hint changes the code, and then it writes.

    Neither the setting nor an active profile has changed by then, and other limits stay.
    """
    writer.good("%config AwsProfileMagics.read_only = ['*']")
    if is_active:
        writer.good("%aws_profile RoleBeta")
    is_python = "%" not in form
    others: tuple[str, ...] = ()
    if "profiles" not in form:
        others = ("duration='20m'",) if is_python else ("--duration 20m",)
    refused = writer.run(code(form, *others))
    hint = line_below(refused)
    assert "read-only" in hint
    added = "write=True" if is_python else "--write"
    assert f"To write, add `{added}` to " in hint
    writer.good(code(form, *others, added))
    if others:
        (shown,) = re.findall(r": `([^`]*)`\.", hint)
        assert "20m" in shown
        body = {
            "%%aws_profile": f"{shown}\n{PUT}",
            "using_profile": f"with {shown} as session:\n    {PUT}",
            "open_session": f"session = {shown}\n{PUT}",
        }
        writer.good(body[form])
    if is_active:
        writer.names["session"] = None
        writer.good("%aws_profile RoleBeta")
        assert "read-only" in writer.good("%aws_profile").text


@pytest.mark.parametrize("has_setting", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_code_that_asks_for_a_read_only_session(
    writer: Shell, aws: EmbeddedAws, form: str, *, has_setting: bool
) -> None:
    """If the code itself asks for reading, the hint says what to leave out, or to replace."""
    if has_setting:
        writer.good("%config AwsProfileMagics.read_only = ['*']")
    read_only, write = ("--read-only", "--write")
    if "%" not in form:
        read_only, write = ("read_only=True", "write=True")
    hint = line_below(writer.run(code(form, read_only)))
    if has_setting:
        assert f"To write, write `{write}` instead of `{read_only}` in " in hint
        writer.good(code(form, write))
    else:
        assert f"To write, leave out `{read_only}` in " in hint
        writer.good(code(form))


def test_policy_that_forbids_writing(writer: Shell, aws: EmbeddedAws, policy: Path) -> None:
    """If the policy doesn't allow writing, the hint names it, unless leaving out a limit works."""
    policy.write_text("[allow]\nwrite = false")
    for form in FORMS:
        read_only = "--read-only" if "%" in form else "read_only=True"
        hint = line_below(writer.run(code(form, read_only)))
        assert f"To write, leave out `{read_only}` in " in hint
        writer.good(code(form))
    writer.good("%aws_profile RoleBeta --read-only")
    assert "To write, run `%aws_profile RoleBeta`." in line_below(writer.run(PUT))
    writer.good("%aws_profile RoleBeta")
    writer.good(PUT)
    writer.good("%aws_profile --off")
    policy.write_text('read_only = ["Beta"]\n[allow]\nwrite = false')
    for form in FORMS:
        hint = line_below(writer.run(code(form)))
        assert "doesn't allow `--write`. `read_only" in hint or "doesn't allow `--write`" in hint
        assert "add `" not in hint


def test_session_of_python_follows_the_setting(writer: Shell, aws: EmbeddedAws) -> None:
    """The setting makes `open_session` read-only by a name or an account, unless it may write."""
    for pattern in ("RoleBeta", ROLE_ACCOUNT):
        writer.good(f"%config AwsProfileMagics.read_only = [{pattern!r}]")
        refused = writer.run(code("open_session"))
        assert "AccessDenied" in str(refused.error)
        writer.good(code("open_session", "write=True"))
    writer.good("%config AwsProfileMagics.read_only = ['*-prod']")
    writer.good(code("open_session"))


# The config and credentials files -----------------------------------------------------------------


def put_lines(file: Path, *lines: str) -> None:
    """Add lines to the end of a file."""
    with file.open("a") as opened:
        opened.write("\n".join(["", *lines, ""]))


def line_at(location: str, file: Path) -> str:
    """Return the line of a file at a location such as ``config:3``."""
    return file.read_text().splitlines()[int(location.partition(":")[2]) - 1]


ROLE = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"


def role_lines(aws: EmbeddedAws, source: str = "UserAlpha") -> list[str]:
    """Return the settings of a profile whose role a source profile assumes."""
    return [
        f"role_arn = {ROLE}",
        f"source_profile = {source}",
        "region = us-west-2",
        f"endpoint_url = {aws.endpoint_url}",
    ]


@pytest.mark.parametrize("bare", ["profile Maria", "profile Maria]"])
@pytest.mark.parametrize("above", [["region = us-west-2"], [], ["[profile x]", "cli_pager ="]])
def test_header_without_brackets(
    shell: Shell, aws: EmbeddedAws, above: list[str], bare: str
) -> None:
    """A header that has lost its brackets is named with its line, whatever the section above has.

    With the brackets, the profile works, and the others do, too.
    """
    put_lines(aws.config_file, "[profile Above]", *above, bare, *role_lines(aws))
    error = shell.refused("%aws_profile RoleBeta")
    (number, header) = re.findall(
        r"line (\d+): Write the header in brackets: (\[[^]]*\])\.", str(error)
    )[0]
    lines = aws.config_file.read_text().splitlines()
    assert lines[int(number) - 1] == bare
    lines[int(number) - 1] = header
    aws.config_file.write_text("\n".join(lines))
    shell.good("%aws_profile Maria")
    shell.good("%aws_profile RoleBeta")


def test_header_without_brackets_in_the_credentials_file(shell: Shell, aws: EmbeddedAws) -> None:
    """In the credentials file, the header in the hint is the name alone, and it works."""
    good = aws.credentials_file.read_text()
    aws.credentials_file.write_text(good.replace("[UserAlpha]", "profile UserAlpha"))
    error = shell.refused("%aws_profile UserAlpha")
    (header,) = re.findall(r"Write the header in brackets: (\[.*\])\.", str(error))
    aws.credentials_file.write_text(good.replace("[UserAlpha]", header))
    shell.good("%aws_profile UserAlpha")


def sign_in_lines(aws: EmbeddedAws, header: str) -> list[str]:
    """Return the section of a sign-in with a header."""
    return [header, f"sso_start_url = {aws.sso.start_url}", "sso_region = us-east-1"]


def analyst(name: str, sign_in: str) -> list[str]:
    """Return the section of a profile with a role of a sign-in."""
    return [
        f"[profile {name}]",
        f"sso_session = {sign_in}",
        f"sso_account_id = {ROLE_ACCOUNT}",
        "sso_role_name = Analyst",
        "region = us-west-2",
    ]


def test_sign_in_with_other_capitals(shell: Shell, aws: EmbeddedAws) -> None:
    """A sign-in's name in other capitals is corrected in the profile, not in the right section."""
    put_lines(aws.config_file, *sign_in_lines(aws, "[sso-session corp]"))
    put_lines(aws.config_file, *analyst("Good", "corp"), *analyst("Other", "Corp"))
    hint = shell.refused("%aws_profile Other").hint
    assert "Did you mean `corp`?" in hint
    assert "instead of" not in hint
    (location,) = re.findall(r"See (config:\d+)\.", hint)
    assert line_at(location, aws.config_file) == "sso_session = Corp"
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace("sso_session = Corp", "sso_session = corp"))
    for name in ("Good", "Other"):
        assert "sso-session does not exist" not in str(shell.run(f"%aws_profile {name}").error)


def test_header_of_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """The location in the hint is the wrong header, whose name stays, because others can use it."""
    put_lines(aws.config_file, *sign_in_lines(aws, "[sso_session corp]"))
    put_lines(aws.config_file, *analyst("Good", "corp"), *analyst("Other", "Corp"))
    for name in ("Good", "Other"):
        hint = shell.refused(f"%aws_profile {name}").hint
        ((right, wrong, location),) = re.findall(
            r"Write (\[.*\]) instead of (\[.*\])\. See (config:\d+)\.", hint
        )
        assert line_at(location, aws.config_file) == wrong
        assert right == "[sso-session corp]"
    aws.config_file.write_text(aws.config_file.read_text().replace(wrong, right))
    assert "sso-session does not exist" not in str(shell.run("%aws_profile Good").error)


def test_name_of_a_source_in_quotation_marks(shell: Shell, aws: EmbeddedAws) -> None:
    """A name in quotation marks has one sentence with one location, and works without them."""
    put_lines(aws.config_file, "[profile Mine]", *role_lines(aws, "“UserAlpha”"))
    hint = shell.refused("%aws_profile Mine").hint
    assert hint.count("See config:") == 1
    assert "includes its quotation marks. Remove them." in hint
    text = aws.config_file.read_text()
    aws.config_file.write_text(text.replace("“UserAlpha”", "UserAlpha"))
    shell.good("%aws_profile Mine")


def test_short_names_of_a_sign_in_role(shell: Shell, aws: EmbeddedAws) -> None:
    """If a profile has `sso_account` and `sso_role`, one hint names both settings' names."""
    put_lines(aws.config_file, *sign_in_lines(aws, "[sso-session corp]"), *analyst("Mine", "corp"))
    text = aws.config_file.read_text()
    wrong = text.replace("sso_account_id", "sso_account").replace("sso_role_name", "sso_role")
    aws.config_file.write_text(wrong)
    hint = shell.refused("%aws_profile Mine").hint
    assert "Did you mean `sso_account_id`?" in hint
    assert "Did you mean `sso_role_name`?" in hint


def test_keys_for_a_terminal(shell: Shell, aws: EmbeddedAws) -> None:
    """Lines with `export` in the credentials file are named, and work when they are changed."""
    user = aws.iam.create_user("Ann", account=ROLE_ACCOUNT)
    put_lines(
        aws.config_file,
        "[profile etl]",
        "region = us-west-2",
        f"endpoint_url = {aws.endpoint_url}",
    )
    exports = [f"export {name.upper()}={value}" for name, value in user.settings().items()]
    put_lines(aws.credentials_file, *exports)
    error = shell.refused("%aws_profile etl")
    (header,) = re.findall(r"Write (\[.*?\]) above such lines", error.hint)
    (location,) = re.findall(r"See (credentials:\d+)\.", error.hint)
    assert line_at(location, aws.credentials_file).startswith("export ")
    assert error.hint in shell.good("%aws_profile --explain etl").text
    text = aws.credentials_file.read_text().replace(exports[0], f"{header}\n{exports[0]}")
    aws.credentials_file.write_text(text.replace("export ", ""))
    shell.good("%aws_profile etl")
    shell.good("%aws_profile RoleBeta")


def test_settings_of_a_sign_in_beside_a_source(shell: Shell, aws: EmbeddedAws) -> None:
    """With a source profile, an account ID and a role's name lead to the setting `role_arn`."""
    aws.write_profile(
        "etl",
        role_name="RoleBeta",
        account_id=ROLE_ACCOUNT,
        source_profile="UserAlpha",
        region="us-west-2",
    )
    hint = shell.refused("%aws_profile etl").hint
    assert "sso_" not in hint
    assert "Write the ARN of the role as `role_arn`." in hint
    text = aws.config_file.read_text()
    arn = f"arn:aws:iam::{ROLE_ACCOUNT}:role/RoleBeta"
    aws.config_file.write_text(text.replace("role_name = RoleBeta", f"role_arn = {arn}"))
    card = shell.good("%aws_profile etl").text
    assert card.startswith("etl ← UserAlpha")
    for text in (card, shell.good("%aws_profile --explain etl").text):
        assert "sso_account_id" not in text  # the profile is complete
        assert "Write the ARN" not in text


def test_the_header_of_a_sign_in_as_its_name(shell: Shell, aws: EmbeddedAws) -> None:
    """A name in brackets gets the name without them."""
    put_lines(aws.config_file, *sign_in_lines(aws, "[sso-session corp]"))
    put_lines(aws.config_file, *analyst("Other", "[sso-session corp]"))
    assert "Did you mean `corp`?" in shell.refused("%aws_profile Other").hint


@pytest.mark.parametrize(
    "typed",
    ["corp/Sandbox/Reader", "Corp:Sandbox/Reader --read-only", "corp:Sandbox Reader --read-only"],
)
def test_a_role_of_a_misspelled_sign_in(shell: Shell, aws: EmbeddedAws, typed: str) -> None:
    """A role's name gets its sign-in's name and a colon, and keeps the limits of the line."""
    put_lines(aws.config_file, *sign_in_lines(aws, "[sso-session corp]"))
    limit = " --read-only" if "--read-only" in typed else ""
    right = f"%aws_profile corp:Sandbox/Reader{limit}"
    assert shell.refused(f"%aws_profile {typed}").hint == f"Write `{right}`."


# A session that a profile's name can't open again -------------------------------------------------


def test_options_of_a_limited_session(shell: Shell, aws: EmbeddedAws) -> None:
    """The hint for a limited session of pandas keeps its limits."""
    shell.good("import pandas as pd\nfrom ipy_awsprofile import open_session, scoped")
    shell.good("from ipy_awsprofile import storage_options, using_profile")
    shell.good("%aws_profile RoleBeta\nframe = pd.DataFrame({'a': [1]})")
    for begin in (
        "with using_profile('RoleBeta'):\n    storage_options(ro)",
        "with scoped('RoleBeta', read_only=True) as limited:\n    storage_options(limited)",
    ):
        shell.good("ro = open_session('RoleBeta', read_only=True)")
        hint = shell.refused(begin).hint
        (statement,) = re.findall(r"Write `([^`]+)`", hint)
        ran = shell.run(f"{statement}\n    frame.to_csv('s3://my-first-bucket/k')")
        assert "no session policy allows" in str(ran.error)
    shell.good("%aws_profile RoleBeta --read-only")
    (code,) = re.findall("`([^`]+)`", shell.refused("storage_options(session)").hint)
    ran = shell.run(f"frame.to_csv('s3://my-first-bucket/k', storage_options={code})")
    assert "no session policy allows" in str(ran.error)
    assert "signed as `RoleBeta` (read-only) in the account" in ran.text
    shell.good(re.findall("`(%[^`]+)`", ran.text)[-1])
    shell.good("frame.to_csv('s3://my-first-bucket/k', storage_options=storage_options())")


def test_a_profile_that_boto3_can_not_find(shell: Shell, aws: EmbeddedAws) -> None:
    """If a config file with keys isn't copied, the line says so, and its code works."""
    aws.write_profile("other", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    put_lines(aws.config_file, "[profile keys]", "aws_access_key_id = a")
    put_lines(aws.config_file, "aws_secret_access_key = b")
    shell.good("import boto3\nfrom ipy_awsprofile import open_session")
    shell.good("%aws_profile RoleBeta --read-only")
    ran = shell.run("boto3.Session(profile_name='other')")
    assert "which isn't copied because it contains access keys" in ran.text
    code = re.findall("`([^`]+)`", ran.text)[-1]
    assert shell.good(f"it = {code}\nit.profile_name").result == "other"
    refused = shell.run("it.client('s3').create_bucket(Bucket='new-bucket')")
    assert "The request was signed as `other` (RoleBeta, read-only)" in refused.text
    assert "isn't copied" not in shell.run("boto3.Session(profile_name='othr')").text


@needs("anthropic")
def test_a_profile_that_a_library_can_not_find(shell: Shell, aws: EmbeddedAws) -> None:
    """For a library that takes only a profile's name, the line leaves the name out in a block."""
    aws.write_profile("other", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    put_lines(aws.config_file, "[profile keys]", "aws_access_key_id = a")
    put_lines(aws.config_file, "aws_secret_access_key = b")
    shell.names["URL"] = aws.endpoint_url
    arguments = "base_url=URL, aws_region='us-west-2', max_retries=0)"
    use = ".messages.create(model='m', max_tokens=1, messages=[])"
    shell.good("from anthropic import AnthropicBedrock\n%aws_profile RoleBeta --read-only")
    ran = shell.run(f"llm = AnthropicBedrock(aws_profile='other', {arguments}\nllm{use}")
    assert "which isn't copied because it contains access keys" in ran.text
    imports, statement = re.findall("`((?:from|with) [^`]+)`", ran.text)
    aws.calls.clear()
    shell.run(f"{imports}\n{statement}\n    AnthropicBedrock({arguments}{use}")
    (call,) = [call for call in aws.calls if call.action.startswith("bedrock")]
    assert str(call.arn).split("/")[1] == "RoleBeta"
    assert "read_only=True" in statement


def test_the_profile_of_a_shared_identity(shell: Shell, aws: EmbeddedAws) -> None:
    """The notebook's own identity, which programs find by a profile, needs no profile here."""
    put_lines(aws.config_file, "[profile keys]", "aws_access_key_id = a")
    put_lines(aws.config_file, "aws_secret_access_key = b")
    shell.good("import boto3\n%aws_profile RoleBeta --read-only\n%aws_profile --share --yes")
    ran = shell.run("boto3.Session(profile_name='notebook')")
    code = re.findall("`([^`]+)`", ran.text)[-1]
    arn = "client('sts').get_caller_identity()['Arn']"
    same = shell.good(f"{code}.{arn} == session.{arn}").result
    assert same is True


# A line without a name ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("prod-admin --read-only", "prod-admin ← UserAlpha"),
        ("--share", "programs with the profile"),
    ],
)
def test_a_confirmation_without_a_name(
    shell: Shell, aws: EmbeddedAws, line: str, shown: str
) -> None:
    """`--yes` alone proposes to repeat the line, which isn't about the active profile."""
    aws.write_profile("prod-admin", source_profile="UserAlpha", region="us-west-2", role_arn=ROLE)
    shell.good("%config AwsProfileMagics.protected = ['prod']")
    shell.good("%aws_profile UserAlpha")
    assert shown not in shell.run(f"%aws_profile {line}").text
    hint = shell.refused("%aws_profile --yes").hint
    assert hint == "Repeat the line that you want to confirm, and add `--yes` to it."
    assert shown in shell.good(f"%aws_profile {line} --yes").text


def test_actions_that_exclude_each_other(shell: Shell, aws: EmbeddedAws) -> None:
    """A line with two actions doesn't propose another line with both."""
    shell.good("%aws_profile RoleBeta")
    error = shell.refused("%aws_profile --share write --off")
    assert str(error) == "--off and --share can't be combined."
    assert error.hint == "Use only one of these actions."


@pytest.mark.parametrize("action", ["--refresh", "--login", "--save it"])
def test_an_action_of_a_cell(shell: Shell, aws: EmbeddedAws, action: str) -> None:
    """A cell with an action gets the first line without it, and with the same limits."""
    hint = shell.refused(f"%%aws_profile RoleBeta {action} --read-only\n1").hint
    assert hint == "Write `%%aws_profile RoleBeta --read-only`."
    hint = shell.refused("%%aws_profile --off\n1").hint
    assert hint == "Write `%%aws_profile NAME`."


def test_a_confirmation_of_new_credentials(shell: Shell, aws: EmbeddedAws) -> None:
    """`--refresh --yes` keeps the limits, and other options with `--yes` get a profile's name."""
    shell.good("%config AwsProfileMagics.protected = ['*Beta']")
    shell.good("%aws_profile RoleBeta --read-only --yes")
    assert "read-only" in shell.good("%aws_profile --refresh --yes").text
    hint = shell.refused("%aws_profile --duration 30m --yes").hint
    (line,) = re.findall("Write `([^`]+)`", hint)
    assert "read-only" in shell.good(line).text


#: Lines whose hint is another line, which switches with the same limits.
FOR_ONE_IDENTITY = {
    "RoleBeta --account 123456789012 --read-only": (
        "%aws_profile RoleBeta --read-only --expect-account 123456789012"
    ),
    "--role RoleBeta --read-only": "%aws_profile RoleBeta --read-only",
    "('RoleBeta', read_only=True)": "%aws_profile RoleBeta --read-only",
    '("RoleBeta")': "%aws_profile RoleBeta",
}


@pytest.mark.parametrize(("line", "hint"), FOR_ONE_IDENTITY.items())
def test_lines_for_one_identity(shell: Shell, aws: EmbeddedAws, line: str, hint: str) -> None:
    """An account beside a profile, a profile as a role, and a call each get the line to write."""
    assert code_in(shell.refused(f"%aws_profile {line}").hint) == [hint]
    shell.good(hint)
    session = shell.names["session"]
    assert session.profile_name == "RoleBeta"
    assert session.target.request.read_only == ("read" in line)


def test_an_account_beside_a_profile_in_python(shell: Shell, aws: EmbeddedAws) -> None:
    """In Python, the account that belongs to no role becomes the one that STS should report."""
    shell.good("from ipy_awsprofile import using_profile")
    (call,) = code_in(shell.refused("using_profile('RoleBeta', account=123456789012)").hint)
    assert shell.good(f"with {call} as it: pass\nit.profile_name").result == "RoleBeta"


@pytest.mark.parametrize("time", ["1hour", "60min", "'1 h'", "60 minutes", "1H", "3600sec"])
def test_units_of_durations(shell: Shell, aws: EmbeddedAws, time: str) -> None:
    """Hours, minutes and seconds can be written in other ways than `h`, `m` and `s`."""
    line = f"%aws_profile RoleBeta --duration {time}"
    if time == "60 minutes":
        (line,) = code_in(shell.refused(line).hint)
    shell.good(line)
    assert shell.names["session"].target.profile.text("duration_seconds") == "3600"


def test_the_longest_duration(shell: Shell, aws: EmbeddedAws) -> None:
    """A duration that is too long for a role gets the maximum, which AWS accepts."""
    error = shell.refused("%aws_profile RoleBeta --duration 24h")
    assert error.hint == "Shorten the duration. By default, the maximum for a role is one hour."
    shell.good("%aws_profile RoleBeta --duration 1h")


def test_the_name_of_a_managed_policy(shell: Shell, aws: EmbeddedAws) -> None:
    """The name of a managed policy in place of a file gets the ARN, which works."""
    error = shell.refused("%aws_profile RoleBeta --policy AmazonS3ReadOnlyAccess")
    (arn,) = code_in(error.hint)
    text = shell.good(f"%aws_profile RoleBeta --policy {arn}").text
    assert f"limited by the session policy {arn}" in text
    missing = shell.refused("%aws_profile RoleBeta --policy reads.json")
    assert "can't be read" in str(missing)
