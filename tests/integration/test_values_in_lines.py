"""Hints about Python values in a magic's line, and about lines that lack a name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.aws import EmbeddedAws
from tests.identity_center import organisation
from tests.integration.test_hints import code_in
from tests.shells import Shell

#: Values of the notebook for the lines below.
VALUES = """
import os
os.environ['WHO'] = 'RoleBeta'
config = {'profile': 'RoleBeta'}
class Row:
    name = 'RoleBeta'
row = Row()
"""


@pytest.mark.parametrize(
    "typed", ["config['profile']", "row.name", "os.environ['WHO']", "$WHO", "${WHO}"]
)
def test_values_without_braces(shell: Shell, aws: EmbeddedAws, typed: str) -> None:
    """For a value that IPython doesn't fill in, the hint has the line with the value's braces."""
    shell.good(VALUES)
    *_, line = code_in(shell.refused(f"%aws_profile {typed} --read-only").hint)
    ran = shell.good(line)
    assert ran.text.startswith("RoleBeta ← UserAlpha")
    assert "read-only" in ran.text


def test_a_variable_that_is_another_word(shell: Shell, aws: EmbeddedAws) -> None:
    """Only the rejected name is compared with variables, not an option's value or its letters."""
    shell.good("beta = 'text'\np = 'RoleBeta'")
    assert shell.refused("%aws_profile RoleBetta --as beta").hint == "Did you mean `RoleBeta`?"
    assert "{p}" not in shell.refused("%aws_profile RoleBeta --policy p").hint
    (line,) = code_in(shell.refused("%aws_profile --expect-account 123456789012 p").hint)
    assert line == "%aws_profile --expect-account 123456789012 {p}"


@pytest.mark.parametrize(
    ("typed", "problem"), [("row.profile", "AttributeError"), ("config['name']", "KeyError")]
)
def test_expressions_that_fail(shell: Shell, aws: EmbeddedAws, typed: str, problem: str) -> None:
    """For an expression that fails, the hint names code that shows the problem."""
    shell.good(VALUES)
    hint = shell.refused(f"%aws_profile {{{typed}}}").hint
    assert "isn't defined" not in hint
    *_, code = code_in(hint)
    assert type(shell.run(code).error).__name__ == problem


def test_a_function_s_variable(shell: Shell, aws: EmbeddedAws) -> None:
    """A function's variable is known: a line without its braces gets the line with them."""
    switch = "def switch(name):\n    %aws_profile {}\nswitch('RoleBeta')"
    (line,) = code_in(shell.refused(switch.replace("{}", "name")).hint)
    shell.good(switch.replace("%aws_profile {}", line))
    assert shell.good("%aws_profile").text.startswith("RoleBeta ← UserAlpha")
    hint = shell.refused(switch.replace("{}", "{name.profile}")).hint
    assert hint.startswith("IPython can't fill in `name.profile`")


@pytest.mark.parametrize(
    "text", ["$session", "<session of RoleBeta ← UserAlpha, region us-west-2>"]
)
def test_a_session_as_a_name(shell: Shell, aws: EmbeddedAws, text: str) -> None:
    """A session instead of a name gets lines that work."""
    shell.good("%aws_profile RoleBeta")
    lines = code_in(shell.refused(f"%aws_profile {text}").hint)
    assert shell.good(lines[0]).text.startswith("RoleBeta ← UserAlpha")
    assert shell.good(f"{lines[-1]}\n1").result is not None


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("--regoin us-east-1", "region    us-east-1"),
        ("--share readonly", "This identity isn't shared yet"),
    ],
)
def test_a_mistake_without_a_name(shell: Shell, aws: EmbeddedAws, typed: str, says: str) -> None:
    """A misspelled line without a name gets the active profile's line, with its limits."""
    shell.good("%aws_profile RoleBeta --read-only")
    (line,) = code_in(shell.refused(f"%aws_profile {typed}").hint)
    ran = shell.good(line)
    assert says in ran.text
    assert "access    read-only" in ran.text


@pytest.mark.parametrize("word", ["unset", "None", "--unset", "deactivate", "-u", "clear"])
def test_other_words_for_off(shell: Shell, aws: EmbeddedAws, word: str) -> None:
    """The words of other tools for ending a switch lead to `--off`."""
    shell.good("%aws_profile RoleBeta")
    (line,) = code_in(shell.refused(f"%aws_profile {word}").hint)
    assert shell.good(line).text.startswith("The switch is undone")


@pytest.mark.parametrize("typed", ["--logout corp", "logout corp"])
def test_the_name_of_a_sign_in(shell: Shell, aws: EmbeddedAws, typed: str) -> None:
    """The name of a sign-in after `--logout` gets the line that signs out."""
    organisation(aws)
    aws.sso.sign_in("corp")
    (line,) = code_in(shell.refused(f"%aws_profile {typed}").hint)
    assert line == "%aws_profile --logout --sso corp"
    assert "corp" in shell.good(line).text


def test_a_changed_variable_after_off(shell: Shell, aws: EmbeddedAws) -> None:
    """A variable that the user has changed gets the active profile's value until `--off`."""
    aws.write_profile("Other", source_profile="UserAlpha", region="us-west-2")
    shell.good("%aws_profile RoleBeta")
    said = shell.good("import os\nos.environ['AWS_PROFILE'] = 'Other'").text
    (line,) = re.findall("To set it for `RoleBeta` again, run `([^`]+)`", said)
    shell.good(line)
    assert shell.good("os.environ['AWS_PROFILE']").result != "Other"
    undone = shell.good("%aws_profile --off").text
    assert undone.endswith("except for what you have changed since: `AWS_PROFILE`.")
    assert shell.good("os.environ['AWS_PROFILE']").result == "Other"


@pytest.mark.parametrize("mark", "/:@")
def test_a_region_after_the_name(shell: Shell, aws: EmbeddedAws, mark: str) -> None:
    """A Region that is joined to the name gets the line with `--region`, and keeps the limits."""
    (line,) = code_in(shell.refused(f"%aws_profile RoleBeta{mark}us-east-1 --read-only").hint)
    ran = shell.good(line)
    assert "region    us-east-1" in ran.text
    assert "access    read-only" in ran.text


def test_options_of_another_magic(shell: Shell, aws: EmbeddedAws, tmp_path: Path) -> None:
    """For an option that only another magic has, the hint names a line that does the same."""
    lists, _ = code_in(shell.refused("%aws_profiles --all").hint)
    assert "RoleBeta" in shell.good(lists).text
    *_, writes = code_in(shell.refused("%aws_calls --save draft.json").hint)
    shell.good("%aws_calls on\n%aws_profile RoleBeta\nsession.client('s3').list_buckets()")
    line = writes.replace("FILE", str(tmp_path / "draft.json"))
    assert "draft policy" in shell.good(line).text


@pytest.mark.parametrize("line", ["--refresh RoleBeta", "RoleBeta --refresh"])
def test_new_credentials_by_name(shell: Shell, aws: EmbeddedAws, line: str) -> None:
    """New credentials for the active profile keep its limits and its variable."""
    shell.good("%aws_profile RoleBeta --read-only --as beta")
    aws.calls.clear()
    card = shell.good(f"%aws_profile {line}").text
    assert "access    read-only" in card
    assert "variable  beta" in card
    assert aws.actions == ["sts:AssumeRole"]


@pytest.mark.parametrize("name", ["account", "profile"])
def test_attributes_that_have_no_effect(shell: Shell, aws: EmbeddedAws, name: str) -> None:
    """An attribute that would change nothing in a session can't be set."""
    shell.good("from ipy_awsprofile import open_session\n%aws_profile RoleBeta")
    error = shell.run(f"session.{name} = 'eu-central-1'").error
    assert isinstance(error, AttributeError)
    opens, switches = code_in(str(error))[1:]
    assert shell.good(opens.replace("NAME", "'RoleBeta', region='eu-central-1'")).result
    assert shell.good(switches.replace("NAME", "RoleBeta --region eu-central-1")).text


@pytest.mark.parametrize("options", ["--read-only", "--region eu-west-1 --read-only"])
def test_options_in_the_quotation_marks_of_a_name(
    shell: Shell, aws: EmbeddedAws, options: str
) -> None:
    """A name in quotation marks that also enclose options gets the line without them."""
    (line,) = code_in(shell.refused(f"%aws_profile 'RoleBeta {options}'").hint)
    assert line == f"%aws_profile RoleBeta {options}"
    assert "read-only" in shell.good(line).text


@pytest.mark.parametrize(
    "value", ["${target}", "${targets['beta']}", "$targets['beta']", "$targets[key]"]
)
@pytest.mark.parametrize("mark", ["%", "%%"])
def test_notations_of_shells(shell: Shell, aws: EmbeddedAws, value: str, mark: str) -> None:
    """A shell's notation, of which IPython fills in a part, gets IPython's, with the options."""
    shell.good("target, key, targets = 'RoleBeta', 'beta', {'beta': 'RoleBeta'}")
    hint = shell.refused(f"{mark}aws_profile {value} --read-only\n1").hint
    line = code_in(hint)[-1]
    assert line.endswith("} --read-only")
    shown = shell.good(f"{line}\nsession.target.request").result
    assert (shown.profile, shown.read_only) == ("RoleBeta", True)


def test_several_lines_with_values(shell: Shell, aws: EmbeddedAws) -> None:
    """In a cell with several lines, only the line that failed gets the advice."""
    shell.good("first, second, region = 'UserAlpha', 'RoleBeta', None")
    lines = "%aws_profile {first}\n%aws_profile ${second}"
    error: Any = shell.run(lines).error
    assert code_in(error.hint)[-1] == "%aws_profile {second}"
    lines = "%aws_profile {first} --region us-west-2\n%aws_profile {second} --region {region}"
    error = shell.run(lines).error
    assert error.hint == "The value of `{region}` is None. Set it first."


@pytest.mark.parametrize("options", ["", " --read-only", " --expect-account 123456789012"])
def test_a_session_in_a_line(shell: Shell, aws: EmbeddedAws, options: str) -> None:
    """A session in place of its profile's name gets the line with the name and the options."""
    shell.good("session = 'RoleBeta'\n%aws_profile {session}")
    error = shell.refused(f"%aws_profile {{session}}{options}")
    assert error.hint.startswith("This value is a session, and not the name of its profile.")
    (line,) = code_in(error.hint)
    assert line == f"%aws_profile RoleBeta{options}"
    shell.good(line)


def test_a_dict_in_a_line(shell: Shell, aws: EmbeddedAws) -> None:
    """A dict in place of its values gets the line with the profile's name."""
    shell.good("course = {'profile': 'RoleBeta', 'region': 'eu-central-1'}")
    error = shell.refused("%aws_profile {course}")
    assert error.hint.startswith("`course` is a dict.")
    shell.good(code_in(error.hint)[-1])
    assert shell.names["session"].profile_name == "RoleBeta"
