"""The layout of the package, in CONTRIBUTING, the import contract and the tests."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from tests.test_readme import CONTRIBUTING, ROOT, rows, the_block

PACKAGE = ROOT / "ipy_awsprofile"

#: Folders of tests that don't belong to one folder of the package.
WHOLE = {"attack", "browser", "integration"}

MODULES = {file.name for file in PACKAGE.glob("*.py")} - {"_version.py"}
FOLDERS = {f"{file.parent.name}/" for file in PACKAGE.glob("*/__init__.py")}


def lines(file: Path) -> int:
    """Return a file's number of lines."""
    return len(file.read_text().splitlines())


def test_contributing_has_every_room() -> None:
    """CONTRIBUTING's table names exactly the package's modules and folders."""
    named = "\n".join(row[0] for row in rows(CONTRIBUTING))
    assert set(re.findall(r"`(\w+(?:\.py|/))`", named)) == MODULES | FOLDERS


def test_contract_has_every_room() -> None:
    """The import contract's layers contain every module and folder except `__init__`."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contract = linter["contracts"][0]
    layers = " | ".join(contract["layers"]).split(" | ")
    rooms = {name.removesuffix(".py").rstrip("/") for name in MODULES | FOLDERS}
    assert {*layers, "__init__"} == rooms
    assert contract["exhaustive"]


def test_picture_of_the_house() -> None:
    """CONTRIBUTING's picture has the import contract's layers, in order."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    picture = the_block(CONTRIBUTING, "the embedded AWS", "the only state")
    drawn = [re.split(r"  +", line.strip())[0] for line in picture.splitlines()]
    assert drawn == linter["contracts"][0]["layers"]


def test_add_an_option() -> None:
    """The files that CONTRIBUTING lists for a new option contain the example option."""
    section = CONTRIBUTING.partition("## Add an option")[2].partition("\n## ")[0]
    named = re.findall(r"`((?:[\w]+/)+\w+\.py)`", section)
    assert len(named) > 3
    for name in named:
        file = ROOT / name if name.startswith("tests/") else PACKAGE / name
        assert re.search("external[_-]id", file.read_text()), name


def test_files_are_short() -> None:
    """No file has more than 600 lines."""
    folders = (PACKAGE, ROOT / "labextension")
    files = (file for folder in folders for file in folder.rglob("*"))
    modules = [file for file in files if file.suffix in {".py", ".js", ".ts", ".css"}]
    modules += (ROOT / "tests").rglob("*.py")
    assert [file.name for file in modules if lines(file) > 600] == []


def test_copies_of_keys_are_redacted() -> None:
    """Only copies by `freeze_credentials` are assigned to variables, which tracebacks can print."""
    assigned = [
        (file.name, ast.unparse(node))
        for file in PACKAGE.rglob("*.py")
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr)
    ]
    assert [value for value in assigned if "freeze_credentials(" in value[1]]
    assert [value for value in assigned if "get_frozen_credentials(" in value[1]] == []


def test_tests_mirror_the_package() -> None:
    """Each folder of tests is a folder of the package, or tests the whole package."""
    folders = {
        file.parent.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("test_*.py")
    }
    strange = {
        folder
        for folder in folders
        if folder.parts and folder.parts[0] not in WHOLE and not (PACKAGE / folder).is_dir()
    }
    assert strange == set()
