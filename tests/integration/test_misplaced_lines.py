"""Magics, options, commands and sections where IPython can't run them: each line works."""

from __future__ import annotations

import pytest

from ipy_awsprofile.demo.stages import seed_organisation
from tests.aws import EmbeddedAws
from tests.integration.test_hints import code_in
from tests.kernels import Kernel
from tests.shells import Shell


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("print(%aws_profile RoleBeta --read-only)", "%aws_profile RoleBeta --read-only"),
        ("x = [%aws_profile RoleBeta, 1]", "%aws_profile RoleBeta"),
        ("if %aws_profile == 'RoleBeta':\n    pass", "%aws_profile"),
        ("if True: %aws_profile RoleBeta", "%aws_profile RoleBeta"),
        ("len(%aws_profiles Role*)", "%aws_profiles Role*"),
        ("print(%aws_profiles[0])", "%aws_profiles"),
        ("[each for each in %aws_profiles if each]", "%aws_profiles"),
        ("for each in %aws_profiles:\n    pass", "%aws_profiles"),
        ("x = 1; %aws_profile RoleBeta", "%aws_profile RoleBeta"),
    ],
)
def test_magics_in_code(shell: Shell, aws: EmbeddedAws, cell: str, line: str) -> None:
    """A magic in brackets or in a statement gets its line without the code around the magic."""
    shell.good("%aws_profile UserAlpha")
    written, *in_code = code_in(shell.run(cell).text)
    assert written == line
    shell.good(written)
    if in_code:
        code, statement = in_code
        shell.good(f"{statement}\n{code}")


def test_values_of_magics(shell: Shell, aws: EmbeddedAws) -> None:
    """A magic whose value code compares gets the function with the session's own variable."""
    assert "who_am_i" not in shell.run("print(%aws_profile)").text
    shell.good("%aws_profile RoleBeta --as mine")
    _, code, statement = code_in(shell.run("print(%aws_profile)").text)
    assert shell.good(f"{statement}\n{code}.account").result == "123456789012"


@pytest.mark.parametrize(
    ("lines", "has_run"),
    [
        ("\n--read-only", True),
        ("  # for reports\n--read-only", True),
        ("\n\n# only read\n-- read-only  # no writes", True),
        ("\nx = 1\n--read-only", True),
        ("\n  --read-only", False),
        ("\n—read-only", False),
        ("\n--read-only --region us-west-1", False),
        ("\n--read-only\n--region us-west-1", False),
    ],
)
def test_options_on_the_next_line(
    shell: Shell, aws: EmbeddedAws, lines: str, *, has_run: bool
) -> None:
    """An option below its magic gets one line, which limits the session."""
    text = shell.run(f"%aws_profile RoleBeta{lines}").text
    *_, line = code_in(text)
    assert ("`%aws_profile RoleBeta` ran without `--read-only`" in text) == has_run
    assert ("session" in shell.names) == has_run
    shell.good(line)
    assert shell.names["session"].target.request.read_only
    put = "session.client('s3').put_object(Bucket='my-first-bucket', Key='k', Body=b'')"
    assert "AccessDenied" in str(shell.run(put).error)


def test_options_below_a_cell_magic(shell: Shell, aws: EmbeddedAws) -> None:
    """Options in the code of a cell for one profile get the first line of the cell."""
    cell = "%%aws_profile RoleBeta\n--read-only\n--quiet"
    *_, line = code_in(shell.run(cell).text)
    assert line == "%%aws_profile RoleBeta --read-only --quiet"
    limited = f"{line}\nassert session.target.request.read_only"
    shell.good(limited)
    assert "ran without" not in shell.run("%aws_profile RoleBeta\nread_it").text


def test_assigned_cell_magics(aws: EmbeddedAws) -> None:
    """A cell isn't taken for a module, although ipykernel gives each cell the name of a file."""
    seed_organisation(aws, 2)
    with Kernel.started(aws, {"AWS_ENDPOINT_URL": aws.endpoint_url}) as kernel:
        text = kernel.run("ids = %%aws_profiles atlas-*\nprofile").text
        assert "module" not in text
        magic, line = code_in(text)
        assert f"`{magic}` must begin the cell" in text
        kernel.good(f"{line}\nsession.profile_name")
        assert "atlas-dev" in kernel.good("ids['value'].tolist()").text
        _, line, variable = code_in(kernel.run("who = %%aws_profile RoleBeta --read-only").text)
        assert "--read-only" in line
        kernel.good(f"{line}\n{variable} = session.profile_name")
        assert "RoleBeta" in kernel.good("who").text


def codes_below(shell: Shell, cell: str) -> list[str]:
    """Return the code in the lines about a cell, without the code in IPython's own error."""
    return code_in(shell.run(cell).text.partition("UsageError")[0])


@pytest.mark.parametrize(
    "typed",
    [
        "%aws_profile\xa0RoleBeta --read-only",
        "%aws_profile\u2003RoleBeta\xa0--read-only",
        "%aws_profile\u200b RoleBeta --read-only",
        "%aws_profile('RoleBeta --read-only')",
        "%aws_profile('RoleBeta', read_only=True)",
        "%aws_profile(RoleBeta, read_only=True)",
        "%aws_profile('RoleBeta', read_only=True, mfa=False, region=None)",
        "% aws_profile RoleBeta --read-only",
        "%aws profile RoleBeta --read-only",
        "%AWS_Profile RoleBeta --read-only",
        "%aws_profil RoleBeta --read-only",
        "%aws-profile, RoleBeta --read-only",
    ],
)
def test_unknown_magics(shell: Shell, aws: EmbeddedAws, typed: str) -> None:
    """A magic with an invisible character, a space or other letters gets the line that works."""
    *_, line = codes_below(shell, typed)
    assert line == "%aws_profile RoleBeta --read-only"
    shell.good(line)
    assert shell.names["session"].target.request.read_only


def test_calls_of_a_magic(shell: Shell, aws: EmbeddedAws) -> None:
    """The line for a call has all options of the call, or there is no line."""
    called = "%%aws_profiles('Role*', regions=['us-west-1', 'us-west-2'], read_only=True)"
    *_, line = codes_below(shell, f"{called}\nsession.region_name")
    assert line == "%%aws_profiles Role* --regions us-west-1,us-west-2 --read-only"
    frame = shell.good(f"{line}\nsession.target.request.read_only").result
    assert frame["value"].tolist() == [True, True]
    shell.good("name = 'RoleBeta'")
    aws.write_profile("prod-admin", region="us-west-2")
    *_, line = codes_below(shell, "%aws_profile(name, read_only=True)")
    assert line == "%aws_profile {name} --read-only"
    shell.good(line)
    assert shell.names["session"].target.request.read_only
    *_, line = codes_below(shell, "%aws_profile(prod-admin, read_only=True)")
    assert line == "%aws_profile prod-admin --read-only"
    for typed in (
        "'RoleBeta', limited=True",
        "'RoleBeta', region=where",
        "'RoleBeta', 'UserAlpha'",
    ):
        assert not codes_below(shell, f"%aws_profile({typed})")


@pytest.mark.parametrize(
    "typed", ["%list_buckets session", "%who_am_i", "%open_session RoleBeta", "%list_profiles Role"]
)
def test_functions_as_magics(shell: Shell, aws: EmbeddedAws, typed: str) -> None:
    """A function of the package that is written as a magic gets its import and its call."""
    shell.good("%aws_profile RoleBeta")
    *_, statement, call = codes_below(shell, typed)
    assert shell.good(f"{statement}\n{call}").result is not None
    *_, again = codes_below(shell, typed)
    assert again == call
    assert not codes_below(shell, "%unknown list_buckets")


def test_a_cell_magic_below_code(shell: Shell, aws: EmbeddedAws) -> None:
    """A cell magic below other lines isn't taken for a magic with a wrong character."""
    text = shell.run("x = 1\n%%aws_profile RoleBeta\nsession").text
    assert "must be in the cell's first line" in text
    assert "space" not in text
    assert not codes_below(shell, "%aws_profile.account")


def test_commands_without_a_mark(shell: Shell, aws: EmbeddedAws) -> None:
    """A command of the AWS CLI in a cell gets an exclamation mark, and other words don't."""
    for command in ("aws s3 ls", "aws --profile RoleBeta s3 ls", "%aws s3 ls"):
        (line,) = [each for each in code_in(shell.run(command).text) if each.startswith("!")]
        assert line == f"!{command.removeprefix('%')}"
    assert "in a terminal" in shell.run("aws configure").text
    assert "`!aws" not in shell.run("aws costs a lot").text


@pytest.mark.parametrize(
    "header", ["[default]", "[profile RoleBeta]", "# note\n[sso-session corp]"]
)
def test_sections_in_a_cell(shell: Shell, aws: EmbeddedAws, header: str) -> None:
    """A section of the config file in a cell gets the path of the file."""
    text = shell.run(f"{header}\nregion = us-west-2\n").text
    assert f"in the config file, `{aws.config_file}`" in text
    assert "config file" not in shell.run(f"'''\n{header}\nregion = x\n'''\nnothing").text


@pytest.mark.parametrize("header", ["(profile etl)", "{profile etl}", "[[profile etl]]"])
def test_headers_in_other_brackets(shell: Shell, aws: EmbeddedAws, header: str) -> None:
    """A header in wrong brackets gets the right header, and keeps all lines of the section."""
    text = aws.config_file.read_text()
    section = (
        "source_profile = UserAlpha\nrole_arn = arn:aws:iam::123456789012:role/RoleBeta\n"
        f"region = us-west-1\nendpoint_url = {aws.endpoint_url}\n"
    )
    aws.config_file.write_text(f"{text}\n{header}\n{section}")
    error = shell.refused("%aws_profile etl")
    assert "[profile etl]" in f"{error} {error.hint}"
    assert "twice" not in str(error)
    aws.config_file.write_text(f"{text}\n[profile etl]\n{section}")
    assert shell.good("%aws_profile etl\nsession.region_name").result == "us-west-1"
