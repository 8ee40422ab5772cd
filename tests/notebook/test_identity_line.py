"""The identity line below a cell, for front ends without a toolbar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.test_extension import state

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

ON, OFF = (f"%config AwsProfileMagics.prompt = {value}" for value in (True, False))
FIRST = "AwsProfileMagics.profile = 'RoleBeta'"
PROTECT = "%config AwsProfileMagics.protected = ['*Beta']"
CALL = "session.client('s3').list_buckets()['Owner']"
USING = "from ipy_awsprofile import using_profile\nwith using_profile('RoleBeta'): 1"
PICK = "picker = __import__('ipy_awsprofile').ProfilePicker()"


@pytest.mark.parametrize(
    ("before", "cell", "lines"),
    [
        ((), "1", []),
        ((), "%aws_profile RoleBeta", []),  # the switch shows a card
        ((PICK,), "picker.value = 'RoleBeta'", ["The notebook uses RoleBeta"]),
        ((PICK, "picker.value = 'RoleBeta'"), "picker.value = None", ["No profile is active"]),
        ((), USING, []),
        (("%aws_profile RoleBeta",), CALL, []),
        (("%aws_profile RoleBeta", PROTECT), "1", []),
        (("%aws_profile RoleBeta", PROTECT), CALL, ["This cell used RoleBeta"]),
        (
            (PROTECT, "%aws_profile UserAlpha"),
            f"%%aws_profile RoleBeta --yes\n{CALL}",
            ["This cell used RoleBeta"],
        ),
        (
            (PROTECT, PICK),
            f"_ = picker.switch('RoleBeta', confirmed=True)\n{CALL}",
            ["The notebook uses RoleBeta"],
        ),
    ],
)
@pytest.mark.usefixtures("aws")
def test_lines(shell: Shell, before: tuple[str, ...], cell: str, lines: list[str]) -> None:
    """A line appears if the cell changed the identity without a card or used a protected one."""
    for one in (ON, *before, "1"):
        shell.good(one)
    ran = shell.good(cell)
    shown = [line for text in ran.displayed for line in text["text/plain"].splitlines()[:1]]
    found = [line for line in shown if line.startswith(("This cell", "The notebook", "No profile"))]
    assert [line.split("  (")[0] for line in found] == lines
    for line in found:
        is_protected = "RoleBeta" in line and PROTECT in before
        assert ("protected" in line) is is_protected
        assert ("account 123456789012" in line) is ("RoleBeta" in line)


@pytest.mark.usefixtures("aws")
def test_the_first_profile(shell: Shell) -> None:
    """The first cell shows only the first profile's card, and no line."""
    shell.good(f"{ON}\nget_ipython().run_line_magic('config', {FIRST!r})")
    (card,) = shell.good("1").displayed
    assert card["text/plain"].startswith("RoleBeta ← UserAlpha")


def test_it_ends(bare_shell: Shell, aws: EmbeddedAws) -> None:
    """Without the setting, no line appears, and unloading leaves nothing in the shell."""
    before = state(bare_shell)
    bare_shell.good("%load_ext ipy_awsprofile")
    for cell in (ON, OFF, PICK):
        bare_shell.good(cell)
    assert bare_shell.good("picker.value = 'RoleBeta'").text == ""
    bare_shell.good(f"{ON}\ndel picker")
    bare_shell.good("%unload_ext ipy_awsprofile")
    assert state(bare_shell) == before
