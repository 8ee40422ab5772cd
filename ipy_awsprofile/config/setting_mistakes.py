"""Find mistakes in settings: text that botocore doesn't read as its author intended.

No message quotes a value, because a misplaced value can be a secret.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ipy_awsprofile.config.problem import Problem, place
from ipy_awsprofile.config.settings import (
    COMMANDS,
    CREDENTIAL_SETTINGS,
    ONE_LINE,
    About,
    known_settings,
    settings_about,
    similar_setting,
)
from ipy_awsprofile.config.shared_files import Section, Value, line_below
from ipy_awsprofile.text import as_seen, has_unseen, joined_with_and, shortened, visible_line


@dataclass(frozen=True, slots=True, repr=False)
class Mistake:
    """A mistake in one setting, and the settings to write instead. Their values can be secrets."""

    problem: Problem
    setting: str
    instead: Mapping[str, Value]


def setting_mistakes(section: Section) -> Iterator[Mistake]:
    """Yield the mistakes in a section's settings, at most one for each setting."""
    for setting in section:
        known = similar_setting(setting)
        if known and known not in section:
            problem = Problem(
                says=f"`{shortened(visible_line(setting), 40)}` isn't an AWS setting; ignored.",
                fix=f"Did you mean `{known}`? {_see(section, setting)}",
                fatal=False,
            )
            yield Mistake(problem, setting, {known: section[setting]})
        elif setting in known_settings():
            mistakes = (find(setting, section) for find in (_joined, _unseen, _comment, _quotes))
            yield from itertools.islice(filter(None, mistakes), 1)


def joined_settings(section: Section) -> Iterator[Problem]:
    """Yield problems of settings that botocore can't use because of indented lines below them."""
    for setting in section:
        if setting in ONE_LINE and (mistake := _joined(setting, section)):
            yield mistake.problem


def _joined(setting: str, section: Section) -> Mistake | None:
    """Return the mistake if indented lines below a setting are read as part of its value."""
    first, *below = _lines(section[setting])
    settings = [line for line in below if _is_setting(line)]
    if not settings and (setting not in ONE_LINE or not below):
        return None
    file, number = section.origins[setting]
    if not settings:
        return Mistake(
            Problem(
                says=f"The value of `{setting}` has more than one line.",
                fix=f"Write it on one line. {_see(section, setting)}",
            ),
            setting,
            {setting: "".join([first, *below])},
        )
    where = [place(file, line_below(file, number, line)) for line in settings]
    reads = "is indented, so it is" if len(where) == 1 else "are indented, so they are"
    problem = Problem(
        says=f"{joined_with_and(where)} {reads} read as part of `{setting}`.",
        fix=f"Remove the indentation of {joined_with_and(where)}.",
        fatal=setting in ONE_LINE,
    )
    pairs = (re.split("[=:]", line, maxsplit=1) for line in settings)
    others = {name.strip().lower(): value.strip() for name, value in pairs}
    return Mistake(problem, setting, {setting: first, **others})


def _lines(value: Value) -> list[str]:
    return value.split("\n") if isinstance(value, str) else [""]


def _is_setting(line: str) -> bool:
    name = re.split("[=:]", line, maxsplit=1)[0].strip().lower()
    return name != line.lower() and (name in known_settings() or similar_setting(name) is not None)


def _unseen(setting: str, section: Section) -> Mistake | None:
    """Return the mistake if a value includes an invisible character, such as from a web page."""
    value = section.text(setting) or ""
    if not has_unseen(value):
        return None
    problem = Problem(
        says=f"The value of `{setting}` includes an invisible character.",
        fix=f"Write the value again without it. {_see(section, setting)}",
        fatal=setting in CREDENTIAL_SETTINGS,
    )
    return Mistake(problem, setting, {setting: as_seen(value).strip()})


def _comment(setting: str, section: Section) -> Mistake | None:
    """Return the mistake if a value includes the comment that follows it."""
    found = re.search(r"\s+[#;]", section.text(setting) or "")
    if found is None or setting in COMMANDS:
        return None
    problem = Problem(
        says=f"The value of `{setting}` includes a comment.",
        fix=f"Move the comment to its own line. {_see(section, setting)}",
        fatal=setting in _KEYS,
    )
    return Mistake(problem, setting, {setting: found.string[: found.start()]})


def _quotes(setting: str, section: Section) -> Mistake | None:
    """Return the mistake if a value includes the quotation marks around it."""
    found = re.fullmatch("[\"'“‘](.*)[\"'”’]", section.text(setting) or "")
    if found is None or setting not in ONE_LINE:
        return None
    problem = Problem(
        says=f"The value of `{setting}` includes its quotation marks.",
        fix=f"Remove them. {_see(section, setting)}",
        fatal=setting in _KEYS,
    )
    return Mistake(problem, setting, {setting: found[1]})


_KEYS = frozenset(settings_about(About.KEYS))


def _see(section: Section, setting: str) -> str:
    return f"See {place(*section.origins[setting])}."
