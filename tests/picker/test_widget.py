"""`ProfilePicker` as Python code and other widgets use it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import traitlets

from ipy_awsprofile import using_profile
from ipy_awsprofile.errors import AwsProfileError, ProfileNotFound, ProtectedProfile
from ipy_awsprofile.picker.widget import ProfilePicker
from tests.aws import EmbeddedAws
from tests.shells import Shell


@pytest.fixture
def picker(aws: EmbeddedAws, shell: Shell) -> Iterator[ProfilePicker]:
    picker = ProfilePicker()
    yield picker
    picker.close()


def test_observers_are_told_of_every_switch(picker: ProfilePicker, shell: Shell) -> None:
    """A new value, the magic, a cell's block and `--off` each change the value once."""
    seen: list[Any] = []
    picker.observe(lambda change: seen.append((change.old, change.new)), "value")
    picker.value = "RoleBeta"
    assert shell.names["session"] is picker.session
    assert not {"value", "session"} & set(picker.get_state())  # which a notebook saves
    shell.good("%aws_profile UserAlpha")
    shell.good("%%aws_profile RoleBeta\npass")
    picker.value = None
    assert "session" not in shell.names
    assert seen == [
        (None, "RoleBeta"),
        ("RoleBeta", "UserAlpha"),
        ("UserAlpha", "RoleBeta"),
        ("RoleBeta", "UserAlpha"),
        ("UserAlpha", None),
    ]


def test_a_value_that_cannot_be(picker: ProfilePicker, shell: Shell) -> None:
    """A failed assignment raises the switch's error, and `value` keeps the active profile."""
    picker.value = "RoleBeta"
    with pytest.raises(ProfileNotFound, match="RoleBeat"):
        picker.value = "RoleBeat"
    with pytest.raises(traitlets.TraitError):
        picker.value = 3
    shell.good("%config AwsProfileMagics.protected = ['User*']")
    with pytest.raises(ProtectedProfile):
        picker.value = "UserAlpha"
    assert picker.value == "RoleBeta"
    # Another thread can't switch during a block.
    with using_profile("RoleBeta"), ThreadPoolExecutor(1) as pool:
        with pytest.raises(AwsProfileError):
            pool.submit(setattr, picker, "value", None).result()
        assert picker.value == "RoleBeta"


def test_arguments(shell: Shell, aws: EmbeddedAws) -> None:
    """The constructor switches to its profile unless it is active, and accepts a layout."""
    assert ProfilePicker("RoleBeta", layout={"width": "60%"}).layout.width == "60%"
    assert shell.names["session"].profile_name == "RoleBeta"
    aws.calls.clear()
    assert ProfilePicker(profile="RoleBeta").value == "RoleBeta"
    assert aws.calls == []


def test_the_magic_shows_one(
    aws: EmbeddedAws, bare_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picker loads the extension; `--pick` shows one, and a saved notebook has a sentence."""
    bare_shell.good("from ipy_awsprofile import ProfilePicker; picker = ProfilePicker()")
    bare_shell.good("%aws_profile RoleBeta")
    assert bare_shell.names["picker"].value == "RoleBeta"
    monkeypatch.setattr(bare_shell.ip, "kernel", object(), raising=False)
    ran = bare_shell.good("%aws_profile --pick")
    assert "application/vnd.jupyter.widget-view+json" in ran.displayed[0]
    says = (
        "ProfilePicker: RoleBeta is active.\n"
        "Run this cell again to see the list, or switch with `%aws_profile NAME`.\n"
        "In VS Code, the list requires the Jupyter Notebook Renderers extension."
    )
    assert ran.text == says
