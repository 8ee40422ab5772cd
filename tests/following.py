"""A user who follows the advice about the shared files exactly."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Edit = Callable[[Path, re.Match[str], str], None]

_PLACE = re.compile(r"(config|credentials):(\d+)")


def follow(says: str, fix: str, folder: Path) -> None:
    """Edit the files in a folder as the fix of a problem says."""
    for pattern, edit in _EDITS.items():
        if advice := re.fullmatch(pattern, fix):
            edit(folder, advice, says)
            return
    raise AssertionError(f"This advice can't be followed: {fix}")


def _edit_line(folder: Path, place: re.Match[str], change: Callable[[str], str | None]) -> None:
    """Change or remove a line of a file."""
    path = folder / place[1]
    lines = path.read_text("utf-8").splitlines()
    number = int(place[2]) - 1
    changed = change(lines[number])
    lines[number : number + 1] = [] if changed is None else changed.split("\n")
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _edits(change: Callable[[re.Match[str], str], str | None]) -> Edit:
    """Return a function that edits the line that the advice names at its end."""

    def edit(folder: Path, advice: re.Match[str], _says: str) -> None:
        (place,) = _PLACE.finditer(advice[0])
        _edit_line(folder, place, lambda line: change(advice, line))

    return edit


def _remove_spaces(folder: Path, advice: re.Match[str], _says: str) -> None:
    for place in _PLACE.finditer(advice[0]):
        _edit_line(folder, place, str.lstrip)


def _section_removed(folder: Path, place: re.Match[str]) -> list[str]:
    """Remove the section that begins at a line, and return its lines."""
    path = folder / place[1]
    lines = path.read_text("utf-8").splitlines()
    first = int(place[2]) - 1
    ends = (number for number in range(first + 1, len(lines)) if lines[number].startswith("["))
    last = next(ends, len(lines))
    path.write_text("\n".join([*lines[:first], *lines[last:]]) + "\n", "utf-8")
    return lines[first:last]


def _move_to_config(folder: Path, advice: re.Match[str], _says: str) -> None:
    (place,) = _PLACE.finditer(advice[0])
    _, *settings = _section_removed(folder, place)
    with (folder / "config").open("a", encoding="utf-8") as config:
        config.write("\n".join(["", advice[1], *settings, ""]))


def _merge(folder: Path, advice: re.Match[str], says: str) -> None:
    (place,), (used,) = _PLACE.finditer(advice[0]), _PLACE.finditer(says)
    assert int(used[2]) < int(place[2])  # otherwise the lines of `used` would move
    _, *settings = _section_removed(folder, place)
    _, *after = (folder / used[1]).read_text("utf-8").splitlines()[int(used[2]) - 1 :]
    own = list(itertools.takewhile(lambda line: not line.startswith("["), after))
    missing = [line for line in settings if line and line not in own]
    _edit_line(folder, used, lambda line: "\n".join([line, *missing]))


def _keep_source_profile(folder: Path, _advice: re.Match[str], _says: str) -> None:
    path = folder / "config"
    path.write_text(re.sub("(?m)^credential_source.*\n", "", path.read_text("utf-8")), "utf-8")


def _in_one_line(folder: Path, advice: re.Match[str], _says: str) -> None:
    (place,) = _PLACE.finditer(advice[0])
    path = folder / place[1]
    lines = path.read_text("utf-8").splitlines()
    number = int(place[2])
    lines[number - 1 : number + 1] = [lines[number - 1] + lines[number].strip()]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _unquoted(line: str) -> str:
    return re.sub(r"= [\"'](.*)[\"']$", r"= \1", line)


def _typed(line: str) -> str:
    return line.replace("\u200b", "")


def _comment_first(line: str) -> str:
    setting, mark, comment = re.split(r"\s+([#;])", line, maxsplit=1)
    return f"{mark}{comment}\n{setting}"


_SEE = r" See (?:config|credentials):\d+\."
_EDITS: dict[str, Edit] = {
    rf"Write (\[.+?\])(?: again, without the invisible character)?\.{_SEE}": _edits(
        lambda advice, _: advice[1]
    ),
    rf"Did you mean `(\w+)`\?{_SEE}": _edits(
        lambda advice, line: re.sub(".*?=", f"{advice[1]} =", line)
    ),
    r"Keep one of the two\. See .*, line \d+\.": _keep_source_profile,
    rf"Write it on one line\.{_SEE}": _in_one_line,
    r"Remove the indentation of (.*)\.": _remove_spaces,
    rf"Remove them\.{_SEE}": _edits(lambda _, line: _unquoted(line)),
    rf"Write the value again without it\.{_SEE}": _edits(lambda _, line: _typed(line)),
    rf"Move the comment to its own line\.{_SEE}": _edits(lambda _, line: _comment_first(line)),
    rf"Move it to the config file, as (\[.+?\])\.{_SEE}": _move_to_config,
    rf"Merge this section into it\.{_SEE}": _merge,
    rf"Write the Region of your IAM Identity Center, for example ([\w-]+)\.{_SEE}": _edits(
        lambda advice, _: f"sso_region = {advice[1]}"
    ),
}
