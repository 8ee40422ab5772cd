"""Mistakes that would go unnoticed: a line or an error says so, and its hint works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ipy_awsprofile.demo.stages import USER_ACCOUNT, seed_organisation
from ipy_awsprofile.errors import InvalidOption, SignInRequired
from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.integration.test_hints import ROLE, code_in
from tests.roles import answer_with_codes
from tests.shells import Shell


def test_the_former_variable(shell: Shell, aws: EmbeddedAws) -> None:
    """If `--as` moves the session to another variable, the card says what the former one has."""
    shell.good("beta = 1\n%aws_profile UserAlpha --as alpha --region eu-west-1")
    text = shell.good("%aws_profile RoleBeta --as beta").text
    assert "`alpha` was removed, because a switch sets one variable." in text
    (line,) = [code for code in code_in(text) if "open_session" in code]
    shell.good(line)
    assert shell.names["alpha"].profile_name == "UserAlpha"
    assert shell.names["alpha"].region_name == "eu-west-1"
    assert shell.names["beta"].profile_name == "RoleBeta"
    text = shell.good("%aws_profile RoleBeta").text
    assert "`beta` has its value from before the first switch again" in text
    assert shell.names["beta"] == 1
    assert "was removed" not in shell.good("%aws_profile UserAlpha").text


def test_the_result_of_a_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """If a cell assigns what a switch returns, a line says that it is None, and what to run."""
    for name in ("session", "client"):
        text = shell.good(f"{name} = %aws_profile RoleBeta").text
        assert f"`{name}` is None" in text
        (line,) = [code for code in code_in(text) if code.startswith("%aws_profile Role")]
        shell.good(line)
        assert shell.names[name].profile_name == "RoleBeta"
    assert "is None" not in shell.good("session = None\n%aws_profile RoleBeta").text


def test_the_result_of_an_action(shell: Shell, aws: EmbeddedAws) -> None:
    """An action in an assignment isn't taken for a switch to another variable."""
    shell.good("%aws_profile RoleBeta")
    for action in ("--explain RoleBeta", "--share", "RoleBeta --share"):
        assert "is None" not in shell.good(f"it = %aws_profile {action}").text


def test_names_of_variables(shell: Shell, aws: EmbeddedAws) -> None:
    """A name that can't be a variable's gets one that can."""
    (name,) = code_in(shell.refused("%aws_profile RoleBeta --as my-session").hint)
    shell.good(f"%aws_profile RoleBeta --as {name}")
    assert shell.names["my_session"].profile_name == "RoleBeta"
    assert shell.refused("%aws_profile RoleBeta --as None").hint == ""


#: Calls that return a block, and the call as their messages name it.
BLOCKS = {
    "using_profile('RoleBeta', region='eu-west-1')": "",
    "scoped('RoleBeta', seconds=900)": "scoped(…)",
}


@pytest.mark.parametrize(("call", "shown"), BLOCKS.items())
def test_blocks_without_with(shell: Shell, aws: EmbeddedAws, call: str, shown: str) -> None:
    """A block that isn't used says so, and how to use it, wherever Python gives it the chance."""
    shell.good("from ipy_awsprofile import *")
    statement = f"with {shown or call} as session:"
    with pytest.warns(RuntimeWarning, match="has no effect without `with`") as warned:
        shell.good(f"{call}; 1")
    assert f"Write `{statement}`." in str(warned[0].message)
    assert f"write `{statement}`" in shell.good(call).text
    ran = shell.run(f"{call}.client('s3')")
    assert isinstance(ran.error, AttributeError)
    *_, right, client = code_in(str(ran.error))
    assert right == statement
    right = right.replace("scoped(…)", call)
    shell.good(f"{right}\n    {client}('s3')")
    shell.good(f"with {call}: pass")
    shell.good(f"@{call}\ndef function(): return 1")


@pytest.mark.filterwarnings("error")
def test_blocks_that_are_used(shell: Shell, aws: EmbeddedAws) -> None:
    """A block that was entered, or decorates a function, causes no warning."""
    shell.good("from ipy_awsprofile import *\nblock = using_profile('RoleBeta')")
    shell.good("with block: pass\nwith block: pass\ndel block")
    shell.good("@using_profile('RoleBeta')\ndef function(): pass\ndel function")


def test_numbers_of_seconds(shell: Shell, aws: EmbeddedAws) -> None:
    """The card warns of a `duration_seconds` that botocore ignores, without `--duration`."""
    aws.write_profile(
        "minutes",
        source_profile="UserAlpha",
        role_arn=ROLE,
        region="us-west-2",
        duration_seconds="30m",
    )
    says = "`duration_seconds` isn't a number of seconds, so botocore ignores it."
    assert says in shell.good("%aws_profile minutes").text
    ran = shell.good("%aws_profile minutes --duration 30m")
    assert says not in ran.text
    assert "30 minutes left" in ran.text


def test_empty_values(shell: Shell, aws: EmbeddedAws) -> None:
    """An empty value, such as that of an empty variable, is refused instead of ignored."""
    shell.good("empty = ''")
    for option in ("region", "duration", "session-name", "policy", "external-id"):
        error = shell.refused(f'%aws_profile RoleBeta --{option} "{{empty}}"')
        assert str(error) == f"`{option.replace('-', '_')}` is empty."


def test_calls_with_two_actions(shell: Shell, aws: EmbeddedAws) -> None:
    """Options of `%aws_calls` that can't be combined say so, and each line works alone."""
    shell.good("%aws_profile RoleBeta\n%aws_calls on\nsession.client('s3').list_buckets()")
    for wrong in ("--denied --policy", "on --denied", "clear --policy draft.json"):
        error = shell.refused(f"%aws_calls {wrong}")
        assert "can't be combined" in str(error)
        assert len(code_in(error.hint)) == 2
    for line in code_in(shell.refused("%aws_calls --denied --policy").hint):
        shell.good(line)


def test_no_one_to_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """If no one can answer, `--login` says so, and repeats its options."""
    aws.write_profile("Analyst", sso_session="corp", sso_account_id="1" * 12, sso_role_name="A")
    with aws.config_file.open("a") as config:
        config.write(f"[sso-session corp]\nsso_start_url = {aws.sso.start_url}\n")
        config.write("sso_region = us-east-1\n")
    for options in ("--login", "--login --device-code"):
        error = shell.refused(f"%aws_profile Analyst {options}")
        assert isinstance(error, SignInRequired)
        assert str(error) == "No one is available to sign in."
        assert code_in(error.hint)[0] == f"%aws_profile Analyst {options}"


def test_a_misspelled_first_profile(shell: Shell, aws: EmbeddedAws) -> None:
    """A cell with only settings runs before the first switch, so that it can correct them."""
    shell.good("%config AwsProfileMagics.profile = 'RoleBet'")
    shell.refused("1")
    shell.refused("%config AwsProfileMagics.profile = 'RoleBeta'\n1")
    shell.good("%config AwsProfileMagics.profile = 'RoleBeta'")
    assert shell.good("session.profile_name").result == "RoleBeta"


#: Lines with two identities or the wrong name, and what the first line of their hint shows.
RIGHT_LINES = {
    "%aws_profile RoleBeta --source-profile UserAlpha": "role/RoleBeta ← UserAlpha",
    "%aws_profile RoleBeta --sso corp": "RoleBeta ← UserAlpha",
}


def test_two_identities(shell: Shell, aws: EmbeddedAws) -> None:
    """A name with an option of another identity gets the line that is meant."""
    with aws.config_file.open("a") as config:
        config.write(f"\n[sso-session corp]\nsso_start_url = {aws.sso.start_url}\n")
        config.write("sso_region = us-east-1\n")
    for wrong, shown in RIGHT_LINES.items():
        (line,) = code_in(shell.refused(wrong).hint)
        assert shown in shell.good(line).text
    for wrong in ("%aws_profile Reader --sso corp", "%aws_profile corp:Reader"):
        *_, line = code_in(shell.refused(wrong).hint)
        assert isinstance(shell.run(line).error, SignInRequired)


def test_another_role_of_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile of IAM Identity Center and another role get the line for the role's account."""
    organisation(aws)
    (line,) = code_in(shell.refused("%aws_profile prod-reader --role Admin --read-only").hint)
    assert isinstance(shell.run(line).error, SignInRequired)
    aws.sso.sign_in("corp")
    card = shell.good(line).text
    assert "AWSReservedSSO_Admin" in card
    assert "read-only" in card
    assert "region    us-west-2" in card


def test_names_of_new_profiles(shell: Shell, aws: EmbeddedAws) -> None:
    """The word of a profile's header isn't a part of its name."""
    line = f'%aws_profile --role-arn {ROLE} --source-profile UserAlpha --save "{{}}"'
    (name,) = code_in(shell.refused(line.format("profile mine")).hint)
    assert "+[profile mine]" in shell.good(line.format(name)).text


def test_the_arn_of_a_role_in_each_account(shell: Shell, aws: EmbeddedAws) -> None:
    """An ARN can't name the role of each account, and its name can."""
    shell.good("%aws_profile RoleBeta\nfrom ipy_awsprofile import organization_roles")
    for call in (
        f"%%aws_profiles --organization --role {ROLE}\n1",
        f"organization_roles('{ROLE}')",
    ):
        error = shell.refused(call)
        assert isinstance(error, InvalidOption)
        assert code_in(error.hint) == ["RoleBeta"]


def test_settings_of_aws_vault(shell: Shell, aws: EmbeddedAws) -> None:
    """A profile that inherits its settings with aws-vault says that other tools ignore that."""
    aws.write_profile("vault", include_profile="RoleBeta", region="us-west-2")
    for line in ("%aws_profile vault", "%aws_profile --explain vault"):
        ran: Any = shell.run(line)
        text = ran.error.hint if ran.error else ran.text
        assert "`include_profile` is a setting of aws-vault" in text


def test_repeated_regions(shell: Shell, aws: EmbeddedAws) -> None:
    """The Regions of an option that is repeated count together."""
    ran = shell.good("%%aws_profiles RoleBeta --regions us-east-1 --regions eu-west-1\n1")
    assert list(ran.result["region"]) == ["us-east-1", "eu-west-1"]


@pytest.mark.parametrize(
    ("option", "one", "another"),
    [("--region", "us-east-1", "eu-west-1"), ("--as", "one", "two"), ("--duration", "15m", "1h")],
)
def test_two_values_of_an_option(
    shell: Shell, aws: EmbeddedAws, option: str, one: str, another: str
) -> None:
    """An option that has two values in a line switches to neither, as only one could count."""
    error = shell.refused(f"%aws_profile RoleBeta {option} {one} {option}={another}")
    assert str(error).startswith(f"The line has two values for `{option}`")
    assert not aws.calls
    assert shell.good(f"%aws_profile RoleBeta {option} {one} {option} {one}").text


# Hints that must work as they are written ---------------------------------------------------------


#: Code that uses an object of a block after it, and the code with the object of the active profile.
AFTER_BLOCKS = {
    "s3 = block.client('s3')": ("s3.list_buckets()", "client.list_buckets()"),
    "it = block": ("who_am_i(it)", "who_am_i(session)"),
}


@pytest.mark.parametrize(("code", "uses"), AFTER_BLOCKS.items())
def test_objects_after_their_block(
    shell: Shell, aws: EmbeddedAws, code: str, uses: tuple[str, str]
) -> None:
    """If no profile is active, the line about an object of a block names the switch first."""
    shell.good("from ipy_awsprofile import using_profile, who_am_i")
    shell.good(f"with using_profile('RoleBeta') as block:\n    {code}")
    wrong, right = uses
    codes = code_in(shell.good(wrong).text.splitlines()[0])
    switch, step, *_ = codes[codes.index("%aws_profile NAME") :]
    shell.good(switch.replace("NAME", "RoleBeta"))
    ran = shell.good(f"client = {step}\n{right}")
    assert "signs" not in ran.text


def test_no_session(shell: Shell, aws: EmbeddedAws) -> None:
    """A function without its session says where the session comes from if no profile is active."""
    shell.good("from ipy_awsprofile import list_buckets, open_session, who_am_i")
    for function in ("list_buckets", "who_am_i"):
        switch, opening, call = code_in(shell.refused(f"{function}()").hint)
        for step in (switch, opening):
            shell.good(step.replace("NAME", "RoleBeta"))
            shell.good(call)
            shell.good("%aws_profile --off\nglobals().pop('session', None)")
    shell.good("%aws_profile RoleBeta")
    assert code_in(shell.refused("list_buckets()").hint) == ["list_buckets(session)"]


WRITE = "it.client('s3').put_object(Bucket='my-first-bucket', Key='a', Body=b'')"


def test_a_read_only_session_of_python(shell: Shell, aws: EmbeddedAws) -> None:
    """The line below a refused write says that the session is read-only, and opens another one."""
    aws.write_profile("writer-prod", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    shell.good("from ipy_awsprofile import open_session")
    shell.good("%config AwsProfileMagics.protected = ['prod']")
    for switch in ("%aws_profile --off", "%aws_profile UserAlpha"):
        shell.run(switch)
        text = shell.run(f"it = open_session('RoleBeta', read_only=True)\n{WRITE}").text
        line = text.splitlines()[0]
        assert line.startswith("The request was signed as `RoleBeta` (read-only)")
        *_, code = code_in(line)
        assert "is not authorized to perform" not in shell.run(f"it = {code}\n{WRITE}").text
        text = shell.run(f"it = open_session('writer-prod', read_only=True)\n{WRITE}").text
        assert text.splitlines()[0].endswith("read-only) in the account 123456789012.")


def test_reading_that_the_policy_requires(shell: Shell, aws: EmbeddedAws, policy: Path) -> None:
    """No line proposes writing that the organization's policy doesn't allow."""
    policy.write_text('read_only = ["*"]\n[allow]\nwrite = false\n')
    shell.good("from ipy_awsprofile import open_session")
    shell.run(f"it = open_session('RoleBeta')\n{WRITE}")
    text = shell.run(WRITE).text
    line, *_ = text.splitlines()
    assert "in the account 123456789012. The organization's policy doesn't allow `--write`." in line
    assert "write=True" not in text
    shell.good("%aws_profile RoleBeta")
    hint = shell.refused("%aws_profile --write").hint
    assert hint.startswith("The organization's policy doesn't allow `--write`.")


@pytest.mark.parametrize("options", ["", " --region eu-west-1"])
def test_a_changed_region(shell: Shell, aws: EmbeddedAws, options: str) -> None:
    """The line about a changed Region undoes the change, and doesn't spread it."""
    shell.good(f"%aws_profile RoleBeta{options}")
    region = shell.names["session"].region_name
    text = shell.good("%env AWS_DEFAULT_REGION=eu-central-1").text
    (undo,) = [code for code in code_in(text) if "environ" in code]
    shell.good(undo)
    assert "was changed" not in shell.good("%aws_profile").text
    shell.good("import boto3; again = boto3.Session()")
    assert shell.names["again"].region_name == region
    shell.good(f"%aws_profile RoleBeta{options}")
    assert shell.names["session"].region_name == region


def test_a_changed_config_file(shell: Shell, aws: EmbeddedAws) -> None:
    """The line about a changed config file names the former file, which a switch can read."""
    shell.good("%aws_profile RoleBeta")
    text = shell.good("%env AWS_CONFIG_FILE=/nowhere").text
    (undo,) = [code for code in code_in(text) if "environ" in code]
    shell.good(f"{undo}\n%aws_profile UserAlpha")


def test_write_without_a_name(shell: Shell, aws: EmbeddedAws) -> None:
    """`--write` alone gets the line that opens the active profile for writing, and vice versa."""
    shell.good("%aws_profile RoleBeta --read-only")
    (line,) = code_in(shell.refused("%aws_profile --write").hint)
    assert "read-only" not in shell.good(line).text
    (line,) = code_in(shell.refused("%aws_profile --read-only").hint)
    assert "read-only" in shell.good(line).text


def test_an_mfa_code_in_a_line(
    shell: Shell, aws: EmbeddedAws, auditor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line with an MFA code gets the line without it, in which only access keys have `--mfa`."""
    aws.write_profile("Reader2", source_profile="UserAlpha", role_arn=ROLE, region="us-west-2")
    hint = shell.refused("%aws_profile Auditor --mfa 123456").hint
    assert hint.endswith("The cell prompts for the MFA code.")
    (line,) = code_in(hint)
    answer_with_codes(aws, auditor, monkeypatch)
    shell.good(line)
    for name, problem in (("Reader2", "assumes a role"), ("UserAlpha", "an `mfa_serial`")):
        hint = shell.refused(f"%aws_profile {name} --mfa 123456").hint
        assert problem in hint
        assert "Leave out" in hint
        shell.good(f"%aws_profile {name}")


def test_settings_of_a_sign_in(shell: Shell, aws: EmbeddedAws) -> None:
    """The settings of a sign-in are the options of the same meaning."""
    line = "%aws_profile --sso-session corp --sso-account-id 123456789012 --sso-role-name Analyst"
    (right,) = code_in(shell.refused(line).hint)
    assert right == "%aws_profile --sso corp --account 123456789012 --role Analyst"
    (line,) = code_in(shell.refused("%aws_profile RoleBeta --sso-session corp").hint)
    shell.good(line)


@pytest.mark.parametrize("name", ["AwsProfile", "AWSProfileMagics", "AwsProfileMagic", "AwsMagics"])
def test_a_misspelled_class_of_settings(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """A setting of a class that IPython ignores gets the line with the right class."""
    text = shell.good(f"%config {name}.readonly = ['Role*']").text
    assert text.startswith(f"IPython ignores `{name}`.")
    *_, line = code_in(text)
    assert shell.good(line).text == ""
    assert "read-only" in shell.good("%aws_profile RoleBeta").text


def test_another_class_of_settings(shell: Shell, aws: EmbeddedAws) -> None:
    """The settings of other classes get no line."""
    assert shell.good("%config InteractiveShell.ast_node_interactivity = 'last_expr'").text == ""


def test_a_redirection(shell: Shell, aws: EmbeddedAws) -> None:
    """A result that is redirected as in a terminal gets the line with `--into`."""
    (line,) = code_in(shell.refused("%%aws_profiles Role* > frame\n1").hint)
    shell.good(f"{line}\n1")
    assert "RoleBeta" in list(shell.names["frame"]["profile"])


def test_a_missing_session(shell: Shell, aws: EmbeddedAws) -> None:
    """Below the error of a missing `session`, a line says why, and how to get it."""
    for before in ("1", "%aws_profile UserAlpha\n%aws_profile --off"):
        shell.good(before)
        ran = shell.run("session.region_name")
        assert isinstance(ran.error, NameError)
        line, name = code_in(ran.text.splitlines()[0])
        shell.good(f"{line.replace('NAME', 'RoleBeta')}\n{name}.region_name")
        shell.good("%aws_profile --off")
    shell.good("%aws_profile RoleBeta --as beta")
    text = shell.run("session.region_name").text
    assert "The session of `RoleBeta` is in the variable `beta`." in text
    shell.good("%aws_profile RoleBeta")
    line, *_ = reversed(code_in(shell.run("del session; session.region_name").text.splitlines()[0]))
    shell.good(f"{line}\nsession.region_name")
    assert "session" not in shell.run("other").text


def test_a_session_as_a_block(shell: Shell, aws: EmbeddedAws) -> None:
    """A session in a `with` statement gets the two statements that are meant."""
    shell.good("from ipy_awsprofile import open_session, using_profile")
    error = shell.refused("with open_session('RoleBeta') as session: pass")
    assignment, statement = (code.replace("NAME", "RoleBeta") for code in code_in(error.hint))
    shell.good(f"{assignment}\nsession.region_name")
    shell.good(f"{statement}\n    session.region_name")


def test_a_limit_after_the_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """A setting that makes the active profile read-only says how to apply it at once."""
    setting = "%config AwsProfileMagics.read_only = ['*']"
    shell.good("%aws_profile RoleBeta")
    text = shell.good(setting).text
    assert "`RoleBeta` can still write" in text
    shell.good(code_in(text)[-1])
    shell.good("it = session")
    assert "no session policy allows" in shell.run(WRITE).text
    shell.good("%config AwsProfileMagics.read_only = []")
    for switch in ("%aws_profile RoleBeta --write", "%aws_profile RoleBeta --read-only"):
        shell.good(switch)
        assert "can still write" not in shell.good(setting).text
        shell.good("%config AwsProfileMagics.read_only = []")


@pytest.mark.parametrize("option", ["--read-only", "--write", "--policy policy.json"])
def test_limits_of_a_list(shell: Shell, aws: EmbeddedAws, option: str) -> None:
    """A list of profiles refuses limits: with one percent sign, they wouldn't apply to the code."""
    error = shell.refused(f"%aws_profiles * {option}\n1")
    assert str(error) == "The line has an option that requires a cell."
    assert code_in(error.hint) == ["%%aws_profiles"]


@pytest.mark.parametrize(
    "pattern", ["['UserAlpha', 'RoleBeta']", "{names}", "(UserAlpha|RoleBeta)"]
)
def test_lists_in_brackets(shell: Shell, aws: EmbeddedAws, pattern: str) -> None:
    """A list of Python's in a line proposes the line for all of its profiles."""
    shell.good("names = ['UserAlpha', 'RoleBeta']")
    error = shell.refused(f"%%aws_profiles {pattern}\n1")
    (code,) = code_in(error.hint)
    frame = shell.good(f"%%aws_profiles {code}\n1").result
    assert list(frame["profile"]) == shell.names["names"]


@pytest.mark.parametrize("name", ["notebook", "notebook-agent"])
def test_names_that_sharing_needs(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """A role can't be saved with the name of a profile that `--share` would write."""
    line = f"%aws_profile --role-arn {ROLE} --source-profile UserAlpha --save {name} --yes"
    error = shell.refused(line)
    assert str(error) == f"`--share` needs the name `{name}` for its own profile."
    assert f"[profile {name}]" not in aws.config_file.read_text()
    shell.good(line.replace(name, "beta"))
    shell.good("%aws_profile --share --yes")


def test_parts_of_keys(shell: Shell, aws: EmbeddedAws) -> None:
    """A variable that SDKs ignore alone has no line, and another one is named itself."""
    shell.good("import boto3\n%aws_profile RoleBeta")
    for name in ("AWS_SESSION_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        assert "was changed" not in shell.good(f"%env {name}=abc").text
    arn = "boto3.Session().client('sts').get_caller_identity()['Arn']"
    assert "/RoleBeta/" in shell.good(arn).result
    assert "`AWS_ACCESS_KEY_ID` was changed" in shell.good("%env AWS_ACCESS_KEY_ID=abc").text
    shell.good("%aws_profile RoleBeta")
    assert "`AWS_ROLE_ARN` was changed" in shell.good("%env AWS_ROLE_ARN=abc").text


def test_options_that_resemble_a_word(shell: Shell, aws: EmbeddedAws) -> None:
    """An unknown option of `%aws_calls` doesn't begin to record calls."""
    assert "%aws_calls on" not in shell.refused("%aws_calls --json").hint


def test_a_session_name_after_the_switch(shell: Shell, aws: EmbeddedAws) -> None:
    """A setting that names sessions says how to apply it to the active one."""
    setting = "%config AwsProfileMagics.session_name = 'ann'"
    shell.good("%aws_profile RoleBeta")
    text = shell.good(setting).text
    assert "The session of `RoleBeta` keeps its name" in text
    assert "/ann" in shell.good(code_in(text)[-1]).text
    shell.good("%config AwsProfileMagics.session_name = ''\n%aws_profile UserAlpha")
    assert "keeps its name" not in shell.good(setting).text  # keys have no session


def test_a_region_as_a_prefix(shell: Shell, aws: EmbeddedAws) -> None:
    """A Region instead of the beginning of a bucket's name gets the code that selects by Region."""
    shell.good("from ipy_awsprofile import list_buckets\n%aws_profile RoleBeta")
    ran = shell.good("list_buckets(session, 'us-west-2')")
    assert len(ran.result) == 0
    *_, listing, selection = code_in(ran.text)
    assert len(shell.good(f"{listing}\n{selection}").result) > 0
    assert "which is a Region" not in shell.good("list_buckets(session, 'no-such')").text


@pytest.mark.parametrize("path", ["s3://my-first", "s3://my-first-bucket/key", "arn:aws:s3:::my-f"])
def test_a_path_as_a_prefix(shell: Shell, aws: EmbeddedAws, path: str) -> None:
    """The path or ARN of a bucket gets the beginning of its name."""
    shell.good("from ipy_awsprofile import list_buckets\n%aws_profile RoleBeta")
    prefix, *_ = code_in(shell.refused(f"list_buckets(session, {path!r})").hint)
    names = shell.good(f"list_buckets(session, {prefix})").result["name"]
    assert names.tolist() == ["my-first-bucket"]


def test_totals_of_a_run(shell: Shell, aws: EmbeddedAws) -> None:
    """If a cell for many profiles adds to a number of the notebook, a line says how to add up."""
    names = seed_organisation(aws, 2)
    shell.good("total, rows = 0, []")
    advice = "End the cell with the value that you add to `total`. Then sum the column `value`"
    assert advice in shell.refused("%%aws_profiles atlas-*\ntotal += 2").hint
    text = shell.good("%%aws_profiles atlas-*\ntotal += 2\ntotal").text
    assert "The notebook's `total` doesn't change" in text
    assert shell.names["total"] == 0
    ran = shell.good("%%aws_profiles atlas-*\n2")
    assert ran.result["value"].sum() == 2 * len(names)
    for cell in ("total = 0\ntotal += 2\ntotal", "rows += [1]\n1"):
        assert "doesn't change" not in shell.good(f"%%aws_profiles atlas-*\n{cell}").text


def test_new_values_of_variables(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a Region or keys in the environment, a line says how to use them for all code."""
    shell.good("%aws_profile RoleBeta --read-only")
    text = shell.good("import os; os.environ['AWS_DEFAULT_REGION'] = 'eu-west-1'").text
    *_, line = code_in(text)
    shell.good(line)
    assert shell.names["session"].region_name == "eu-west-1"
    assert shell.names["session"].target.request.read_only
    user = aws.iam.create_user("Eve", account=USER_ACCOUNT)
    keys = {"ACCESS_KEY_ID": user.access_key_id, "SECRET_ACCESS_KEY": user.secret_access_key}
    shell.names["keys"] = {f"AWS_{name}": value for name, value in keys.items()}
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    assert "--default" not in shell.good("os.environ.update(keys)").text
    shell.good("%aws_profile RoleBeta --write")
    *_, line = code_in(shell.good("os.environ.update(keys)").text)
    assert line == "%aws_profile --default"
    assert "user/Eve" in shell.good(line).text


def test_keys_without_a_region(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the environment has no Region, the line that uses its keys has the active one."""
    user = aws.iam.create_user("Eve", account=USER_ACCOUNT)
    keys = {"ACCESS_KEY_ID": user.access_key_id, "SECRET_ACCESS_KEY": user.secret_access_key}
    shell.names["keys"] = {f"AWS_{name}": value for name, value in keys.items()}
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    shell.good("%aws_profile RoleBeta")
    *_, line = code_in(shell.good("import os; os.environ.update(keys)").text)
    assert "user/Eve" in shell.good(line).text
    assert shell.names["session"].region_name == "us-west-2"


def test_the_name_of_a_limited_session(shell: Shell, aws: EmbeddedAws) -> None:
    """The name for child processes gets the line of its switch, with the limits."""
    shell.good("import os\nfrom ipy_awsprofile import open_session")
    shell.good("%aws_profile RoleBeta --read-only\nbefore = os.environ['AWS_PROFILE']")
    shell.good("%aws_profile UserAlpha")
    error = shell.refused("%aws_profile {before}")
    assert "Did you mean" not in shell.refused("open_session(before)").hint
    shell.good(code_in(error.hint)[-1])
    assert shell.names["session"].target.request.read_only


def test_a_module_with_a_magic(
    shell: Shell, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that contains a magic gets the name and the line with which it runs."""
    monkeypatch.chdir(aws.home)
    monkeypatch.syspath_prepend(str(aws.home))
    (aws.home / "prepare_aws.py").write_text("%aws_profile RoleBeta\n")
    text = shell.run("import prepare_aws").text
    name, new_name, line = code_in(text[text.index("A module can't contain magics") :])
    (aws.home / name).rename(aws.home / new_name)
    shell.good(line)
    assert shell.names["session"].profile_name == "RoleBeta"
