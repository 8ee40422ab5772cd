"""Saved profiles are found by their mark, and changed without touching the lines around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.config.config import read_config
from ipy_awsprofile.config.new_profiles import NewProfile
from ipy_awsprofile.config.saved_profiles import (
    SavedProfile,
    changed_text,
    mark_of,
    saved_profiles,
)
from ipy_awsprofile.config.shared_files import SharedFiles
from ipy_awsprofile.config.sign_ins import find_sign_in

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.config.shared_files import Value

SESSION = "[sso-session corp]\nsso_start_url = https://x.example/start\nsso_region = us-east-1\n\n"
SETTINGS: dict[str, Value] = {
    "region": "eu-west-1",
    "s3": {"addressing_style": "path"},
    "sso_session": "corp",
    "sso_account_id": "111111111111",
    "sso_role_name": "Admin",
}
OURS = NewProfile("our own", SETTINGS, mark_of("corp", SETTINGS)).section() + "\n"
MARK = mark_of("corp", SETTINGS)


def saved(shared_files: tuple[Path, Path], text: str) -> list[SavedProfile]:
    """Return the saved profiles in a config file with this text."""
    config, credentials = shared_files
    config.write_text(text)
    read = read_config(SharedFiles(config, credentials))
    return saved_profiles(find_sign_in("corp", read), text, read)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("[profile a]\nregion = x\n\n", ""),
        ("", "\n[DEFAULT]\noutput = json\n"),
        ("", "\n[default]\nregion = x\n"),
        ("", "\n[services s]\ns3 =\n  endpoint_url = http://x\n"),
        ("", "\n# about a\n[profile a]\nregion = x"),
        ("# mine\n\n\n", "[profile b]\nsso_session = corp\n"),
    ],
)
def test_found_and_changed(shared_files: tuple[Path, Path], before: str, after: str) -> None:
    """Renaming, removing or replacing a saved profile keeps the lines around it."""
    text = SESSION + before + OURS + after
    (found,) = saved(shared_files, text)
    assert (found.name, found.account, found.role) == ("our own", "111111111111", "Admin")
    assert not found.is_edited
    renamed = changed_text(text, renamed=[(found, "new")], removed=[], added=[])
    assert renamed == text.replace('[profile "our own"]', "[profile new]")
    removed = changed_text(text, renamed=[], removed=[found], added=[])
    expected = (SESSION + before + after.lstrip("\n")).rstrip("\n")
    assert removed.rstrip("\n") == expected
    added = changed_text(text, renamed=[], removed=[found], added=[NewProfile("z", {"a": "b"})])
    assert added == f"{removed.rstrip()}\n\n[profile z]\na = b\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("eu-west-1", "eu-west-2"),
        ("region = eu-west-1\n", ""),
        ("region", "# mine\nregion"),
        ("  addressing_style = path", "  addressing_style = path\n  max_queue_size = 9"),
        ("sso_role_name = Admin", "sso_role_name = Other"),
        (f"{MARK}\n", f"{MARK}\n{MARK}\n"),
    ],
)
def test_edited(shared_files: tuple[Path, Path], old: str, new: str) -> None:
    """A changed setting, value or comment marks the profile as edited by the user."""
    (found,) = saved(shared_files, SESSION + OURS.replace(old, new))
    assert found.is_edited


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"{MARK}\n", ""),
        (f"{MARK}\n", f"{MARK} x\n"),
        (f"{MARK}\n", "# Saved by ipy_awsprofile\n"),
        ("sso_session = corp", "sso_session = other"),
        ("sso_role_name = Admin", "role_arn = x"),
        (f'[profile "our own"]\n{MARK}\n', f"{MARK}\n[profile x]\n"),
    ],
)
def test_of_the_user(shared_files: tuple[Path, Path], old: str, new: str) -> None:
    """A section without a valid mark, or for anything but a role of the sign-in, isn't ours."""
    assert saved(shared_files, SESSION + OURS.replace(old, new)) == []
