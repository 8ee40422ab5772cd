"""Loading and unloading the extension, and the public names."""

from __future__ import annotations

import re
import signal
import sys
import threading
from types import FrameType
from typing import Any

import pytest

import ipy_awsprofile
from ipy_awsprofile.errors import ProtectedProfile
from ipy_awsprofile.gate import PROCESS
from tests.aws import EmbeddedAws
from tests.processes import posix
from tests.shells import Shell, run_python
from tests.test_readme import PAGES, rows

HEAVY = ["boto3", "botocore.session", "pandas", "ipywidgets", "anywidget", "numpy", "moto"]

#: Our modules that are imported at the first use of a magic.
OURS = ["ipy_awsprofile.switch.switcher", "ipy_awsprofile.notebook.commands"]


def state(shell: Shell) -> dict[str, Any]:
    """Return the parts of the shell that an extension can change."""
    ip = shell.ip
    ip.magics_manager.lsmagic_docs()  # loads IPython's own magics, which are lazy
    return {
        "line magics": set(ip.magics_manager.magics["line"]),
        "cell magics": set(ip.magics_manager.magics["cell"]),
        "registry": set(ip.magics_manager.registry),
        "configurables": sorted(type(configurable).__name__ for configurable in ip.configurables),
        "matchers": list(ip.Completer.custom_matchers),
        "names": {name for name in shell.names if not name.startswith("_")},
        "events": {
            name: [hook.__qualname__ for hook in hooks]
            for name, hooks in ip.events.callbacks.items()
        },
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
        ["%aws_profile RoleBeta --as beta", "%aws_profile UserAlpha --as alpha"],
        ["%config AwsProfileMagics.protected = ['x']", "%aws_profile RoleBeta", "%reload_ext"],
    ],
)
def test_unloading_leaves_nothing(bare_shell: Shell, aws: EmbeddedAws, cells: list[str]) -> None:
    """Unloading removes everything that loading and switching added, and restores a variable."""
    bare_shell.good("session = 'mine'")
    before = state(bare_shell)
    for cell in ["%load_ext", *cells, "%unload_ext"]:
        bare_shell.good(cell.replace("_ext", "_ext ipy_awsprofile"))
    assert state(bare_shell) == before
    assert bare_shell.names["session"] == "mine"
    assert "aws_profile" in str(bare_shell.run("%aws_profile").error)


def test_reloading_starts_anew(shell: Shell, aws: EmbeddedAws) -> None:
    """After a reload, no profile is active, and the extension is loaded only once."""
    loaded = state(shell)
    shell.good("%aws_profile RoleBeta --yes")
    said = shell.good("%reload_ext ipy_awsprofile").text
    assert "ended the switch to `RoleBeta`" in said
    (line,) = re.findall("`(%.+?)` switches again", said)
    assert line == "%aws_profile RoleBeta"  # a protected profile is confirmed again
    assert "session" not in shell.names
    again = state(shell)
    assert "No profile is active" in shell.good("%aws_profile").text
    assert len(again.pop("matchers")) == len(loaded.pop("matchers"))
    assert again == loaded
    assert shell.good("%reload_ext ipy_awsprofile").text == ""
    assert "RoleBeta ←" in shell.good(line).text


def test_settings_before_the_first_use(shell: Shell, aws: EmbeddedAws) -> None:
    """Settings from before the first use of a magic apply to that use."""
    shell.good("%config AwsProfileMagics.protected = ['Role*']")
    assert isinstance(shell.refused("%aws_profile RoleBeta"), ProtectedProfile)
    shell.good("%config AwsProfileMagics.protected = []")
    shell.good("%aws_profile RoleBeta")


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import ipy_awsprofile; shell.run_line_magic('load_ext', 'ipy_awsprofile')", HEAVY + OURS),
        ("from ipy_awsprofile import list_profiles; list_profiles()", HEAVY),
        ("from ipy_awsprofile import list_buckets, open_session", ["pandas", "ipywidgets"]),
    ],
)
def test_imports(code: str, absent: list[str]) -> None:
    """Neither `%load_ext` nor a function imports a heavy library that it doesn't use."""
    imported = run_python(
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"{code}\n"
        f"print([name for name in {absent} if name in sys.modules])"
    )
    assert imported.splitlines()[0] == "[]"


@pytest.mark.parametrize("name", [name for name in ipy_awsprofile.__all__ if name != "__version__"])
def test_public_names(name: str) -> None:
    """Each public name can be imported, has a docstring, and is in the table of the Python page."""
    assert getattr(ipy_awsprofile, name).__doc__
    assert dir(ipy_awsprofile).count(name) == 1
    table = "\n".join(" ".join(row) for row in rows(PAGES["docs/reference/python.md"]))
    assert re.search(rf"`[^`\n]*\b{name}\b", table)


def test_names_of_the_python_page() -> None:
    """Each name in the table of the Python page is public; any other name raises AttributeError."""
    described = {
        name
        for first, *_ in rows(PAGES["docs/reference/python.md"])[1:]
        for name in re.findall(r"`(\w+)", first)
    }
    assert described - {"libraries"} <= set(ipy_awsprofile.__all__)
    assert ipy_awsprofile.__version__
    with pytest.raises(AttributeError, match="has no attribute 'open_sesame'"):
        ipy_awsprofile.open_sesame  # type: ignore[attr-defined]  # noqa: B018


#: The functions that IPython calls, by their code.
CALLED = {
    function.__code__: function.__name__
    for function in (ipy_awsprofile.load_ipython_extension, ipy_awsprofile.unload_ipython_extension)
}


@posix
def test_ctrl_c_in_a_reload(bare_shell: Shell, aws: EmbeddedAws) -> None:
    """After Ctrl-C at any line of a reload, the extension is loaded as a whole, or not at all."""
    before, tracer, seen = {*threading.enumerate()}, sys.gettrace(), set[tuple[str, int]]()
    is_complete = False

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal is_complete
        name = CALLED.get(frame.f_code)
        if name is None:
            return None
        moment = name, frame.f_lineno
        if event == "line" and moment not in seen and is_complete:
            is_complete = False
            seen.add(moment)
            signal.raise_signal(signal.SIGINT)
        return trace

    while not is_complete:
        bare_shell.good("%load_ext ipy_awsprofile\n%aws_profile RoleBeta")
        is_complete = True
        sys.settrace(trace)
        try:
            bare_shell.run("%reload_ext ipy_awsprofile")
        finally:
            sys.settrace(tracer)
        manager = bare_shell.ip.magics_manager
        is_loaded = "ipy_awsprofile" in bare_shell.ip.extension_manager.loaded
        assert ("aws_profile" in manager.magics["line"]) is is_loaded, seen
        assert ("AwsProfileMagics" in manager.registry) is is_loaded, seen
        if is_loaded:
            bare_shell.good("%unload_ext ipy_awsprofile")
        assert {*threading.enumerate()} <= before, seen
        assert PROCESS.watched == 0, seen
    assert len(seen) > 15
