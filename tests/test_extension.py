"""Loading and unloading the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ipy_awsprofile.errors import ProtectedProfile
from tests.shells import run_python

if TYPE_CHECKING:
    from ipy_awsprofile.demo.aws import EmbeddedAws
    from tests.shells import Shell

HEAVY = ("boto3", "botocore.session", "pandas", "ipywidgets", "anywidget", "numpy", "moto")

#: Our modules that are imported at the first use of a magic.
OURS = ("ipy_awsprofile.switch.switcher", "ipy_awsprofile.notebook.commands")


def state(shell: Shell) -> dict[str, Any]:
    """Return the parts of the shell that an extension can change."""
    ip = shell.ip
    ip.magics_manager.lsmagic_docs()  # loads IPython's own magics, which are lazy
    return {
        "line magics": set(ip.magics_manager.magics["line"]),
        "cell magics": set(ip.magics_manager.magics["cell"]),
        "registry": set(ip.magics_manager.registry),
        "configurables": sorted(type(one).__name__ for one in ip.configurables),
        "matchers": list(ip.Completer.custom_matchers),
        "names": {name for name in shell.names if not name.startswith("_")},
        "events": {name: list(hooks) for name, hooks in ip.events.callbacks.items()},
    }


def test_loading_adds_the_magics(bare_shell: Shell) -> None:
    """Loading adds the three magics, a matcher and a configurable, but no variable."""
    before = state(bare_shell)
    bare_shell.good("%load_ext ipy_awsprofile")
    after = state(bare_shell)
    added = {"aws_calls", "aws_profile", "aws_profiles"}
    assert after["line magics"] - before["line magics"] == added
    assert len(after["matchers"]) == len(before["matchers"]) + 1
    assert after["configurables"] == sorted([*before["configurables"], "AwsProfileMagics"])
    assert after["names"] == before["names"]


@pytest.mark.parametrize(
    "cells",
    [
        [],
        ["%aws_profile RoleBeta --as beta", "%aws_profile UserAlpha --as alpha"],
        ["%aws_profile RoleBeta", "%aws_profile --off"],
        ["%config AwsProfileMagics.protected = ['x']"],
        ["%reload_ext ipy_awsprofile", "%aws_profile RoleBeta", "%reload_ext ipy_awsprofile"],
    ],
)
def test_unloading_leaves_nothing(bare_shell: Shell, aws: EmbeddedAws, cells: list[str]) -> None:
    """Unloading removes everything that loading and switching added."""
    before = state(bare_shell)
    for cell in ["%load_ext ipy_awsprofile", *cells, "%unload_ext ipy_awsprofile"]:
        bare_shell.good(cell)
    assert state(bare_shell) == before
    assert "aws_profile" in str(bare_shell.run("%aws_profile").error)


def test_unloading_puts_variables_back(bare_shell: Shell, aws: EmbeddedAws) -> None:
    """Unloading restores the previous variable, and keeps a variable that the user has rebound."""
    bare_shell.good("session = 'mine'")
    bare_shell.good("%load_ext ipy_awsprofile\n%aws_profile RoleBeta")
    bare_shell.good("%unload_ext ipy_awsprofile")
    assert bare_shell.names["session"] == "mine"
    bare_shell.good("%load_ext ipy_awsprofile\n%aws_profile RoleBeta\nsession = 'newer'")
    bare_shell.good("%unload_ext ipy_awsprofile")
    assert bare_shell.names["session"] == "newer"


def test_reloading_starts_anew(shell: Shell, aws: EmbeddedAws) -> None:
    """After a reload, no profile is active, and the extension is loaded only once."""
    loaded = state(shell)
    shell.good("%aws_profile RoleBeta")
    said = shell.good("%reload_ext ipy_awsprofile").text
    assert "ended the switch to `RoleBeta`" in said
    assert "`%aws_profile RoleBeta`" in said
    assert "session" not in shell.names
    assert "No profile is active" in shell.good("%aws_profile").text
    again = state(shell)
    assert len(again.pop("matchers")) == len(loaded.pop("matchers"))
    assert again == loaded
    assert shell.good("%reload_ext ipy_awsprofile").text == ""
    assert "RoleBeta ←" in shell.good("%aws_profile RoleBeta").text


def test_settings_before_the_first_use(bare_shell: Shell, aws: EmbeddedAws) -> None:
    """Settings from before the first use of a magic apply to that use."""
    bare_shell.good("%load_ext ipy_awsprofile")
    bare_shell.good("%config AwsProfileMagics.protected = ['Role*']")
    assert isinstance(bare_shell.refused("%aws_profile RoleBeta"), ProtectedProfile)
    bare_shell.good("%config AwsProfileMagics.protected = []")
    bare_shell.good("%aws_profile RoleBeta")


def test_loading_imports_nothing_heavy() -> None:
    """In a new interpreter, neither the import nor `%load_ext` imports a heavy library."""
    loaded = run_python(
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "import ipy_awsprofile\n"
        "shell.run_line_magic('load_ext', 'ipy_awsprofile')\n"
        f"print([name for name in {HEAVY + OURS} if name in sys.modules])\n"
        "print('aws_profile' in shell.magics_manager.magics['line'])"
    )
    assert loaded.split("\n")[:2] == ["[]", "True"]


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("from ipy_awsprofile import list_profiles; list_profiles()", HEAVY),
        ("from ipy_awsprofile import list_buckets, open_session", ("pandas", "ipywidgets")),
    ],
)
def test_functions_import_what_they_need(code: str, missing: tuple[str, ...]) -> None:
    """Listing profiles imports no heavy library, and sessions neither pandas nor ipywidgets."""
    loaded = run_python(f"import sys\n{code}\nprint([n for n in {missing} if n in sys.modules])")
    assert loaded == "[]\n"
