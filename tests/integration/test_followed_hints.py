"""Hints about read-only sessions and about the files work when they are followed literally."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ipy_awsprofile.demo.stages import ROLE_ACCOUNT
from tests.aws import EmbeddedAws
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
    others = ()
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
