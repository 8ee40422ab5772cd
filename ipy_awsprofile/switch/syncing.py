"""Keep saved profiles in sync with the roles of a sign-in, for ``--sync``.

This changes only profiles that ``--save`` has written; see `saved_profiles`. A role counts as gone
only if the complete list doesn't contain it, so filtering roles never removes profiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.config_file import rewrite_file
from ipy_awsprofile.config.new_profiles import NewProfile, require_new
from ipy_awsprofile.config.profiles import matches, pattern_words
from ipy_awsprofile.config.saved_profiles import (
    SavedProfile,
    changed_text,
    profiles_with,
    saved_profiles,
)
from ipy_awsprofile.config.shared_files import FileVersion, SharedFiles, version_of
from ipy_awsprofile.config.sign_ins import SignIn, find_sign_in
from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.switch.saving import profile_of_role
from ipy_awsprofile.text import arguments

if TYPE_CHECKING:
    from ipy_awsprofile.config.config import Config
    from ipy_awsprofile.sessions.assigned_roles import AssignedRole
    from ipy_awsprofile.switch.switcher import Switcher

#: What happens to a profile. ``keep`` means that it isn't renamed or removed although it differs.
Action = Literal["remove", "rename", "keep", "add"]


@dataclass(frozen=True, slots=True)
class Change:
    """A profile that differs from the roles. ``new_name`` is empty if its name doesn't differ."""

    action: Action
    name: str
    account: str
    role: str
    new_name: str = ""
    note: str = ""


@dataclass(slots=True)
class SyncPlan:
    """The differences, and the changes that `write` makes in the config file."""

    sign_in: str
    files: SharedFiles
    version: FileVersion | None
    changes: list[Change] = field(default_factory=list)
    added: list[NewProfile] = field(default_factory=list)
    renamed: list[tuple[SavedProfile, str]] = field(default_factory=list)
    removed: list[SavedProfile] = field(default_factory=list)

    @property
    def backup(self) -> Path:
        """The file in which `write` saves the previous config file."""
        return self.files.config.with_name(f"{self.files.config.name}.before-sync")

    @property
    def is_empty(self) -> bool:
        """Whether `write` changes nothing."""
        return not (self.added or self.renamed or self.removed)

    def write(self) -> None:
        """Make the changes in one step. Raises ConfigFileError; then nothing has changed."""
        if not self.is_empty:
            change = partial(
                changed_text, renamed=self.renamed, removed=self.removed, added=self.added
            )
            rewrite_file(self.files.config, change, self.version, backup=self.backup)


def plan_sync(
    name: str | None,
    listed: Sequence[AssignedRole],
    wanted: Sequence[AssignedRole],
    pattern: str,
    *,
    words: str | None,
    switcher: Switcher,
) -> SyncPlan:
    """Return how the saved profiles of a sign-in differ from its roles.

    ``listed`` contains all its roles, and ``wanted`` only the roles that match the ``words``.
    ``pattern`` is for the names of profiles. Raises InvalidOption for invalid names, as
    `save_roles` does, and if no role is listed. Raises ConfigFileError, too.
    """
    files = SharedFiles.from_environment()
    version = version_of(files.config)
    config = read_config(files)
    sign_in = find_sign_in(name, config)
    if not listed:
        raise InvalidOption(
            f"The sign-in `{sign_in.name}` lists no roles, so nothing was compared.",
            "If you no longer have any roles there, delete the profiles from the config file.",
        )
    plan = SyncPlan(sign_in.name, files, version)
    saved = _saved(sign_in, config)
    present = {(one.account.id, one.role) for one in listed}
    gone = [one for one in saved if (one.account, one.role) not in present]
    gone = [one for one in gone if matches(pattern_words(words), _texts(one))]
    renamed = list(_renamed(saved, wanted, pattern, config))
    plan.added = [profile_of_role(one, pattern, config) for one in wanted if one.profile is None]
    used = _used_by({one.name for one in gone} | {one.name for one, _ in renamed}, config)
    notes = _Notes(switcher)
    for one in gone:
        problem = "edited by you" if one.is_edited else used.get(one.name, "")
        if not problem:
            plan.removed.append(one)
        note = problem or notes.of_removal(one.name)
        plan.changes.append(_change("keep" if problem else "remove", one, note=note))
    for one, new in renamed:
        problem = used.get(one.name, "")
        if not problem:
            plan.renamed.append((one, new))
        note = problem or notes.of_rename(one.name, new)
        plan.changes.append(_change("keep" if problem else "rename", one, new_name=new, note=note))
    freed = {one.name for one in plan.removed} | {one.name for one, _ in plan.renamed}
    names = [new for _, new in plan.renamed] + [profile.name for profile in plan.added]
    require_new(names, config.profiles.keys() - freed)
    new_roles = (one for one in wanted if one.profile is None)
    plan.changes += [
        Change("add", profile.name, one.account.id, one.role)
        for profile, one in zip(plan.added, new_roles, strict=True)
    ]
    return plan


def _saved(sign_in: SignIn, config: Config) -> list[SavedProfile]:
    """Return the saved profiles. The config file was read before without an error."""
    if not config.paths.config.exists():
        return []
    with config.paths.config.open(newline="") as file:
        return saved_profiles(sign_in, file.read(), config)


def _renamed(
    saved: Sequence[SavedProfile], wanted: Sequence[AssignedRole], pattern: str, config: Config
) -> Iterator[tuple[SavedProfile, str]]:
    """Yield the saved profiles to rename, each with its new name from the pattern."""
    by_role: dict[tuple[str, str], list[SavedProfile]] = {}
    for one in saved:
        by_role.setdefault((one.account, one.role), []).append(one)
    for role in wanted:
        same = by_role.get((role.account.id, role.role), [])
        if same:
            name = profile_of_role(role, pattern, config).name
            if name not in {one.name for one in same}:
                yield same[0], name


def _used_by(names: set[str], config: Config) -> dict[str, str]:
    """Return text that says which profile uses each of these; unused profiles aren't included."""
    return {name: f"{profile} uses it" for name, profile in profiles_with(names, config)}


def _texts(saved: SavedProfile) -> tuple[str, ...]:
    return saved.name, saved.account, saved.role


def _change(action: Action, saved: SavedProfile, *, new_name: str = "", note: str) -> Change:
    return Change(action, saved.name, saved.account, saved.role, new_name, note)


class _Notes:
    """Notes for the user about a profile that is going to be renamed or removed."""

    def __init__(self, switcher: Switcher) -> None:
        self._active = switcher.request.profile if switcher.request else None
        self._is_protected = switcher.protection.is_protected

    def of_removal(self, name: str) -> str:
        """Return a note about a profile that is removed; can be empty."""
        if name == self._active:
            return "active: run `%aws_profile --off`, or switch"
        return "protected" if self._is_protected(name) else ""

    def of_rename(self, name: str, new: str) -> str:
        """Return a note about a profile that is renamed; can be empty."""
        if name == self._active:
            return f"active: run `%aws_profile {arguments(new)}` afterwards"
        lost = self._is_protected(name) and not self._is_protected(new)
        return "the new name isn't protected" if lost else ""
