"""The first profile in IPython's configuration: when the switch happens, and how it fails."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ipy_awsprofile.errors import MfaUnavailable, ProfileNotFound, SwitchInterrupted
from ipy_awsprofile.notebook.first_profile import CellRefused
from tests.shells import Shell, run_notebook
from tests.test_readme import PAGES, the_block

if TYPE_CHECKING:
    from pathlib import Path

    from ipy_awsprofile.demo.aws import EmbeddedAws


@pytest.fixture
def configured(bare_shell: Shell, aws: EmbeddedAws) -> Shell:
    """Load the extension in a shell whose configuration names RoleBeta, and return the shell."""
    bare_shell.ip.config.AwsProfileMagics.profile = "RoleBeta"
    bare_shell.good("%load_ext ipy_awsprofile")
    return bare_shell


def refused(shell: Shell, cell: str) -> tuple[CellRefused, str]:
    """Run a cell that the extension refuses, and return the error and the output."""
    ran = shell.run(cell)
    assert isinstance(ran.error, CellRefused), ran.printed
    assert "Traceback" not in ran.printed
    return ran.error, ran.text


def hooks(shell: Shell) -> int:
    """Return the number of hooks and transformers in the shell."""
    return len(shell.ip.events.callbacks["pre_run_cell"]) + len(shell.ip.ast_transformers)


def test_the_first_cell_switches(configured: Shell, aws: EmbeddedAws) -> None:
    """Loading doesn't call AWS; the first cell shows the card once, and then uses the profile."""
    assert aws.calls == []
    text = configured.good("print(session.region_name)").text
    assert text.startswith("RoleBeta ← UserAlpha")
    assert text.endswith("us-west-2")
    assert configured.good("print(2)").text == "2"
    configured.good("%aws_profile --off")
    assert configured.good("print(3)").text == "3"


@pytest.mark.parametrize("cell", ["%aws_profile UserAlpha", "# go\n\n%aws_profile --off"])
def test_another_switch_takes_its_place(configured: Shell, aws: EmbeddedAws, cell: str) -> None:
    """If the user switches or uses `--off` first, the first profile is never activated."""
    assert "RoleBeta" not in configured.good(cell).text
    assert "RoleBeta" not in configured.good("%aws_profile").text
    assert hooks(configured) == 0


@pytest.mark.parametrize("cell", ["%aws_profile --explain RoleBeta", "%%aws_profile UserAlpha\n1"])
def test_cells_that_come_before(configured: Shell, aws: EmbeddedAws, cell: str) -> None:
    """Cells that don't switch the notebook run before the first switch."""
    configured.good(cell)
    assert "session" not in configured.names
    assert configured.good("pass").text.startswith("RoleBeta")


@pytest.mark.parametrize("cell", ["%aws_profile", "x = 1\n%aws_profile UserAlpha"])
def test_cells_that_need_it(configured: Shell, aws: EmbeddedAws, cell: str) -> None:
    """The first switch happens before code, and before a line that shows the active identity."""
    assert configured.good(cell).displayed[0]["text/plain"].startswith("RoleBeta")


def test_a_switch_that_fails(configured: Shell, aws: EmbeddedAws) -> None:
    """If the first switch fails, no cell runs until the file is repaired."""
    config = aws.config_file.read_text()
    aws.config_file.write_text(config.replace("RoleBeta", "RoleBet"))
    for _ in range(2):
        error, text = refused(configured, "x = 1")
        assert isinstance(error.__cause__, ProfileNotFound)
        assert "Did you mean `RoleBet`?" in text
        assert "The cell wasn't run." in text
        assert "x" not in configured.names
    with pytest.raises(SyntaxError):
        raise configured.run("x =").error or AssertionError
    aws.config_file.write_text(config)
    assert configured.good("x = 1").text.startswith("RoleBeta")


def test_a_switch_that_fails_can_be_left_out(configured: Shell, aws: EmbeddedAws) -> None:
    """After the command from the error's hint, cells run without the profile."""
    aws.config_file.unlink()
    error, _ = refused(configured, "x = 1")
    assert "`%aws_profile --off`" in str(error.args[-1])
    configured.good("%aws_profile --off")
    configured.good("x = 1")
    assert hooks(configured) == 0


def test_nobody_to_ask(bare_shell: Shell, aws: EmbeddedAws, auditor: str) -> None:
    """If no one can enter a code, the error says so, and nothing waits."""
    bare_shell.ip.config.AwsProfileMagics.profile = "Auditor"
    bare_shell.good("%load_ext ipy_awsprofile")
    error, _ = refused(bare_shell, "x = 1")
    assert isinstance(error.__cause__, MfaUnavailable)


def test_ctrl_c(configured: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during the first switch also stops the cell."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ipy_awsprofile.switch.switcher.open_allowed", interrupted)
        error, _ = refused(configured, "x = 1")
    assert isinstance(error.__cause__, SwitchInterrupted)
    assert "x" not in configured.names


def test_a_new_name_and_unloading(configured: Shell, aws: EmbeddedAws) -> None:
    """`%config` changes the first profile, and unloading removes all hooks."""
    configured.good(
        "%aws_profile --explain RoleBeta\n%config AwsProfileMagics.profile = 'UserAlpha'"
    )
    assert configured.good("1").text.startswith("UserAlpha")
    configured.good("%aws_profile --off\n%config AwsProfileMagics.profile = 'RoleBeta'")
    configured.good("%unload_ext ipy_awsprofile")
    assert hooks(configured) == 0


@pytest.mark.slow
def test_in_a_kernel(aws: EmbeddedAws, tmp_path: Path) -> None:
    """IPython's configuration file, as the configuration page shows it, switches a kernel."""
    folder = tmp_path / "ipython" / "profile_default"
    folder.mkdir(parents=True)
    block = the_block(
        PAGES["docs/reference/configuration.md"], "InteractiveShellApp", "AwsProfileMagics.profile"
    )
    (folder / "ipython_config.py").write_text(block.replace("*prod*", "User*"))
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}
    cells, _ = run_notebook(
        "session.region_name", "%aws_profile UserAlpha", environment=environment
    )
    assert "RoleBeta ← UserAlpha" in cells[0].text
    assert cells[0].text.endswith("'us-west-2'")
    assert cells[1].error["ename"] == "ProtectedProfile"
