"""The hints of lines and calls with mistakes: each says what works, and a test does it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ipy_awsprofile import __version__
from ipy_awsprofile.demo.stages import seed_organisation
from ipy_awsprofile.errors import (
    InvalidOption,
    NoProfileAnswered,
    ProfileNotFound,
    ProtectedProfile,
    SignInRequired,
)
from ipy_awsprofile.text import quoted
from tests.aws import EmbeddedAws
from tests.integration.test_hints import ROLE, code_in
from tests.shells import Shell

# Wrong names, values and options ------------------------------------------------------------------


def test_options_of_boto3_beside_others(shell: Shell, aws: EmbeddedAws) -> None:
    """boto3's name for the Region is recognized beside other mistakes, and limits are kept."""
    for wrong in ("--region-name eu-west-1 --readonly", "--region_name eu-west-1 --read_only"):
        hint = shell.refused(f"%aws_profile RoleBeta {wrong}").hint
        (line,) = code_in(hint)
        card = shell.good(line).text
        assert "region    eu-west-1" in card
        assert "read-only" in card
    hint = shell.refused("%aws_profile RoleBeta --token 123456").hint
    assert "prompts for the MFA code" in hint
    assert "123456" not in hint
    error = shell.refused("%aws_profile RoleBeta --duration 1d")
    assert "up to 12 hours" in error.hint
    shell.good("%aws_profile RoleBeta --duration 1h")


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
        says = "`--duration` must be at least 900." if "duration" in wrong else "Correct the value."
        assert error.hint.startswith(says)
        shell.good(f"%aws_profile RoleBeta {wrong.split()[0]} {right}")
    error = shell.refused("%aws_profile RoleBeta --region 'us west-2'")
    assert str(error) == "The value of `--region` isn't an AWS Region."
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


def test_a_session_instead_of_a_name(shell: Shell, aws: EmbeddedAws) -> None:
    """A list that has a session says to pass a name, or one of the listed profiles."""
    shell.good("from ipy_awsprofile import *\n%aws_profile RoleBeta --as other")
    error = shell.refused("across_profiles([other], repr)")
    assert isinstance(error, InvalidOption)
    assert str(error) == "A profile's name must be a string, not a value of type ProfileSession."
    (profiles,) = code_in(error.hint)
    shell.good(f"found, = [one for one in {profiles} if one == 'RoleBeta']")
    shell.good("across_profiles([found], repr)\n%aws_profile --off")


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


@pytest.mark.parametrize("wrong", ["RoleBeta", SESSION])
def test_a_name_instead_of_an_arn(shell: Shell, aws: EmbeddedAws, wrong: str) -> None:
    """If the option gets another ARN or a name, even a profile's, the hint has the right form."""
    for source in ("", " --source-profile UserAlpha"):
        error = shell.refused(f"%aws_profile --role-arn {wrong}{source}")
        assert str(error) == f"`{wrong}` isn't the ARN of a role."
        (form,) = code_in(error.hint)
        arn = form.replace("ACCOUNT", "123456789012").replace("NAME", "RoleBeta")
    assert "assumed-role/RoleBeta" in shell.good(f"%aws_profile --role-arn {arn}{source}").text


POLICY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)

MISSPELLED = {
    "%aws_profile off": "The switch is undone",
    "%aws_profile refresh": "RoleBeta ← UserAlpha  (1 hour left)",
    "%aws_profile explain UserAlpha": "UserAlpha  (no problems found)",
    "%aws_profile logout": "You aren't signed in",
    "%aws_profile --profile UserAlpha --region eu-west-1": "eu-west-1",
    "%aws_profile UserAlpha eu-west-1 --yes": "eu-west-1",
    "%aws_profile RoleBeta —read-only": "limited by the session policy",
    "%aws_profile --region eu-west-1": "RoleBeta ← UserAlpha",
    "%aws_profile --share --read-only": "This identity isn't shared yet",
    "%aws_profile --share --expect-account 123456789012": "This identity isn't shared yet",
    "%aws_profile --policy policy.json --share": "This identity isn't shared yet",
    "%aws_profile --refresh --region eu-west-1": "eu-west-1",
    "%aws_profile --explain --region eu-west-1": "RoleBeta ← UserAlpha  (no problems found)",
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
    "%aws_profile --share on": "This identity isn't shared yet",
    "%aws_profile --UserAlpha": "user/UserAlpha",
    "%aws_profile --unshare": "RoleBeta ← UserAlpha",
    "%aws_profile unshare": "RoleBeta ← UserAlpha",
    "%aws_profile --no-share": "RoleBeta ← UserAlpha",
    "%aws_profile --stop-share": "RoleBeta ← UserAlpha",
    "%aws_profile --share of": "RoleBeta ← UserAlpha",
    "%aws_profile UserAlpha --share of": "RoleBeta ← UserAlpha",
    "%aws_profile UserAlpha --share off": "RoleBeta ← UserAlpha",
    "%aws_profile --share off UserAlpha": "RoleBeta ← UserAlpha",
    "%aws_profile RoleBeta --duration 15 min": "15 minutes left",
    "%aws_profile RoleBeta --duration 1 hour --read-only": "limited by the session policy",
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
    "%%aws_profiles RoleBeta --regions us-east-1 eu-west-1\n1": "1  RoleBeta",
    "%%aws_profiles RoleBeta --regions us-east-1, eu-west-1\n1": "1  RoleBeta",
    "%%aws_profiles * --exclude other Role*\n1": "0  UserAlpha",
    "%%aws_profiles RoleBeta --workrs 3 --regions=us-east-1, eu-west-1\n1": "1  RoleBeta",
    "%aws_profile RoleBeta --duration-seconds 900": "15 minutes left",
    "%aws_profile RoleBeta --role-session-name me": "assumed-role/RoleBeta/me",
    "%aws_profile --name UserAlpha": "user/UserAlpha",
    "%aws_profile AWS_PROFILE=UserAlpha": "user/UserAlpha",
    "%aws_profile sso logout": "You aren't signed in",
    "%aws_profile aws sso logout": "You aren't signed in",
    "%aws_profile --source-profile UserAlpha": "role/RoleBeta ← UserAlpha",
    '%aws_profile "UserAlpha --region eu-west-1"': "eu-west-1",
    "%aws_calls stop": "Not recording AWS calls",
    "%aws_calls clr": "Not recording AWS calls",
    "%aws_calls --off": "Not recording AWS calls",
}

#: Lines with a word that can't be put elsewhere, and what their hint says instead of a line.
UNCLEAR = {
    "%aws_profile UserAlpha --region eu-west-1 us-east-1": "`--region` takes a single value",
    "%aws_profile RoleBeta --duration 15 x": "`--duration` takes a single value",
    "%aws_profile RoleBeta --read-only=false": "`--read-only` doesn't take a value.",
    "%%aws_profiles RoleBeta --into my out\n1": "`--into` takes a single value",
    "%%aws_profiles RoleBeta --into my out --workrs 3\n1": "`--into` takes a single value",
    "%%aws_profiles RoleBeta --regions us-east-1 x\n1": "`--regions` takes a single value",
    "%%aws_profiles RoleBeta --profile UserAlpha\n1": "`%%aws_profiles` doesn't have `--profile`.",
}


def test_words_that_no_line_can_keep(shell: Shell, aws: EmbeddedAws) -> None:
    """A hint has no line without a word that was typed, or with the word as something else."""
    for cell, says in UNCLEAR.items():
        hint = shell.refused(cell).hint
        assert hint.startswith(says), cell
        assert "Write" not in hint, cell


def test_spellings(shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line with a common mistake is refused with the correct line."""
    aws.config_file.with_name("policy.json").write_text(POLICY)
    monkeypatch.chdir(aws.config_file.parent)
    for cell, shown in MISSPELLED.items():
        shell.good("%aws_profile RoleBeta")
        hint = shell.refused(cell).hint
        line, *left_out = code_in(hint)
        assert all(word in cell for word in left_out), cell
        assert "sharing" not in hint or "--share off" in line, cell
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
    "%aws_profile RoleBeta --yes --no": "Run `%aws_profile?` to see the options.",
    "%aws_profile aws s3 ls": "Write `!aws s3 ls` to run the AWS CLI",
    "%aws_profile aws configure": "Run `aws configure` in a terminal to add a profile.",
    "%aws_profile RoleBeta --endpoint-url x": "Write `endpoint_url = …` in the profile",
    "%aws_profile RoleBeta --token-code 123456": "The notebook prompts for the MFA code.",
    "%aws_profile --account 123456789012": "Add `--role NAME`. `%aws_profiles --sso` lists the acc",
    "%aws_profile --role Admin --sso corp": "Add `--account ID`. `%aws_profiles --sso corp` lists",
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
    for line, value, missing in (
        ("{wanted}", "RoleBeta", "wanted"),
        ("$name --region {where}", "eu-west-1", "where"),
    ):
        error = shell.refused(f"%aws_profile {line}")
        says = f"The variable `{missing}` in `%aws_profile {line}` isn't defined. Define it first."
        assert error.hint == says
        assert value in shell.good(f"wanted = where = {value!r}\n%aws_profile {line}").text
        shell.good("del wanted, where")


def test_variables_without_braces(shell: Shell, aws: EmbeddedAws) -> None:
    """If a line has a variable's name instead of a profile's, the hint has the line with braces."""
    shell.good("profile = 'RoleBeta'")
    for wrong, cell in (("%aws_profile profile --yes", ""), ("%%aws_profile profile", "\nsession")):
        (line,) = code_in(shell.refused(wrong + cell).hint)
        assert shell.good(line + cell).text.startswith("RoleBeta ← UserAlpha")


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
    "%aws_profile RoleBeta --logout": ("The switch is undone",),
    "%aws_profile RoleBeta --login": ("role/RoleBeta",),
    "%aws_profile UserAlpha --regions eu-west-1": ("eu-west-1",),
    "%%aws_profiles UserAlpha --explain\n1": (),
    "%aws_profiles RoleBeta --explain": ("no problems found",),
    "%%aws_profiles zzz-*\n1": ("RoleBeta",),
}


#: Patterns in the syntax of other tools, and the profiles of the pattern in their hint.
PATTERNS = {
    "!*Alpha": ["RoleBeta"],
    "*{Alpha,Beta}": ["UserAlpha", "RoleBeta"],
    "*Alpha *Beta": ["UserAlpha", "RoleBeta"],
}


def test_patterns_of_other_tools(shell: Shell, aws: EmbeddedAws) -> None:
    """For a negation, braces, or several patterns, the hint has a pattern that selects them."""
    for wrong, selected in PATTERNS.items():
        pattern, *_ = code_in(shell.refused(f"%%aws_profiles {wrong}\n1").hint)
        assert f"`{pattern}`" in shell.good(f"%aws_profiles {wrong}").text or "{" in wrong
        pattern = pattern.removeprefix("%%aws_profiles ")
        frame = shell.good(f"%%aws_profiles {pattern} --no-progress\n1").result
        assert list(frame["profile"]) == selected, wrong


def test_all_excluded(shell: Shell, aws: EmbeddedAws) -> None:
    """If `--exclude` leaves out all profiles of a pattern, the error says so."""
    error = shell.refused("%%aws_profiles *Beta --exclude *\n1")
    assert str(error) == "`exclude` leaves out all profiles that match `*Beta`."


def test_excluding_nothing(shell: Shell, aws: EmbeddedAws) -> None:
    """If `--exclude` leaves out nothing, a warning has the pattern that leaves out profiles."""
    shell.good("from ipy_awsprofile import across_profiles")
    for name in ("atlas-dev", "borealis-dev", "borealis-prod"):
        aws.write_profile(name, source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    for call in (
        "%%aws_profiles *-dev,*-prod --no-progress --exclude {}\n1",
        "across_profiles('*-dev,*-prod', lambda session: 1, progress=False, exclude='{}')",
    ):
        wrong, right = "borealis", "borealis-*"
        ran = shell.good(call.format(wrong))
        assert len(ran.result) == 3
        assert ran.text.count("leaves out no profile") == 1
        assert code_in(ran.text)[-1] == right
        ran = shell.good(call.format(right))
        assert list(ran.result["profile"]) == ["atlas-dev"]
        assert "leaves out" not in ran.text


def test_calls_without_dashes(shell: Shell, aws: EmbeddedAws) -> None:
    """An option of `%aws_calls` without its dashes gets the line with them."""
    shell.good("%aws_profile RoleBeta\n%aws_calls on\nsession.client('sts').get_caller_identity()")
    (line,) = code_in(shell.refused("%aws_calls denied").hint)
    assert line == "%aws_calls --denied"
    assert len(shell.good(line).result) == 0


def test_a_policy_instead_of_another_file(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draft policy replaces a policy, and no other file."""
    folder = aws.config_file.parent
    monkeypatch.chdir(folder)
    calls = "session.client('s3').list_buckets()"
    shell.good(f"%aws_profile RoleBeta\n%aws_calls on\n{calls}")
    for content in ('{"cells": []}', "text", "[]", "1"):
        notebook = folder / "notes.ipynb"
        notebook.write_text(content)
        error = shell.refused("%aws_calls --policy notes.ipynb")
        assert str(error).endswith("already exists and isn't a policy.")
        assert notebook.read_text() == content
    line = code_in(error.hint)[-1]
    for _ in ("new", "replaced"):
        assert "Wrote the draft policy" in shell.good(line).text


def test_a_misspelled_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """A name that is similar to a sign-in's gets it as a hint, and another word is a pattern."""
    with aws.config_file.open("a") as config:
        config.write(f"\n[sso-session corp]\nsso_start_url = {aws.sso.start_url}\n")
        config.write("sso_region = us-east-1\n")
    error = shell.refused("%aws_profiles --sso crop")
    assert "There is no [sso-session crop]" in str(error)
    assert code_in(error.hint) == ["corp"]
    assert isinstance(shell.refused("%aws_profiles --sso admin"), SignInRequired)


def test_actions_that_stand_alone(shell: Shell, aws: EmbeddedAws) -> None:
    """An action without options says so, even if the options name no profile."""
    shell.good("%aws_profile RoleBeta")
    for action in ("console athena", "off", "pick"):
        error = shell.refused(f"%aws_profile --{action} --region us-east-1")
        assert "doesn't accept a profile's name or the options of a switch." in str(error)
        assert f"`%aws_profile --{action}`" in error.hint


def test_saving_a_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile can't be saved again, which comes before what its options are."""
    shell.good("%aws_profile RoleBeta --read-only")
    for options in ("", " --region eu-west-1", " --yes"):
        error = shell.refused(f"%aws_profile --save mine{options}")
        assert str(error) == "`RoleBeta` is already a profile."


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
    assert list(ran.result["profile"]) == ["dev"]
    assert code_in(shell.refused("%%aws_profiles dev,prodd\n1").hint) == ["prod"]


#: Calls with habits of boto3, and calls that the argument in their hint makes right.
HABITS = {
    "open_session('RoleBeta', region_name='eu-west-1')": "open_session('RoleBeta', {}='eu-west-1')",
    "open_session(profile_name='RoleBeta')": "open_session({}='RoleBeta')",
    "open_session('RoleBeta', readonly=True)": "open_session('RoleBeta', {}=True)",
    "open_session('RoleBeta', 'eu-west-1')": "open_session('RoleBeta', {})",
    "open_session('RoleBeta', 'x')": "open_session('RoleBeta', {})",
    f"open_session('UserAlpha', role_arn='{ROLE}')": "{}",
    "open_session('RoleBeta', source_profile='UserAlpha')": "{}",
    "across_profiles('RoleBeta', repr, region='eu-west-1')": "across_profiles('RoleBeta', repr, "
    "{}='eu-west-1')",
    "across_profiles('RoleBeta', repr, workers=1)": "across_profiles('RoleBeta', repr, {}=1)",
    "scoped('UserAlpha', duration=900)": "with scoped('UserAlpha', {}=900): pass",
    "list_buckets(open_session('RoleBeta'), Prefix='b')": "list_buckets(open_session('RoleBeta'), "
    "{}='b')",
    "open_session('RoleBeta', duration_seconds=900)": "open_session('RoleBeta', {}=900)",
    "using_profile('RoleBeta', session_nme='me')": "using_profile('RoleBeta', {}='me')",
    "across_profiles('UserAlpha', 'RoleBeta')": "function = repr; {}",
    "across_profiles('*Beta', 'list_buckets')": "{}",
    "across_profiles('', repr, progress=False)": "across_profiles({}, repr, progress=False)",
    "across_profiles('RoleBeta', repr, regions=[])": "{}=None; across_profiles('RoleBeta', repr)",
}


def test_habits_of_boto3(shell: Shell, aws: EmbeddedAws) -> None:
    """A wrong argument is an error that names the function and the right argument."""
    shell.good("from ipy_awsprofile import *")
    for wrong, right in HABITS.items():
        error = shell.refused(wrong)
        assert isinstance(error, InvalidOption)
        assert re.search(rf"{wrong.partition('(')[0]}|`regions`|`profiles`", str(error))
        (argument,) = code_in(error.hint)
        assert "%" not in argument
        shell.good(right.format(argument))
    for call in ("open_session", "using_profile"):
        *lines, default = code_in(shell.refused(f"{call}()").hint)
        assert [line.partition("(")[0] for line in (*lines, default)] == [call] * 4
        shell.good(lines[0].replace("NAME", "RoleBeta"))
    for call in ("across_profiles('RoleBeta', repr, max_workers=0)", "on_switch('f')"):
        assert isinstance(shell.refused(call), InvalidOption)
    shell.good("across_profiles('RoleBeta', repr, exclude=None)")
    (command,) = code_in(shell.refused("open_session(aws_access_key_id='AKIA')").hint)
    assert command == "aws configure"
    (line,) = code_in(shell.refused("open_session('RoleBeta', colour=1)").hint)
    assert "read_only" in shell.good(line).text


def test_patterns_that_match_nothing(shell: Shell, aws: EmbeddedAws) -> None:
    """A line names the profile that a misspelled pattern is meant for, and then it is protected."""
    aws.write_profile("prod", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    setting = "%config AwsProfileMagics.{} = ['{}']"
    shown = shell.good(setting.format("protected", "prdo")).text
    says = "No known profile or account matches"
    assert shown == f"`AwsProfileMagics.protected`: {says} `prdo`. Did you mean `prod`?"
    *_, pattern = code_in(shell.good(setting.format("read_only", "*-prdo")).text)
    shell.good(setting.format("protected", pattern))
    assert isinstance(shell.refused("%aws_profile prod"), ProtectedProfile)
    for silent in ("*ole*", "123456789012"):
        assert shell.good(setting.format("protected", silent)).text == ""
    for wrong in ("productoin", "99*"):
        shown = shell.good(setting.format("protected", wrong)).text
        assert f"{says} `{wrong}`." in shown
        *_, line = code_in(shown)
        assert "RoleBeta" in shell.good(line).text


def test_profile_in_a_running_notebook(shell: Shell, aws: EmbeddedAws) -> None:
    """After `%config`, a line says when the profile becomes active, or that it doesn't exist."""
    setting = "%config AwsProfileMagics.profile = '{}'"
    shown = shell.good(setting.format("RoleBeta")).text
    assert shown.startswith("The next cell begins with `%aws_profile RoleBeta`, unless")
    assert shell.good("session.profile_name").result == "RoleBeta"
    shown = shell.good(setting.format("UserAlpha")).text
    assert "applies only to a kernel's first switch, so nothing has changed." in shown
    assert shell.good("session.profile_name").result == "RoleBeta"
    *_, line = code_in(shown)
    shell.good(line)
    assert shell.good("session.profile_name").result == "UserAlpha"
    assert shell.good(setting.format("")).text == ""
    shown = shell.good(setting.format("RoleBet")).text
    assert "There is no profile `RoleBet` in the shared config files. Did you mean `Rol" in shown


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
