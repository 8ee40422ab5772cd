"""Check the commands in a profile without running them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

from ipy_awsprofile.config.mfa import mfa_processes
from ipy_awsprofile.config.problem import Problem
from ipy_awsprofile.explain.records import Finding, Link, one_line
from ipy_awsprofile.text import is_command, program

#: Words that a shell understands although no program has this name.
_OF_THE_SHELL = frozenset(
    {".", "cd", "command", "eval", "exec", "export", "for", "if", "set", "source", "while"}
)


def check_process(link: Link) -> Iterator[Finding]:
    """Yield a problem if the credential_process isn't a command or its program doesn't exist."""
    command = link.section.text("credential_process") or ""
    where = link.at("credential_process")
    first = program(command)
    if first is None:
        yield _invalid("credential_process", where)
    elif not _is_on_path(first, link):
        yield _missing(first, where)
    else:
        yield "The command isn't run for an explanation."


def check_mfa_process(link: Link) -> Iterator[Finding]:
    """Yield a problem if a shell can't run the command that prints an MFA code."""
    commands = mfa_processes((link.profile,), link.inputs.config.profiles)
    where = link.at("mfa_process")
    for command in commands.values():
        first = program(command) or ""
        is_program = re.fullmatch(r"[\w./-]+", first) and first not in _OF_THE_SHELL
        if not is_command(command):
            yield _invalid("mfa_process", where)
        elif is_program and not _is_on_path(first, link):
            yield _missing(first, where)


def _invalid(name: str, where: str) -> Problem:
    return Problem(
        says=f"`{name}` isn't a valid command.",
        fix=f"Quote arguments that contain spaces. {where}",
    )


def _missing(first: str, where: str) -> Problem:
    home = " A `~` in it isn't expanded." if first.startswith("~") else ""
    return Problem(
        says=f"There is no program `{one_line(first)}` on the PATH.{home}",
        fix=f"Install it, or write its full path. {where}",
    )


def _is_on_path(first: str, link: Link) -> bool:
    try:
        return bool(shutil.which(first, path=link.inputs.environ.get("PATH", os.defpath)))
    except ValueError:  # the name contains a null character
        return False
