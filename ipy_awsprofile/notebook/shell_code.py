"""Explain code that a cell gives to a shell, where the code works differently than in Python."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from IPython.core.inputtransformer2 import TransformerManager

from ipy_awsprofile.config.files import SharedFiles, read_config
from ipy_awsprofile.config.settings import KEYS
from ipy_awsprofile.config.shared import NOTEBOOK, SHARED_PROFILES
from ipy_awsprofile.config.user_environment import PROFILE_VARIABLES
from ipy_awsprofile.config.values import is_program
from ipy_awsprofile.errors import AwsProfileError
from ipy_awsprofile.label import is_read_only
from ipy_awsprofile.notebook.options import has_access_key
from ipy_awsprofile.switch.named_profiles import (
    has_no_credentials,
    is_hidden,
    line_about_hidden,
    line_to_switch,
    uses_active_instead,
)
from ipy_awsprofile.text import one_line

if TYPE_CHECKING:
    from ipy_awsprofile.label import Label

#: A variable that a shell sets only for itself.
_EXPORT = re.compile(r"(?m)^[ \t]*!\s*export\s+(AWS_\w+)=([^\s;&|]*)")

#: A cell that a shell runs, and the variables with a profile's name that the shell sets.
_SHELL_CELL = re.compile(r"\s*(%%(?:bash|sh|script|system|sx|!|python3?))(?!\w)")
_EXPORT_IN_SHELL_CELL = re.compile(r"(?m)^[ \t]*export[ \t]+(AWS_(?:DEFAULT_)?PROFILE)=(\S*)")

#: A command of a shell in a cell, and the option or variable with which a command names a profile.
_COMMAND = re.compile(r"(?m)^[^\n#]*?![ \t]*([^\n]+)$")
_PROFILE = re.compile(
    r"""(?:(['"]?)--(?:aws-)?profile\1[ \t=,]+"""
    r"""|(?:[\w.]+\[)?(['"]?)\bAWS_PROFILE\2\]?[ \t]*[=:][ \t]*)"""
    r"""(['"]?)(?P<name>[^\s'",]+)\3"""
)

#: The argument with which a program in Python names a profile, in a string or a shell's code.
_IN_PROGRAM = re.compile(r"""\bprofile_name[ \t]*=[ \t]*(\\?['"])(?P<name>[^\s'"\\]+)\1""")

#: Python code that runs programs, and its lines without comments.
_RUNS_PROGRAMS = re.compile(r"\bsubprocess\b|\bos\.(?:system|popen)\b")
_LINE = re.compile(r"(?m)^[ \t]*[^\s#].*$")

#: The end of a command in a line, and a line that sets a variable without using it.
_END = re.compile(r"&&|\|\||[;|\n]")
_EXPORT_ALONE = re.compile(r"export\s+\w+=[^\s;&|]*\s*")

#: Commands of the AWS CLI that don't call a service with the profile's credentials, and the command
#: that changes a setting in the config file.
_WITHOUT_CREDENTIALS = re.compile(
    r"""\baws[\s'",]+(?:--profile[\s'",=]+[^\s'",]+[\s'",]+)?(?:configure|help|login|logout|sso)\b"""
)
_CONFIGURES = re.compile(r"aws\s+(?:--profile[\s=]+\S+\s+)?configure\s+set\s+(?P<setting>\S+)\s+\S")

#: Code with which commands find the profiles that a switch hides from them.
_OWN_FILES = re.compile(r"\bAWS_CONFIG_FILE\b|\benv[ \t]+-i\b|\$\{!AWS_")

#: The first line of a cell for a different profile, or for many profiles.
_OTHER = re.compile(r"\s*%%aws_profile\b")

#: A cell for many profiles, and commands of the AWS CLI in it that need credentials and don't name
#: a profile: after an exclamation mark, as a list in Python, and as a string in Python.
_MANY = re.compile(r"\s*%%aws_profiles\b(.*)")
_REST = r"(?!-|configure\b|help\b|sso\b)(?!.*--(?:profile|no-sign-request)\b)"
_AWS_CLI = re.compile(rf"(?m)^[ \t]*(?:\w+[ \t]*=[ \t]*)?!{{1,2}}[ \t]*aws[ \t]+{_REST}(\S.*)$")
_IN_LIST = re.compile(rf"""\[['"]aws['"],[ \t]*(?=['"]{_REST})([^\[\]\n]+\])""")
_IN_STRING = re.compile(
    r"""\b(?:call|check_call|check_output|popen|Popen|run|split|system)\(f?"""
    rf"""(['"])aws[ \t]+{_REST}([^\n]+?)\1"""
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
    code = _code_with_profile(cell) if many else ""
    if many and code:
        yield _about_aws_cli(many[1], code)
    elif many and "--read-only" in many[1]:
        yield from _about_limit_of_many(cell)


def line_about_commands(cell: str, active: Label) -> str:
    """Return a line about a command in a cell that names another profile than the active one.

    The result is an empty string if no command names another profile, or if that works as expected.
    """
    if _MANY.match(cell):  # the notebook's limits don't apply to the profiles of such a cell
        return ""
    is_for_other = bool(_OTHER.match(cell))
    for command in _commands_in(cell):
        if _WITHOUT_CREDENTIALS.search(command):
            line = "" if is_for_other else _about_configuring(command, cell, active)
        elif _OWN_FILES.search(cell):
            line = _about_own_files(command, active)
        else:
            named = _PROFILE.search(command)
            line = _about_profile(named, active, is_for_other=is_for_other)
        if line:
            return line
    for program in _programs_in(cell):
        line = _about_profile(_IN_PROGRAM.search(program), active, is_for_other=is_for_other)
        if line:
            return line
    return ""


def _commands_in(cell: str) -> Iterator[str]:
    """Yield the commands that a shell or Python code in a cell runs, each without the others."""
    code = "\n".join(line for line in _COMMAND.findall(cell) if not _EXPORT_ALONE.fullmatch(line))
    if _SHELL_CELL.match(cell):
        code = cell.replace("\\\n", " ")
    elif _RUNS_PROGRAMS.search(cell):
        code += "\n" + "\n".join(_LINE.findall(cell))
    yield from map(str.strip, _END.split(code))


def _programs_in(cell: str) -> Iterator[str]:
    """Yield the strings and commands of a cell that runs programs, which can contain Python."""
    if "profile_name" not in cell:
        return
    if not (_SHELL_CELL.match(cell) or _COMMAND.search(cell) or _RUNS_PROGRAMS.search(cell)):
        return
    with suppress(SyntaxError):
        for node in ast.walk(ast.parse(TransformerManager().transform_cell(cell))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _about_profile(named: re.Match[str] | None, active: Label, *, is_for_other: bool) -> str:
    """Return a line about the profile that a command names, or an empty string.

    ``is_for_other`` is true if the cell's own profile was active instead of the notebook's.
    """
    if named is None or named["name"] == os.environ.get("AWS_PROFILE"):
        return ""
    profile = named["name"]
    with suppress(AwsProfileError):  # the user is still editing the config files
        if is_hidden(profile) and not is_for_other:
            return _about_hidden(profile, named[0], active)
        if uses_active_instead(profile) and not is_for_other:
            return (
                f"`{profile}` has no credentials, so commands that name it run as `{active.name}`."
            )
    is_known = _is_profile(profile) or profile.startswith(("{", "$"))
    if profile in SHARED_PROFILES and not is_known:
        return (
            f"Only `%aws_profile --share` creates the profile `{profile}`, for programs outside "
            f"the notebook. To run the command as `{active.name}`, leave out `{named[0]}`."
        )
    if profile in SHARED_PROFILES or not is_known:  # with the notebook's identity and its limits
        return ""
    if not is_read_only(active):
        return ""
    return (
        f"`{active.name}` doesn't limit a command that names a profile. To keep the limit, leave "
        f"out `{named[0]}`."
    )


def _about_own_files(command: str, active: Label) -> str:
    """Return a line about a command that finds profiles although a switch hides them, or ""."""
    named = _PROFILE.search(command)
    if named is None or named["name"] in SHARED_PROFILES or not is_read_only(active):
        return ""
    return (
        f"`{active.name}` doesn't limit a command that names a profile. To keep the limit, leave "
        f"out `{named[0]}`, and don't change the command's variables."
    )


def _about_hidden(profile: str, written: str, active: Label) -> str:
    """Return a line about a profile that a command names, and that programs can't find.

    ``written`` is the option or variable that names the profile.
    """
    says = line_about_hidden(active)
    if profile in (NOTEBOOK, active.profile):
        return f"{says} Leave out `{written}`."
    if profile in SHARED_PROFILES:
        return says
    if has_no_credentials(profile):
        return (
            f"{says} `{profile}` has no credentials of its own. To run the command as "
            f"`{active.name}`, leave out `{written}`."
        )
    return f"{says} Begin the cell with `%{line_to_switch(profile)}`, and leave out `{written}`."


def _about_configuring(command: str, cell: str, active: Label) -> str:
    """Return a line about a command that needs the user's own config file, or an empty string.

    While some profiles are active, commands use another config file.
    """
    files = SharedFiles.from_environment()
    if files == SharedFiles.of_programs() or has_access_key(command):
        return ""
    configures = _CONFIGURES.match(command)
    if configures:
        if configures["setting"] in KEYS:  # they are in the credentials file
            return ""
        says = (
            f"While `{active.name}` is active, commands use another config file, so "
            "`aws configure set` doesn't change yours."
        )
        return f"{says} {_step_with_file(command, cell, active, files)}"
    named = _PROFILE.search(command)
    if named and _is_hidden(named["name"]) and not _OWN_FILES.search(cell):
        return f"{line_about_hidden(active)} {_step_with_file(command, cell, active, files)}"
    return ""


def _step_with_file(command: str, cell: str, active: Label, files: SharedFiles) -> str:
    """Return a sentence that says how to run a command with the user's own config file."""
    if os.name == "nt":  # its shell has no variables for a single command
        return "Run the command in a terminal."
    if "--profile" not in command:
        command += f" --profile {shlex.quote(active.profile)}"
    mark = "" if _SHELL_CELL.match(cell) else "!"
    path = shlex.quote(str(files.config))
    return f"Write `{mark}AWS_CONFIG_FILE={path} {one_line(command)}`."


def _code_with_profile(cell: str) -> str:
    """Return a command of the AWS CLI in a cell for many profiles, with the profile's name.

    The result is code for the cell, or an empty string if no command lacks the profile's name.
    """
    command = _AWS_CLI.search(cell)
    if command:
        return f"!aws --profile {{profile}} {command[1].strip()}"
    listed = _IN_LIST.search(cell)
    if listed:
        return f'["aws", "--profile", profile, {listed[1]}'
    text = _IN_STRING.search(cell)
    if text:
        return f"f{text[1]}aws --profile {{profile}} {text[2]}{text[1]}"
    return ""


def _about_aws_cli(line: str, code: str) -> str:
    """Return a line about a command of the AWS CLI in a cell for many profiles.

    ``line`` is the rest of the cell's first line, and ``code`` is the command with the profile.
    """
    says = "In a cell for many profiles, the AWS CLI doesn't use the session of the profile."
    if _LIMITED_OR_ROLES.search(line):  # the profile's name isn't enough
        return f"{says} Use the clients of `session` instead."
    return f"{says} Write `{one_line(code)}`."


def _about_limit_of_many(cell: str) -> Iterator[str]:
    """Yield a line if a command in a limited cell for many profiles names a profile."""
    for command in _commands_in(cell):
        named = _PROFILE.search(command)
        if named and not _WITHOUT_CREDENTIALS.search(command):
            yield (
                "`--read-only` in the cell's first line doesn't limit a command with "
                f"`{named[0]}`. Use the clients of `session` instead."
            )
            return


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


def _is_hidden(name: str) -> bool:
    """Return whether only this package finds a profile in the config files, if it can read them."""
    with suppress(AwsProfileError):  # the user is still editing them
        return is_hidden(name)
    return False


def _is_profile(name: str) -> bool:
    """Return whether the config files, if they can be read, have a profile with this name."""
    with suppress(AwsProfileError):  # the user is still editing them
        return name in read_config().profiles
    return False
