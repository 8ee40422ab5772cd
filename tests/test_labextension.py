"""The labextension that the package installs into JupyterLab."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ipy_awsprofile import __version__
from tests.test_readme import ROOT

SOURCE = ROOT / "labextension"
INSTALLED = Path(sys.prefix) / "share/jupyter/labextensions/ipy-awsprofile"


def files(folder: Path) -> dict[str, str]:
    """Return the texts of the files in a folder, by their paths."""
    kept = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_text() for file in kept}


def test_it_is_installed_as_it_is() -> None:
    """The installed files are the same as in the checkout, and have the package's version."""
    assert files(INSTALLED) == files(SOURCE)
    assert json.loads((SOURCE / "package.json").read_text())["version"] == __version__
