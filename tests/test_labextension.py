"""The labextension that the package installs into JupyterLab."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ipy_awsprofile import __version__
from tests.test_readme import ROOT

SOURCE = ROOT / "labextension"
INSTALLED = Path(sys.prefix) / "share/jupyter/labextensions/ipy-awsprofile"


def files(folder: Path) -> dict[str, str]:
    """Return the texts of the installed files, by their paths in a folder."""
    kept = (file for file in folder.rglob("*") if file.suffix in {".js", ".css", ".json"})
    return {str(file.relative_to(folder)): file.read_text() for file in kept}


def test_it_is_installed_as_it_is() -> None:
    """The installed files are the same as in the checkout, and have the package's version."""
    assert files(INSTALLED) == files(SOURCE)
    assert json.loads((SOURCE / "package.json").read_text())["version"] == __version__


@pytest.mark.slow
def test_jupyterlab_lists_it_as_ok() -> None:
    """`jupyter labextension list` shows the labextension as enabled and OK."""
    command = [sys.executable, "-m", "jupyter", "labextension", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    shown = re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)
    line = f"ipy-awsprofile v{__version__} enabled OK (python, ipy-awsprofile)"
    assert line in [" ".join(one.split()) for one in shown.splitlines()]
