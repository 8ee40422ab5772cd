"""Explain code that a cell gives to a shell, where the code works differently than in Python."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from ipy_awsprofile.config.files import read_config
from ipy_awsprofile.config.shared import SHARED_PROFILES
from ipy_awsprofile.config.user_environment import PROFILE_VARIABLES
from ipy_awsprofile.config.values import is_program
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.notebook.options import has_access_key
from ipy_awsprofile.switch.switcher import line_to_switch
from ipy_awsprofile.text import one_line

#: A variable that a shell sets only for itself.
_EXPORT = re.compile(r"(?m)^[ \t]*!\s*export\s+(AWS_\w+)=(\S*)")

#: A cell that a shell runs, and the variables with a profile's name that the shell sets.
_SHELL_CELL = re.compile(r"\s*(%%(?:bash|sh|script|system|sx|!))(?!\w)")
_EXPORT_IN_SHELL_CELL = re.compile(r"(?m)^[ \t]*export[ \t]+(AWS_(?:DEFAULT_)?PROFILE)=(\S*)")

#: A command of a shell in a cell, and the option or variable with which a command names a profile.
_COMMAND = re.compile(r"(?m)^[^\n#]*?![ \t]*([^\n]+)$")
_PROFILE = re.compile(r"(?:--profile[ \t=]+|\bAWS_PROFILE=)[\"']?([^\s\"']+)[\"']?")

#: A cell for many profiles, and a command of the AWS CLI in it that needs credentials and doesn't
#: name a profile.
_MANY = re.compile(r"\s*%%aws_profiles\b(.*)")
_AWS_CLI = re.compile(
    r"(?m)^[ \t]*(?:\w+[ \t]*=[ \t]*)?!{1,2}[ \t]*aws[ \t]+(?!-|configure\b|help\b|sso\b)"
    r"(?!.*(?:--profile|--no-sign-request)\b)(\S.*)$"
)

_LIMITED_OR_ROLES = re.compile(r"--(?:read-only|policy|organization)\b|:")

#: A magic of this package as a command of a shell, in a line or in a cell that a shell runs.
_MAGIC = r"%{0,2}(?P<name>aws_profiles?|aws_calls)(?![ \t]*=)(?P<line>(?:[ \t].*)?)$"
_MAGIC_IN_SHELL_LINE = re.compile(rf"(?m)^[ \t]*!\s*{_MAGIC}")
_MAGIC_IN_SHELL_CELL = re.compile(rf"(?m)^[ \t]*{_MAGIC}")


def lines_about_shell(cell: str) -> Iterator[str]:
    """Yield lines about variables, magics and commands in a cell that don't work in a shell."""
    shell = _SHELL_CELL.match(cell)
    if shell:
        yield from _about_variables(cell)
        for line in _magics_in(_MAGIC_IN_SHELL_CELL, cell):
            yield f"A `{shell[1]}` cell can't run magics. Run `{line}` in a separate cell first."
    for name, value in _EXPORT.findall(cell):
        profile = value.strip("'\"")
        step = f"To set it in the notebook, write `%env {name}=VALUE`."
        if name in PROFILE_VARIABLES and _is_profile(profile):
            step = f"To switch to `{profile}`, run `{line_to_switch(profile)}`."
        yield f"`!export` sets `{name}` only in a shell that ends at once. {step}"
    for line in _magics_in(_MAGIC_IN_SHELL_LINE, cell):
        yield f"`!` runs programs, and not magics. Write `{line}`."
    many = _MANY.match(cell)
    command = _AWS_CLI.search(cell) if many else None
    if many and command:
        yield _about_aws_cli(many[1], command[1].strip())


def option_with_profile(cell: str) -> str:
    """Return the option or variable with which a command in a cell names another profile, or ""."""
    if _MANY.match(cell):  # the notebook's limits don't apply to the profiles of such a cell
        return ""
    commands = cell if _SHELL_CELL.match(cell) else "\n".join(_COMMAND.findall(cell))
    for named in _PROFILE.finditer(commands):
        if named[1] in SHARED_PROFILES:  # with the notebook's identity and its limits
            continue
        is_known = _is_profile(named[1]) or named[1].startswith(("{", "$"))
        if is_known and named[1] != os.environ.get("AWS_PROFILE"):
            return named[0]
    return ""


def _about_aws_cli(line: str, command: str) -> str:
    """Return a line about a command of the AWS CLI in a cell for many profiles.

    ``line`` is the rest of the cell's first line.
    """
    says = "In a cell for many profiles, the AWS CLI doesn't use the session of the profile."
    if _LIMITED_OR_ROLES.search(line):  # the profile's name isn't enough
        return f"{says} Use the clients of `session` instead."
    return f"{says} Write `!aws --profile {{profile}} {command}`."


def _about_variables(cell: str) -> Iterator[str]:
    """Yield a line about each variable of a shell's cell that contains the name of a profile."""
    for name, value in _EXPORT_IN_SHELL_CELL.findall(cell):
        profile = value.strip("'\"")
        if _is_profile(profile):
            yield (
                f"`export` sets `{name}` only for the rest of the cell. To switch the notebook to "
                f"`{profile}`, run `{line_to_switch(profile)}`."
            )


def _magics_in(pattern: re.Pattern[str], cell: str) -> Iterator[str]:
    """Yield the lines of magics that a shell can't run, as they work in a notebook."""
    for magic in pattern.finditer(cell):
        if not is_program(magic["name"]) and not has_access_key(magic[0]):
            yield one_line(f"%{magic['name']}{magic['line']}")


def _is_profile(name: str) -> bool:
    """Return whether the config files, if they can be read, have a profile with this name."""
    with suppress(AwsProfileError):  # the user is still editing them
        return name in read_config().profiles
    return False
