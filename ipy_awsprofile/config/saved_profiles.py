"""Find and change the profiles that ``%aws_profiles --save`` has written to the config file.

Each of their sections begins with a comment, the mark. It contains the sign-in and a digest of the
settings at the time. If settings or comments differ, the user has edited the section. A section
without a mark belongs to the user.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ipy_awsprofile.config.config import Config
from ipy_awsprofile.config.new_profiles import NewProfile, section_header, with_sections
from ipy_awsprofile.config.shared_files import Section, Value
from ipy_awsprofile.config.sign_ins import SignIn

_MARK = re.compile(r"# Saved by ipy_awsprofile from the sign-in .* \(digest ([0-9a-f]{8})\)")
_HEADER = re.compile(r"\[.+\]")


@dataclass(frozen=True, slots=True)
class SavedProfile:
    """A profile with a mark. Its lines (from 0) are ``header`` up to ``end`` (exclusive)."""

    name: str
    account: str
    role: str
    is_edited: bool
    header: int
    end: int


def mark_of(sign_in: str, settings: Mapping[str, Value]) -> str:
    """Return the comment that marks a section with these settings as written by this package."""
    return f"# Saved by ipy_awsprofile from the sign-in {sign_in} (digest {_digest(settings)})"


def _digest(settings: Mapping[str, Value]) -> str:
    return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def saved_profiles(sign_in: SignIn, text: str, config: Config) -> list[SavedProfile]:
    """Return the marked profiles of a sign-in, in the order of the file.

    ``text`` is the text of the config file.
    """
    lines = _lines(text)
    sections = {
        name: section
        for name, section in config.profiles.items()
        if section.file == config.paths.config
    }
    starts = {section.line - 1 for section in sections.values()}
    starts |= {number for number, line in enumerate(lines) if _HEADER.match(line)}
    found = (
        _saved(name, section, lines, starts)
        for name, section in sections.items()
        if sign_in.is_of(section)
    )
    return sorted(filter(None, found), key=lambda saved: saved.header)


def _saved(
    name: str, section: Section, lines: Sequence[str], starts: set[int]
) -> SavedProfile | None:
    account, role = section.text("sso_account_id"), section.text("sso_role_name")
    if not account or not role or "role_arn" in section or not section.header:
        return None
    header = section.line - 1
    after = next((i for i in range(header + 1, len(lines)) if i in starts), len(lines))
    # Comments after the last setting can belong to the next section.
    body = range(header + 1, after)
    end = 1 + max((i for i in body if not _is_comment(lines[i])), default=header)
    comments = [lines[i].strip() for i in range(header + 1, end) if _is_comment(lines[i])]
    marks = [match[1] for comment in comments if (match := _MARK.fullmatch(comment))]
    if not marks:
        return None
    own = {key: section[key] for key in section if section.lines.get(key, 0) > section.line}
    is_edited = len(list(filter(None, comments))) > 1 or marks != [_digest(own)]
    return SavedProfile(name, account, role, is_edited, header, end)


def changed_text(
    text: str,
    *,
    renamed: Iterable[tuple[SavedProfile, str]],
    removed: Collection[SavedProfile],
    added: Iterable[NewProfile],
) -> str:
    """Return the text of a config file with sections renamed, removed and added.

    All other lines stay unchanged, except for blank lines around a removed section.
    """
    lines = _lines(text)
    for saved, name in renamed:
        after_header = _HEADER.sub("", lines[saved.header], count=1)
        lines[saved.header] = section_header(name) + after_header
    for saved in sorted(removed, key=lambda saved: saved.header, reverse=True):
        del lines[saved.header : saved.end]
        while lines[saved.header :] and not lines[saved.header].strip():
            del lines[saved.header]
        was_last = saved.header == len(lines)
        while was_last and lines and not lines[-1].strip():
            lines.pop()
    return with_sections("".join(lines), added)


def _is_comment(line: str) -> bool:
    """Return whether a line is blank or a comment."""
    return not line.strip() or line.lstrip().startswith(("#", ";"))


def _lines(text: str) -> list[str]:
    """Return the lines with their line endings, as Python reads them from a file."""
    return list(io.StringIO(text, newline=""))


def profiles_with(names: set[str], config: Config) -> Iterator[tuple[str, str]]:
    """Yield each of these names with each profile that has it as its source or includes it."""
    for profile, section in config.profiles.items():
        for setting in ("source_profile", "include_profile"):
            source = section.text(setting)
            if source in names and source != profile:
                yield source, profile
