"""Find the reason for a missing section: a misspelled header, or a missing file.

Switches and explanations both use this module. A switch uses it only if it can't find a name,
because the files can have 20,000 sections.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.problem import Problem, place
from ipy_awsprofile.config.shared_files import Section, line_below
from ipy_awsprofile.config.user_environment import user_environment
from ipy_awsprofile.text import as_seen, has_unseen, shortened, visible_line


def header_advice(kind: str, name: str, config: Config) -> str:
    """Return how to fix the misspelled header of a missing section, or an empty text.

    ``kind`` is the first word of the header: ``profile``, ``sso-session`` or ``services``.
    """
    problems = (problem for problem, _ in misspelled_headers(kind, name, config))
    return str(next(problems, ""))


def file_advice(name: str, config: Config) -> str:
    """Return what to do if a profile isn't found because a file is missing, or an empty text.

    https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
    """
    config_file, credentials_file = config.paths.config, config.paths.credentials
    if named := list(files_not_there(config, user_environment())):
        return f"{' '.join(named)} Correct the variable, or create the file."
    if _is_file(config_file) or _is_file(credentials_file):
        return ""
    return (
        f"Neither {config_file} nor {credentials_file} exists. In a terminal, run "
        f"`aws configure --profile {shlex.quote(name)}`, or `aws configure sso` to use IAM "
        "Identity Center."
    )


def files_not_there(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence about each variable with the path of a shared file that doesn't exist."""
    for variable, file in (
        ("AWS_CONFIG_FILE", config.paths.config),
        ("AWS_SHARED_CREDENTIALS_FILE", config.paths.credentials),
    ):
        if environ.get(variable) and not _is_file(file):
            shown = shortened(visible_line(str(file)), 200)
            yield f"`{variable}` names a file that doesn't exist: {shown}."


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):  # ValueError if the path contains a null character
        return False


#: A section's header in any spelling.
_HEADER = re.compile(
    r"(?:profiles?[\s:]+)?(?:(profiles?)|(sso[-_ ]?sessions?)|services?)[\s:]+(.+)", re.IGNORECASE
)


def misspelled_headers(kind: str, name: str, config: Config) -> Iterator[tuple[Problem, Section]]:
    """Yield the problem and the section of each misspelled header that was meant for this name."""
    own = sections_of(kind, config).get(name)
    parts = own.parts if own is not None else ()
    for section in _unread_sections(config):
        if _meant(section.header) != (kind, name) or any(section is part for part in parts):
            continue
        file = section.file if kind == "profile" else config.paths.config
        same = next((part for part in parts if part.file == file), None)
        yield _of_header(kind, name, section, config, same), section
    yield from _indented_headers(kind, name, config)


def sections_of(kind: str, config: Config) -> dict[str, Section]:
    """Return the sections of one kind, by name."""
    match kind:
        case "profile":
            return config.profiles
        case "sso-session":
            return config.sso_sessions
        case _:
            return config.services


def _unread_sections(config: Config) -> Iterator[Section]:
    """Yield the sections with possibly misspelled headers."""
    yield from config.others.values()
    yield from config.unnamed.values()
    for known in (config.profiles, config.sso_sessions, config.services):
        for section in known.values():
            for part in section.parts:
                if part.file == config.paths.credentials or not part.header.isascii():
                    yield part


def _meant(header: str) -> tuple[str, str]:
    """Return the intended kind and name of a header, even if it is misspelled."""
    plain = as_seen(header).partition("]")[0].strip()
    if found := _HEADER.fullmatch(plain):
        profile, session, name = found.groups()
        kind = "profile" if profile else "sso-session" if session else "services"
    else:
        kind, name = "profile", plain
    return kind, name.strip(" \"'")


def _of_header(
    kind: str, name: str, section: Section, config: Config, same: Section | None
) -> Problem:
    """Return the problem of a misspelled header. ``same`` is the correct section in its file."""
    in_credentials = section.file == config.paths.credentials
    header = _header(kind, name, in_credentials=in_credentials)
    used = ""
    if same is not None:
        used = f", which is at {place(same.file, same.line)}"
        fix = "Merge this section into it."
    elif in_credentials and kind != "profile":
        fix = f"Move it to the config file, as {header}."
    else:
        unseen = " again, without the invisible character" if has_unseen(section.header) else ""
        fix = f"Write {header}{unseen}."
    file = "credentials" if in_credentials else "config"
    what = f"[{_shown(section.header)}] in the {file} file"
    return Problem(
        says=f"{what} isn't the {kind} `{_shown(name)}`{used}.",
        fix=f"{fix} See {place(section.file, section.line)}.",
        fatal=False,
    )


def _header(kind: str, name: str, *, in_credentials: bool) -> str:
    """Return the header that botocore needs for a section, for example ``[profile "my dev"]``."""
    shown = _shown(name)
    if in_credentials and kind == "profile":
        return f"[{shown}]"
    is_word = re.fullmatch(r"""[^\s"'\\]+""", name)
    quoted = re.sub(r'(["\\])', r"\\\1", shown)
    return f"[{kind} {shown}]" if is_word else f'[{kind} "{quoted}"]'


def _shown(name: str) -> str:
    return shortened(visible_line(name), 200)


def _indented_headers(kind: str, name: str, config: Config) -> Iterator[tuple[Problem, Section]]:
    """Yield each header that is read as part of a value because it is indented."""
    if name in sections_of(kind, config):
        return
    for section in config.profiles.values():
        for setting, value in section.items():
            for line in value.split("\n")[1:] if isinstance(value, str) else ():
                if line.startswith("[") and _meant(line[1:]) == (kind, name):
                    file, first = section.origins[setting]
                    found = Section(file, line_below(file, first, line))
                    where = place(file, found.line)
                    yield _indented(setting, where), found


def _indented(setting: str, where: str) -> Problem:
    return Problem(
        says=f"{where} is indented, so it is read as part of `{_shown(setting)}`.",
        fix=f"Remove the indentation of {where}.",
        fatal=False,
    )
