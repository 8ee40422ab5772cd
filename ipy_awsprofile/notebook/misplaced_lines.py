"""Find the line about a magic, a command or a section that IPython can't run where it is.

A misplaced magic is in the middle of a line of code, has its options on the next line, or has a
character in its name that makes it unknown to IPython.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING

from boto3.session import Session
from IPython.core.error import UsageError

from ipy_awsprofile.config.files import SharedFiles
from ipy_awsprofile.config.request import SESSION, Option, SwitchRequest, options_of
from ipy_awsprofile.config.settings import known_settings
from ipy_awsprofile.notebook.options import (
    ACTIONS_ALONE,
    OF_EACH_PROFILE,
    CellOptions,
    has_access_key,
)
from ipy_awsprofile.notebook.typed_words import is_profile
from ipy_awsprofile.text import letters_of, listed, misspelled, one_line, quoted

if TYPE_CHECKING:
    from ipy_awsprofile.switch.switcher import Switcher

_MAGICS = ("aws_profile", "aws_profiles", "aws_calls")

#: A magic of this package and its arguments.
_MAGIC = re.compile(r"%%?(?:aws_(?:profiles?|calls)|(?:re)?load_ext[ \t]+ipy_awsprofile)\b.*")

#: The variable to which a line assigns a value.
_ASSIGNED = re.compile(r"\s*([A-Za-z_]\w*)\s*=")

#: The code after a magic that compares its value, and the code before it that needs a value.
_COMPARISON = re.compile(r"\s*(?:[=!]=|\b(?:for|if|in|is|not)\b).*|\s*:\s*$")
_ITEM = re.compile(r"(%%?aws_\w+)[.(\[].*")
_NEEDS_VALUE = re.compile(r"\s*(?:if|elif|while|assert|for)\b[^:]*$")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}

#: What returns in Python code what a magic without arguments shows.
_IN_CODE = {
    "%aws_profile": ("who_am_i", "who_am_i({session})", "the active identity"),
    "%aws_profiles": ("list_profiles", "list_profiles()", "the profiles as a list"),
}

#: A line with a magic that has options, a line that begins with an option, and a comment.
_WITH_OPTIONS = re.compile(r"[ \t]*(%%?(?:aws_profiles?\b.*|aws_calls\b(?!\s*\w).*))")
_OPTION = re.compile(r"[ \t]*(?:--|[–—])[ \t]*([a-z].*)")
_COMMENT = re.compile(r"(?:^|\s+)#.*")

#: IPython's error for a magic that it doesn't know, and the lines that can cause it.
_UNKNOWN = re.compile(
    r"(?:Line magic function `%|Cell magic `%%)(?P<name>.*?)` not found", re.DOTALL
)
_LINE = re.compile(r"(?m)^[ \t]*(%%?)(.*)$")

#: The options of the magics that switch, by the names of their parameters in Python.
_OF_SWITCH = options_of(SwitchRequest)
_OPTIONS = {
    "aws_profile": _OF_SWITCH,
    "aws_profiles": options_of(CellOptions) | {name: _OF_SWITCH[name] for name in OF_EACH_PROFILE},
}

#: A magic with a space or different letters, and its arguments.
_CALL = re.compile(r"\(\s*(['\"]?)([^'\"(),]*)\1\s*\)")
_SPACED = re.compile(r"\s*(aws[\s_-]?[a-z]+)(?![\w-])(.*)", re.IGNORECASE)
_LIKE_MAGIC = 0.9
_SEPARATORS = ("", " ", ",", ";", ":")

#: The beginning of a section of the shared config files: its header and its first setting.
_SECTION = re.compile(
    r"(?:\s*#.*\n)*\s*\[[ \t]*(?:default|(?:profile|sso-session)[ \t]+[^\]\n]+)\][ \t]*\n"
    r"(?:[#;].*\n)*[ \t]*(\w+)[ \t]*="
)

#: A command of the AWS CLI, and the first words of commands that aren't a service of botocore.
_AWS_CLI = re.compile(r"\s*(aws[ \t]+([a-z-][\w-]*)(?![ \t]*[=.(]).*)")
_OF_CLI_ONLY = {"configservice", "configure", "deploy", "help", "login", "logout", "s3api"}


def line_about_misplaced(
    error: Exception, cell: str, namespace: Mapping[str, object], switcher: Switcher | None
) -> str:
    """Return a line about code that isn't Python and isn't where IPython runs it, or "".

    The parameters are the same as in `line_about_python`.
    """
    if has_access_key(cell) or not isinstance(error, (NameError, SyntaxError, UsageError)):
        return ""
    if isinstance(error, UsageError):
        return _about_unknown_magic(str(error), cell, namespace)
    line = _about_options_below(error, cell) or _about_section(error, cell)
    if line or not isinstance(error, SyntaxError):
        return line
    code = str(getattr(error, "text", None) or "")
    command = _about_command(code.rstrip())
    if command:
        return command
    magic = _MAGIC.search(code)
    if magic is None:
        return ""
    if "%run" in cell or _is_in_module(error, namespace):
        in_program = _about_magic_in_program(error, cell)
        if in_program:
            return in_program
    active = switcher.active if switcher else None
    variable = active.request.variable if active else ""
    return _about_magic(magic, code, variable)


# Magics in code -----------------------------------------------------------------------------------


def _is_in_module(error: SyntaxError, namespace: Mapping[str, object]) -> bool:
    """Return whether the code with a syntax error is in a module that the notebook imports.

    A cell with a syntax error doesn't run, so the traceback doesn't contain the notebook's code. A
    name of a file doesn't tell them apart, because ipykernel names each cell like a module.
    """
    return any(frame.f_globals is namespace for frame, _ in walk_tb(error.__traceback__))


def _about_magic_in_program(error: SyntaxError, cell: str) -> str:
    """Return a line about a magic in a program or module, or "" if it isn't in a Python file."""
    file = Path(str(error.filename or ""))
    if file.suffix != ".py":
        return ""
    if "%run" in cell:
        return (
            f"A file with magics must end with `.ipy`. Rename `{file.name}` to "
            f"`{file.stem}.ipy`, and write `%run {file.stem}.ipy`."
        )
    return (
        f"A module can't contain magics. Rename `{file.name}` to `{file.stem}.ipy`, and write "
        f"`%run {file.stem}.ipy` instead of importing it."
    )


def _about_magic(magic: re.Match[str], code: str, variable: str) -> str:
    """Return a line about a magic that isn't at the beginning of a line or of a cell.

    ``code`` is the line of the error, and ``variable`` names the active session's variable.
    """
    before = code[: magic.start()]
    line = _without_code(before, magic[0])
    if not line.startswith("%%"):
        in_code = _about_value(line, variable) if line != magic[0].strip() else ""
        return (
            f"A magic must be at the beginning of a line. Write `{line}` on a separate line, "
            f"which can be indented.{in_code}"
        )
    assigned = _ASSIGNED.match(before)
    if assigned is None or not line.startswith("%%aws_"):
        return f"A magic with two percent signs must begin the cell. Write `{line}`."
    name = line.split(maxsplit=1)[0]
    if name == "%%aws_profiles":
        into = "" if "--into" in line else f" --into {assigned[1]}"
        return f"`{name}` must begin the cell. Write `{line}{into}` in the cell's first line."
    return (
        f"`{name}` must begin the cell. Write `{line}` in the cell's first line, and assign "
        f"`{assigned[1]}` in the lines below it."
    )


def _without_code(before: str, line: str) -> str:
    """Return the line of a magic without the code around the magic, such as a closing bracket."""
    opened: list[str] = []
    for character in before:
        if character in _BRACKETS:
            opened.append(_BRACKETS[character])
        elif opened and character == opened[-1]:
            opened.pop()
    if opened:
        line = _before_closing(line, opened[-1])
    if opened or _NEEDS_VALUE.match(before):
        line = _COMPARISON.sub("", line)
    return _ITEM.sub(r"\1", line.strip())


def _before_closing(line: str, closing: str) -> str:
    """Return the part of a line before a closing bracket or a comma that the line didn't open."""
    depth = 0
    opening = next(key for key, value in _BRACKETS.items() if value == closing)
    for position, character in enumerate(line):
        is_outside = depth == 0
        if is_outside and (character == closing or line[position : position + 2] == ", "):
            return line[:position]
        depth += (character == opening) - (character == closing)
    return line


def _about_value(line: str, variable: str) -> str:
    """Return a sentence about the function that returns what a magic shows, or ""."""
    if line not in _IN_CODE:
        return ""
    name, code, what = _IN_CODE[line]
    if name == "who_am_i" and not variable:  # no profile is active
        return ""
    return (
        f" In code, `{code.format(session=variable)}` returns {what}, after "
        f"`from ipy_awsprofile import {name}`."
    )


def _about_options_below(error: Exception, cell: str) -> str:
    """Return a line about options on the line below their magic, or an empty string.

    A NameError shows that the magic has already run without these options.
    """
    for magic, typed in _magics_and_options(cell):
        options = [_OPTION.sub(r"--\1", option) for option in typed]
        says = "An option must be on the same line as its magic."
        if isinstance(error, NameError) and _names(str(error.name), typed):
            says = f"`{magic}` ran without {listed(map(one_line, options))}. {says}"
        elif isinstance(error, NameError) or not _is_at(error, typed):
            continue
        line = one_line(" ".join([magic, *options]))
        alone = [option for option in options if option.lstrip("-") in ACTIONS_ALONE]
        if alone:
            return f"To use `{alone[0]}`, write `%aws_profile {alone[0]}`."
        if magic.startswith("%%"):
            return f"{says} Begin the cell with `{line}`."
        return f"{says} Run `{line}`."
    return ""


def _magics_and_options(cell: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each line with a magic and the lines below it that begin with an option."""
    magic = ""
    options: list[str] = []
    for each in cell.splitlines():
        line = _COMMENT.sub("", each).strip()
        begins = _WITH_OPTIONS.fullmatch(line)
        if begins:
            if options:
                yield magic, options
            magic, options = begins[1].strip(), []
        elif magic and _OPTION.fullmatch(line):
            options.append(line)
    if options:
        yield magic, options


def _names(name: str, options: list[str]) -> bool:
    """Return whether a name that isn't defined is a word of an option, such as `read`."""
    return any(name in re.findall(r"[A-Za-z_]\w*", option) for option in options)


def _is_at(error: Exception, options: list[str]) -> bool:
    """Return whether a SyntaxError is in one of the options."""
    return _COMMENT.sub("", str(getattr(error, "text", None) or "")).strip() in options


# Unknown magics -----------------------------------------------------------------------------------


def _about_unknown_magic(text: str, cell: str, namespace: Mapping[str, object]) -> str:
    """Return a line about a magic that IPython doesn't know, or an empty string."""
    unknown = _UNKNOWN.search(text)
    if unknown is None:
        return ""
    if unknown["name"].startswith("%"):  # it is a line magic of IPython's
        is_ours = unknown["name"].lstrip("%") in _MAGICS
        return "A magic with two percent signs must be in the cell's first line." if is_ours else ""
    for mark, line in _lines_with(unknown["name"], cell):
        name, *_ = re.split(r"[^\w.]", line, maxsplit=1)
        advice = _about_function(name, line[len(name) :].strip(), namespace)
        advice = advice or _about_spelling(mark, name, line) or _about_command(line)
        if advice:
            return advice
    return ""


def _about_spelling(mark: str, name: str, line: str) -> str:
    """Return a line about a magic with other letters, brackets or an unusual space, or ""."""
    magic = _SPACED.fullmatch(line)
    near = misspelled(letters_of(magic[1]), _MAGICS, _LIKE_MAGIC) if magic else []
    if magic is None or not near:
        return ""
    call = _words_of_call(magic[2], near[0])
    arguments = call or magic[2].lstrip(",;:")
    follows = magic[2][:1]
    is_separate = follows in _SEPARATORS or not follows.isprintable()
    if call is None and not is_separate:
        return ""
    words = " ".join(_visible_words(arguments))
    written = one_line(f"{mark}{near[0]} {words}".strip())
    if call is not None:
        return f"A magic isn't a function. Write `{written}`."
    if name not in _MAGICS or follows in _SEPARATORS:
        return f"Write `{written}`."
    return (
        f"The character after `{mark}{name}` isn't a normal space. Delete it, and type a space: "
        f"`{written}`."
    )


def _words_of_call(text: str, magic: str) -> str | None:
    """Return the words for a magic that is written as a call, or None for other text.

    ``text`` follows the name of the magic. The result is also None if the magic doesn't have an
    option that the call passes, because a line without the option could lack a limit.
    """
    name = _CALL.fullmatch(text)
    if name:
        return name[2]
    options = _OPTIONS.get(magic, {})
    words: list[str] = []
    source = f"{magic}{text}"
    try:
        call = ast.parse(source, mode="eval").body
        if not isinstance(call, ast.Call) or len(call.args) > 1:
            return None
        words += [_word_of_name(each, source) for each in call.args]
        for keyword in call.keywords:
            value = ast.literal_eval(keyword.value)
            words += _words_of_option(options[str(keyword.arg)], value)
    except (KeyError, SyntaxError, ValueError):  # another option, or a value that isn't a literal
        return None
    return " ".join(words)


def _word_of_name(argument: ast.expr, source: str) -> str:
    """Return the word for a profile's name in a call, or for a variable that contains the name."""
    if isinstance(argument, ast.Constant):
        return quoted(str(argument.value))
    code = ast.get_source_segment(source, argument) or ""
    return code if is_profile(code) else f"{{{code}}}"


def _words_of_option(declared: Option, value: object) -> list[str]:
    """Return the words of an option with a value from Python code."""
    if value is None or value is False:
        return []
    if value is True:
        return [declared.flag]
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    return [declared.flag, quoted(str(value))]


def _visible_words(text: str) -> list[str]:
    """Return the words of a string without invisible characters and unusual spaces."""
    visible = [each if each.isprintable() else " " for each in text]
    return "".join(visible).split()


def _lines_with(name: str, cell: str) -> Iterator[tuple[str, str]]:
    """Yield the percent signs and the rest of each line that begins with an unknown magic."""
    for mark, line in _LINE.findall(cell):
        is_spaced = not name and line[:1].isspace()
        if is_spaced or (name and line.startswith(name)):
            yield mark, line


def _about_function(name: str, arguments: str, namespace: Mapping[str, object]) -> str:
    """Return a line about a function of this package that is written as a magic, or ""."""
    words = arguments.split()
    is_session = len(words) == 1 and namespace.get(words[0]) is not None
    code = {
        "list_buckets": f"list_buckets({arguments if is_session else SESSION})",
        "list_profiles": f"list_profiles({arguments!r})" if words else "list_profiles()",
        "open_session": f"open_session({arguments!r})" if len(words) == 1 else "",
        "who_am_i": f"who_am_i({arguments if is_session else SESSION})",
    }.get(name, "")
    if not code:
        return ""
    says = f"`{name}` is a function, and not a magic."
    if name in namespace:
        return f"{says} Write `{code}`."
    return f"{says} Run `from ipy_awsprofile import {name}`, then write `{code}`."


# Lines of files and terminals ---------------------------------------------------------------------


def _about_section(error: Exception, cell: str) -> str:
    """Return a line about a section of the shared config files, or an empty string."""
    section = _SECTION.match(cell)
    if section is None or section[1] not in known_settings():
        return ""
    if isinstance(error, NameError) and error.name != "default":
        return ""
    path = SharedFiles.from_environment().config
    return f"This section belongs in the config file, `{one_line(path)}`, and not in a cell."


def _about_command(code: str) -> str:
    """Return a line about a command of the AWS CLI without an exclamation mark, or ""."""
    command = _AWS_CLI.fullmatch(code)
    if command is None:
        return ""
    is_option = command[2].startswith("--")
    if not is_option and command[2] not in {*Session().get_available_services(), *_OF_CLI_ONLY}:
        return ""
    line = one_line(command[1].strip())
    if command[2] in ("configure", "login", "sso"):  # they prompt, or open a browser
        return f"Run `{line}` in a terminal."
    return f"`aws` is a program. Write `!{line}`."
