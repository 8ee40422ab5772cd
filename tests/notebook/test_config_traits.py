"""Errors for wrong values of settings, which list the allowed values and an example."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.errors import InvalidOption
from ipy_awsprofile.notebook.magic import AwsProfileMagics

if TYPE_CHECKING:
    from tests.shells import Shell

#: A setting, a wrong value, and a part of the message.
WRONG = [
    ("stale", "'wran'", "can't be `wran`. Use 'warn', 'refuse' or 'allow',"),
    ("stale", "3", "can't be a value of type int. Use 'warn', 'refuse' or 'allow',"),
    ("protected", "[3]", "can't contain a value of type int. Use a list of patterns,"),
    ("read_only", "5", "can't be a value of type int. Use a list of patterns,"),
    ("session_name", "3", "can't be a value of type int. Use a text,"),
    (
        "mfa_process",
        "['show', 'hush']",
        "can't be a value of type list. Use a command or a function,",
    ),
    ("record_calls", "'yes'", "can't be `yes`. Use True or False,"),
    ("prompt", "3", "can't be a value of type int. Use True or False,"),
    ("profile", "None", "can't be a value of type NoneType. Use the name of a profile,"),
]


def test_each_setting_is_in_the_table() -> None:
    """The table contains every setting."""
    assert set(AwsProfileMagics.class_own_traits(config=True)) == {name for name, *_ in WRONG}


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
def test_config(
    shell: Shell, caplog: pytest.LogCaptureFixture, name: str, value: str, words: str
) -> None:
    """``%config`` changes nothing, and shows the allowed values with an example that works."""
    setting = f"AwsProfileMagics.{name}"
    magics = shell.ip.magics_manager.registry["AwsProfileMagics"]
    before = getattr(magics, name)
    shell.good(f"%config {setting} = {value}")
    (shown,) = caplog.messages
    assert f"`{setting}` {words}" in shown
    assert "hush" not in shown
    assert getattr(magics, name) == before
    example = re.findall(r"`([^`]+)`", shown)[-1]
    shell.good(example)
    assert len(caplog.messages) == 1
    assert getattr(magics, name) != before


def test_configuration_file(bare_shell: Shell) -> None:
    """Loading the extension fails with the same message if the configuration has a wrong value."""
    bare_shell.ip.config.AwsProfileMagics.stale = "wran"
    error = bare_shell.refused("%load_ext ipy_awsprofile")
    assert isinstance(error, InvalidOption)
    assert "`AwsProfileMagics.stale` can't be `wran`. Use 'warn', 'refuse' or 'allow'," in str(
        error
    )
    bare_shell.ip.config.AwsProfileMagics.stale = "refuse"
    bare_shell.good("%load_ext ipy_awsprofile")
